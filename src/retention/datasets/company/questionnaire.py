"""What the items of the simulated company's surveys measure, as a project file says it."""

from __future__ import annotations

from typing import Any

__all__ = ["survey_items"]

_ECSI = ("image", "expectation", "quality", "value", "satisfaction", "trust", "loyalty")
_DIMENSIONS = ("tangibles", "reliability", "responsiveness", "assurance", "empathy")
_FACETS = {
    "procedural": ("economic_risk", "evaluation", "learning", "set_up"),
    "financial": ("benefit_loss", "monetary_loss"),
    "relational": ("personal_loss", "brand_loss"),
}


def survey_items() -> dict[str, dict[str, Any]]:
    """Return the sections ``[items.NAME]`` of the company's project, by item or pattern.

    Examples
    --------
    >>> survey_items()["csat"]
    {'construct': 'csat', 'low': 1, 'high': 10, 'label': 'overall satisfaction'}
    """
    items: dict[str, dict[str, Any]] = {
        "csat": {"construct": "csat", "low": 1, "high": 10, "label": "overall satisfaction"},
        "nps": {"construct": "nps", "low": 0, "high": 10, "label": "would recommend"},
        "service_rating": {
            "construct": "service_rating",
            "low": 1,
            "high": 10,
            "label": "the service today",
        },
    }
    for construct in _ECSI:
        items[f"{construct}_*"] = {"construct": construct, "low": 1, "high": 10}
    items["intention_*"] = {"construct": "intention", "low": 1, "high": 7}
    for kind, facets in _FACETS.items():
        for facet in facets:
            where = {"construct": "switching_cost", "dimension": kind, "low": 1, "high": 7}
            items[f"switch_{facet}"] = where
    sides = (("expected", "service_expectation"), ("perceived", "service_perception"))
    for dimension in _DIMENSIONS:
        for prefix, construct in sides:
            key = f"{prefix}_{dimension}_*"
            items[key] = {"construct": construct, "dimension": dimension, "low": 1, "high": 7}
        items[f"weight_{dimension}"] = {
            "construct": "service_weight",
            "dimension": dimension,
            "low": 0,
            "high": 100,
        }
    return items
