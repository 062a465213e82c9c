"""What leaves the house besides the pages, and what is told of two reports."""

from __future__ import annotations

import json
import socket
import sys
import threading
from email import message_from_bytes, policy
from html.parser import HTMLParser
from pathlib import Path

import pytest

from retention.errors import ParameterError, ProjectError, TemporaryError
from retention.estimates import Estimate
from retention.project import Project
from retention.reports import Order, Outcome, differences, notify, render_again, send_mail
from retention.reports.sharing import write_workbook
from retention.reports.targets import compare_targets
from retention.reports.wording import languages, words_in
from retention.window import Period

OCTOBER = Period.parse("2026-10")


@pytest.fixture
def outcome(tmp_path) -> Outcome:
    (tmp_path / "summary.txt").write_text("Toy\n===\n80 % stayed.\n", encoding="utf-8")
    (tmp_path / "index.html").write_text("<p>留</p>", encoding="utf-8")
    return Outcome(period=OCTOBER, status="published", page=tmp_path / "index.html")


# notification


def test_a_command_hears_the_summary(outcome, tmp_path):
    code = "import os, sys, json; json.dump([sys.stdin.read(), os.environ['RETENTION_SUBJECT'], "
    code += "os.environ['RETENTION_EXIT_CODE'], sys.argv[1]], open('heard.json', 'w'))"
    script = tmp_path / "a script.py"
    script.write_text(f"import os; os.chdir({str(tmp_path)!r})\n{code}")
    notify(f"'{sys.executable}' '{script}' '; rm -rf $HOME'", outcome, "Toy & Sons")
    body, subject, exit_code, argument = json.loads((tmp_path / "heard.json").read_text())
    assert body.startswith("Toy\n===")
    assert (subject, exit_code) == ("Toy & Sons, 2026-10: published", "0")
    assert argument == "; rm -rf $HOME"  # no shell


@pytest.mark.parametrize("command", ["/nowhere/at/all", f"'{sys.executable}' -c 'exit(3)'", "'a"])
def test_a_command_that_fails_is_told(outcome, command):
    with pytest.raises(TemporaryError, match="notification"):
        notify(command, outcome, "Toy")


class MailServer(threading.Thread):
    """A server that takes one mail."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.mail = b""
        self.to: list[str] = []
        self.start()

    def run(self) -> None:
        connection, _ = self.listener.accept()
        with connection, connection.makefile("rb") as lines:
            connection.sendall(b"220 ready\r\n")
            for line in lines:
                verb = line.split()[0].upper() if line.split() else b""
                if verb == b"RCPT":
                    self.to.append(line.decode().strip())
                if verb == b"DATA":
                    connection.sendall(b"354 go on\r\n")
                    for part in lines:
                        if part == b".\r\n":
                            break
                        self.mail += part
                connection.sendall(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")
                if verb == b"QUIT":
                    return


def test_a_mail_has_the_summary_and_the_page(outcome, monkeypatch):
    server = MailServer()
    monkeypatch.setenv("RETENTION_SMTP", server.address)
    send_mail("boss@example.com", outcome, "Töy")
    server.join(10)
    server.listener.close()
    mail = message_from_bytes(server.mail, policy=policy.default)
    assert mail["Subject"] == "Töy, 2026-10: published"
    assert "boss@example.com" in server.to[0]
    assert mail.get_body(("plain",)).get_content().splitlines()[0] == "Toy"
    (attached,) = mail.iter_attachments()
    assert attached.get_filename() == "2026-10-index.html"
    assert "留" in attached.get_content()


def test_a_mail_that_cannot_be_sent(outcome, monkeypatch):
    monkeypatch.delenv("RETENTION_SMTP", raising=False)
    with pytest.raises(ParameterError, match="RETENTION_SMTP"):
        send_mail("boss@example.com", outcome, "Toy")
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = f"127.0.0.1:{closed.getsockname()[1]}"
    monkeypatch.setenv("RETENTION_SMTP", address)
    with pytest.raises(TemporaryError, match="did not take the mail"):
        send_mail("boss@example.com", outcome, "Toy")
    with pytest.raises(ParameterError, match="no mail can be sent"):
        send_mail("a@example.com\nBcc: b@example.com", outcome, "Toy")


# targets

EN = words_in("en")


def share(value, low, high):
    return Estimate(value=value, low=low, high=high, unit="share", n=100, method="m", grade="D")


@pytest.mark.parametrize(
    ("estimate", "better", "said", "tone"),
    [
        (share(0.8, 0.75, 0.85), "higher", "met beyond noise", "good"),
        (share(0.6, 0.55, 0.65), "higher", "missed beyond noise", "bad"),
        (share(0.7, 0.65, 0.75), "higher", "cannot be told from the target", "soft"),
        (share(0.8, 0.75, 0.85), "lower", "missed beyond noise", "bad"),
        (share(0.6, 0.55, 0.65), "lower", "met beyond noise", "good"),
        (
            Estimate.withheld("too few", unit="share", n=3, method="m"),
            "higher",
            "not shown: too few",
            "soft",
        ),
    ],
)
def test_a_target_is_met_or_missed_beyond_noise(estimate, better, said, tone):
    found = {"curve/curve/stayed": estimate}
    for name in ("stayed", "curve.stayed"):
        (line,) = compare_targets({name: 0.7}, found, {"curve/curve/stayed": better}, EN)
        assert said in line.text
        assert "70.0 %" in line.text
        assert line.tone == tone


def test_a_target_without_its_number_is_an_error():
    with pytest.raises(ProjectError, match="no number of the report has this name; there are a"):
        compare_targets({"b": 1.0}, {"q/a/a": share(0.5, 0.4, 0.6)}, {}, EN)
    assert compare_targets({"b": 1.0}, {}, {}, EN, partly=True) == []


# reports that are there


def test_a_report_is_shared_compared_and_rendered_again(project_dir, canned):
    from retention.reports import run_report

    toml = project_dir / "retention.toml"
    toml.write_text(toml.read_text() + "[targets]\nstayed = 0.9\n")
    project = Project.load(project_dir)
    run_report(project, OCTOBER.previous(), Order())
    path = project_dir / "notebooks/stayed.ipynb"
    path.write_text(path.read_text().replace("Toy(0.8)", "Toy(0.7)"))
    outcome = run_report(project, OCTOBER, Order())
    assert outcome.reason == ""
    page = outcome.page
    folder = page.parent

    text = (folder / "summary.txt").read_text(encoding="utf-8")
    assert "* Stayed: 70.0 % (65.0 to 75.0)" in text
    assert "▼ −10.0 points against September 2026 (beyond noise, worse)" in text
    assert "✗ Stayed: 70.0 %, target 90.0 %: missed beyond noise" in text
    assert "Caution: A toy." in text
    assert "* Reasons: needs exits" in text
    assert text.splitlines()[-1].endswith("exits")

    lines = list(differences(project, OCTOBER.previous(), OCTOBER))
    assert lines[0] == "2026-09 -> 2026-10"
    assert "  notebooks: stayed" in lines
    assert not any("parameters" in line for line in lines)
    moved = "▼ −10.0 points against September 2026 (beyond noise)"
    assert f"stayed/toy/stayed: 70.0 %: {moved}" in lines
    with pytest.raises(ProjectError, match="has no published report"):
        list(differences(project, OCTOBER, Period.parse("2026-08")))

    before = page.read_bytes()
    assert render_again(project, OCTOBER).status == "unchanged"
    assert page.read_bytes() == before
    assert render_again(project, OCTOBER, Order(lang="zh")).status == "published"
    assert 'lang="zh-CN"' in page.read_text(encoding="utf-8")
    assert json.loads((folder / "manifest.json").read_text())["changed"].keys() == {"language"}
    (folder / "summary.txt").write_text("forged")
    with pytest.raises(ProjectError, match="as they were published"):
        render_again(project, OCTOBER)


def test_the_workbook_holds_numbers_and_tables_and_no_formula(project_dir, canned, tmp_path):
    calamine = pytest.importorskip("python_calamine", reason="needs the extra excel")
    from retention.reports import run_report

    page = run_report(Project.load(project_dir), OCTOBER, Order()).page
    book = calamine.CalamineWorkbook.from_path(str(page.parent / "tables.xlsx"))
    assert book.sheet_names == ["numbers", "stayed_counts"]
    rows = book.get_sheet_by_name("numbers").to_python()
    assert rows[0][:4] == ["question", "answer", "number", "value"]
    assert rows[1][:4] == ["Stayed", "toy", "stayed", 0.8]
    assert book.get_sheet_by_name("stayed_counts").to_python()[1] == ["<b>a</b>", 100.0]


def test_cells_that_look_like_formulas_stay_text(tmp_path):
    calamine = pytest.importorskip("python_calamine", reason="needs the extra excel")
    from retention.reports.articles import Article
    from retention.reports.collection import Collected, TableRecord

    article = Article(name="a", path=Path("a.ipynb"), title="a", question="b?")
    csv = 'x,y\n=1+1,007\n"=HYPERLINK(""http://a"")",1.5\n+1,-2\n'
    tables = tuple(
        TableRecord(article="a", path=f"tables/{'long_' * 10}{k}.csv", caption="", csv=csv)
        for k in range(2)
    )
    part = Collected(article=article, notebook=None, answers=(), tables=tables, pictures=0)
    assert write_workbook(tmp_path / "a.xlsx", [part])
    assert write_workbook(tmp_path / "b.xlsx", [part])
    assert (tmp_path / "a.xlsx").read_bytes() == (tmp_path / "b.xlsx").read_bytes()
    book = calamine.CalamineWorkbook.from_path(str(tmp_path / "a.xlsx"))
    assert len(set(book.sheet_names)) == 3
    rows = book.get_sheet_by_name(book.sheet_names[1]).to_python()
    assert rows == [["x", "y"], ["=1+1", "007"], ['=HYPERLINK("http://a")', 1.5], ["+1", -2.0]]


# languages


def test_every_language_has_every_text_with_the_same_names():
    import string

    def names(text):
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    assert languages() == ("en", "zh")
    english, chinese = words_in("en").texts, words_in("zh").texts
    assert english.keys() == chinese.keys()
    for key, text in english.items():
        assert names(text) == names(chinese[key]), key


def test_a_chinese_page_has_no_english_of_ours(project_dir, canned):
    """What is left in Latin letters came from the notebook, the project, or is a name."""
    from retention.reports import run_report

    page = run_report(Project.load(project_dir), OCTOBER, Order(lang="zh")).page

    class Texts(HTMLParser):
        def __init__(self):
            super().__init__()
            self.skip = 0
            self.found = []

        def handle_starttag(self, tag, attrs):
            self.skip += tag == "style"

        def handle_endtag(self, tag):
            self.skip -= tag == "style"

        def handle_data(self, data):
            if not self.skip and data.strip():
                self.found.append(data.strip())

    parser = Texts()
    parser.feed(page.read_text(encoding="utf-8"))
    own = {"Toy & Sons", "Stayed", "Reasons", "What of Stayed?", "80% of the customers stayed."}
    own |= {
        "A toy.",
        "Counts",
        "count",
        "%",
        "Toy & Sons · 2026年10月",
        "2026年10月报告 · Toy & Sons",
    }
    left = [
        text
        for text in parser.found
        if text not in own
        and any(word.isascii() and word.isalpha() and len(word) > 1 for word in text.split())
        and not any("\u4e00" <= letter <= "\u9fff" for letter in text)
    ]
    assert left == []
