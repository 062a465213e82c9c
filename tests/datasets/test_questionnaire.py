"""The demo project says of its survey items what the simulation says of them."""

from __future__ import annotations

import tomllib
from pathlib import Path

from retention.datasets import survey_items


def test_project_file_and_simulation_agree():
    path = Path(__file__).parents[2] / "retention.toml"
    said = tomllib.loads(path.read_text(encoding="utf-8"))["items"]
    assert said == survey_items()
