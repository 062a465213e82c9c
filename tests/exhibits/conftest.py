"""The company of the switching analyses, for their exhibits."""

from __future__ import annotations

import importlib.util
from pathlib import Path

_PATH = Path(__file__).parents[1] / "analyses" / "conftest.py"
_SPEC = importlib.util.spec_from_file_location("switching_company", _PATH)
assert _SPEC is not None
assert _SPEC.loader is not None
_MODULE = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_MODULE)

switching_frames = _MODULE.switching_frames
switching_tables = _MODULE.switching_tables
