"""Where reports lie, and how a finished one takes the place of the old one in a single step.

::

    reports/index.html              the archive
    reports/2026-10/                what is published for a period
    reports/revisions/2026-10/r01/  what it replaced
    reports/failures/2026-10/       the last failure, for the analyst; gone after a success
    reports/latest/                 a copy of the last report, for bookmarks
    reports/.staging/               work in hand, on the same filesystem
    reports/.locks/                 one file a period
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from retention.errors import ParameterError, ProjectError, TemporaryError
from retention.reports.manifest import MANIFEST, intact, read_json
from retention.window import Period

__all__ = ["LATEST", "Archive"]

LATEST = "latest"


class Archive:
    """The folder ``reports`` of a project.

    Parameters
    ----------
    root : Path
        The project.

    Raises
    ------
    ProjectError
        If ``reports`` is a link that leads out of the project, or cannot be written.
    """

    def __init__(self, root: Path) -> None:
        self.folder = root / "reports"
        self._make(self.folder)
        if not self.folder.resolve().is_relative_to(root.resolve()):
            raise ProjectError("reports is a link that leads out of the project; make it a folder")
        self.staging = self._own(self.folder / ".staging")
        self.locks = self._own(self.folder / ".locks")
        for name in (LATEST, "revisions", "failures"):
            self._own(self.folder / name)

    @staticmethod
    def _make(folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ProjectError(
                f"the folder {folder.name} of the project cannot be made: {error.strerror}"
            ) from error

    def published(self, period: Period) -> Path:
        """Return the folder of a period's report.

        Raises
        ------
        ProjectError
            If it is a link that leads out of ``reports``.
        """
        return self._own(self.folder / period.label)

    def _own(self, folder: Path) -> Path:
        """Return a folder of the archive that is no link: what is written stays in ``reports``."""
        if folder.is_symlink():
            name = folder.relative_to(self.folder.parent).as_posix()
            raise ProjectError(f"{name} is a link; remove it, then run again")
        return folder

    def failures(self, period: Period) -> Path:
        """Return the folder of a period's last failure."""
        return self._own(self.folder / "failures" / period.label)

    def revisions(self, period: Period) -> Path:
        """Return the folder of what a period's report replaced."""
        return self._own(self.folder / "revisions" / period.label)

    def periods(self) -> tuple[Period, ...]:
        """Return the periods that have a published report, in order."""
        found = []
        for path in self.folder.iterdir():
            manifest = read_json(path / MANIFEST) if path.is_dir() else None
            if manifest and manifest.get("status") == "published" and not path.is_symlink():
                with contextlib.suppress(ParameterError):  # a folder of the user's own
                    found.append(_period_of(path.name, manifest))
        return tuple(sorted(found, key=lambda period: (period.start, period.end)))

    def kept(self, period: Period) -> list[Path]:
        """Return the folders of what a period's report replaced, the oldest first."""
        found = self.revisions(period).glob("r[0-9]*")
        return sorted(found, key=lambda path: (len(path.name), path.name))

    @contextmanager
    def lock(self, period: Period | str, *, wait: bool = False) -> Iterator[None]:
        """Hold the lock of a period. The system gives it back when its holder ends, however.

        Parameters
        ----------
        period : Period or str
            Or the name of something else that one run alone may write.
        wait : bool
            Whether to wait, a minute at most, until it is free.

        Raises
        ------
        TemporaryError
            If another run holds it, or the folder cannot be written just now.
        """
        self._make(self.locks)
        try:
            descriptor = os.open(self.locks / str(period), os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise TemporaryError(f"the folder reports cannot be written: {error}") from error
        try:
            end = monotonic() + (60 if wait else 0)
            while not (held := _try_lock(descriptor)) and monotonic() < end:
                sleep(0.05)
            if not held:
                raise TemporaryError(
                    f"another run is making the report for {period}; try again when it is done"
                )
            yield
        finally:
            os.close(descriptor)

    @contextmanager
    def stage(self, period: Period) -> Iterator[Path]:
        """Make a folder to work in; call under the period's lock. It is removed at the end."""
        self._make(self.staging)
        self._sweep(period)
        folder = Path(tempfile.mkdtemp(prefix=f"{period.label}.", dir=self.staging))
        folder.chmod(0o755)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _sweep(self, period: Period) -> None:
        """Clear up what a run left that was killed; a published report among it is a revision."""
        for left in self.staging.glob(f"{period.label}.*"):
            for report in (left / "report", left):
                manifest = read_json(report / MANIFEST)
                current = read_json(self.published(period) / MANIFEST)
                if manifest and manifest.get("status") == "published":
                    if current is None:
                        report.rename(self.published(period))
                    elif manifest.get("revision", 1) < current.get("revision", 1):
                        self._keep(report, period, int(manifest.get("revision", 1)))
                    break
            shutil.rmtree(left, ignore_errors=True)

    def publish(self, finished: Path, period: Period) -> None:
        """Put a finished folder in the place of what is published, and keep what was there.

        Where the system can exchange two folders in one step nobody ever finds none; elsewhere
        the place is empty between two renames, and the next run mends what a crash left there.
        """
        target = self.published(period)
        before = read_json(target / MANIFEST)
        _sync(finished)
        if not target.exists():
            finished.rename(target)
            return
        if not _exchange(finished, target):
            aside = finished.with_name("aside")
            target.rename(aside)
            finished.rename(target)
            aside.rename(finished)
        if before is not None:  # what was published now lies where the new one was made
            self._keep(finished, period, int(before.get("revision", 1)))

    def _keep(self, report: Path, period: Period, number: int) -> None:
        folder = self.revisions(period)
        self._make(folder)
        place = folder / f"r{number:02d}"
        if place.exists():
            shutil.rmtree(place)
        report.rename(place)

    def show_as_latest(self, period: Period) -> None:
        """Make ``latest`` a copy of a period's report, if it is not; call under a lock.

        Raises
        ------
        ProjectError
            If it is a link.
        """
        target, source = self._own(self.folder / LATEST), self.published(period)
        manifest = read_json(source / MANIFEST) or {}
        if read_json(target / MANIFEST) == manifest and intact(target, manifest):
            return
        self._make(self.staging)
        with tempfile.TemporaryDirectory(prefix=f"{LATEST}.", dir=self.staging) as folder:
            copy = Path(folder) / LATEST
            shutil.copytree(source, copy)
            if target.exists() and not _exchange(copy, target):
                target.rename(copy.with_name("aside"))
            if not target.exists():
                copy.rename(target)

    def fail(self, finished: Path, period: Period) -> Path:
        """Put a failure where the analyst finds it. Returns its folder."""
        target = self.failures(period)
        self._make(target.parent)
        shutil.rmtree(target, ignore_errors=True)
        finished.rename(target)
        return target

    def clear_failure(self, period: Period) -> None:
        """Remove the last failure of a period, which a success has made pointless."""
        shutil.rmtree(self.failures(period), ignore_errors=True)


def _period_of(name: str, manifest: Mapping[str, Any]) -> Period:
    """Return the period of a report; a fiscal one starts when its manifest says."""
    if not name.startswith("FY"):
        return Period.parse(name)
    month = manifest.get("period", {}).get("first_month", 1)
    return Period.parse(name, month if isinstance(month, int) else 1)


def _try_lock(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _sync(folder: Path) -> None:
    """Have the files on the disk before their folder gets its name."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb+") as file:
                os.fsync(file.fileno())


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two folders in one step; False where the system cannot (only Linux can)."""
    if sys.platform != "linux":
        return False
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    here, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    return bool(rename(here, os.fsencode(one), here, os.fsencode(other), exchange) == 0)
