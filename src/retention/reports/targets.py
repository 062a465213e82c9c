"""Wanted values from the project file, beside what was reached: met, missed, or not to be told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from retention.errors import ProjectError
from retention.estimates import Estimate
from retention.exhibits import format_number, number_texts
from retention.reports.wording import Words

__all__ = ["TargetLine", "compare_targets"]


@dataclass(frozen=True)
class TargetLine:
    """One target: the sentence, and its tone."""

    text: str
    tone: str


def compare_targets(
    targets: Mapping[str, float],
    estimates: Mapping[str, Estimate],
    better: Mapping[str, str],
    words: Words,
    named: Mapping[str, str] | None = None,
    *,
    partly: bool = False,
) -> list[TargetLine]:
    """Say of each target whether it is met or missed beyond noise.

    Parameters
    ----------
    targets : mapping of str to float
        By the number's name, ``number`` or ``question.number``, in the number's unit; a share as a
        fraction.
    estimates : mapping of str to Estimate
        Numbers of record by ``question/answer/number``.
    better : mapping of str to str
        Which way is good, by key; where it is not said, higher is.
    words : Words
        The language.
    named : mapping of str to str, optional
        What a number is called, by key; else its name in the data.
    partly : bool
        Whether the report has only some of the notebooks: then a target may lack its number.

    Raises
    ------
    ProjectError
        If no number of the report has a target's name.
    """
    lines = []
    for name, wanted in targets.items():
        keys = [key for key in estimates if _matches(name, key)]
        if not keys and partly:
            continue
        if not keys:
            raise ProjectError(
                f"[targets] {name}: no number of the report has this name; there are "
                + ", ".join(sorted({key.rpartition("/")[2] for key in estimates})[:20])
            )
        estimate = estimates[keys[0]]
        called = (named or {}).get(keys[0]) or words.name(name)
        lines.append(_line(called, wanted, estimate, better.get(keys[0], ""), words))
    return lines


def _matches(name: str, key: str) -> bool:
    question, _, number = key.split("/")
    return name in (number, f"{question}.{number}")


def _line(name: str, wanted: float, estimate: Estimate, better: str, words: Words) -> TargetLine:
    texts = number_texts(estimate)
    unit = f" {texts.unit}" if texts.unit else ""
    goal = f"{format_number(wanted, estimate.unit)}{unit}"
    if estimate.value is None:
        return TargetLine(words("target_unknown", name=name, goal=goal, why=texts.why), "soft")
    sign = -1.0 if better == "lower" else 1.0
    ends = [x for x in (estimate.value, estimate.low, estimate.high) if x is not None]
    reached = [sign * (x - wanted) for x in ends]
    value = f"{texts.value}{unit}"
    key, tone = "target_unclear", "soft"
    if min(reached) >= 0:
        key, tone = "target_met", "good"
    elif max(reached) < 0:
        key, tone = "target_missed", "bad"
    interval = words.interval(texts) or texts.value
    return TargetLine(words(key, name=name, value=value, goal=goal, interval=interval), tone)
