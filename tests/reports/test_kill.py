"""Whatever ends a run from outside, the published page stays, and nothing is left running."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

OLD = "<p>what was published</p>"
SLEEP = """
import os, pathlib, time
_ = pathlib.Path('pid').write_text(str(os.getpid()))
time.sleep(120)
"""


@pytest.fixture
def sleeper(project_dir, write_notebook) -> Path:
    """A project with an old report, and a notebook that does not end."""
    write_notebook(project_dir / "notebooks/sleeper.ipynb", [SLEEP], order=0)
    put_old_report(project_dir)
    return project_dir


def put_old_report(root: Path) -> None:
    folder = root / "reports/2026-10"
    folder.mkdir(parents=True)
    (folder / "index.html").write_text(OLD)
    (folder / "manifest.json").write_text('{"status": "published", "revision": 1, "outputs": {}}')


def command(root: Path, *options: str) -> list[str]:
    only = [] if "--only" in options else ["--only", "sleeper"]
    base = [sys.executable, "-m", "retention", "report", "-C", str(root), "--period", "2026-10"]
    return [*base, *only, *options]


def start(root: Path, only: str = "sleeper") -> tuple[subprocess.Popen[str], int]:
    """Start a run; returns it and its kernel's process id, once the kernel is in its cell."""
    process = subprocess.Popen(
        command(root, "--only", only), stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    end = time.monotonic() + 60
    while not (root / "pid").exists() or not (root / "pid").read_text():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "the kernel did not start"
        time.sleep(0.1)
    return process, int((root / "pid").read_text())


def gone(process_id: int, seconds: float = 15) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            os.kill(process_id, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.2)
    return False


def assert_old_report(root: Path) -> None:
    assert (root / "reports/2026-10/index.html").read_text() == OLD
    manifest = json.loads((root / "reports/2026-10/manifest.json").read_text())
    assert manifest["status"] == "published"


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGTERM, 143),
        pytest.param(signal.SIGINT, 130, marks=pytest.mark.slow),
        pytest.param(signal.SIGHUP, 129, marks=pytest.mark.slow),
    ],
)
def test_a_signal(sleeper, number, code):
    process, kernel = start(sleeper)
    process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == code, errors
    assert gone(kernel)
    assert_old_report(sleeper)
    manifest = json.loads((sleeper / "reports/failures/2026-10/manifest.json").read_text())
    assert (manifest["status"], manifest["exit_code"]) == ("interrupted", code)
    assert not list((sleeper / "reports/.staging").iterdir())


def test_a_killed_runner_leaves_nothing_and_the_next_run_goes_on(sleeper):
    process, kernel = start(sleeper, "sleeper,stayed")  # two: the kernel is forked
    process.kill()
    process.communicate(timeout=30)
    assert gone(kernel)
    assert_old_report(sleeper)
    assert list((sleeper / "reports/.staging").iterdir())  # what it was making
    after = subprocess.run(
        command(sleeper, "--only", "stayed"), capture_output=True, text=True, timeout=120
    )
    assert after.returncode == 0, after.stderr
    assert not list((sleeper / "reports/.staging").iterdir())
    assert OLD not in (sleeper / "reports/2026-10/index.html").read_text(encoding="utf-8")


@pytest.mark.slow  # test_execution.py sees the same from inside
def test_a_killed_kernel(sleeper):
    process, kernel = start(sleeper)
    os.kill(kernel, signal.SIGKILL)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 138, errors
    assert "kernel died" in errors
    assert_old_report(sleeper)


@pytest.mark.slow  # test_execution.py sees the same from inside
def test_a_cell_over_its_limit(sleeper):
    done = subprocess.run(
        command(sleeper, "--cell-limit", "2"), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 124, done.stderr
    assert gone(int((sleeper / "pid").read_text()))
    assert_old_report(sleeper)


@pytest.mark.slow  # test_execution.py sees the same from inside
def test_a_run_over_its_limit(sleeper):
    done = subprocess.run(
        command(sleeper, "--run-limit", "5"), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 124, done.stderr
    assert not (sleeper / "pid").exists() or gone(int((sleeper / "pid").read_text()))
    assert_old_report(sleeper)
    manifest = json.loads((sleeper / "reports/failures/2026-10/manifest.json").read_text())
    assert manifest["status"] == "timed out"


@pytest.fixture
def small_disk(tmp_path):
    """A disk of one megabyte."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    made = subprocess.run(mount, capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {made.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk(project_dir, small_disk, write_notebook):
    noise = "from IPython.display import Markdown, display\ndisplay(Markdown('x ' * 1_500_000))"
    write_notebook(project_dir / "notebooks/noise.ipynb", [noise], order=0)
    root = small_disk / "shop"
    shutil.copytree(project_dir, root)
    put_old_report(root)
    done = subprocess.run(
        command(root, "--only", "noise"), capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 75, done.stderr
    assert "disk is full" in done.stderr or "No space left" in done.stderr
    assert_old_report(root)
    assert not list((root / "reports/.staging").iterdir())


def test_a_folder_that_cannot_be_written(sleeper):
    """A regular file where the locks should be stands for a disk that refuses."""
    (sleeper / "reports/.locks").write_text("")
    done = subprocess.run(command(sleeper), capture_output=True, text=True, timeout=60)
    assert done.returncode == 2, done.stderr
    assert "cannot be made" in done.stderr
    assert "Traceback" not in done.stderr
    assert_old_report(sleeper)
