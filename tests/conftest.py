"""Fixtures that every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

settings.register_profile("house", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("house")


@pytest.fixture
def rng() -> np.random.Generator:
    """Chance, the same in every run."""
    return np.random.default_rng(20261031)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data sets, named by RETENTION_REAL_DATA; skips where there is none."""
    named = os.environ.get("RETENTION_REAL_DATA", "")
    if not named:
        pytest.skip("RETENTION_REAL_DATA names no folder of real data sets")
    folder = Path(named)
    if not folder.is_dir():
        pytest.skip(f"RETENTION_REAL_DATA names {folder.name}, which is no folder")
    return folder
