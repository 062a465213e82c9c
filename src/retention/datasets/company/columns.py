"""Columns of a table from arrays of numbers: ids, words, days and money."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

__all__ = ["NEVER", "Floats", "Ints", "Mask", "days", "ids", "money", "words"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

NEVER = np.iinfo(np.int64).min  # what numpy reads as the date that is not known


def _text(array: pa.Array) -> pd.Series:
    return pd.Series(array.cast(pa.large_string()), dtype="str")


def ids(prefix: str, numbers: Ints, width: int) -> pd.Series:
    """Return ``prefix`` followed by each number, padded with zeros to `width` digits."""
    digits = pc.utf8_lpad(pa.array(numbers).cast(pa.string()), width, "0")
    return _text(pc.binary_join_element_wise(prefix, digits, ""))


def words(values: Sequence[str], codes: NDArray[np.integer]) -> pd.Series:
    """Return the word of each code; unknown where the code is below 0."""
    index = pa.array(codes.astype(np.int32), mask=codes < 0)
    return _text(pa.DictionaryArray.from_arrays(index, list(values)).cast(pa.string()))


def days(numbers: Ints) -> pd.Series:
    """Return dates from days since 1970-01-01; unknown where the number is `NEVER`."""
    return pd.Series(numbers.astype("datetime64[D]").astype("datetime64[s]"))


def money(values: Floats) -> NDArray[np.float64]:
    """Return amounts rounded to the cent; halves go away from zero."""
    return np.sign(values) * np.floor(np.abs(values) * 100 + 0.5) / 100 + 0.0
