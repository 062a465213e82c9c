"""What `show` puts into a notebook: for the reader, and for the runner that collects it."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import date

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from retention.errors import GateError, ParameterError
from retention.estimates import Estimate
from retention.exhibits import ANSWER_MIME, TABLE_MIME, describe, new_axes, show
from retention.exhibits.theme import PALETTE, PercentTicks, font_families

SHARE = Estimate(
    value=0.9, low=0.88, high=0.92, unit="share", n=1200, events=120, method="Wilson", grade="D"
)


@dataclass(frozen=True)
class NPSAnswer:
    def summary(self) -> pd.DataFrame:
        return pd.DataFrame()

    def headline(self) -> str:
        return "90.0 % stayed <b>*here*</b>"

    def estimates(self) -> dict[str, Estimate]:
        few = Estimate.withheld("only 3 customers", unit="EUR", n=3, method="mean")
        return {"stayed": SHARE, "worth": few}

    def cautions(self) -> tuple[str, ...]:
        return ("Survivors only.",)


@pytest.fixture
def shown(monkeypatch):
    """The MIME bundles that were displayed."""
    bundles = []

    def publish(data, metadata):
        bundles.append((data, metadata))

    monkeypatch.setattr("retention.exhibits.showing._publish", publish)
    return bundles


def test_an_answer_carries_its_numbers(shown):
    show(NPSAnswer())
    data, _ = shown[0]
    record = data[ANSWER_MIME]
    assert record["name"] == "nps_answer"
    assert record["estimates"]["stayed"] == SHARE.record()
    assert record["estimates"]["worth"]["why"] == "only 3 customers"
    assert record["cautions"] == ["Survivors only."]
    assert r"\<b\>\*here\*\</b\>" in data["text/markdown"]
    assert "| 90.0 | 88.0 to 92.0 | % | n 1,200, 120 events | D |" in data["text/markdown"]
    assert "only 3 customers" in data["text/markdown"]
    assert data["text/plain"].startswith("90.0 %")


def test_a_name_tells_two_answers_apart(shown):
    show(NPSAnswer(), name="by_segment")
    assert shown[0][0][ANSWER_MIME]["name"] == "by_segment"
    with pytest.raises(ParameterError, match="lower case"):
        show(NPSAnswer(), name="By Segment")


def test_a_figure_becomes_a_picture_with_words_and_is_closed(shown):
    ax = new_axes()
    ax.plot([0, 1], [1, 0])
    before = set(plt.get_fignums())
    assert describe(ax, alt="Falls from 1 to 0.", caption="A line") is ax
    show(ax, caption="Another line")
    data, metadata = shown[0]
    assert base64.b64decode(data["image/png"]).startswith(b"\x89PNG")
    assert metadata["image/png"]["alt"] == "Falls from 1 to 0."
    assert metadata["image/png"]["caption"] == "Another line"
    assert set(plt.get_fignums()) < before


def test_the_same_figure_gives_the_same_bytes(shown):
    for _ in range(2):
        ax = new_axes()
        ax.plot([0, 1], [1, 0], label="a")
        ax.legend()
        show(describe(ax, alt="Falls."))
    assert shown[0] == shown[1]


def test_a_figure_without_words_is_refused(shown):
    ax = new_axes()
    with pytest.raises(ParameterError, match="alt text"):
        show(ax)
    with pytest.raises(ParameterError, match="alt text"):
        describe(ax, alt="  ")
    plt.close(ax.figure)
    assert not shown


def test_a_figure_that_no_telephone_can_show_is_refused(shown):
    with pytest.raises(ParameterError, match="wide"):
        new_axes(width=8)
    figure, ax = plt.subplots(figsize=(8, 3))
    describe(ax, alt="Wide.")
    with pytest.raises(ParameterError, match=r"8\.0 in wide"):
        show(ax)
    figure.set_size_inches(6.4, 3)
    ax.text(0, 0, "tiny", fontsize=7)
    with pytest.raises(ParameterError, match="'tiny'"):
        show(ax)
    plt.close(figure)


def test_a_missing_letter_is_an_error(shown):
    ax = new_axes()
    ax.set_title("\U0001f9ff", fontfamily="DejaVu Sans")
    describe(ax, alt="An amulet.")
    with pytest.raises(GateError, match="no font has a letter"):
        show(ax)
    plt.close(ax.figure)


def test_chinese_is_drawn_where_a_font_is_there(shown):
    if len(font_families()) == 1:
        pytest.skip("no Chinese font on this machine")
    ax = new_axes()
    ax.set_title("客户留存率")
    show(describe(ax, alt="客户留存率"))
    assert len(shown) == 1


def test_a_table_is_readable_and_inert(shown):
    table = pd.DataFrame(
        {
            "segment": ["<script>alert(1)</script>", "B & C"],
            "customers": [1234567, 5],
            "share": [0.123456, np.nan],
            "since": [date(2026, 1, 31), None],
            "estimate": [SHARE, Estimate.withheld("too few", unit="share", n=3, method="Wilson")],
        }
    )
    show(table, caption='Who "they" are', name="segments")
    html = shown[0][0]["text/html"]
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert "<caption>Who &quot;they&quot; are</caption>" in html
    assert html.count('scope="col"') == 5
    assert "1,234,567" in html
    assert "0.123<" in html
    assert "2026-01-31" in html
    assert "90.0%<br><small>(88.0 to 92.0)</small>" in html
    assert 'title="too few"' in html
    record = shown[0][0][TABLE_MIME]
    assert record["name"] == "segments"
    assert record["csv"].splitlines()[1] == (
        "<script>alert(1)</script>,1234567,0.123456,2026-01-31,0.9"
    )


def test_an_index_gives_row_headers(shown):
    table = pd.DataFrame({"n": [1, 2]}, index=pd.Index([2025, 2026], name="year"))
    show(table["n"])
    html = shown[0][0]["text/html"]
    assert '<th scope="col">year</th>' in html
    assert '<th scope="row">2025</th>' in html
    assert shown[0][0][TABLE_MIME]["csv"] == "year,n\n2025,1\n2026,2\n"


def test_a_long_table_is_cut_on_the_page_only(shown):
    show(pd.DataFrame({"n": range(1000)}))
    assert shown[0][0]["text/html"].count("<tr>") == 201
    assert "first 200 of 1,000 rows" in shown[0][0]["text/html"]
    assert shown[0][0][TABLE_MIME]["csv"].count("\n") == 1001


def test_a_plain_script_prints_what_a_reader_would_see(capsys):
    show(NPSAnswer())
    assert capsys.readouterr().out == "90.0 % stayed <b>*here*</b>\n"


def test_anything_else_is_refused(shown):
    with pytest.raises(ParameterError, match="not int"):
        show(3)


@pytest.mark.parametrize(
    ("ticks", "labels"),
    [
        ([0, 0.5, 1], ["0%", "50%", "100%"]),
        ([-0.025, 0, 0.025], ["\N{MINUS SIGN}2.5%", "0.0%", "2.5%"]),
        ([0.0, 0.0025], ["0.00%", "0.25%"]),
        ([0.1, 0.2, 0.30000000000000004], ["10%", "20%", "30%"]),
    ],
)
def test_a_tick_of_shares_stands_where_it_says(ticks, labels):
    formatter = PercentTicks()
    axis = Figure().subplots().xaxis
    axis.set_major_formatter(formatter)
    assert formatter.format_ticks(ticks) == labels


def test_the_palette_has_no_colour_twice():
    assert len(set(PALETTE)) == len(PALETTE) == 7


def test_no_text_of_the_data_becomes_a_formula(shown):
    table = pd.DataFrame({"@n": ["=1+1", "-3 to 4"]}, index=pd.Index(["+SUM(A1)", "b"], name="who"))
    show(table)
    assert shown[0][0][TABLE_MIME]["csv"] == "who,'@n\n'+SUM(A1),'=1+1\nb,-3 to 4\n"
