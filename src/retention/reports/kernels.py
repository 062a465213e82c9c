"""Kernels for notebooks: this very Python, one thread for linear algebra, nothing left behind.

The kernel talks through sockets in a private folder (TCP on Windows), so that no port can clash and
nobody else on the machine can listen. Settings that would make two runs differ are fixed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from retention.exhibits import LANGUAGES
from retention.reports.warm_kernels import WarmParent, can_fork, imports_of

__all__ = ["Kernel", "Kernels", "load_machinery"]

_THREADS = ("OPENBLAS", "OMP", "MKL", "NUMEXPR", "VECLIB_MAXIMUM")


def load_machinery() -> None:
    """Import papermill and nbconvert without the grammar that jsonschema compiles but never needs.

    Half of their import time is ``rfc3987_syntax``, by which jsonschema would check international
    web addresses; no notebook holds one in its structure.
    """
    grammar = "rfc3987_syntax"
    absent = grammar not in sys.modules
    if absent:
        sys.modules[grammar] = None  # type: ignore[assignment]
    try:
        import papermill  # noqa: F401
    finally:
        if absent:
            del sys.modules[grammar]


def _environment(languages: str = "") -> dict[str, str]:
    one_thread = {f"{name}_NUM_THREADS": "1" for name in _THREADS}
    return one_thread | {
        "MPLBACKEND": "agg",
        LANGUAGES: languages,
        "PYTHONHASHSEED": "0",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        "JE_ARROW_MALLOC_CONF": "background_thread:false",  # of a pool that is not even used
        "TZ": "UTC",
    }


def _manager(folder: Path, parent: WarmParent | None, languages: str) -> Any:
    """Return a manager of one kernel that runs `sys.executable`, whatever is registered."""
    from ipykernel.kernelspec import get_kernel_dict
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager

    class OwnKernel(KernelSpecManager):  # type: ignore[misc]
        def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
            env = _environment(languages) | {"IPYTHONDIR": str(folder)}  # nobody's start-up files
            return KernelSpec(env=env, resource_dir="", **get_kernel_dict())

    class OwnManager(AsyncKernelManager):  # type: ignore[misc]
        def client(self, **settings: Any) -> Any:
            self.clients = [*getattr(self, "clients", ()), super().client(**settings)]
            return self.clients[-1]

    transport = "tcp" if os.name == "nt" else "ipc"
    manager = OwnManager(
        kernel_name="python3",
        transport=transport,
        kernel_spec_manager=OwnKernel(),
        connection_file=str(folder / "k.json"),
    )
    if transport == "ipc":
        manager.ip = str(folder / "k")
    if parent is not None:
        manager.provisioner = _forking(parent, manager)
    return manager


def _forking(parent: WarmParent, manager: Any) -> Any:
    """Return what has kernels forked instead of started."""
    from jupyter_client.provisioning import LocalProvisioner

    class Forking(LocalProvisioner):  # type: ignore[misc]
        async def launch_kernel(self, cmd: list[str], **given: Any) -> Any:
            arguments = cmd[cmd.index("ipykernel_launcher") + 1 :]
            cwd = str(given.get("cwd") or Path.cwd())
            forked = parent.fork(arguments, dict(given["env"]), cwd)
            self.process = forked  # type: ignore[assignment] # it answers as Popen would
            self.pid = self.pgid = forked.pid
            self.cwd = cwd
            return self.connection_info

    return Forking(kernel_id=manager.kernel_id, kernel_spec=manager.kernel_spec, parent=manager)


class Kernel:
    """One kernel and its private folder; `end` may be called from any thread, more than once.

    Parameters
    ----------
    parent : WarmParent, optional
        What it is forked from; without one it is started afresh.
    languages : str
        In which figures are drawn besides English, with commas between.
    """

    def __init__(self, parent: WarmParent | None = None, languages: str = "") -> None:
        # not in the project: a socket's path must stay under 108 bytes
        self.folder = Path(tempfile.mkdtemp(prefix="retention-"))
        self.manager = _manager(self.folder, parent, languages)

    @property
    def process_id(self) -> int | None:
        """The kernel's process, once it runs."""
        provisioner = self.manager.provisioner
        return getattr(provisioner, "pid", None) if provisioner is not None else None

    def peak_memory(self) -> int | None:
        """Return the most memory the kernel has used so far, in bytes, where the system tells."""
        with contextlib.suppress(OSError, ValueError):
            text = Path(f"/proc/{self.process_id}/status").read_text()
            line = next(row for row in text.splitlines() if row.startswith("VmHWM"))
            return int(line.split()[1]) * 1024
        return None

    def kill(self) -> None:
        """End the kernel at once, with whatever it has started."""
        process_id = self.process_id
        if process_id is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.name == "nt":
                os.kill(process_id, signal.SIGTERM)
            else:
                os.killpg(process_id, signal.SIGKILL)  # the kernel leads its own group

    def end(self) -> None:
        """End the kernel, give back its sockets and remove its folder."""
        from jupyter_core.utils import run_sync

        self.kill()
        for client in getattr(self.manager, "clients", ()):
            client.stop_channels()
        with contextlib.suppress(Exception):  # it may be gone already; nothing more can be done
            run_sync(self.manager.shutdown_kernel)(now=True)
        shutil.rmtree(self.folder, ignore_errors=True)


class Kernels:
    """Where the kernels of a run, or of many runs, come from; close it when they are done.

    Parameters
    ----------
    warm : bool
        Whether they are forked from one process that has imported everything, where the system
        can. They are the same either way, but for the time they take.
    """

    def __init__(self, *, warm: bool = True) -> None:
        self.parent: WarmParent | None = None
        self.warm = warm and can_fork()

    def __enter__(self) -> Kernels:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def prepare(self, notebooks: Iterable[Path], check: Callable[[], None] = lambda: None) -> None:
        """Import what these notebooks import, unless it was done, or there is but one of them.

        Parameters
        ----------
        notebooks : iterable of Path
            What is to be run.
        check : callable
            Called while it imports; raises if the run has to end.
        """
        paths = list(notebooks)
        if not self.warm or self.parent is not None or len(paths) < 2:
            return
        self.parent = WarmParent(imports_of(paths), _environment())
        try:
            sound = self.parent.start(check)
        except (OSError, RuntimeError):
            sound = False
        except BaseException:
            self.close()
            raise
        if not sound:
            self.close()
            self.warm = False

    def kernel(self, *, fresh: bool = False, languages: str = "") -> Kernel:
        """Return a kernel, not started yet."""
        return Kernel(None if fresh else self.parent, languages)

    def close(self) -> None:
        """End the process that forks, and every kernel that still runs."""
        if self.parent is not None:
            self.parent.close()
            self.parent = None
