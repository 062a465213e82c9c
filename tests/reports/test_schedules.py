"""Recipes are checked by the schedulers' own tools where those are here."""

from __future__ import annotations

import ast
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from datetime import date
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
import yaml

from retention.errors import ParameterError
from retention.reports import schedule_recipe
from retention.window import Period

FOLDER = Path("/data/my shop 100% 店")
PYTHON = "/opt/my venv/bin/python"


def test_a_cron_line_runs_the_command():
    recipe = schedule_recipe("cron", FOLDER, PYTHON)
    (line,) = [line for line in recipe.splitlines() if not line.startswith("#")]
    fields = line.split(maxsplit=5)
    assert fields[:5] == ["15", "4", "*", "*", "*"]
    assert not re.search(r"(?<!\\)%", fields[5])  # cron would end the command there
    words = shlex.split(fields[5].replace(r"\%", "%"))
    assert words == [PYTHON, "-m", "retention", "report", "--project", str(FOLDER), "--due"]


def test_cron_itself_takes_the_line():
    if shutil.which("crontab") is None:
        pytest.skip("no crontab here (Debian: apt-get install cron)")
    recipe = schedule_recipe("cron", FOLDER, PYTHON)
    checked = subprocess.run(
        ["crontab", "-T", "-"], input=recipe, capture_output=True, text=True, check=False
    )
    if "invalid option" in checked.stderr:
        pytest.skip("this crontab cannot check a file")
    assert checked.returncode == 0, checked.stderr


def systemd_units() -> dict[str, str]:
    recipe = schedule_recipe("systemd", FOLDER, PYTHON)
    parts = re.split(r"^# ~/.config/systemd/user/(\S+?)(?:[:;].*)?$", recipe, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_systemd_units_are_whole():
    units = systemd_units()
    assert set(units) == {"retention.service", "retention-failed.service", "retention.timer"}
    assert "Persistent=true" in units["retention.timer"]
    assert 'ExecStart="/opt/my venv/bin/python" -m retention report' in units["retention.service"]
    assert '--project "/data/my shop 100%% 店" --due' in units["retention.service"]


def test_systemd_itself_takes_the_units(tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze here (Debian: apt-get install systemd)")
    here = shutil.which("python3")
    recipe = schedule_recipe("systemd", tmp_path, here)
    parts = re.split(r"^# ~/.config/systemd/user/(\S+?)(?:[:;].*)?$", recipe, flags=re.MULTILINE)
    for name, text in zip(parts[1::2], parts[2::2], strict=True):
        (tmp_path / name).write_text(text)
    files = [str(tmp_path / name) for name in parts[1::2]]
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *files],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    ours = [line for line in checked.stderr.splitlines() if "retention" in line]
    assert not ours, checked.stderr


def test_airflow_and_github_are_well_formed():
    tree = ast.parse(schedule_recipe("airflow", FOLDER, PYTHON))
    (command,) = [
        keyword.value.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg == "bash_command"
    ]
    assert shlex.split(command)[-2:] == [str(FOLDER), "--due"]
    jobs = yaml.safe_load(schedule_recipe("github", FOLDER, PYTHON))["jobs"]
    steps = jobs["report"]["steps"]
    assert any("retention report --due" in step.get("run", "") for step in steps)
    assert "StartWhenAvailable" in schedule_recipe("windows", FOLDER, PYTHON)


def test_what_cannot_be_written_is_refused():
    with pytest.raises(ParameterError, match="quotation"):
        schedule_recipe("cron", Path('/a"b'), PYTHON)
    with pytest.raises(ParameterError, match="no recipe"):
        schedule_recipe("launchd", FOLDER, PYTHON)


DAEMON = Path("/usr/sbin/cron")


@pytest.mark.slow  # a daemon of the system, and up to a minute until it looks at its table
def test_cron_itself_makes_the_report(tmp_path, write_notebook):
    """Debian's cron runs the printed line, with its own empty environment, and a page is there."""
    if not DAEMON.exists() or os.geteuid() != 0:
        pytest.skip("needs root and Debian's cron (apt-get install cron)")
    root = tmp_path / "my shop 100% 店"
    conftest = spec_from_file_location("toys", Path(__file__).with_name("conftest.py"))
    toys = module_from_spec(conftest)
    conftest.loader.exec_module(toys)
    toys.write_toy(root, write_notebook)
    recipe = schedule_recipe("cron", root, sys.executable)
    (line,) = [row for row in recipe.splitlines() if not row.startswith("#")]
    command = line.split(maxsplit=5)[5]
    # the environment of the tests' own source; an installed package needs no such line
    source = Path(__file__).parents[2] / "src"
    table = f"PYTHONPATH={source}\n* * * * * {command} >{tmp_path}/out 2>&1\n"
    before = subprocess.run(["crontab", "-l"], capture_output=True, text=True, check=False).stdout
    subprocess.run(["crontab", "-"], input=table, text=True, check=True)
    daemon = subprocess.Popen([str(DAEMON), "-f"])
    # --due means the month before today's, and the toy firm's data end in October 2026
    latest = Period.latest_closed(date.today()).label
    try:
        end = time.monotonic() + 240
        while time.monotonic() < end and not list(root.glob("reports/20*/index.html")):
            said = tmp_path / "out"
            if said.exists() and "not published" in said.read_text():
                break
            time.sleep(2)
    finally:
        daemon.terminate()
        daemon.wait(10)
        restore = ["crontab", "-"] if before else ["crontab", "-r"]
        subprocess.run(restore, input=before or None, text=True, check=True)
    said = (tmp_path / "out").read_text()
    if latest > "2026-10":  # the calendar has gone on: the command ran, and says what it lacks
        assert f"{latest}: not published" in said
    else:
        assert (root / "reports" / latest / "index.html").exists(), said
