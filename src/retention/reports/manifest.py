"""What went into a report and what came out, so that anyone can tell why two reports differ.

No user, no host, no absolute path: a manifest is published with the report.
"""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from retention.project import Project

__all__ = [
    "code_hash",
    "file_hash",
    "input_hashes",
    "intact",
    "key_of",
    "missing_files",
    "outputs_of",
    "package_versions",
    "read_json",
    "text_hash",
    "what_changed",
    "write_json",
]

MANIFEST = "manifest.json"
_PACKAGES = (
    "retention-research", "pandas", "numpy", "scipy", "statsmodels", "lifelines", "matplotlib",
    "duckdb", "papermill", "nbconvert", "ipykernel",
)  # fmt: skip
_CODE = (".py", ".sql", ".j2", ".html", ".css", ".js", ".toml")


def text_hash(text: str | bytes) -> str:
    """Return the SHA-256 of a text."""
    return sha256(text.encode() if isinstance(text, str) else text).hexdigest()


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file, read piece by piece."""
    digest = sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def write_json(path: Path, content: Any, *, sort: bool = True) -> None:
    """Write JSON that is the same for the same content, in its own order or sorted."""
    text = json.dumps(content, ensure_ascii=False, indent=1, sort_keys=sort, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def read_json(path: Path) -> dict[str, Any] | None:
    """Return what a file holds, or None if it is absent or broken."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


@cache
def code_hash() -> str:
    """Return one hash over the package's own code, templates and queries."""
    package = Path(__file__).resolve().parents[1]
    digest = sha256()
    for path in sorted(package.rglob("*")):
        if path.suffix in _CODE:
            digest.update(path.relative_to(package).as_posix().encode() + b"\0")
            digest.update(path.read_bytes())
    return digest.hexdigest()


def package_versions() -> dict[str, str]:
    """Return the versions that can change a number or a picture."""
    found = {"python": platform.python_version(), "platform": sys.platform}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def input_hashes(project: Project) -> dict[str, str]:
    """Return a hash for every input: the tables by name, ``retention.toml``, words of its own.

    A table on a server has none; its entry says where it is, and a report that needs it is never
    taken for up to date.
    """
    found = {"retention.toml": file_hash(project.root / "retention.toml")}
    for own in sorted(project.root.glob("words.*.toml")):
        found[own.name] = file_hash(own)
    for name, source in sorted(project.tables.items()):
        files = _files(project.root, source.path) if source.path else []
        if not files:
            found[name] = f"not a file: {source.format}"
        elif len(files) == 1:
            found[name] = file_hash(files[0])
        else:
            found[name] = text_hash("\n".join(f"{f.name} {file_hash(f)}" for f in files))
    return found


def missing_files(project: Project) -> dict[str, str]:
    """Return the tables whose files are not there, with the path that was written for them.

    What lies on a cluster or behind an address is not looked for.
    """
    if project.engine.name == "spark":
        return {}
    return {
        name: source.path
        for name, source in sorted(project.tables.items())
        if source.path and "://" not in source.path and not _files(project.root, source.path)
    }


def _files(root: Path, path: str) -> list[Path]:
    whole = root / path
    if whole.is_file():
        return [whole]
    if whole.is_dir():
        return sorted(file for file in whole.rglob("*") if file.is_file())
    base = Path(whole.anchor) if Path(path).is_absolute() else root
    pattern = str(Path(path).relative_to(whole.anchor)) if Path(path).is_absolute() else path
    return sorted(file for file in base.glob(pattern) if file.is_file())


def key_of(content: Mapping[str, Any]) -> str:
    """Return one hash over everything that decides what a report says."""
    return text_hash(json.dumps(content, sort_keys=True, ensure_ascii=False, allow_nan=False))


def outputs_of(folder: Path) -> dict[str, str]:
    """Return the hash of every file of a report but its manifest."""
    return {
        path.relative_to(folder).as_posix(): file_hash(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != MANIFEST
    }


def intact(folder: Path, manifest: Mapping[str, Any]) -> bool:
    """Return whether a published report still holds exactly what its manifest says."""
    return folder.is_dir() and outputs_of(folder) == manifest.get("outputs")


def what_changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return which data, parameters, notebooks and code differ between two manifests."""
    changed: dict[str, list[str]] = {}
    for part in ("inputs", "parameters", "notebooks", "packages", "compared"):
        names = _different(before.get(part) or {}, after.get(part) or {})
        if names:
            changed[part] = names
    if before.get("code") != after.get("code"):
        changed["code"] = [f"{before.get('version')} to {after.get('version')}"]
    if before.get("language") != after.get("language"):
        changed["language"] = [f"{before.get('language')} to {after.get('language')}"]
    return changed


def _different(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    names: Iterable[str] = before.keys() | after.keys()
    return sorted(name for name in names if before.get(name) != after.get(name))
