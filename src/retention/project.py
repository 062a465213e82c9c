"""What ``retention.toml`` says: one company's tables, window, money and report settings.

A project is read once, frozen, and checked against the schemas: an unknown key is an error that
names the nearest known one.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Any

from retention.errors import ParameterError, ProjectError
from retention.schemas import INPUT_TABLES
from retention.window import Period, Unit, Window

__all__ = ["ROLES", "EngineSettings", "PrivacySettings", "Project", "TableSource"]

FILE = "retention.toml"
ROLES = ("manager", "analyst")
FORMATS = ("csv", "excel", "parquet", "duckdb", "postgres", "spark")
_SUFFIXES = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".gz": "csv",
    ".xlsx": "excel",
    ".xls": "excel",
    ".xlsm": "excel",
    ".xlsb": "excel",
    ".ods": "excel",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".duckdb": "duckdb",
    ".db": "duckdb",
}
_REPORT_KEYS = (
    "title",
    "language",
    "period",
    "year_starts",
    "lag_days",
    "cell_timeout",
    "run_timeout",
    "jobs",
    "only",
    "max_size_mb",
    "max_register_mb",
)
_ITEM_KEYS = ("construct", "dimension", "low", "high", "reverse", "label")
_PROGRAMME_KEYS = ("goal", "goal_money", "cost", "eligible")


@dataclass(frozen=True, kw_only=True)
class TableSource:
    """Where one table lies and how its columns and values become those of the contract.

    Parameters
    ----------
    table : str
        A table of `retention.schemas.INPUT_TABLES`.
    format : str
        ``csv``, ``excel``, ``parquet``, ``duckdb``, ``postgres`` or ``spark``.
    path : str
        File, folder or glob, relative to the project; empty for a database server.
    encoding, delimiter, decimal, date_format : str
        How a CSV file is written; an empty encoding means UTF-8, with or without a byte order
        mark, and UTF-16 with one. `date_format` in the letters of ``strptime``.
    sheet : str
        Sheet of an Excel file; empty for the first.
    relation, query : str
        Table of a database, or a query that yields it.
    connection : str
        Name of the environment variable that holds the connection string of a server, or of the
        service in the server's own service file when it begins with ``service=``.
    columns : mapping of str to str
        Contract column to source column, where the names differ.
    values : mapping of str to mapping of str to str
        For a contract column: source value to contract value; an empty text means unknown.
    keep : tuple of str
        Source columns that are carried along beyond the contract, as attributes.
    """

    table: str
    format: str
    path: str = ""
    encoding: str = ""
    delimiter: str = ""
    decimal: str = "."
    date_format: str = ""
    sheet: str = ""
    relation: str = ""
    query: str = ""
    connection: str = ""
    columns: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    values: Mapping[str, Mapping[str, str]] = field(default_factory=lambda: MappingProxyType({}))
    keep: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class EngineSettings:
    """Where queries run and what they may use.

    Parameters
    ----------
    name : str
        ``duckdb``, in this process, or ``spark``.
    threads : int or None
        How many run at once; None for two a processor core.
    memory_limit : str
        Such as ``2GB``, of which the engine counts on four fifths; empty for half of the memory.
    spill : str
        Folder for what does not fit in memory, relative to the project.
    master : str
        Spark only: ``local[2]``, ``spark://host:7077``, ``yarn``.
    options : mapping of str to str
        Spark only: further settings, by their Spark names.
    """

    name: str = "duckdb"
    threads: int | None = None
    memory_limit: str = ""
    spill: str = "data/spill"
    master: str = "local[2]"
    options: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, kw_only=True)
class PrivacySettings:
    """How far persons may be recognised.

    Parameters
    ----------
    pseudonymise : bool
        Replace customer and employee ids by a keyed hash, and leave personal columns out.
    key_from : str
        Name of the environment variable that holds the key.
    role : str
        Who reads the customer register of the reports: ``manager`` sees everything, ``analyst``
        no names of persons and firms.
    """

    pseudonymise: bool = False
    key_from: str = "RETENTION_KEY"
    role: str = "manager"


@dataclass(frozen=True, kw_only=True)
class Project:
    """One company's project, as ``retention.toml`` describes it.

    Parameters
    ----------
    root : Path
        The folder in which ``retention.toml`` lies.
    name : str
        Name of the company or of the study.
    currency : str
        ISO 4217 code of all money.
    observed_from, data_cutoff : datetime.date
        First day on which events were recorded; first day that is not known.
    unit, zone : str
        Unit of tenure; IANA time zone.
    minimum_n : int
        Fewer customers than this, and no number is shown.
    tables : mapping of str to TableSource
        The tables this company has.
    items : mapping of str to mapping
        Survey item to ``construct``, ``dimension``, ``low``, ``high``, ``reverse``, ``label``.
    programmes : mapping of str to mapping
        What is planned of a programme of the table enrolments, by its name: ``goal`` (gain in the
        share retained), ``goal_money`` (money less cost, a customer enrolled), ``cost`` (of one
        enrolment, where the table states none), ``eligible`` (column of customers to the values
        for which it is open).
    report, targets, parameters : mapping
        Settings of the reports; wanted values by the name of the number; parameters by notebook.
    engine : EngineSettings
        Where queries run.
    privacy : PrivacySettings
        How far persons may be recognised.
    """

    root: Path
    name: str
    currency: str
    observed_from: date
    data_cutoff: date
    unit: Unit = "month"
    zone: str = "UTC"
    minimum_n: int = 20
    tables: Mapping[str, TableSource] = field(default_factory=lambda: MappingProxyType({}))
    items: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: MappingProxyType({}))
    programmes: Mapping[str, Mapping[str, Any]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    report: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    targets: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    parameters: Mapping[str, Mapping[str, Any]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    engine: EngineSettings = field(default_factory=EngineSettings)
    privacy: PrivacySettings = field(default_factory=PrivacySettings)

    @classmethod
    def load(cls, folder: str | Path) -> Project:
        """Read ``retention.toml`` of a folder.

        Raises
        ------
        ProjectError
            If there is none, it is not TOML, or it says something that cannot be; every fault
            is listed.
        """
        root = Path(folder).expanduser().resolve()
        path = root / FILE if root.is_dir() else root
        if not path.is_file():
            raise ProjectError(f"no {FILE} in {folder}; make a project with: retention init DIR")
        try:
            content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ProjectError(f"{path.name} cannot be read as TOML in UTF-8: {error}") from error
        return _Reader(content).project(path.parent)

    @property
    def window(self) -> Window:
        """Everything that is known: from the first observed day to the data cutoff."""
        return Window(
            start=self.observed_from, cutoff=self.data_cutoff, unit=self.unit, zone=self.zone
        )

    @property
    def year_starts(self) -> int:
        """The month in which the fiscal year of the reports starts; 1 is the calendar's."""
        return int(self.report.get("year_starts", 1))

    def period_named(self, text: str) -> Period:
        """Return a period by its label, fiscal ones by this project's year."""
        return Period.parse(text, self.year_starts)

    def period_containing(self, day: date) -> Period:
        """Return the reports' period in which a day lies: a month, unless the project says else."""
        return Period.containing(day, self.report.get("period", "month"), self.year_starts)


class _Reader:
    """Turns the content of a project file into a `Project` and collects every fault."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        self.content = content
        self.faults: list[str] = []

    def project(self, root: Path) -> Project:
        sections = ("project", "tables", "items", "programmes", "report", "targets", "engine")
        self.known("the file", self.content, (*sections, "privacy", "parameters"))
        head = self.section("project")
        fields = ("name", "currency", "zone", "unit", "observed_from", "data_cutoff", "minimum_n")
        self.known("[project]", head, fields)
        for name in ("observed_from", "data_cutoff"):
            value = head.get(name)
            if isinstance(value, datetime) or not isinstance(value, date):
                self.fault(f"[project] {name} must be a date such as 2026-11-01 without quotes")
        currency = head.get("currency")
        if not (isinstance(currency, str) and len(currency) == 3 and currency.isupper()):
            self.fault("[project] currency must be a code of three capitals such as EUR")
        minimum = head.get("minimum_n", 20)
        if isinstance(minimum, bool) or not isinstance(minimum, int) or minimum < 1:
            self.fault("[project] minimum_n must be a whole number of 1 or more")
        settings: dict[str, Any] = {
            "tables": self.tables(),
            "items": self.items(),
            "programmes": self.programmes(),
            "report": self.report(),
            "targets": self.targets(),
            "parameters": _frozen(self.nested("parameters")),
            "engine": self.engine(),
            "privacy": self.privacy(),
        }
        self.stop()
        project = Project(root=root, **{"name": root.name, **head}, **settings)
        try:
            _ = project.window
        except ParameterError as error:
            self.fault(f"[project] {error}")
        self.stop()
        return project

    def fault(self, text: str) -> None:
        self.faults.append(text)

    def stop(self) -> None:
        if self.faults:
            raise ProjectError(f"{FILE}:\n" + "\n".join(f"  - {fault}" for fault in self.faults))

    def known(self, where: str, given: Iterable[str], allowed: Iterable[str]) -> None:
        names = tuple(allowed)
        for key in given:
            if key not in names:
                near = get_close_matches(key, names, n=1, cutoff=0.5)
                hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names)}"
                self.fault(f"{where}: unknown key {key!r}; {hint}")

    def section(self, name: str) -> dict[str, Any]:
        value = self.content.get(name, {})
        if not isinstance(value, dict):
            self.fault(f"{name} must be a section [{name}]")
            return {}
        return value

    def nested(self, name: str) -> dict[str, dict[str, Any]]:
        section = self.section(name)
        for key, value in section.items():
            if not isinstance(value, dict):
                self.fault(f"[{name}] {key} must be a section [{name}.{key}]")
        return {key: value for key, value in section.items() if isinstance(value, dict)}

    def typed(self, where: str, section: Mapping[str, Any], types: Mapping[str, Any]) -> bool:
        self.known(where, section, types)
        good = True
        for key, value in section.items():
            kind = types.get(key)
            wrong = isinstance(value, bool) and kind is not bool
            if kind and (wrong or not isinstance(value, kind)):
                self.fault(f"{where} {key} must be {_KIND_NAMES[kind]}, not {value!r}")
                good = False
        return good

    def tables(self) -> Mapping[str, TableSource]:
        sections = self.nested("tables")
        self.known("[tables]", sections, INPUT_TABLES)
        found = {
            name: self.source(name, section)
            for name, section in sections.items()
            if name in INPUT_TABLES
        }
        return MappingProxyType({name: source for name, source in found.items() if source})

    def source(self, name: str, section: Mapping[str, Any]) -> TableSource | None:
        where = f"[tables.{name}]"
        texts = ("path", "format", "encoding", "delimiter", "decimal", "date_format", "sheet")
        types: dict[str, Any] = dict.fromkeys((*texts, "relation", "query", "connection"), str)
        types |= {"columns": dict, "values": dict, "keep": list}
        if not self.typed(where, section, types):
            return None
        settings = dict(section)
        kind = settings.setdefault("format", self.format_of(settings))
        if kind not in FORMATS:
            self.fault(f"{where} format must be one of {', '.join(FORMATS)}; got {kind!r}")
        if kind in ("csv", "excel", "parquet", "duckdb") and not settings.get("path"):
            self.fault(f"{where} needs a path")
        if kind == "duckdb" and not (settings.get("relation") or settings.get("query")):
            self.fault(f"{where} needs a relation or a query in the DuckDB file")
        if kind == "postgres" and not settings.get("connection"):
            self.fault(
                f"{where} needs connection: the name of the environment variable that holds the "
                "connection string, or service=NAME of the service file"
            )
        if "://" in settings.get("connection", "") or "password" in settings.get("connection", ""):
            self.fault(f"{where} connection must name an environment variable, not hold a secret")
        schema = INPUT_TABLES[name]
        self.known(f"[tables.{name}.columns]", settings.get("columns", {}), schema.names)
        attributes = settings.get("keep", [])
        self.known(
            f"[tables.{name}.values]", settings.get("values", {}), (*schema.names, *attributes)
        )
        self.texts(f"[tables.{name}.columns]", settings.get("columns", {}))
        for column, mapping in settings.get("values", {}).items():
            if isinstance(mapping, dict):
                self.texts(f"[tables.{name}.values.{column}]", mapping)
            else:
                self.fault(f"[tables.{name}.values] {column} must map source to contract values")
                return None
        settings["columns"] = _frozen(settings.get("columns", {}))
        settings["values"] = _frozen(settings.get("values", {}))
        settings["keep"] = tuple(attributes)
        known = {k: v for k, v in settings.items() if k in TableSource.__dataclass_fields__}
        return TableSource(table=name, **known)

    def texts(self, where: str, mapping: Mapping[str, Any]) -> None:
        for key, value in mapping.items():
            if not isinstance(value, str):
                self.fault(f"{where} {key} must be a text in quotes, not {value!r}")

    @staticmethod
    def format_of(settings: Mapping[str, Any]) -> str:
        if settings.get("connection"):
            return "postgres"
        path = settings.get("path", "")
        if not path and settings.get("relation"):
            return "spark"
        return _SUFFIXES.get(Path(path).suffix.lower(), "parquet")

    def items(self) -> Mapping[str, Mapping[str, Any]]:
        sections = self.nested("items")
        for name, section in sections.items():
            self.known(f"[items.{name}]", section, _ITEM_KEYS)
            if "construct" not in section:
                self.fault(f"[items.{name}] needs a construct such as csat, nps or trust")
        return _frozen(sections)

    def programmes(self) -> Mapping[str, Mapping[str, Any]]:
        sections = self.nested("programmes")
        for name, section in sections.items():
            where = f"[programmes.{name}]"
            self.known(where, section, _PROGRAMME_KEYS)
            for key in ("goal", "goal_money", "cost"):
                self.number(where, key, section.get(key, 0.0))
            goal, cost = section.get("goal", 0.0), section.get("cost", 0.0)
            if isinstance(goal, int | float) and not -1 < goal < 1:
                self.fault(f"{where} goal must be a share such as 0.03 for 3 points, not {goal!r}")
            if isinstance(cost, int | float) and cost < 0:
                self.fault(f"{where} cost must be 0 or more, not {cost!r}")
            self.eligible(where, section.get("eligible", {}))
        return _frozen(sections)

    def eligible(self, where: str, columns: Any) -> None:
        if not isinstance(columns, dict):
            self.fault(f'{where} eligible must be such as {{ segment = ["key account"] }}')
            return
        for column, values in columns.items():
            texts = isinstance(values, list) and all(isinstance(v, str) for v in values)
            if not texts or not values:
                self.fault(f"{where} eligible.{column} must be a list of texts in square brackets")

    def number(self, where: str, key: str, value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.fault(f"{where} {key} must be a number, not {value!r}")

    def report(self) -> Mapping[str, Any]:
        section = self.section("report")
        self.known("[report]", section, _REPORT_KEYS)
        starts = section.get("year_starts", 1)
        if isinstance(starts, bool) or not isinstance(starts, int) or not 1 <= starts <= 12:
            self.fault(f"[report] year_starts must be a month from 1 to 12, not {starts!r}")
        return _frozen(section)

    def targets(self) -> Mapping[str, float]:
        section = self.section("targets")
        for key, value in section.items():
            self.number("[targets]", key, value)
        return _frozen(section)

    def engine(self) -> EngineSettings:
        section = dict(self.section("engine"))
        texts = dict.fromkeys(("name", "memory_limit", "spill", "master"), str)
        if not self.typed("[engine]", section, {**texts, "threads": int, "options": dict}):
            return EngineSettings()
        if section.get("name", "duckdb") not in ("duckdb", "spark"):
            self.fault(f"[engine] name must be duckdb or spark, not {section['name']!r}")
        if section.get("threads", 1) < 1:
            self.fault("[engine] threads must be 1 or more")
        options = section.pop("options", {})
        self.texts("[engine.options]", options)
        known = {k: v for k, v in section.items() if k in EngineSettings.__dataclass_fields__}
        return EngineSettings(**known, options=_frozen(options))

    def privacy(self) -> PrivacySettings:
        section = self.section("privacy")
        types = {"pseudonymise": bool, "key_from": str, "role": str}
        if section.get("role", "manager") not in ROLES:
            self.fault(f"[privacy] role must be {' or '.join(ROLES)}, not {section['role']!r}")
        if not self.typed("[privacy]", section, types) or self.faults:
            return PrivacySettings()
        return PrivacySettings(**section)


_KIND_NAMES: Mapping[Any, str] = {
    str: "a text in quotes",
    int: "a whole number",
    bool: "true or false",
    dict: "a section",
    list: "a list in square brackets",
}


def _frozen(value: Any) -> Any:
    """Return a copy in which every mapping is read-only and every list a tuple."""
    if isinstance(value, Mapping):
        return MappingProxyType({key: _frozen(item) for key, item in value.items()})
    if isinstance(value, list | tuple):
        return tuple(_frozen(item) for item in value)
    return value
