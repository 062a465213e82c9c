"""The data of a figure as it is drawn: what a reader downloads instead of measuring a picture."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PathCollection, PolyCollection
from matplotlib.container import BarContainer
from matplotlib.figure import Figure

from retention.exhibits.safe_text import safe_text

__all__ = ["figure_csv"]

_COLUMNS = ("panel", "kind", "series", "x", "y", "low", "high", "value")
_NUMBER = re.compile(r"[-+−–\d.,%\s  eE×$^{}\\mathdefault]*")


def figure_csv(figure: Figure) -> str:
    """Return what a drawn figure shows: one row a point, bar, interval, band or cell.

    Parameters
    ----------
    figure : matplotlib Figure
        Drawn already, so that its ticks are known.

    Returns
    -------
    str
        CSV with panel, kind, series, x, y, low, high and value; what a kind does not have is
        empty. Where an axis has names, they stand for the positions.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for number, ax in enumerate(figure.axes, start=1):
        panel = ax.get_title(loc="left") or ax.get_title() or ax.get_ylabel() or str(number)
        names = {"x": _names(ax.get_xticks(), ax.get_xticklabels())}
        names["y"] = _names(ax.get_yticks(), ax.get_yticklabels())
        for kind, series, row in _drawn(ax):
            cells = [_cell(row.get(key), names.get(key, {})) for key in _COLUMNS[3:]]
            texts = [panel, kind, "" if series.startswith("_") else series]
            writer.writerow([safe_text(text) for text in texts] + cells)
    return text.getvalue()


def _names(ticks: Any, labels: Any) -> dict[float, str]:
    """Return the names of an axis's positions; empty where the ticks are numbers."""
    texts = [label.get_text() for label in labels]
    if all(_NUMBER.fullmatch(text) for text in texts):
        return {}
    return {round(float(tick), 6): text for tick, text in zip(ticks, texts, strict=False)}


def _cell(value: Any, names: dict[float, str]) -> str:
    if value is None or value is np.ma.masked:
        return ""
    if isinstance(value, str):
        return safe_text(value)
    if isinstance(value, np.datetime64) or hasattr(value, "isoformat"):
        return str(value)[:10]
    number = float(value)
    if round(number, 6) in names:
        return safe_text(names[round(number, 6)])
    return "" if np.isnan(number) else f"{number:.10g}"


def _drawn(ax: Axes) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield kind, series and coordinates of everything on the axes that stands for data."""
    for line in ax.lines:
        if line.get_transform() == ax.transData:  # a rule across the axes is no data
            xs, ys = line.get_xdata(orig=True), line.get_ydata(orig=True)
            for x, y in zip(np.atleast_1d(xs), np.atleast_1d(ys), strict=False):
                yield "line", str(line.get_label()), {"x": x, "y": y}
    for container in ax.containers:
        if isinstance(container, BarContainer):
            yield from _bars(container)
    for collection in ax.collections:
        series = str(collection.get_label())
        if isinstance(collection, PathCollection):
            for x, y in np.asarray(collection.get_offsets()):
                yield "point", series, {"x": x, "y": y}
        elif isinstance(collection, LineCollection):
            for segment in collection.get_segments():
                yield from _segment(series, np.asarray(segment))
        elif isinstance(collection, PolyCollection):
            for path in collection.get_paths():
                yield from _band(series, np.asarray(path.vertices))
    for image in ax.images:
        values = np.asarray(image.get_array())
        if values.ndim == 2:
            for (y, x), value in np.ndenumerate(values):
                yield "cell", "", {"x": x, "y": y, "value": value}


def _bars(container: BarContainer) -> Iterator[tuple[str, str, dict[str, Any]]]:
    lying = container.orientation == "horizontal"
    for bar in container.patches:
        across = bar.get_y() + bar.get_height() / 2 if lying else bar.get_x() + bar.get_width() / 2
        start = bar.get_x() if lying else bar.get_y()
        length = bar.get_width() if lying else bar.get_height()
        place = {"y": across} if lying else {"x": across}
        yield "bar", str(container.get_label()), {**place, "low": start, "value": length}


def _segment(series: str, ends: Any) -> Iterator[tuple[str, str, dict[str, Any]]]:
    (x0, y0), (x1, y1) = ends[0], ends[-1]
    if x0 == x1:
        yield "interval", series, {"x": x0, "low": min(y0, y1), "high": max(y0, y1)}
    elif y0 == y1:
        yield "interval", series, {"y": y0, "low": min(x0, x1), "high": max(x0, x1)}
    else:
        for x, y in ends:
            yield "line", series, {"x": x, "y": y}


def _band(series: str, corners: Any) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield the lower and the upper edge of a filled band at each place."""
    for x in np.unique(corners[:, 0]):
        ys = corners[corners[:, 0] == x, 1]
        yield "band", series, {"x": x, "low": ys.min(), "high": ys.max()}
