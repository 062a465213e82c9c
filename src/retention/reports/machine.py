"""Whether a machine can make reports: `retention doctor`."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from retention.errors import RetentionError
from retention.reports.manifest import package_versions

__all__ = ["Finding", "examine_machine"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; `detail` says what to do where it is not good."""

    what: str
    good: bool
    detail: str


def examine_machine(folder: Path) -> tuple[Finding, ...]:
    """Look at everything a report needs, and try what can be tried.

    Parameters
    ----------
    folder : Path
        A project; without one only the machine is looked at.
    """
    return (
        _python(),
        Finding("versions", True, ", ".join(f"{k} {v}" for k, v in package_versions().items())),
        _notebooks(),
        _kernel(),
        _fonts(),
        *_project(folder),
        _temporary(),
    )


def _python() -> Finding:
    good = sys.version_info >= (3, 11)
    return Finding("python", good, f"{sys.executable}{'' if good else '; 3.11 or newer is needed'}")


def _notebooks() -> Finding:
    from retention.reports.articles import packaged_notebooks

    try:
        count = len(list(packaged_notebooks().glob("*.ipynb")))
    except RetentionError as error:
        return Finding("notebooks", False, str(error))
    return Finding("notebooks", True, f"{count} came with the package")


def _kernel() -> Finding:
    """Start a kernel and wait for its answer, as a run does."""
    from jupyter_core.utils import ensure_event_loop, run_sync

    from retention.reports.kernels import Kernel, load_machinery

    load_machinery()
    kernel, started = Kernel(), monotonic()
    try:
        run_sync(kernel.manager.start_kernel)()
        client = kernel.manager.client()
        client.start_channels()
        run_sync(client.wait_for_ready)(timeout=60)
    except (OSError, RuntimeError) as error:
        return Finding("kernel", False, f"did not start: {error}; install ipykernel again")
    finally:
        kernel.end()
        ensure_event_loop().close()
    return Finding("kernel", True, f"started in {monotonic() - started:.1f} s")


def _fonts() -> Finding:
    from retention.exhibits.theme import font_families

    families = font_families()
    if len(families) > 1:
        return Finding("fonts", True, ", ".join(families))
    hint = "none with Chinese characters; if figures need them: retention-research[zh]"
    return Finding("fonts", True, f"{families[0]}; {hint}")


def _project(folder: Path) -> Iterator[Finding]:
    from retention.project import Project

    try:
        project = Project.load(folder)
    except RetentionError as error:
        yield Finding("project", not (folder / "retention.toml").exists(), str(error))
        return
    tables = ", ".join(project.tables) or "no tables"
    yield Finding("project", bool(project.tables), f"{project.name}: {tables}")
    for name in ("data", "reports"):
        yield _writable(project.root / name)


def _writable(folder: Path) -> Finding:
    try:
        folder.mkdir(exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
        free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize if os.name != "nt" else 0
    except OSError as error:
        return Finding(f"write access to {folder.name}", False, str(error))
    room = f"{free / 1e9:.1f} GB free" if free else "yes"
    return Finding(f"write access to {folder.name}", free == 0 or free > 100e6, room)


def _temporary() -> Finding:
    """Sockets lie in the temporary folder, and the path of a socket must be short."""
    folder = tempfile.gettempdir()
    good = os.name == "nt" or len(os.fsencode(folder)) < 70
    return Finding(
        "temporary folder", good, folder if good else f"{folder} is too long; set TMPDIR"
    )
