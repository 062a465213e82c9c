"""MIME types of what an output carries beside what a reader sees: the runner collects it."""

from __future__ import annotations

__all__ = ["ANSWER_MIME", "FIGURES_MIME", "FIGURE_DATA_MIME", "LANGUAGES", "TABLE_MIME"]

ANSWER_MIME = "application/vnd.retention+json"
TABLE_MIME = "application/vnd.retention.table+json"
FIGURE_DATA_MIME = "application/vnd.retention.figure-data+json"
FIGURES_MIME = "application/vnd.retention.figures+json"

LANGUAGES = "RETENTION_LANGUAGES"
"""Environment variable: languages besides English in which figures are drawn, commas between."""
