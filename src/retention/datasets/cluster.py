"""Tables that live in a Spark cluster -> checked tables; the rows stay where they are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from retention import __version__
from retention.engine import (
    Admitted,
    Base,
    CheckReport,
    Rules,
    Spark,
    Store,
    digest_of,
    examine,
    identifier,
)
from retention.errors import ProjectError
from retention.project import Project, TableSource
from retention.schemas import INPUT_TABLES

__all__ = ["read_cluster"]


def read_cluster(project: Project, set_aside: Path, store: Store, session: Any = None) -> Base:
    """Check every table of a project in Spark.

    Good rows are a view of the source, so nothing is copied; rows that fail are written as Parquet
    into a folder a table. Parquet files that have not changed (name, length and time of each) are
    not checked again, and what was computed from them alone is not computed again.

    Parameters
    ----------
    project : Project
        Its tables are Parquet, by path, or Spark tables, by relation or query.
    set_aside : Path
        Where rows that fail are written, by the driver's and the executors' file system.
    store : Store
        Where the driver keeps what was found and computed.
    session : SparkSession, optional
        One that is there already.

    Raises
    ------
    ProjectError
        If a source is of another format, or ids are to be pseudonymised.
    """
    if project.privacy.pseudonymise:
        raise ProjectError(
            "[privacy] pseudonymise works in the embedded engine; in Spark give the project views "
            "whose ids are pseudonyms already, so that no key enters the cluster's logs"
        )
    engine = Spark(project.engine, session)
    rules = Rules(zone=project.zone, unit=project.unit, data_cutoff=project.data_cutoff)
    admitted: dict[str, Admitted] = {}
    refused: dict[str, Admitted] = {}
    try:
        for name in INPUT_TABLES:
            if name in project.tables:
                found = _table(
                    engine, project, project.tables[name], admitted, rules, set_aside, store
                )
                (refused if found.check.fatal else admitted)[name] = found
    except BaseException:
        engine.close()
        raise
    return Base(
        engine,
        project.data_cutoff,
        MappingProxyType(admitted),
        store,
        refused=CheckReport({name: table.check for name, table in refused.items()}),
    )


def _table(
    engine: Spark,
    project: Project,
    source: TableSource,
    admitted: Mapping[str, Admitted],
    rules: Rules,
    set_aside: Path,
    store: Store,
) -> Admitted:
    relation = f"raw.{identifier(source.table)}"
    data = _data(engine, project, source)
    engine.name_relation(relation, data)
    key = _key(engine, source, data, admitted, rules)
    entry = store.find(f"spark-{source.table}", key) if key else None
    if entry is not None:
        saved = json.loads((entry / "found.json").read_text(encoding="utf-8"))
        found, good, bad = Admitted.from_dict(saved), saved["good"], saved["bad"]
    else:
        admission = examine(engine, source, relation, admitted, rules)
        good, bad = admission.good, admission.bad
        found = replace(admission.admitted, content=key)
        if not found.check.fatal:
            engine.write_rows(bad, set_aside / source.table)
        if key:
            with store.entry(f"spark-{source.table}", key) as folder:
                saved = {**found.to_dict(), "good": good, "bad": bad}
                (folder / "found.json").write_text(json.dumps(saved), encoding="utf-8")
    if not found.check.fatal:
        engine.view(f"base.{identifier(source.table)}", good)
        if entry is not None and bool(bad) != (set_aside / source.table).exists():
            engine.write_rows(bad, set_aside / source.table)
    return found


def _key(
    engine: Spark,
    source: TableSource,
    data: Any,
    admitted: Mapping[str, Admitted],
    rules: Rules,
) -> str:
    """Return what identifies a table's content; empty where only reading it would tell.

    Only plain Parquet files tell it: a table of the catalogue may change without a new file.
    """
    schema = INPUT_TABLES[source.table]
    referred = {reference.table for reference in schema.references} & set(admitted)
    contents = [(name, admitted[name].content) for name in sorted(referred)]
    versions = engine.versions(data) if source.format == "parquet" else ()
    if not versions or not all(content for _, content in contents):
        return ""
    settings = [repr(source), repr(schema), repr(rules)]
    return digest_of([__version__, "spark", versions, *settings, contents])


def _data(engine: Spark, project: Project, source: TableSource) -> Any:
    """Return the source as a Spark DataFrame."""
    if source.format == "parquet":
        if "://" in source.path:
            return engine.read_parquet(source.path)
        path = project.root / source.path
        if not path.exists() and not any(sign in source.path for sign in "*?["):
            raise ProjectError(
                f"[tables.{source.table}] path {source.path!r}: there is no such file"
            )
        return engine.read_parquet(str(path))
    if source.format == "spark":
        return engine.read_relation(source.relation, source.query)
    raise ProjectError(
        f"[tables.{source.table}] format {source.format!r} is not read in Spark; give Parquet "
        "files or a Spark table (relation), or take the embedded engine"
    )
