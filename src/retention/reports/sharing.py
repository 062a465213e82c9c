"""What leaves the house besides the pages: a text for a mail, a workbook, a notification."""

from __future__ import annotations

import csv
import io
import os
import re
import shlex
import smtplib
import subprocess
from collections.abc import Mapping, Sequence
from email.message import EmailMessage
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retention.errors import ParameterError, TemporaryError
from retention.estimates import Estimate
from retention.reports.collection import Collected
from retention.reports.wording import Words

if TYPE_CHECKING:
    from retention.reports.comparing import KeyFigure
    from retention.reports.running import Outcome

__all__ = ["notify", "send_mail", "summary_text", "write_workbook"]

SUMMARY = "summary.txt"
WORKBOOK = "tables.xlsx"
_SHEET_NAME = 31  # letters, the most that Excel takes


def summary_text(
    title: str, page: Mapping[str, Any], figures: Sequence[KeyFigure], words: Words
) -> str:
    """Return management's page as plain text, for the body of a mail."""
    lines = [title, "=" * len(title), "", page["lead"] or words("headline_none"), ""]
    for figure in figures:
        interval = f" ({figure.interval})" if figure.interval else ""
        lines.append(f"* {figure.name}: {figure.value} {figure.unit}{interval}".rstrip())
        lines += [f"  {change.arrow} {change.text}" for change in figure.changes]
    if page["targets"]:
        lines += ["", words("targets"), *(f"* {target.text}" for target in page["targets"])]
    lines += ["", words("questions")]
    for entry in page["questions"]:
        lines += [f"* {entry['title']}", *(f"  {headline}" for headline in entry["headlines"])]
        lines += [f"  {words('caution')}: {caution}" for caution in entry["cautions"]]
    if page["unanswered"]:
        lines += ["", words("unanswered")]
        lines += [f"* {entry['title']}: {entry['reason']}" for entry in page["unanswered"]]
    return "\n".join(lines) + "\n"


# workbook -----------------------------------------------------------------------------------------


def write_workbook(path: Path, collected: Sequence[Collected]) -> bool:
    """Write the numbers of record and every table into one Excel file, a sheet each.

    Returns
    -------
    bool
        False where the extra ``excel`` is not installed, and then nothing is written.
    """
    if find_spec("xlsxwriter") is None:
        return False
    from datetime import datetime

    from xlsxwriter import Workbook

    # text stays text: nothing that came from data may become a formula or a link
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with Workbook(str(path), options) as book:
        book.set_properties({"created": datetime(1980, 1, 1)})  # the same bytes every time
        bold = book.add_format({"bold": True})
        names: set[str] = set()
        _write_sheet(book, _sheet_name("numbers", names), _numbers(collected), bold)
        for part in collected:
            for table in part.tables:
                rows = list(csv.reader(io.StringIO(table.csv)))
                name = _sheet_name(Path(table.path).stem, names)
                _write_sheet(book, name, [rows[0], *map(_typed, rows[1:])] if rows else [], bold)
    return True


def _numbers(collected: Sequence[Collected]) -> list[list[Any]]:
    head = ["question", "answer", "number", "value", "low", "high", "level", "unit", "n", "events",
            "grade", "method", "why not shown"]  # fmt: skip
    keys = ("value", "low", "high", "level", "unit", "n", "events", "grade", "method", "why")
    return [
        head,
        *(
            [part.article.title, answer.name, name, *(record[key] for key in keys)]
            for part in collected
            for answer in part.answers
            for name, record in answer.estimates.items()
        ),
    ]


def _typed(row: list[str]) -> list[Any]:
    """Return a row of a CSV file with its plain numbers as numbers; ``007`` stays text."""
    number = re.compile(r"-?(0|[1-9]\d{0,14})(\.\d+)?(e[+-]?\d+)?", re.IGNORECASE)
    return [float(cell) if number.fullmatch(cell) else cell for cell in row]


def _sheet_name(name: str, taken: set[str]) -> str:
    """Return a name that Excel takes and no other sheet has."""
    short = name[:_SHEET_NAME]
    number = 2
    while short.lower() in taken:
        ending = f"_{number}"
        short = name[: _SHEET_NAME - len(ending)] + ending
        number += 1
    taken.add(short.lower())
    return short


def _write_sheet(book: Any, name: str, rows: list[list[Any]], bold: Any) -> None:
    sheet = book.add_worksheet(name)
    for place, row in enumerate(rows):
        sheet.write_row(place, 0, row, bold if place == 0 else None)
    if rows:
        sheet.freeze_panes(1, 0)
        sheet.autofit()


# notification -------------------------------------------------------------------------------------


def _subject(outcome: Outcome, company: str) -> str:
    return f"{company}, {outcome.period}: {outcome.status}"


def _body(outcome: Outcome) -> str:
    if outcome.exit_code or outcome.page is None:
        return f"{outcome.reason}\n\n{outcome.page or ''}\n"
    summary = outcome.page.parent / SUMMARY
    text = summary.read_text(encoding="utf-8") if summary.exists() else ""
    return f"{text}\n{outcome.page}\n"


def notify(command: str, outcome: Outcome, company: str) -> None:
    """Run a command of the user's own after a report; the summary is on its standard input.

    No shell is involved. The variables RETENTION_PERIOD, RETENTION_STATUS, RETENTION_EXIT_CODE and
    RETENTION_PAGE say what happened.

    Raises
    ------
    TemporaryError
        If it cannot be run, fails, or takes longer than a minute.
    """
    told = {
        "RETENTION_PERIOD": outcome.period.label,
        "RETENTION_STATUS": outcome.status,
        "RETENTION_EXIT_CODE": str(outcome.exit_code),
        "RETENTION_PAGE": str(outcome.page or ""),
        "RETENTION_SUBJECT": _subject(outcome, company),
    }
    try:
        words = shlex.split(command)
        subprocess.run(  # noqa: S603 - the user's own command, without a shell
            words, input=_body(outcome), text=True, env=os.environ | told, timeout=60, check=True
        )
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise TemporaryError(f"the notification {command!r} failed: {error}") from error


def send_mail(to: str, outcome: Outcome, company: str) -> None:
    """Send the summary by mail, with management's page attached.

    The server is named by the environment: RETENTION_SMTP as ``host:port``, and where it wants
    them RETENTION_SMTP_USER and RETENTION_SMTP_PASSWORD; the sender by RETENTION_SMTP_FROM. With a
    user the connection is encrypted before the password is sent.

    Raises
    ------
    ParameterError
        If the environment names no server, or an address has a line break in it.
    TemporaryError
        If the server does not take the mail.
    """
    server = os.environ.get("RETENTION_SMTP", "")
    host, _, port = server.partition(":")
    if not host or not (port or "25").isdigit():
        raise ParameterError("RETENTION_SMTP names no mail server; set it to host:port")
    message = EmailMessage()
    try:
        message["Subject"] = _subject(outcome, company)
        message["From"] = os.environ.get("RETENTION_SMTP_FROM", "retention@localhost")
        message["To"] = to
    except ValueError as error:
        raise ParameterError(f"no mail can be sent to {to!r}: {error}") from error
    message.set_content(_body(outcome))
    if outcome.page is not None and outcome.page.exists():
        content = outcome.page.read_text(encoding="utf-8")
        name = f"{outcome.period}-{outcome.page.name}"
        message.add_attachment(content, subtype="html", filename=name)
    try:
        with smtplib.SMTP(host, int(port or "25"), timeout=60) as connection:
            if user := os.environ.get("RETENTION_SMTP_USER"):
                connection.starttls()
                connection.login(user, os.environ.get("RETENTION_SMTP_PASSWORD", ""))
            connection.send_message(message)
    except (OSError, smtplib.SMTPException) as error:
        raise TemporaryError(f"the mail server {server} did not take the mail: {error}") from error


def estimates_of(collected: Sequence[Collected]) -> dict[str, Estimate]:
    """Return every number of record by its key."""
    return {
        f"{part.article.name}/{answer.name}/{name}": Estimate(**record)
        for part in collected
        for answer in part.answers
        for name, record in answer.estimates.items()
    }
