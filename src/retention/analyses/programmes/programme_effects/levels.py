"""Effects by level of bond: programmes of a level put together, and which level fades first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from retention.estimates import Estimate, normal_interval, normal_quantile

from .effect import ProgrammeEffect

__all__ = ["by_level"]

_LEVELS = ("financial", "social", "structural")
_NUMBERS = ("retained", "stay", "money", "hazard_ratio", "fading", "satisfaction", "net")


def by_level(effects: Mapping[str, ProgrammeEffect], level: float) -> dict[str, Estimate]:
    """Return each number by level of bond, and how much faster a financial bond fades.

    Programmes of a level are put together with random effects: they need not all do the same. The
    grade is that of the weakest of them.
    """
    found: dict[str, Estimate] = {}
    for bond in _LEVELS:
        own = [e for e in effects.values() if e.bond == bond]
        if own:
            found |= {
                f"{bond}: {name}": _together([e.estimates()[name] for e in own], name, level)
                for name in _NUMBERS
            }
    for bond in _LEVELS[1:]:
        pair = [found.get(f"{which}: fading") for which in ("financial", bond)]
        if pair[0] is not None and pair[1] is not None:
            found[f"fading: financial less {bond}"] = _difference(pair[0], pair[1], level)
    return found


def _together(parts: Sequence[Estimate], name: str, level: float) -> Estimate:
    """Return one estimate for several programmes (DerSimonian and Laird 1986)."""
    shown = [p for p in parts if p.value is not None and p.low is not None and p.high is not None]
    if not shown:
        return parts[0]
    if len(shown) == 1:
        return shown[0]
    logs = name == "hazard_ratio"
    values, errors = np.array([_on_scale(p, logs) for p in shown]).T
    fixed = 1 / errors**2
    centre = float(fixed @ values / fixed.sum())
    spare = float(fixed @ (values - centre) ** 2) - (len(shown) - 1)
    between = max(0.0, spare / (fixed.sum() - (fixed**2).sum() / fixed.sum()))
    weight = 1 / (errors**2 + between)
    value, se = float(weight @ values / weight.sum()), float(weight.sum() ** -0.5)
    ends = [value, *normal_interval(value, se, level)]
    if logs:
        ends = [float(np.exp(x)) for x in ends]
    return Estimate(
        value=ends[0], low=ends[1], high=ends[2], level=level, unit=shown[0].unit,
        n=sum(p.n for p in shown), grade=max(p.grade for p in shown),
        method=f"{len(shown)} programmes put together with random effects",
    )  # fmt: skip


def _difference(one: Estimate, other: Estimate, level: float) -> Estimate:
    method = "difference of the two slopes, programmes taken as independent"
    for part in (one, other):
        if part.value is None:
            return Estimate.withheld(part.why, unit=part.unit, n=part.n, method=method)
    (a, sa), (b, sb) = (_on_scale(p, False) for p in (one, other))
    low, high = normal_interval(a - b, float(np.hypot(sa, sb)), level)
    return Estimate(
        value=a - b, low=low, high=high, level=level, unit=one.unit, n=one.n + other.n,
        grade=max(one.grade, other.grade), method=method,
    )  # fmt: skip


def _on_scale(part: Estimate, logs: bool) -> tuple[float, float]:
    """Return value and standard error, as the interval implies them."""
    ends = [float(x or 0.0) for x in (part.value, part.low, part.high)]
    value, low, high = np.log(ends) if logs else ends
    return float(value), float((high - low) / 2 / normal_quantile(part.level))
