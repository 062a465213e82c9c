"""What is drawn can be downloaded: lines, bands, bars, intervals, points and cells."""

from __future__ import annotations

import csv
import io

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from retention.exhibits.figure_data import figure_csv


def rows_of(ax) -> list[dict[str, str]]:
    ax.figure.canvas.draw()
    return list(csv.DictReader(io.StringIO(figure_csv(ax.figure))))


def test_lines_and_bands():
    _, ax = plt.subplots()
    ax.plot([0, 1, 2], [1.0, 0.5, np.nan], label="all")
    ax.fill_between([0, 1], [0.9, 0.4], [1.0, 0.6], label="band")
    ax.axhline(0.5)  # a rule, no data
    found = rows_of(ax)
    lines = [(r["series"], r["x"], r["y"]) for r in found if r["kind"] == "line"]
    assert lines == [("all", "0", "1"), ("all", "1", "0.5"), ("all", "2", "")]
    bands = [(r["x"], r["low"], r["high"]) for r in found if r["kind"] == "band"]
    assert bands == [("0", "0.9", "1"), ("1", "0.4", "0.6")]


def test_bars_and_intervals_have_the_names_of_their_axis():
    _, ax = plt.subplots()
    ax.barh([0, 1], [3.0, -4.0])
    ax.hlines([0, 1], [2.0, -5.0], [4.0, -3.0])
    ax.set_yticks([0, 1], ["price", "=service"])
    found = rows_of(ax)
    bars = [(r["y"], r["low"], r["value"]) for r in found if r["kind"] == "bar"]
    assert bars == [("price", "0", "3"), ("'=service", "0", "-4")]
    intervals = [(r["y"], r["low"], r["high"]) for r in found if r["kind"] == "interval"]
    assert intervals == [("price", "2", "4"), ("'=service", "-5", "-3")]


def test_dates_points_and_cells():
    _, (one, two) = plt.subplots(1, 2)
    one.set_title("months", loc="left")
    one.plot(pd.to_datetime(["2026-01-01", "2026-02-01"]), [1, 2])
    one.scatter([20454.0], [1.5])
    two.imshow([[1.0, 2.0]])
    found = rows_of(one)
    assert [r["x"] for r in found if r["kind"] == "line"] == ["2026-01-01", "2026-02-01"]
    assert [r["y"] for r in found if r["kind"] == "point"] == ["1.5"]
    assert {r["panel"] for r in found if r["kind"] == "line"} == {"months"}
    assert [(r["x"], r["value"]) for r in found if r["kind"] == "cell"] == [("0", "1"), ("1", "2")]
