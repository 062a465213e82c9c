"""The customer register at 50,000 customers in headless Chromium: paint, search, filter, sort.

Limits: first paint under 2 s and a filter under 100 ms. The page is one file, opened from the disk
with the network off, as a reader opens it. Times are those the browser itself measures; the middle
of several.
"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import replace
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from statistics import median

import pandas as pd

from retention.analyses import CustomerRegister, customer_register
from retention.datasets import simulate_company
from retention.engine import Tables
from retention.reports.register import render_register

ROOT = Path(__file__).parents[1]
CUSTOMERS = 50_000
BLOCK = 2_500
PAINT_LIMIT = 2_000.0
FILTER_LIMIT = 100.0

# sets an input as a reader would, waits for what it does, and returns the milliseconds it took
TIMED = """
(() => { const start = performance.now(); %s; document.body.offsetHeight;
return performance.now() - start; })()
"""
SEARCH = (
    "const s = document.getElementById('search'); s.value = %r; s.dispatchEvent(new Event('input'))"
)
QUESTION = (
    "const q = document.getElementById('question'); q.value = %r;"
    "q.dispatchEvent(new Event('change'))"
)
SORT = (
    "const o = document.getElementById('sort'); o.value = %s; o.dispatchEvent(new Event('change'))"
)
LOADED = "performance.timing.loadEventEnd - performance.timing.navigationStart"
ENTER = (
    "document.getElementById('grid').dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter'}))"
)
STEPS = {
    "search a name": [SEARCH % text for text in ("adler", "1234", "zz", "key")],
    "search nothing (all again)": [SEARCH % ""],
    "ready question": [QUESTION % name for name in ("silent", "due_for_contact", "unprofitable")],
    "all customers": [QUESTION % ""],
    "sort by a number": [SORT % 30, SORT % 12],
    "sort by a name": [SORT % 1],
}


def chromium():
    """Return the browser driver of the tests."""
    spec = spec_from_file_location("chromium", ROOT / "tests/reports/browser.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def large_register() -> CustomerRegister:
    """Return a register of 50,000 customers: a simulated company, twenty times side by side."""
    made = simulate_company(BLOCK, seed=1, history=False)
    register = customer_register(
        Tables.from_frames(made.tables, window=made.window), margin_share=0.45
    )
    blocks = range(CUSTOMERS // BLOCK)

    def side_by_side(frame: pd.DataFrame) -> pd.DataFrame:
        return pd.concat([frame.set_axis(frame.index + f"-{b:02d}") for b in blocks])

    events = [
        register.events.assign(customer_id=register.events["customer_id"] + f"-{b:02d}")
        for b in blocks
    ]
    customers = side_by_side(register.customers).rename_axis("customer_id")
    customers["name"] = customers["name"] + " " + customers.index.str[-2:]
    return replace(
        register,
        customers=customers,
        months=side_by_side(register.months),
        events=pd.concat(events, ignore_index=True),
    )


def main() -> int:
    """Print milliseconds and their limits; return how many limits were broken."""
    driver = chromium()
    if driver.CHROMIUM is None:
        print("no Chromium on this machine (Debian: apt-get install chromium)")
        return 1
    register = large_register()
    start = time.perf_counter()
    text = render_register(register, title="50,000 customers")
    print(
        f"page of {len(register.customers):,} customers, {len(register.fields)} columns: "
        f"{len(text.encode()) / 1e6:.1f} MB, written in {time.perf_counter() - start:.1f} s"
    )
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        page = Path(folder) / "customers.html"
        page.write_text(text, encoding="utf-8")
        browser = driver.Browser(Path(folder) / "profile")
        try:
            return measured(browser, page)
        finally:
            browser.close()


def measured(browser, page: Path) -> int:
    """Open the page three times, then search, filter and sort in it."""
    paints, ready = [], []
    for _ in range(3):
        browser.open(page, 1280)
        while browser.evaluate("document.documentElement.dataset.ready") != "yes":
            time.sleep(0.05)
        time.sleep(0.3)
        paints.append(
            browser.evaluate(
                "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? -1"
            )
        )
        ready.append(
            browser.evaluate("performance.timing.loadEventEnd - performance.timing.navigationStart")
        )
    rows = [("first paint", paints, PAINT_LIMIT), ("loaded and ready", ready, PAINT_LIMIT)]
    for name, expressions in STEPS.items():
        times = [browser.evaluate(TIMED % e) for e in expressions for _ in range(3)]
        limit = FILTER_LIMIT if name.startswith(("search", "ready")) else None
        rows.append((name, times, limit))
    browser.evaluate(QUESTION % "")
    rows.append(("open a first sheet", [browser.evaluate(TIMED % ENTER)], None))
    assert not browser.requests(), browser.requests()
    assert not browser.complaints(), browser.complaints()
    broken = 0
    print(f"{'step':30s} {'median ms':>10s} {'worst ms':>10s} {'limit ms':>10s}")
    for name, times, limit in rows:
        over = limit is not None and median(times) > limit
        broken += over
        mark = "  OVER" if over else ""
        text = f"{limit:10.0f}" if limit else " " * 10
        print(f"{name:30s} {median(times):10.1f} {max(times):10.1f} {text}{mark}")
    return broken


if __name__ == "__main__":
    sys.exit(main())
