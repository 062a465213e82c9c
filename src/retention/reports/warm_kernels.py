"""Kernels forked from a process that has imported everything once.

Imports cost more than most notebooks: a report of thirty notebooks would import pandas, Matplotlib
and this package thirty times. Here they are imported once in a process of their own (the warm
parent), which forks a kernel a notebook. Each fork starts from the same untouched state, so that
nothing leaks from one notebook into the next, as it would with one kernel for all. Only Linux
forks soundly with the libraries we use; elsewhere, and where an import has started a thread,
kernels are started afresh.
"""

from __future__ import annotations

import ast
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from select import select
from threading import Lock
from time import sleep
from typing import Any

from retention import errors
from retention.errors import KernelDiedError, NotebookError, RetentionError

__all__ = ["ForkedKernel", "WarmParent", "can_fork", "imports_of"]

_ALWAYS = (
    ("retention.exhibits.showing", ()),
    ("matplotlib.backends.backend_agg", ()),
    ("scipy.stats", ()),
    ("scipy.optimize", ()),
    ("retention.reports.register", ("write_register",)),
)


def can_fork() -> bool:
    """Whether this system forks soundly."""
    return sys.platform == "linux" and hasattr(os, "fork")


def imports_of(notebooks: Iterable[Path]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return what the code of notebooks imports at its top: modules, and names of each.

    A notebook that cannot be read is passed over; running it says what is wrong.
    """
    found: dict[str, set[str]] = {module: set(names) for module, names in _ALWAYS}
    for path in notebooks:
        for line in _lines(path):
            if isinstance(line, ast.Import):
                for name in line.names:
                    found.setdefault(name.name, set())
            elif isinstance(line, ast.ImportFrom) and line.module and not line.level:
                wanted = {name.name for name in line.names} - {"*"}
                found.setdefault(line.module, set()).update(wanted)
    return tuple((module, tuple(sorted(names))) for module, names in sorted(found.items()))


def _lines(path: Path) -> list[ast.stmt]:
    found: list[ast.stmt] = []
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "code":
                with contextlib.suppress(SyntaxError):
                    found += ast.parse("".join(cell["source"])).body
    return found


class WarmParent:
    """The process that forks kernels; started with the first one, ended by `close`.

    Parameters
    ----------
    imports : tuple
        What it imports: modules, and names of each.
    env : dict
        Its environment, and that of its kernels but for what is their own.
    """

    def __init__(
        self, imports: tuple[tuple[str, tuple[str, ...]], ...], env: dict[str, str]
    ) -> None:
        self.imports = imports
        self.env = env
        self.lock = Lock()
        self.process: subprocess.Popen[str] | None = None
        self.threads = 0

    def start(self, check: Callable[[], None]) -> bool:
        """Start it and have it import; False if a fork of it would not be sound.

        Parameters
        ----------
        check : callable
            Called while it imports; raises if that has to end.
        """
        with self.lock:
            if self.process is None:
                self.process = subprocess.Popen(
                    [sys.executable, "-m", "retention.reports.warm_parent"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    env=os.environ | self.env,
                    start_new_session=True,  # Ctrl-C is for the run, which ends it in order
                )
                self.threads = int(self._ask(self.imports, check)["threads"])
            return self.threads == 1

    def _ask(self, request: Any, check: Callable[[], None] = lambda: None) -> dict[str, Any]:
        """Send a request and wait for the answer.

        Raises
        ------
        RuntimeError
            If it is gone, which for the runner means that the kernel did not start.
        """
        assert self.process is not None
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            while not select([self.process.stdout], [], [], 0.2)[0]:
                check()
            answer = json.loads(self.process.stdout.readline())
        except (OSError, ValueError) as error:
            raise RuntimeError("the process that forks kernels is gone") from error
        return dict(answer)

    def fork(self, arguments: list[str], env: dict[str, str], cwd: str) -> ForkedKernel:
        """Fork a kernel that takes these arguments."""
        with self.lock:
            answer = self._ask({"fork": {"arguments": arguments, "env": env, "cwd": cwd}})
        return ForkedKernel(self, int(answer["pid"]))

    def call(
        self, function: str, arguments: Mapping[str, Any], cwd: Path, check: Callable[[], None]
    ) -> tuple[Any, int | None]:
        """Call a function in a fork: what it has taken of memory is given back when it returns.

        Parameters
        ----------
        function : str
            ``module:name``.
        arguments : mapping
            What it takes, in the types of JSON.
        cwd : Path
            Where it runs.
        check : callable
            Called while it runs; raises if it has to end.

        Returns
        -------
        result : object
            What it returned, in the types of JSON.
        peak_memory : int or None
            Most bytes it used.

        Raises
        ------
        RetentionError
            What it raised.
        KernelDiedError
            If it ended by itself, often for want of memory.
        """
        with tempfile.TemporaryDirectory(prefix="retention-") as folder:
            result = Path(folder) / "result.json"
            asked = {"function": function, "arguments": dict(arguments), "result": str(result)}
            with self.lock:
                pid = int(self._ask({"call": asked | {"cwd": str(cwd)}})["pid"])
            code = self._wait(ForkedKernel(self, pid), check)
            if code or not result.exists():
                raise KernelDiedError(f"{function} ended by itself, often for want of memory")
            told = json.loads(result.read_text(encoding="utf-8"))
        if "error" in told:
            raise _error(*told["error"])
        return told["result"], told["peak_memory"]

    @staticmethod
    def _wait(child: ForkedKernel, check: Callable[[], None]) -> int:
        try:
            while (code := child.poll()) is None:
                check()
                sleep(0.05)
        except BaseException:
            for kill in (os.kill, os.killpg):  # it may not lead its group yet
                with contextlib.suppress(OSError):
                    kill(child.pid, 9)
            while child.poll() is None:
                sleep(0.02)
            raise
        return code

    def code_of(self, kernel: int) -> int | None:
        """Return the exit code of a kernel; None while it runs."""
        with self.lock:
            try:
                code = self._ask({"ended": kernel})["code"]
            except RuntimeError:
                return -9  # it ends its kernels when it ends
        return None if code is None else int(code)

    def close(self) -> None:
        """End it, and with it every kernel that still runs."""
        with self.lock:
            process, self.process = self.process, None
        if process is None:
            return
        assert process.stdin is not None
        assert process.stdout is not None
        with contextlib.suppress(OSError):
            process.stdin.close()
        try:
            process.wait(2 if self.threads else 0)  # one that is still importing does not listen
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def _error(name: str, message: str, lines: str) -> Exception:
    """Return an error as another process raised it."""
    kind = getattr(errors, name, None)
    error: Exception = RuntimeError(f"{name}: {message}")
    if isinstance(kind, type) and issubclass(kind, RetentionError):
        error = kind.__new__(kind)
        error.args = (message,)
    error.add_note(lines)
    return error


class ForkedKernel:
    """A forked kernel as `subprocess.Popen` would show it to Jupyter."""

    stdin = stdout = stderr = None

    def __init__(self, parent: WarmParent, pid: int) -> None:
        self.parent = parent
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return its exit code; None while it runs."""
        if self.returncode is None:
            self.returncode = self.parent.code_of(self.pid)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return its exit code; Jupyter asks only once it has ended."""
        code = self.poll()
        if code is None:
            raise NotebookError("the kernel still runs")
        return code

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it."""
        self.send_signal(9)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(15)
