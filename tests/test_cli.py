"""The command line: quick to answer, and honest in its exit codes."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from retention.cli import main

ROOT = Path(__file__).parents[1]


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, list(arguments))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def test_help_is_quick_and_imports_no_pandas():
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    code = "import sys; from retention.cli import main; main(['--help'], standalone_mode=False); "
    code += "print(sorted({'pandas', 'numpy', 'matplotlib', 'papermill'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.stdout.splitlines()[-1] == "[]"
    for command in ("check", "doctor", "init", "report", "schedule"):
        assert f"\n  {command}" in done.stdout
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.3


def test_a_new_project_is_laid_out(tmp_path):
    folder = tmp_path / "my shop 店"
    code, output = run("init", str(folder), "--name", 'The "Shop"')
    assert code == 0, output
    assert {p.name for p in folder.iterdir()} == {"data", "notebooks", "reports", "retention.toml"}
    packaged = {p.name for p in (ROOT / "notebooks").glob("*.ipynb")}
    assert {p.name for p in (folder / "notebooks").glob("*.ipynb")} == packaged
    from retention.project import Project

    assert Project.load(folder).name == 'The "Shop"'
    code, output = run("init", str(folder))
    assert code == 2
    assert "already" in output


def test_an_example_is_laid_out(tmp_path):
    code, output = run("init", str(tmp_path), "--example", "demo", "--customers", "60")
    assert code == 0, output
    assert (tmp_path / "notebooks/retention_curve.ipynb").exists()
    assert (tmp_path / "data/demo.json").exists()
    code, output = run("init", str(tmp_path), "--example", "nothing")
    assert code == 2
    assert run("init", str(tmp_path), "--data-only")[0] == 2


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["report", "-C", "{dir}"], 2, "no retention.toml"),
        (["report", "--period", "2026-10", "--due"], 2, "--period, or --from"),
        (["report", "--jobs", "0"], 2, "0 is not in the range"),
        (["schedule", "clockwork"], 2, "is not one of"),
        (["check", "-C", "{dir}"], 2, "no retention.toml"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(tmp_path, arguments, code, text):
    got, output = run(*(a.format(dir=tmp_path) for a in arguments))
    assert (got, text in output) == (code, True), output
    assert "Traceback" not in output


def test_periods_are_run_in_order_and_the_worst_is_told(tmp_path, monkeypatch):
    from retention.errors import DataError
    from retention.reports import Outcome

    run("init", str(tmp_path / "p"))
    toml = tmp_path / "p/retention.toml"
    text = toml.read_text()
    toml.write_text(
        text[: text.index("observed_from")] + "observed_from = 2024-01-01\n"
        "data_cutoff = 2026-11-15\n[tables.customers]\npath = 'data/c.csv'\n"
    )
    seen = []

    def report(project, period, order, told, kernels):
        seen.append(period.label)
        if period.label == "2026-09":
            raise DataError("no data")
        return Outcome(period=period, status="published", page=tmp_path / period.label)

    monkeypatch.setattr("retention.reports.batch.run_report", report)
    code, output = run("report", "-C", str(tmp_path / "p"), "--from", "2026-08")
    assert (code, seen) == (3, ["2026-08", "2026-09", "2026-10"])
    assert "2026-09: not published: no data" in output
    assert "2026-10: published\n" in output
    assert output.endswith("2026-10\n")  # the path of the page, alone on its line
    code, _ = run("report", "-C", str(tmp_path / "p"), "--from", "2026-09", "--to", "2026-08")
    assert code == 2
    one = ["report", "-C", str(tmp_path / "p"), "--period"]
    code, output = run(*one, "2026-10", "--json")
    record = json.loads(output.splitlines()[-1])
    assert (record["period"], record["status"], record["exit_code"]) == ("2026-10", "published", 0)
    assert run(*one, "2026-10", "-q")[1] == f"{tmp_path / '2026-10'}\n"
    assert "not published: no data" in run(*one, "2026-09", "-q")[1]
    assert run(*one, "2026-10", "-q", "-v")[0] == 2


def test_the_machine_is_examined(tmp_path):
    code, output = run("doctor", "-C", str(tmp_path))
    assert code == 0, output
    for what in ("python", "versions", "kernel", "fonts", "temporary folder"):
        assert f"ok   {what}: " in output


def test_the_index_of_nothing(tmp_path):
    run("init", str(tmp_path / "p"))
    code, output = run("index", "-C", str(tmp_path / "p"))
    assert code == 0
    assert "No report has been published yet" in Path(output.strip()).read_text(encoding="utf-8")


def test_check_reports_as_json(tmp_path):
    run("init", str(tmp_path / "p"))
    (tmp_path / "p/data/customers.csv").write_text("customer_id,acquired_on\nc1,2025-01-31\n")
    (tmp_path / "p/data/contracts.csv").write_text("customer_id,started_on\nc1,2025-01-31\n")
    code, output = run("check", "-C", str(tmp_path / "p"), "--json")
    assert code == 0, output
    assert json.loads(output)
