"""Recipes that make the due reports every night, for the scheduler a company has."""

from __future__ import annotations

import shlex
from pathlib import Path

from retention.errors import ParameterError

__all__ = ["schedule_recipe"]

_CRON = """\
# crontab -e, then add. No activation and no PATH is needed; missed periods are caught up.
# Exit code 75 means try again: tomorrow's run does. Every line a run prints is mailed to MAILTO.
15 4 * * * {command}
"""

_SYSTEMD = """\
# ~/.config/systemd/user/retention.service
[Unit]
Description=Reports of {name}
OnFailure=retention-failed.service

[Service]
Type=oneshot
WorkingDirectory={folder}
ExecStart={command}
TimeoutStopSec=60
Nice=10

# ~/.config/systemd/user/retention-failed.service: what tells you; replace the command by your own
[Unit]
Description=Tell that the reports of {name} failed

[Service]
Type=oneshot
ExecStart=/usr/bin/logger -p user.err "retention: the reports of {name} failed"

# ~/.config/systemd/user/retention.timer
[Unit]
Description=Every night, and at the next start after a night that was missed

[Timer]
OnCalendar=*-*-* 04:15:00
Persistent=true
RandomizedDelaySec=600

[Install]
WantedBy=timers.target

# then: systemctl --user daemon-reload && systemctl --user enable --now retention.timer
# and, so that it runs while nobody is logged in: loginctl enable-linger
"""

_WINDOWS = """\
rem Run once in a command prompt. "StartWhenAvailable" makes up for a night the computer was off.
powershell -NoProfile -Command ^
  "$a = New-ScheduledTaskAction -Execute '{python}' ^
     -Argument '-m retention report --project \\"{folder}\\" --due'; ^
   $t = New-ScheduledTaskTrigger -Daily -At 4:15am; ^
   $s = New-ScheduledTaskSettingsSet -StartWhenAvailable -ExecutionTimeLimit 04:00:00; ^
   Register-ScheduledTask -TaskName 'retention' -Action $a -Trigger $t -Settings $s"
"""

_AIRFLOW = '''\
"""Reports of {name}: a failure of code or data is final, a lock or a full disk is tried again."""

from datetime import datetime, timedelta

from airflow import DAG
from airflow.providers.standard.operators.bash import BashOperator

with DAG(
    "retention",
    schedule="15 4 * * *",
    start_date=datetime(2026, 1, 1),
    catchup=False,  # the command catches up by itself
    max_active_runs=1,
) as dag:
    BashOperator(
        task_id="report",
        bash_command={airflow!r},
        retries=2,
        retry_delay=timedelta(minutes=15),
    )
'''

_GITHUB = """\
# .github/workflows/retention.yml; a schedule may start late or be skipped, so --due catches up.
# Use it in a private repository only: the reports are about your customers.
name: retention
on:
  schedule:
    - cron: "15 4 * * *"
  workflow_dispatch:
jobs:
  report:
    runs-on: ubuntu-latest
    timeout-minutes: 240
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with:
          python-version: "3.12"
      - run: pip install "retention-research[excel]"
      - uses: actions/cache@v4
        with:
          path: reports
          key: reports-${{ github.run_id }}
          restore-keys: reports-
      - run: python -m retention report --due
      - uses: actions/upload-artifact@v4
        if: always()
        with:
          name: reports
          path: reports
"""


def schedule_recipe(kind: str, folder: Path, python: str) -> str:
    """Return what to put where, so that `retention report --due` runs every night.

    Parameters
    ----------
    kind : str
        ``cron``, ``systemd``, ``windows``, ``airflow`` or ``github``.
    folder : Path
        The project, absolute.
    python : str
        The Python that has the package, absolute.

    Raises
    ------
    ParameterError
        If the scheduler is unknown, or the folder's name cannot be written for it.

    Examples
    --------
    >>> recipe = schedule_recipe("cron", Path("/data/my shop"), "/opt/venv/bin/python")
    >>> print(recipe.splitlines()[2])
    15 4 * * * /opt/venv/bin/python -m retention report --project '/data/my shop' --due
    """
    if any(letter in f"{folder}{python}" for letter in '"\n\r'):
        raise ParameterError("a scheduler cannot name a folder with a quotation mark in it")
    shell = shlex.join([python, "-m", "retention", "report", "--project", str(folder), "--due"])
    if kind == "cron":
        return _CRON.format(command=shell.replace("%", r"\%"))  # cron ends a command at %
    if kind == "systemd":
        return _systemd(folder, python)
    if kind == "windows":
        return _WINDOWS.format(python=python, folder=folder)
    if kind == "airflow":
        # 99 is Airflow's code for "skip"; ours never returns it. Only 75 is worth a retry, and
        # others fail again at once, within seconds.
        return _AIRFLOW.format(name=folder.name, airflow=shell)
    if kind == "github":
        return _GITHUB
    raise ParameterError(f"no recipe for {kind!r}")


def _systemd(folder: Path, python: str) -> str:
    def quoted(text: str) -> str:
        """Escape what systemd reads in a path: its specifiers, variables and backslashes."""
        return text.replace("\\", "\\\\").replace("%", "%%").replace("$", "$$")

    command = f'"{quoted(python)}" -m retention report --project "{quoted(str(folder))}" --due'
    return _SYSTEMD.format(
        name=folder.name.replace("%", "%%"),
        folder=str(folder).replace("%", "%%"),
        command=command,
    )
