"""Small pictures of numbers over time: drawn with the page's own colours, without script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from retention.estimates import Estimate
from retention.exhibits import format_number
from retention.reports.wording import Words
from retention.window import Period

__all__ = ["TrendPicture", "sparkline", "trend_picture"]


def _raw(html: str) -> Any:
    from markupsafe import Markup

    return Markup(html)  # noqa: S704 - made here, never from data


def sparkline(values: list[float | None], label: str) -> Any:
    """Return a small line as SVG, its last point marked; empty if there are fewer than two values.

    Parameters
    ----------
    values : list of float or None
        In the order of time; None leaves a gap.
    label : str
        What a reader would see.
    """
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return ""
    low, high = min(known), max(known)
    span = (high - low) or 1.0
    step = 196 / (len(values) - 1)
    points = [
        None if v is None else (2 + i * step, 32 - 28 * (v - low) / span)
        for i, v in enumerate(values)
    ]
    drawn = "".join(
        f'<polyline points="{" ".join(line)}" fill="none" stroke="currentColor" '
        'stroke-width="2" vector-effect="non-scaling-stroke"/>'
        for line in _lines(points)
    )
    end = next(point for point in reversed(points) if point is not None)
    return _raw(
        f'<svg class="spark" viewBox="0 0 200 36" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(label, quote=True)}">{drawn}'
        f'<line x1="{end[0]:.1f}" y1="{end[1] - 3:.1f}" x2="{end[0]:.1f}" y2="{end[1] + 3:.1f}" '
        'stroke="currentColor" stroke-width="5" vector-effect="non-scaling-stroke"/></svg>'
    )


def _lines(points: Sequence[tuple[float, float] | None]) -> list[list[str]]:
    """Return the pieces of a line that has gaps, as coordinates; single points are none."""
    lines: list[list[str]] = [[]]
    for point in points:
        if point is None:
            lines.append([])
        else:
            lines[-1].append(f"{point[0]:.1f},{point[1]:.1f}")
    return [line for line in lines if len(line) > 1]


@dataclass(frozen=True, kw_only=True)
class TrendPicture:
    """A number over the periods, ready for the page: the curve as SVG, its labels as text.

    The labels are text of the page and not of the picture, so that they stay legible on a
    telephone. Positions are in percent of the picture's width and height.
    """

    name: str
    unit: str
    svg: Any
    top: str
    bottom: str
    first: str
    last: str
    value: str
    marked: tuple[dict[str, Any], ...]


def trend_picture(
    name: str, series: Sequence[tuple[Period, Estimate | None]], words: Words
) -> TrendPicture | None:
    """Return a number over time with its intervals, the last period and the year before marked.

    Parameters
    ----------
    name : str
        What the number is called.
    series : sequence of (Period, Estimate or None)
        In the order of time, the period of the report last; None where there is no number.
    words : Words
        The language.

    Returns
    -------
    TrendPicture or None
        None if there are fewer than two values.
    """
    shown = [(p, e if e is not None and e.shown else None) for p, e in series]
    values = [e.value for _, e in shown if e is not None and e.value is not None]
    now = shown[-1][1]
    if len(values) < 2 or now is None:
        return None
    ends = [x for _, e in shown if e for x in (e.low, e.high) if x is not None]
    low, high = min([*values, *ends]), max([*values, *ends])
    span = (high - low) or 1.0

    first = shown[0][0].start
    days = (shown[-1][0].start - first).days or 1

    def place(index: int, value: float) -> tuple[float, float]:
        since = (shown[index][0].start - first).days  # a missed report leaves its room empty
        return 1000 * since / days, 300 - 300 * (value - low) / span

    marked = _marked(shown, place, words)
    label = words(
        "image_trend",
        name=name,
        count=len(values),
        first=words.period(shown[0][0]),
        last=words.period(shown[-1][0]),
        low=format_number(min(values), now.unit),
        high=format_number(max(values), now.unit),
    )
    return TrendPicture(
        name=name,
        unit="%" if now.unit == "share" else now.unit,
        svg=_trend_svg(shown, place, label),
        top=format_number(high, now.unit),
        bottom=format_number(low, now.unit),
        first=words.period(shown[0][0]),
        last=words.period(shown[-1][0]),
        value=format_number(now.value or 0.0, now.unit),
        marked=marked,
    )


def _marked(shown: Any, place: Any, words: Words) -> tuple[dict[str, Any], ...]:
    """Return the period of the report and the one a year before, where they lie."""
    present = shown[-1][0]
    found = []
    for index, (period, estimate) in enumerate(shown):
        if estimate is not None and period in (present, present.same_last_year()):
            x, y = place(index, estimate.value)
            found.append(
                {
                    "left": f"{x / 10:.1f}",
                    "top": f"{y / 3:.1f}",
                    "now": period == present,
                    "text": f"{words.period(period)}: "
                    f"{format_number(estimate.value, estimate.unit)}",
                }
            )
    return tuple(found)


def _trend_svg(shown: Any, place: Any, label: str) -> Any:
    known = [place(i, e.value) for i, (_, e) in enumerate(shown) if e is not None]
    bars = "".join(
        f'<line x1="{place(i, e.low)[0]:.1f}" y1="{place(i, e.low)[1]:.1f}" '
        f'x2="{place(i, e.low)[0]:.1f}" y2="{place(i, e.high)[1]:.1f}" stroke="currentColor" '
        'stroke-opacity="0.28" stroke-width="7" vector-effect="non-scaling-stroke"/>'
        for i, (_, e) in enumerate(shown)
        if e is not None and e.low is not None and e.high is not None
    )
    lines = "".join(
        f'<polyline points="{" ".join(line)}" fill="none" stroke="currentColor" '
        'stroke-width="2.5" vector-effect="non-scaling-stroke"/>'
        for line in _lines(known)
    )
    return _raw(
        '<svg viewBox="0 0 1000 300" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(label, quote=True)}">{bars}{lines}'
        '<line class="here" x1="1000" y1="0" x2="1000" y2="300" stroke="currentColor" '
        'stroke-dasharray="4 4" stroke-opacity="0.6" vector-effect="non-scaling-stroke"/></svg>'
    )
