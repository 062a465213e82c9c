"""The register as a reader uses it: sorted, asked, searched by keyboard, on desk and telephone."""

from __future__ import annotations

import json
import re
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from retention.analyses import ask, customer_register
from retention.datasets import simulate_company
from retention.engine import Tables
from retention.reports.register import render_register

_spec = spec_from_file_location("chromium", Path(__file__).with_name("browser.py"))
chromium = module_from_spec(_spec)
_spec.loader.exec_module(chromium)

pytestmark = pytest.mark.browser

HOSTILE = (
    "<script>window.hurt=1</script>",
    "<img src=x onerror=window.hurt=1>",
    "</script><script>window.hurt=1</script>",
    "=cmd|' /C calc'!A0",
    "\u202egnp.exe",
    "Łódź 株式会社 🏭 شركة",
    "x" * 300,
)
STATUS = "document.getElementById('status').textContent"
ROWS = "[...document.querySelectorAll('.row')].map(r => r.textContent)"


@pytest.fixture(scope="module")
def register():
    made = simulate_company(400, seed=3, history=False)
    names = made.tables["customers"]["name"].tolist()
    names[: len(HOSTILE)] = HOSTILE
    made.tables["customers"]["name"] = names
    return customer_register(Tables.from_frames(made.tables, window=made.window))


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    if chromium.CHROMIUM is None:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
    opened = chromium.Browser(tmp_path_factory.mktemp("profile"))
    yield opened
    opened.close()


@pytest.fixture
def page(register, browser, tmp_path):
    path = tmp_path / "customers.html"
    path.write_text(render_register(register, title="Customers"), encoding="utf-8")
    browser.open(path, 1280)
    assert browser.evaluate("document.documentElement.dataset.ready") == "yes"
    yield browser
    assert not browser.requests()
    assert not browser.complaints()
    assert browser.evaluate("window.hurt") is None


def press(browser, key):
    browser.evaluate(
        "document.getElementById('grid').dispatchEvent("
        f"new KeyboardEvent('keydown', {{key: {json.dumps(key)}, bubbles: true}}))"
    )


def change(browser, element, value, event="input"):
    browser.evaluate(
        f"(() => {{ const e = document.getElementById('{element}'); e.value = {json.dumps(value)};"
        f" e.dispatchEvent(new Event('{event}')); }})()"
    )


def test_every_question_finds_the_customers_the_package_finds(page, register):
    for question in register.questions:
        change(page, "question", question.name, "change")
        expected = ask(register.customers, question.name)
        assert page.evaluate(STATUS).startswith(f"{len(expected):,} of 400 customers")
        if len(expected):
            best = expected[question.sort].iloc[0]
            ties = expected.index[expected[question.sort] == best]
            assert any(customer in page.evaluate(ROWS)[0] for customer in ties)


def test_search_filter_and_sort(page, register):
    change(page, "search", "株式会社")
    assert page.evaluate(STATUS).startswith("1 of 400")
    change(page, "search", "")
    page.evaluate("document.getElementById('add-filter').click()")
    page.evaluate(
        "(() => { const s = document.querySelector('#filter-list li select:nth-of-type(3)');"
        " s.value = 'business'; s.dispatchEvent(new Event('input')); })()"
    )
    count = (register.customers["segment"] == "business").sum()
    assert page.evaluate(STATUS).startswith(f"{count} of 400")
    page.evaluate("document.getElementById('clear').click()")
    assert page.evaluate(STATUS).startswith("400 of 400")


def test_keyboard_moves_opens_and_closes(page, register):
    best = register.customers["value"].sort_values(ascending=False, kind="stable").index
    press(page, "ArrowDown")
    press(page, "Enter")
    assert page.evaluate("document.getElementById('sheet').open")
    assert best[1] in page.evaluate("document.getElementById('sheet').textContent")
    page.evaluate("document.getElementById('sheet-close').click()")
    assert not page.evaluate("document.getElementById('sheet').open")
    press(page, "End")
    shown = page.evaluate(
        "document.querySelector('[aria-selected=true]').getAttribute('aria-rowindex')"
    )
    assert int(shown) == 401


def test_hostile_names_are_only_text(page, register):
    for name in HOSTILE:
        customer = register.customers.index[register.customers["name"] == name][0]
        page.evaluate(f"location.hash = 'customer={customer}'")
        page.evaluate("dispatchEvent(new HashChangeEvent('hashchange'))")
        title = page.evaluate("document.getElementById('sheet-title').textContent")
        assert title.replace("⟨202E⟩", "\u202e") == name
        page.evaluate("document.getElementById('sheet').close()")
    assert page.evaluate("document.querySelectorAll('#body img, #body script').length") == 0


def test_export_holds_what_is_shown_and_no_formula(page):
    page.evaluate(
        "window.kept = null;"
        "URL.createObjectURL = blob => { blob.text().then(t => window.kept = t); return '#'; };"
        "HTMLAnchorElement.prototype.click = () => {}"
    )
    change(page, "search", "cmd|")
    page.evaluate("document.getElementById('export').click()")
    text = page.call(
        "Runtime.evaluate", awaitPromise=True, returnByValue=True,
        expression="new Promise(done => setTimeout(() => done(window.kept), 200))",
    )["result"]["value"]  # fmt: skip
    lines = text.strip().split("\r\n")
    assert len(lines) == 2
    assert "'=cmd|" in lines[1]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390, 360])
def test_no_page_scrolls_sideways(register, browser, tmp_path, width, dark):
    path = tmp_path / "customers.html"
    path.write_text(render_register(register, title="Customers"), encoding="utf-8")
    browser.open(path, width, dark=dark)
    paper = browser.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (max(map(int, re.findall(r"\d+", paper))) < 60) is dark
    assert browser.overflow() <= 0
    press(browser, "Enter")
    assert browser.evaluate("document.getElementById('sheet').open")
    assert browser.overflow() <= 0
    assert not browser.complaints()
