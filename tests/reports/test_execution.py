"""However a notebook ends, the status tells the truth, and no process is left."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from retention.errors import InterruptedRunError, KernelDiedError, ProjectError, TimeLimitError
from retention.reports.articles import read_article
from retention.reports.execution import Job, execute_all
from retention.reports.kernels import Kernels, _environment
from retention.reports.limits import Limits, Stop, stop_on_signals
from retention.reports.warm_kernels import WarmParent, can_fork, imports_of


@pytest.fixture(scope="module")
def forking(tmp_path_factory, write_notebook):
    """Kernels that are forked, where the system can."""
    folder = tmp_path_factory.mktemp("forking")
    with Kernels() as kernels:
        kernels.prepare([write_notebook(folder / f"{name}.ipynb") for name in ("a", "b")])
        yield kernels


@pytest.fixture
def run(tmp_path, write_notebook, forking):
    """Run one notebook of the given cells; returns its Execution."""

    def run(
        *cells, values=None, limits=None, stop=None, parameters=None, progress=None, kernels=forking
    ):
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
            [job],
            limits=limits,
            stop=stop,
            progress=progress or (lambda *seen: None),
            kernels=kernels,
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


@pytest.mark.parametrize("warm", [True, False])
def test_a_kernel_that_is_killed(run, tmp_path, forking, warm):
    kernels = forking if warm else Kernels(warm=False)
    kill = "import signal; os.kill(os.getpid(), signal.SIGKILL)"
    result = run(WRITE_PID, kill, kernels=kernels)
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


# forked kernels -----------------------------------------------------------------------------------

STATE = """
import json, os, signal, sys
import pandas as pd
signals = [int(signal.getsignal(n) != signal.SIG_IGN) for n in (signal.SIGINT, signal.SIGCHLD)]
state = [os.getcwd(), sys.path, sorted(dir()), hash("a"), signals, getattr(json, "leak", 0)]
state += [pd.options.display.max_rows, os.environ["TZ"]]
json.leak, pd.options.display.max_rows = 1, 7
_ = open("state.json", "w").write(json.dumps(state))
"""


def test_a_forked_kernel_is_as_clean_as_a_fresh_one(run, tmp_path, forking):
    if not can_fork():
        pytest.skip("this system does not fork soundly")
    seen = []
    for kernels in (forking, forking, Kernels(warm=False)):
        assert run(STATE, kernels=kernels).status == "answered"
        seen.append(json.loads((tmp_path / "state.json").read_text()))
    assert seen[0] == seen[1]  # nothing leaks from one into the next
    assert seen[0] == seen[2]


def test_a_function_is_called_in_a_fork_and_its_end_is_told(forking, tmp_path):
    if not can_fork():
        pytest.skip("this system does not fork soundly")

    def call(function, check=lambda: None, **arguments):
        return forking.parent.call(function, arguments, tmp_path, check)

    result, peak = call("os:getcwd")
    assert result == str(tmp_path)
    assert peak > 10e6
    asked = {"label": "2026-10", "first_month": 1, "report": ".", "made_with": {"en": ""}}
    with pytest.raises(ProjectError, match=r"retention\.toml") as caught:
        call("retention.reports.register:register_of", root=str(tmp_path / "nowhere"), **asked)
    assert "Traceback" in caught.value.__notes__[0]
    with pytest.raises(RuntimeError, match="TypeError: "):
        call("os:getcwd", unknown=1)
    with pytest.raises(KernelDiedError, match="want of memory"):
        call("os:_exit", status=9)


def test_a_call_that_has_to_end_leaves_no_process(forking, tmp_path):
    if not can_fork():
        pytest.skip("this system does not fork soundly")
    children = Path(
        f"/proc/{forking.parent.process.pid}/task/{forking.parent.process.pid}/children"
    )

    def stop():
        raise InterruptedRunError(15)

    with pytest.raises(InterruptedRunError):
        forking.parent.call("subprocess:run", {"args": ["sleep", "60"]}, tmp_path, stop)
    assert not children.read_text().strip()


def test_without_its_parent_a_kernel_is_started_afresh(run, write_notebook, tmp_path):
    if not can_fork():
        pytest.skip("this system does not fork soundly")
    with Kernels() as kernels:
        kernels.parent = WarmParent((), _environment())
        assert kernels.parent.start(lambda: None)
        kernels.parent.process.kill()
        kernels.parent.process.wait()
        assert run("1", kernels=kernels).status == "answered"


def test_what_starts_a_thread_is_not_forked(tmp_path, monkeypatch):
    if not can_fork():
        pytest.skip("this system does not fork soundly")
    code = "import threading, time\nthreading.Thread(target=time.sleep, args=(60,)).start()\n"
    (tmp_path / "starts_a_thread.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    parent = WarmParent((("starts_a_thread", ()),), _environment())
    try:
        assert not parent.start(lambda: None)
    finally:
        parent.close()


def test_an_interrupted_start_leaves_nothing():
    def stop():
        raise InterruptedRunError(15)

    kernels = Kernels()
    notebooks = [Path("a.ipynb"), Path("b.ipynb")]  # not there, which the runs would tell
    if not can_fork():
        pytest.skip("this system does not fork soundly")
    with pytest.raises(InterruptedRunError):
        kernels.prepare(notebooks, stop)
    assert kernels.parent is None


def test_imports_are_read_from_the_code(tmp_path, write_notebook):
    cells = ["import json as j, os.path\nfrom retention.analyses import retention_curve", "a b c"]
    found = dict(imports_of([write_notebook(tmp_path / "a.ipynb", cells)]))
    assert found["retention.analyses"] == ("retention_curve",)
    assert {"json", "os.path"} <= found.keys()
