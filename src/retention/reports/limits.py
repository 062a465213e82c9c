"""Limits of a run, and the signals that end it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic
from types import FrameType

from retention.errors import InterruptedRunError, TimeLimitError

__all__ = ["Limits", "Stop", "stop_on_signals"]


@dataclass(frozen=True)
class Limits:
    """How long a cell and a whole run may take, and how many notebooks run side by side.

    Parameters
    ----------
    cell_seconds, run_seconds : int
        Time limits.
    jobs : int
        Notebooks at once; each has a kernel of its own.
    """

    cell_seconds: int = 600
    run_seconds: int = 7200
    jobs: int = 1


@dataclass
class Stop:
    """Set once, when the run has to end: by a signal or at its time limit."""

    deadline: float
    signal_number: int | None = None
    event: threading.Event = field(default_factory=threading.Event)

    def check(self) -> None:
        """Raise if the run has to end.

        Raises
        ------
        InterruptedRunError
            If a signal came.
        TimeLimitError
            If the run's time is over.
        """
        if self.signal_number is not None:
            raise InterruptedRunError(self.signal_number)
        if monotonic() > self.deadline:
            raise TimeLimitError(
                "the run took longer than its limit; raise it with --run-limit, or see the seconds "
                "a cell in the manifest"
            )


@contextmanager
def stop_on_signals(limits: Limits) -> Iterator[Stop]:
    """Turn SIGTERM, SIGINT and SIGHUP into a `Stop` for as long as a run lasts.

    A signal must not end the process at once: the kernels have to be ended and the manifest has to
    say what happened.
    """
    stop = Stop(monotonic() + limits.run_seconds)

    def remember(number: int, frame: FrameType | None) -> None:
        # nothing but this: to set the event could wait for a lock that this thread holds itself
        stop.signal_number = stop.signal_number or number

    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    names = [name for name in ("SIGTERM", "SIGINT", "SIGHUP") if hasattr(signal, name)]
    before = {name: signal.signal(getattr(signal, name), remember) for name in names}
    try:
        yield stop
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)
