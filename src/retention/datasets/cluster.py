"""Tables that live in a Spark cluster -> checked tables; the rows stay where they are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from retention.engine import Admitted, Base, CheckReport, Rules, Spark, examine, identifier
from retention.errors import ProjectError
from retention.project import Project, TableSource
from retention.schemas import INPUT_TABLES

__all__ = ["read_cluster"]


def read_cluster(project: Project, set_aside: Path, session: Any = None) -> Base:
    """Check every table of a project in Spark.

    Good rows are a view of the source, so nothing is copied; rows that fail are written as Parquet
    into a folder a table.

    Parameters
    ----------
    project : Project
        Its tables are Parquet, by path, or Spark tables, by relation or query.
    set_aside : Path
        Where rows that fail are written, by the driver's and the executors' file system.
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
                found = _table(engine, project, project.tables[name], admitted, rules, set_aside)
                (refused if found.check.fatal else admitted)[name] = found
    except BaseException:
        engine.close()
        raise
    return Base(
        engine,
        project.data_cutoff,
        MappingProxyType(admitted),
        refused=CheckReport({name: table.check for name, table in refused.items()}),
    )


def _table(
    engine: Spark,
    project: Project,
    source: TableSource,
    admitted: Mapping[str, Admitted],
    rules: Rules,
    set_aside: Path,
) -> Admitted:
    relation = f"raw.{identifier(source.table)}"
    engine.name_relation(relation, _data(engine, project, source))
    admission = examine(engine, source, relation, admitted, rules)
    if not admission.admitted.check.fatal:
        engine.view(f"base.{identifier(source.table)}", admission.good)
        engine.write_rows(admission.bad, set_aside / source.table)
    return admission.admitted


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
