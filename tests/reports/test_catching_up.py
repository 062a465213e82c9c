"""Nights that were missed, clocks that went back, two runs at once, many notebooks at once."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner

from retention.cli import main
from retention.project import Project
from retention.reports import Kernels, Limits, Order, run_report
from retention.window import Period

ANSWER_WHEN_TOLD = """
import pathlib, time
pathlib.Path('started').touch()
while not pathlib.Path('go').exists():
    time.sleep(0.1)
"""


def report(root: Path, *options: str) -> tuple[int, list[str], str]:
    done = CliRunner().invoke(main, ["report", "-C", str(root), *options])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout.splitlines(), done.stderr


def files_of(folder: Path) -> dict[Path, bytes]:
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_three_missed_months_are_caught_up_in_order(project_dir, canned, monkeypatch):
    def on(year: int, month: int, day: int) -> None:
        today = date(year, month, day)
        monkeypatch.setattr("retention.reports.local_today", lambda project: today)

    on(2026, 8, 3)
    assert report(project_dir, "--due")[0] == 0
    on(2026, 11, 5)  # nothing ran in September, October and November so far
    code, lines, _ = report(project_dir, "--due", "--json")
    assert code == 0
    made = [json.loads(line) for line in lines]
    assert [m["period"] for m in made] == ["2026-08", "2026-09", "2026-10"]
    assert {m["status"] for m in made} == {"published"}
    reports = project_dir / "reports"
    for before, label in (("2026-07", "2026-08"), ("2026-08", "2026-09"), ("2026-09", "2026-10")):
        manifest = json.loads((reports / label / "manifest.json").read_text())
        assert before in manifest["compared"]  # each is compared with the one before
        assert "2026-10" not in manifest["compared"]
    kept = files_of(reports)
    for today in ((2026, 11, 5), (2026, 9, 10), (2025, 1, 1)):  # again, and with the clock set back
        on(*today)
        code, lines, said = report(project_dir, "--due")
        assert (code, lines) == (0, [])
        assert "nothing is due" in said
    assert files_of(reports) == kept


@pytest.mark.slow  # two processes that import everything
def test_of_two_processes_one_publishes_and_the_other_is_to_try_again(project_dir, write_notebook):
    write_notebook(project_dir / "notebooks/waits.ipynb", [ANSWER_WHEN_TOLD], order=0)
    base = [sys.executable, "-m", "retention", "report", "-C", str(project_dir)]
    first = subprocess.Popen(base, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 120
    while not (project_dir / "started").exists():
        assert first.poll() is None, first.communicate()
        assert time.monotonic() < end
        time.sleep(0.1)
    second = subprocess.run(base, capture_output=True, text=True, check=False)
    assert second.returncode == 75, second.stderr
    assert "another run is making the report for 2026-10" in second.stderr
    other = subprocess.run(  # another period is free
        [*base, "--period", "2026-09", "--only", "stayed"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert other.returncode == 0, other.stderr
    (project_dir / "go").touch()
    _, said = first.communicate(timeout=120)
    assert first.returncode == 0, said
    assert (project_dir / "reports/2026-10/stayed.html").exists()


@pytest.mark.slow  # fifteen kernels
def test_notebooks_at_once_give_the_same_bytes_as_one_after_the_other(project_dir, write_notebook):
    source = (project_dir / "notebooks/stayed.ipynb").read_text(encoding="utf-8")
    for number in range(2, 6):
        name = project_dir / f"notebooks/stayed_{number}.ipynb"
        name.write_text(source.replace("Toy(0.8)", f"Toy(0.{number})"), encoding="utf-8")
    october, seen = Period.parse("2026-10"), []
    for jobs, warm in ((1, True), (2, True), (2, False)):
        with Kernels(warm=warm) as kernels:
            order = Order(limits=Limits(jobs=jobs), force=True)
            outcome = run_report(Project.load(project_dir), october, order, None, kernels)
        assert outcome.exit_code == 0, outcome.reason
        assert len(outcome.executions) == 5
        files = files_of(project_dir / "reports/2026-10")
        seen.append(
            {path: content for path, content in files.items() if path.name != "manifest.json"}
        )
    assert outcome.status == "unchanged"
    assert seen[0] == seen[1] == seen[2]
    assert not (project_dir / "reports/revisions/2026-10").exists()
