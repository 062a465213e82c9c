"""What was made once and need not be made again: checked tables and query results, by content.

An entry is a folder that appears at once, by rename, or not at all: two processes may work on one
store, and a run that is killed leaves nothing that looks finished.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from retention.errors import DataError, TemporaryError

__all__ = ["Store", "digest_of"]

_KEEP = {"query": 2000}
_KEEP_OTHERS = 3
_DAY = 86_400.0


def digest_of(value: Any) -> str:
    """Return a digest of anything that JSON or ``str`` can write."""
    text = json.dumps(value, sort_keys=True, default=str, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


class Store:
    """A folder of entries, each named by a label and the digest of what it was made from.

    Parameters
    ----------
    folder : Path
        Made when first written to; may be deleted at any time between runs.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find(self, label: str, key: str) -> Path | None:
        """Return the entry, marked as used just now, or None."""
        path = self.folder / f"{label}-{key}"
        try:
            os.utime(path)
        except OSError:
            return None
        return path

    @contextmanager
    def entry(self, label: str, key: str) -> Iterator[Path]:
        """Give a fresh folder to write into; it becomes the entry if nothing goes wrong."""
        final = self.folder / f"{label}-{key}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            fresh = Path(tempfile.mkdtemp(prefix=f".{label}-", dir=self.folder))
        except OSError as error:
            raise _refused(error, self.folder) from error
        try:
            yield fresh
            self._publish(fresh, final)
        except OSError as error:
            raise _refused(error, self.folder) from error
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
        self._prune(label)

    @staticmethod
    def _publish(fresh: Path, final: Path) -> None:
        try:
            fresh.rename(final)
        except OSError as error:
            # another process was first: its entry was made from the same content
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise

    def _prune(self, label: str) -> None:
        """Delete all but the entries used last; none that a run of today may still read."""
        entries = []
        for path in self.folder.glob(f"{label}-*"):
            with suppress(OSError):
                entries.append((path.stat().st_mtime, path))
        for used, path in sorted(entries, reverse=True)[_KEEP.get(label, _KEEP_OTHERS) :]:
            if used < time.time() - _DAY:
                shutil.rmtree(path, ignore_errors=True)

    def file_digest(self, path: Path) -> str:
        """Return the SHA-256 of a file, remembered while its size and time do not change."""
        status = path.stat()
        mark = digest_of([str(path.resolve()), status.st_size, status.st_mtime_ns])
        note = self.folder / "digests" / mark
        with suppress(OSError):
            return note.read_text(encoding="ascii")
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        # a file written in this very moment may change again within one tick of its clock
        if time.time() - status.st_mtime > 2:
            with suppress(OSError):
                note.parent.mkdir(parents=True, exist_ok=True)
                fresh = note.with_name(f".{mark}.{os.getpid()}")
                fresh.write_text(found, encoding="ascii")
                fresh.replace(note)
        return found


def _refused(error: OSError, folder: Path) -> DataError | TemporaryError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return TemporaryError(
            f"no space left on the disk of {folder.name}; free some and run again"
        )
    return DataError(f"{folder.name} cannot be written: {error.strerror}; check its permissions")
