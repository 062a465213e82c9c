"""How figures look: palette, fonts, sizes; and the words that stand in for a figure.

A figure is at most `MAX_WIDTH` inches wide and its text at least `MIN_TEXT` points, so that it can
be read on a telephone, where the page is 390 pixels wide.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any

import matplotlib as mpl
import numpy as np
from cycler import cycler
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import PercentFormatter

from retention.errors import ParameterError

__all__ = [
    "ACCENT",
    "GRID",
    "INK",
    "MAX_WIDTH",
    "MIN_TEXT",
    "MUTED",
    "PALETTE",
    "Description",
    "PercentTicks",
    "chinese_font",
    "describe",
    "description_of",
    "font_families",
    "new_axes",
    "style",
]

MAX_WIDTH = 6.4
MIN_TEXT = 10.0

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#6F6F6F")
"""Okabe and Ito's colours, told apart with every kind of colour blindness; yellow is left out."""

ACCENT = PALETTE[0]
INK = "#1d2733"
MUTED = "#5b6773"
GRID = "#d9dee3"

_CJK = (
    "Noto Sans CJK SC",
    "Source Han Sans SC",
    "Noto Sans SC",
    "PingFang SC",
    "Microsoft YaHei",
    "SimHei",
    "WenQuanYi Zen Hei",
    "WenQuanYi Micro Hei",
)
_EXTRA = "pylopdf_fonts_zh_cn"  # retention-research[zh]


@dataclass(frozen=True)
class Description:
    """What a figure says, for whoever cannot see it, and the line printed under it."""

    alt: str
    caption: str = ""


def _root(ax: Axes | Figure) -> Figure:
    figure: Figure | SubFigure | None = ax if isinstance(ax, Figure) else ax.figure
    while isinstance(figure, SubFigure):
        figure = figure.figure
    if figure is None:
        raise ParameterError("the Axes belongs to no figure any more; draw it again")
    return figure


def describe(ax: Axes, *, alt: str, caption: str = "") -> Axes:
    """Say in words what a figure shows. Returns the Axes.

    Parameters
    ----------
    ax : matplotlib Axes
        Any Axes of the figure; the words hold for the whole figure.
    alt : str
        What a reader would see, with the numbers that matter; written from the answer.
    caption : str
        One line under the figure: what is drawn, and what the band is.

    Raises
    ------
    ParameterError
        If `alt` is empty.
    """
    if not alt.strip():
        raise ParameterError("a figure needs an alt text: say in one sentence what it shows")
    _root(ax)._retention_description = Description(alt.strip(), caption.strip())  # type: ignore[attr-defined]
    return ax


def description_of(ax: Axes | Figure) -> Description | None:
    """Return what `describe` said of the figure, or None."""
    return getattr(_root(ax), "_retention_description", None)


@cache
def font_families() -> tuple[str, ...]:
    """Return the fonts to draw with: DejaVu Sans, then the first Chinese font that is there."""
    known = {font.name for font in font_manager.fontManager.ttflist}
    found = next((name for name in _CJK if name in known), None) or _packaged_font()
    return ("DejaVu Sans", found) if found else ("DejaVu Sans",)


def chinese_font() -> str | None:
    """Return the font that figures take Chinese characters from, or None if there is none."""
    families = font_families()
    return families[1] if len(families) > 1 else None


def _packaged_font() -> str | None:
    """Make the font of the extra ``zh`` known to Matplotlib, if it is installed."""
    if find_spec(_EXTRA) is None:
        return None
    folder = Path(str(import_module(_EXTRA).__file__)).parent
    for path in sorted([*folder.rglob("*.ttf"), *folder.rglob("*.otf")]):
        font_manager.fontManager.addfont(path)
        return font_manager.FontProperties(fname=str(path)).get_name()
    return None


@cache
def style() -> Mapping[str, Any]:
    """Return the Matplotlib settings in which every figure is drawn."""
    return MappingProxyType(
        {
            "axes.axisbelow": True,
            "axes.edgecolor": MUTED,
            "axes.grid": True,
            "axes.labelcolor": INK,
            "axes.labelsize": 11,
            "axes.prop_cycle": cycler(color=PALETTE),
            "axes.spines.right": False,
            "axes.spines.top": False,
            "axes.titlelocation": "left",
            "axes.titlesize": 12,
            "axes.unicode_minus": True,
            "figure.constrained_layout.use": True,
            "figure.dpi": 100,
            "figure.facecolor": "white",
            "font.family": list(font_families()),
            "font.size": 11,
            "grid.color": GRID,
            "grid.linewidth": 0.8,
            "legend.fontsize": 10,
            "legend.frameon": False,
            "lines.linewidth": 2.0,
            "text.color": INK,
            "xtick.color": MUTED,
            "xtick.labelcolor": INK,
            "xtick.labelsize": 10,
            "ytick.color": MUTED,
            "ytick.labelcolor": INK,
            "ytick.labelsize": 10,
        }
    )


class PercentTicks(PercentFormatter):
    """Ticks of an axis of shares as per cent, with the decimals that they need and no more.

    A tick at 0.025 is 2.5 %, never 2 %.
    """

    def __init__(self) -> None:
        super().__init__(1, decimals=0)

    def format_ticks(self, values: list[float]) -> list[str]:
        """Return the labels of all ticks with the same decimals, at most three."""
        shares = 100 * np.asarray(values, dtype=float)
        exact = [d for d in range(3) if np.allclose(shares, shares.round(d), rtol=0, atol=1e-6)]
        self.decimals = exact[0] if exact else 3
        return super().format_ticks(values)


def new_axes(ax: Axes | None = None, *, height: float = 3.8, width: float = MAX_WIDTH) -> Axes:
    """Return `ax`, or the Axes of a new figure in the theme.

    The theme is set for good the first time a figure is made: a legend or a note drawn later takes
    its font from Matplotlib's settings of that moment.

    Parameters
    ----------
    ax : matplotlib Axes, optional
        Given back as it is.
    height, width : float
        Size of the figure in inches; `width` at most 6.4.

    Raises
    ------
    ParameterError
        If the figure would be too wide for a telephone.
    """
    if ax is not None:
        return ax
    if width > MAX_WIDTH:
        raise ParameterError(f"a figure is at most {MAX_WIDTH} in wide, got {width}")
    import matplotlib.pyplot as plt

    mpl.rcParams.update(dict(style()))  # type: ignore[arg-type]
    return plt.figure(figsize=(width, height)).subplots()
