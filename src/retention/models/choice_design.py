"""Purchase occasions and their alternatives as arrays: each alternative against the chosen one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retention.errors import NotIdentifiedError, SchemaError

__all__ = ["ChoiceDesign", "choice_design"]

KEY = ("customer_id", "occasion", "alternative")


@dataclass(frozen=True)
class ChoiceDesign:
    """What a choice model is fitted to.

    Parameters
    ----------
    names : tuple of str, length K
        Coefficients: the constant of each alternative but the base, then the attributes.
    contrasts : ndarray of float, shape (N, J - 1, K)
        Attributes of every alternative not chosen, minus those of the chosen one; occasions are
        sorted by customer and occasion. Places beyond the last alternative hold zeros.
    available : ndarray of bool, shape (N, J - 1)
        Whether a place holds an alternative.
    starts : ndarray of int, shape (H,)
        First occasion of each customer.
    weight : ndarray of float, shape (N,)
        Weight of each occasion.
    """

    names: tuple[str, ...]
    contrasts: NDArray[np.float64]
    available: NDArray[np.bool_]
    starts: NDArray[np.int64]
    weight: NDArray[np.float64]

    @property
    def n_customers(self) -> int:
        """How many customers chose."""
        return len(self.starts)

    def check_identified(self) -> None:
        """Raise NotIdentifiedError where columns are constant or say the same as others."""
        flat = self.contrasts.reshape(-1, len(self.names))
        scale = np.abs(flat).max(axis=0, initial=0.0)
        if (scale == 0).any():
            still = ", ".join(np.array(self.names)[scale == 0])
            raise NotIdentifiedError(
                f"{still} does not vary between the alternatives of any occasion, so choices say "
                "nothing about it; leave it out"
            )
        scaled = flat / scale
        values, vectors = np.linalg.eigh(scaled.T @ scaled)
        if values[0] <= 1e-10 * values[-1]:
            parts = np.abs(vectors[:, 0])
            alike = ", ".join(n for n, p in zip(self.names, parts, strict=True) if p > 1e-3)
            raise NotIdentifiedError(f"{alike} say the same (aliased columns); leave one out")


def _faults(choices: pd.DataFrame, columns: Sequence[str]) -> list[str]:
    missing = [c for c in (*KEY, "chosen", *columns) if c not in choices.columns]
    if missing:
        return [f"column {c} is missing" for c in missing]
    faults = []
    if choices.empty:
        return ["no rows"]
    double = choices.duplicated(list(KEY))
    if double.any():
        ids = ", ".join(map(str, choices.loc[double, "customer_id"].head(3)))
        faults.append(f"{double.sum():,} rows name an alternative twice (customer_id {ids})")
    for column in columns:
        values = choices[column].to_numpy(dtype=float, na_value=np.nan)
        if bad := int((~np.isfinite(values)).sum()):
            faults.append(f"{column} is empty or not finite in {bad:,} rows; drop the occasions")
    picks = choices.groupby(["customer_id", "occasion"], sort=False)["chosen"].sum()
    if (wrong := picks != 1).any():
        ids = ", ".join(str(key[0]) for key in picks.index[wrong][:3])
        faults.append(
            f"{wrong.sum():,} of {len(picks):,} occasions have not exactly one chosen alternative "
            f"(customer_id {ids})"
        )
    return faults


def choice_design(
    choices: pd.DataFrame,
    attributes: Sequence[str],
    *,
    base: str | None = None,
    constants: bool = True,
    weight: str | None = None,
) -> ChoiceDesign:
    """Turn a long table, one row an alternative on offer, into contrasts with the chosen one.

    Parameters
    ----------
    choices : DataFrame
        Columns customer_id, occasion, alternative, chosen (true once an occasion) and the
        attributes. An alternative without a row was not on offer.
    attributes : sequence of str
        Numeric columns.
    base : str, optional
        Alternative without a constant; the one chosen most often if none is named.
    constants : bool
        Whether each other alternative has a constant.
    weight : str, optional
        Column of weights, the same in all rows of an occasion; scaled to a mean of 1.

    Raises
    ------
    SchemaError
        With every fault of the table.
    NotIdentifiedError
        If an alternative with a constant is never chosen.
    """
    columns = [*attributes, *([weight] if weight else [])]
    if faults := _faults(choices, columns):
        raise SchemaError("choices", faults)
    customer, _ = pd.factorize(choices["customer_id"], sort=True)
    occasion, _ = pd.factorize(choices["occasion"], sort=True)
    alternative, labels = pd.factorize(choices["alternative"], sort=True)
    order = np.lexsort((alternative, occasion, customer))
    customer, occasion, alternative = customer[order], occasion[order], alternative[order]
    chosen = choices["chosen"].to_numpy(dtype=bool)[order]

    first = np.ones(len(order), dtype=bool)
    first[1:] = (np.diff(customer) != 0) | (np.diff(occasion) != 0)
    row = np.cumsum(first) - 1
    names, x = _columns(choices, attributes, alternative, chosen, labels, base, constants)
    x[:, len(names) - len(attributes) :] = x[:, len(names) - len(attributes) :][order]

    other = ~chosen
    contrast = x[other] - x[chosen][row[other]]
    counts = np.bincount(row[other], minlength=row[-1] + 1)
    place = np.arange(other.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    shape = (row[-1] + 1, max(1, counts.max(initial=1)))
    contrasts, available = np.zeros((*shape, len(names))), np.zeros(shape, dtype=bool)
    contrasts[row[other], place] = contrast
    available[row[other], place] = True

    owner = customer[first]
    starts = np.flatnonzero(np.r_[True, np.diff(owner) != 0])
    w = np.ones(shape[0])
    if weight:
        w = choices[weight].to_numpy(dtype=float)[order][first]
        if (w < 0).any() or w.sum() == 0:
            raise SchemaError("choices", [f"{weight} holds negative weights, or none above 0"])
        w = w / w.mean()
    return ChoiceDesign(tuple(names), contrasts, available, starts, w)


def _columns(
    choices: pd.DataFrame,
    attributes: Sequence[str],
    alternative: NDArray[np.int64],
    chosen: NDArray[np.bool_],
    labels: pd.Index,
    base: str | None,
    constants: bool,
) -> tuple[list[str], NDArray[np.float64]]:
    """Return names and values: constants in sorted order, attributes still in table order."""
    values = choices[list(attributes)].to_numpy(dtype=float)
    if not constants:
        return list(attributes), values.copy()
    picked = np.bincount(alternative[chosen], minlength=len(labels))
    if base is not None and base not in labels:
        raise SchemaError("choices", [f"base {base!r} is not among {', '.join(map(str, labels))}"])
    reference = list(labels).index(base) if base is not None else int(picked.argmax())
    if (picked == 0).any():
        never = ", ".join(map(str, labels[picked == 0]))
        raise NotIdentifiedError(
            f"alternative {never} is never chosen: its constant has no finite estimate; "
            "leave the alternative out, or merge it with another"
        )
    kept = [j for j in range(len(labels)) if j != reference]
    dummies = (alternative[:, None] == np.array(kept)[None, :]).astype(float)
    return [*(str(labels[j]) for j in kept), *attributes], np.hstack([dummies, values])
