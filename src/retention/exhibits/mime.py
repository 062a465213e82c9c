"""MIME types of what an output carries beside what a reader sees: the runner collects it."""

from __future__ import annotations

__all__ = ["ANSWER_MIME", "TABLE_MIME"]

ANSWER_MIME = "application/vnd.retention+json"
TABLE_MIME = "application/vnd.retention.table+json"
