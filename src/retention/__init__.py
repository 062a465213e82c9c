"""Retention research: churn, customer lifetime value, satisfaction, switching costs.

The door holds the base concepts only; everything else is reached through its folder, so that
``import retention`` stays quick::

    from retention import Project, Window
    from retention.datasets import read_tables
    from retention.analyses import retention_curve
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from retention import errors
    from retention.estimates import Estimate
    from retention.project import Project  # type: ignore[import-untyped, unused-ignore]
    from retention.window import Period, Window

__all__ = ["Estimate", "Period", "Project", "Window", "errors"]

_DOORS = {
    "Estimate": "retention.estimates",
    "Period": "retention.window",
    "Project": "retention.project",
    "Window": "retention.window",
}


def __getattr__(name: str) -> Any:
    if name in _DOORS:
        return getattr(import_module(_DOORS[name]), name)
    if name == "errors":
        return import_module("retention.errors")
    if name == "__version__":
        return version("retention-research")
    raise AttributeError(f"module 'retention' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
