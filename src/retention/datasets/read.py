"""Read a project's tables: sources -> checked tables, with what fails set aside."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from retention import __version__
from retention.engine import (
    Admitted,
    Base,
    CheckReport,
    Embedded,
    Rules,
    Store,
    Tables,
    digest_of,
    examine,
    identifier,
    literal,
)
from retention.errors import DataError, ParameterError, ProjectError
from retention.project import Project, TableSource
from retention.schemas import INPUT_TABLES
from retention.window import Period, Window

from .cluster import read_cluster
from .sources import content_of, open_source
from .text_files import UNREADABLE

__all__ = ["CACHE", "SET_ASIDE", "check_project", "read_tables"]

CACHE = Path("data/cache")
SET_ASIDE = Path("data/set_aside")


def read_tables(project: Project, period: str | Period | None = None) -> Tables:
    """Read all tables of a project, as known at the end of a period.

    Rows that fail a check are written to ``data/set_aside/`` with the rules they broke; the others
    are used. What was read before and has not changed is taken from ``data/cache/``.

    Parameters
    ----------
    project : Project
        The company.
    period : str, Period or None
        Such as ``2026-10``; None or an empty text for the last one that had ended at the data
        cutoff, in the unit of the reports.

    Returns
    -------
    Tables
        Checked, and as known at the period's end.

    Raises
    ------
    SchemaError
        If a table as a whole cannot be used: a column is missing, there are no rows.
    ParameterError
        If the period had not ended at the data cutoff, or ends before the observation begins.
    """
    window = _window(project, period_of(project, period))
    base = _base(project)
    base.check.raise_for_fatal()
    return Tables(
        base,
        window,
        currency=project.currency,
        minimum_n=project.minimum_n,
        items=project.items,
        programmes=project.programmes,
    )


def check_project(project: Project) -> CheckReport:
    """Check all tables of a project and set aside what fails; a table's fatal fault is reported.

    Unlike `read_tables` it goes on after a fatal fault, so that all are found at once.
    """
    base = _base(project)
    base.engine.close()
    return base.check


def _base(project: Project) -> Base:
    if project.engine.name == "spark":
        return read_cluster(project, project.root / SET_ASIDE, Store(project.root / CACHE))
    return _Reader(project).base()


def period_of(project: Project, period: str | Period | None) -> Period:
    """Return the period that is asked for: by default the latest closed before the data cutoff."""
    if isinstance(period, Period):
        return period
    if period:
        return project.period_named(period)
    return project.period_containing(project.data_cutoff).previous()


def _window(project: Project, period: Period) -> Window:
    if period.end > project.data_cutoff:
        raise ParameterError(
            f"period {period} ends on {period.last_day}, but data are known only before "
            f"{project.data_cutoff} (data_cutoff in retention.toml)"
        )
    return project.window.until(period.end)


class _Reader:
    """Reads the tables of one project, in the order in which they refer to each other."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.store = Store(project.root / CACHE)
        self.engine = Embedded(project.engine, project.root)
        self.rules = Rules(
            zone=project.zone,
            unit=project.unit,
            data_cutoff=project.data_cutoff,
            pseudonymise=project.privacy.pseudonymise,
        )
        self.secret = self._key()

    def _key(self) -> str:
        """Give the engine the key of the pseudonyms, and return a digest that tells keys apart."""
        privacy = self.project.privacy
        if not privacy.pseudonymise:
            return ""
        key = os.environ.get(privacy.key_from, "")
        if len(key) < 16:
            raise ProjectError(
                f"[privacy] pseudonymise needs a key of at least 16 characters in the environment "
                f"variable {privacy.key_from}"
            )
        self.engine.set_secret("pseudonym_key", key)
        return digest_of(["pseudonyms", key])

    def base(self) -> Base:
        """Return every table that could be read; those with fatal faults are only reported."""
        admitted: dict[str, Admitted] = {}
        refused: dict[str, Admitted] = {}
        try:
            for name in INPUT_TABLES:
                if name in self.project.tables:
                    found = self.table(self.project.tables[name], admitted)
                    (refused if found.check.fatal else admitted)[name] = found
        except BaseException:
            self.engine.close()
            raise
        return Base(
            self.engine,
            self.project.data_cutoff,
            MappingProxyType(admitted),
            self.store,
            refused=CheckReport({name: table.check for name, table in refused.items()}),
        )

    def table(self, source: TableSource, admitted: Mapping[str, Admitted]) -> Admitted:
        """Read one table, or take it from the store."""
        content = content_of(self.store, self.project.root, source)
        referred = {reference.table for reference in INPUT_TABLES[source.table].references}
        key = digest_of(
            [
                __version__,
                content or os.urandom(16).hex(),
                repr(source),
                repr(INPUT_TABLES[source.table]),
                repr(self.rules),
                self.secret,
                [(name, admitted[name].content) for name in sorted(referred & set(admitted))],
            ]
        )
        entry = self.store.find(source.table, key)
        if entry is None:
            self.make(source, key, admitted)
            entry = self.store.find(source.table, key)
        if entry is None:
            raise DataError(f"{CACHE} lost an entry while it was read; run again")
        return self.use(source, entry)

    def make(self, source: TableSource, key: str, admitted: Mapping[str, Admitted]) -> None:
        """Examine a source and store what was found."""
        with self.store.entry(source.table, key) as folder:
            scratch = folder / "scratch"
            scratch.mkdir()
            opened = open_source(self.engine, self.project.root, source, scratch)
            with _named(source):
                admission = examine(
                    self.engine, source, opened.relation, admitted, self.rules, opened.unreadable
                )
                found = admission.admitted
                if not found.check.fatal:
                    direct = opened.lasting and admission.as_is
                    admission.write(self.engine, folder, good=not direct)
            if (scratch / UNREADABLE).exists():
                self.keep_unreadable(scratch / UNREADABLE, folder / UNREADABLE)
            self.engine.drop(opened.relation)
            shutil.rmtree(scratch)
            saved = {**found.to_dict(), "content": key, "good": admission.good}
            (folder / "found.json").write_text(json.dumps(saved), encoding="utf-8")

    def keep_unreadable(self, found: Path, target: Path) -> None:
        """Keep the lines that could not be parsed; only where they stand, if ids are to be hidden.

        Nobody knows which part of such a line is a name.
        """
        if not self.rules.pseudonymise:
            found.rename(target)
            return
        lines = f"select file, line from read_parquet({literal(str(found))})"
        self.engine.execute(f"copy ({lines}) to {literal(str(target))} (format parquet)")

    def use(self, source: TableSource, entry: Path) -> Admitted:
        """Make a stored table known to the engine and lay out what was set aside."""
        saved = json.loads((entry / "found.json").read_text(encoding="utf-8"))
        found = Admitted.from_dict(saved)
        _lay_out(self.engine, source.table, entry, self.project.root / SET_ASIDE)
        if found.check.fatal:
            return found
        name = identifier(source.table)
        good = entry / "good.parquet"
        if good.exists():
            query = f"select * from read_parquet({literal(str(good))})"
        else:
            open_source(self.engine, self.project.root, source, entry)
            query = saved["good"]
        self.engine.execute(f"create view base.{name} as {query}")
        return found


@contextmanager
def _named(source: TableSource) -> Iterator[None]:
    """Say in an error in which table, and in which of its files, the fault is."""
    try:
        yield
    except DataError as error:
        where = source.path or source.connection
        raise DataError(f"table {source.table} ({where}): {error}") from error


def _lay_out(engine: Embedded, table: str, entry: Path, folder: Path) -> None:
    """Write what was set aside as text files that a spreadsheet opens; remove what is stale."""
    for file, target, columns in (
        ("bad.parquet", f"{table}.csv", 'failed_rules, unnest("source row")'),
        (UNREADABLE, f"{table}_unreadable.csv", "*"),
    ):
        path, final = entry / file, folder / target
        if not path.exists():
            final.unlink(missing_ok=True)
            continue
        folder.mkdir(parents=True, exist_ok=True)
        fresh = folder / f".{target}.{os.getpid()}"
        query = f"select {columns} from read_parquet({literal(str(path))}) order by all"
        engine.execute(f"copy ({query}) to {literal(str(fresh))} (format csv, header true)")
        # the mark tells spreadsheets that the text is UTF-8
        marked = fresh.with_suffix(".marked")
        with fresh.open("rb") as plain, marked.open("wb") as out:
            out.write(b"\xef\xbb\xbf")
            shutil.copyfileobj(plain, out)
        fresh.unlink()
        marked.replace(final)
