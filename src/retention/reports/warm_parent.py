"""A process that has imported what notebooks import, and forks a kernel whenever it is asked.

It also forks for a function whose memory is to be given back as soon as it has returned.

`retention.reports.warm_kernels` runs it and talks to it by one line of JSON a message: requests on
its standard input, answers on its standard output. It holds no data, no socket and no thread, so
that a fork is as clean as a fresh kernel. When its input ends, it ends its kernels and itself:
whatever becomes of the run, nothing is left behind.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

__all__ = ["main"]

_LAUNCHER = "ipykernel_launcher"
_KERNEL = (  # what a kernel imports while it starts
    "ipykernel.kernelapp", "ipykernel.ipkernel", "ipykernel.zmqshell", "ipykernel.debugger",
    "IPython.core.completerlib", "IPython.core.oinspect", "IPython.extensions.storemagic",
    "psutil", "sqlite3", "tornado.platform.asyncio",
)  # fmt: skip


def main() -> None:
    """Import what the first line names, say so, and fork until the input ends."""
    requests = os.fdopen(os.dup(0), "r", encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    _keep_quiet()
    kernels: set[int] = set()
    _import_all(json.loads(requests.readline()))
    _answer(answers, {"threads": _threads()})
    try:
        for line in requests:
            request = json.loads(line)
            if "fork" in request:
                kernel = _fork(requests, answers, **request["fork"])
                kernels.add(kernel)
                _answer(answers, {"pid": kernel})
            elif "call" in request:
                child = _call(requests, answers, **request["call"])
                kernels.add(child)
                _answer(answers, {"pid": child})
            else:
                _answer(answers, {"code": _ended(request["ended"], kernels)})
    finally:
        for kernel in kernels:
            with contextlib.suppress(OSError):
                os.killpg(kernel, signal.SIGKILL)
        os._exit(0)  # nothing is to be put in order, and libraries would complain of what is kept


def _keep_quiet() -> None:
    """Leave nothing that an import or a kernel could disturb: it reads and writes nowhere."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    os.close(nowhere)


def _answer(answers: Any, content: dict[str, Any]) -> None:
    answers.write(json.dumps(content) + "\n")
    answers.flush()


def _import_all(wanted: Sequence[tuple[str, Sequence[str]]]) -> None:
    """Import modules and names of them; one that fails is left to the notebook that wants it."""
    if sys.path and Path(sys.path[0] or ".").resolve() == Path.cwd():
        del sys.path[0]  # as the launcher of kernels does; a kernel puts its own folder back
    sys.modules["debugpy"] = None  # type: ignore[assignment] # nobody debugs a report in its kernel
    for module, names in [*((module, ()) for module in _KERNEL), *wanted]:
        with contextlib.suppress(Exception):
            found = import_module(module)
            for name in names:
                getattr(found, name, None)  # a lazy door imports when it is asked
    gc.collect()
    gc.freeze()  # what is there stays shared between the forks


def _threads() -> int:
    """Return how many threads this process has: a fork with more than one is not sound."""
    return sum(1 for _ in Path("/proc/self/task").iterdir())


def _ended(kernel: int, kernels: set[int]) -> int | None:
    """Return the exit code of a kernel that has ended; None while it runs."""
    if kernel not in kernels:
        return 0
    done, status = os.waitpid(kernel, os.WNOHANG)
    if done == 0:
        return None
    kernels.discard(kernel)
    return os.waitstatus_to_exitcode(status)


def _fork(requests: Any, answers: Any, arguments: list[str], env: dict[str, str], cwd: str) -> int:
    """Fork a kernel. Returns its process id; the fork itself never returns."""
    return _child(requests, answers, cwd, partial(_be_kernel, os.getpid(), arguments, env))


def _be_kernel(parent: int, arguments: list[str], env: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(env)
    from ipykernel.kernelapp import launch_new_instance

    sys.argv = [_LAUNCHER, *arguments, f"--IPKernelApp.parent_handle={parent}"]
    launch_new_instance()


def _call(
    requests: Any, answers: Any, function: str, arguments: dict[str, Any], result: str, cwd: str
) -> int:
    """Fork a process that calls ``module:function``. Returns its id; the fork never returns."""
    return _child(requests, answers, cwd, partial(_write_result, function, arguments, Path(result)))


def _write_result(function: str, arguments: dict[str, Any], result: Path) -> None:
    """Call a function, and write what it returned, or how it failed, as JSON."""
    module, _, name = function.partition(":")
    try:
        told = {"result": getattr(import_module(module), name)(**arguments)}
    except Exception as error:
        lines = "".join(traceback.format_exception(error))
        told = {"error": [type(error).__name__, str(error), lines]}
    result.write_text(json.dumps(told | {"peak_memory": _peak_memory()}), encoding="utf-8")


def _peak_memory() -> int | None:
    """Return the most memory this process has used, in bytes, where the system tells."""
    with contextlib.suppress(OSError, StopIteration):
        rows = Path("/proc/self/status").read_text().splitlines()
        return int(next(row for row in rows if row.startswith("VmHWM")).split()[1]) * 1024
    return None


def _child(requests: Any, answers: Any, cwd: str, work: Callable[[], None]) -> int:
    """Fork a process that does some work. Returns its id; the fork itself never returns."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        os.setsid()  # it leads its own group, and ends with whatever it starts
        for channel in (requests, answers):
            os.close(channel.fileno())
        os.chdir(cwd)
        _reseed()
        work()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    finally:
        os._exit(code)


def _reseed() -> None:
    """Give every fork its own chance; Python does so for its own generator."""
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()


if __name__ == "__main__":
    main()
