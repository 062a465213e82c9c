"""However a notebook ends, the status tells the truth, and no process is left."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from retention.errors import InterruptedRunError, TimeLimitError
from retention.reports.articles import read_article
from retention.reports.execution import Job, execute_all
from retention.reports.limits import Limits, Stop, stop_on_signals


@pytest.fixture
def run(tmp_path, write_notebook):
    """Run one notebook of the given cells; returns its Execution."""

    def run(*cells, values=None, limits=None, stop=None, parameters=None, progress=None):
        extra = {} if parameters is None else {"parameters": parameters}
        path = write_notebook(tmp_path / "one.ipynb", cells, **extra)
        job = Job(
            article=read_article(path),
            values=values or {"period": "2026-10"},
            cwd=tmp_path,
            output=tmp_path / "out.ipynb",
        )
        limits = limits or Limits(cell_seconds=30, run_seconds=60)
        stop = stop or Stop(time.monotonic() + limits.run_seconds)
        (result,) = execute_all(
            [job], limits=limits, stop=stop, progress=progress or (lambda *seen: None)
        )
        return result

    return run


WRITE_PID = "import os, pathlib\n_ = pathlib.Path('pid').write_text(str(os.getpid()))\n"


def assert_gone(folder: Path) -> None:
    """The kernel that wrote its process id into `folder` has ended."""
    process_id = int((folder / "pid").read_text())
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            os.kill(process_id, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    raise AssertionError(f"kernel {process_id} is still running")


def test_parameters_reach_the_notebook_unharmed(run, tmp_path):
    nasty = "a\"; import os; os._exit(1) # \\ ' {x} 你好\n"
    result = run(
        "import os, json\n"
        "seen = [text, number, names, os.environ['MKL_NUM_THREADS']]\n"
        "_ = open('seen.json', 'w').write(json.dumps(seen))\n",
        parameters='text = ""\nnumber = 1.0\nnames = []',
        values={"text": nasty, "number": 2.0, "names": [nasty, "b"]},
    )
    assert (result.status, result.exit_code) == ("answered", 0)
    assert json.loads((tmp_path / "seen.json").read_text()) == [nasty, 2.0, [nasty, "b"], "1"]
    assert len(result.cell_seconds) == 3
    assert result.peak_memory is None or result.peak_memory > 10_000_000


def test_progress_is_told_cell_by_cell(run):
    seen = []
    run("1", "2", progress=lambda *what: seen.append(what[:3]))
    assert seen == [("one", k, 4) for k in (1, 2, 3, 4)]


@pytest.mark.parametrize(
    ("source", "status", "code", "reason"),
    [
        ("1 / 0", "failed", 1, "ZeroDivisionError"),
        ("import sys; sys.exit(3)", "failed", 1, "SystemExit"),
        (
            "from retention.errors import SchemaError; raise SchemaError('orders', ['bad'])",
            "bad data",
            3,
            "table orders",
        ),
        (
            "from retention.errors import MissingTableError as M; raise M('exits', 'reasons')",
            "unanswered",
            0,
            "exits",
        ),
    ],
)
def test_an_error_in_a_cell(run, tmp_path, source, status, code, reason):
    result = run(WRITE_PID, source, "print('never')")
    assert (result.status, result.exit_code, result.cell) == (status, code, 3)
    assert reason in result.reason
    assert "\x1b" not in result.traceback
    assert_gone(tmp_path)


def test_a_cell_over_its_limit(run, tmp_path):
    result = run(WRITE_PID, "while True: pass", limits=Limits(cell_seconds=2, run_seconds=60))
    assert (result.status, result.exit_code) == ("timed out", 124)
    assert_gone(tmp_path)


def test_a_kernel_that_dies(run, tmp_path):
    result = run(WRITE_PID, "os._exit(9)")
    assert (result.status, result.exit_code) == ("kernel died", 138)
    assert_gone(tmp_path)


def test_a_kernel_that_is_killed(run, tmp_path):
    result = run(WRITE_PID, "import signal; os.kill(os.getpid(), signal.SIGKILL)")
    assert (result.status, result.exit_code) == ("kernel died", 138)


def test_a_run_over_its_limit(run, tmp_path):
    with pytest.raises(TimeLimitError):
        run(WRITE_PID, "import time; time.sleep(60)", limits=Limits(run_seconds=4))
    assert_gone(tmp_path)


def test_a_signal_ends_the_kernel_and_its_children(run, tmp_path):
    child = "import subprocess; subprocess.Popen(['sleep', '60'])"
    timer = threading.Timer(4, os.kill, (os.getpid(), signal.SIGTERM))
    with stop_on_signals(Limits()) as stop:
        timer.start()
        with pytest.raises(InterruptedRunError) as caught:
            run(WRITE_PID, child, "import time; time.sleep(60)", stop=stop)
    assert caught.value.signal_number == signal.SIGTERM
    assert_gone(tmp_path)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
