"""Put an example into a folder: ``data/`` and ``retention.toml``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType

import pandas as pd

from retention.datasets.company import write_company
from retention.datasets.scanner import load_scanner_panel
from retention.errors import ParameterError, ProjectError

from .telco import telco_source, telco_tables

__all__ = ["EXAMPLES", "lay_out_example"]


def lay_out_example(
    name: str,
    folder: str | Path,
    *,
    n_customers: int = 2_000,
    seed: int = 1,
    data_only: bool = False,
) -> tuple[Path, ...]:
    """Write the data and the project file of an example into a folder.

    Parameters
    ----------
    name : str
        ``demo`` (the simulated company), ``telco`` (7,043 customers of a fictional telephone
        company, published by IBM) or ``scanner`` (purchases of ketchup by 300 households).
    folder : str or Path
        The project; it is made if it is not there.
    n_customers, seed : int
        Of the simulated company.
    data_only : bool
        Leave ``retention.toml`` as it is.

    Returns
    -------
    tuple of Path
        What was written.

    Raises
    ------
    ParameterError
        If there is no such example, or the extra ``examples`` is not installed.
    ProjectError
        If there is a project file already and `data_only` is false.
    """
    if name not in EXAMPLES:
        raise ParameterError(f"there is no example {name!r}; there are {', '.join(EXAMPLES)}")
    root = Path(folder)
    project_file = root / "retention.toml"
    if project_file.exists() and not data_only:
        raise ProjectError(f"{project_file.name} is there already; choose an empty folder")
    data = root / "data"
    data.mkdir(parents=True, exist_ok=True)
    written = EXAMPLES[name](data, n_customers, seed)
    if data_only:
        return written
    text = files(__package__).joinpath(f"{name}.toml").read_text(encoding="utf-8")
    project_file.write_text(text, encoding="utf-8")
    return (project_file, *written)


def _demo(data: Path, n_customers: int, seed: int) -> tuple[Path, ...]:
    marker = data / "demo.json"
    marker.unlink(missing_ok=True)
    written = write_company(data, n_customers=n_customers, seed=seed, format="parquet")
    # last of all, so that its being there means that all is there
    (data / "simulated.json").replace(marker)
    return (*written.paths.values(), marker)


def _telco(data: Path, n_customers: int, seed: int) -> tuple[Path, ...]:
    source = telco_source()
    return _as_csv(data, {"wa_churn": source, **telco_tables(source)})


def _scanner(data: Path, n_customers: int, seed: int) -> tuple[Path, ...]:
    panel = load_scanner_panel("Catsup")
    households = pd.DataFrame({"customer_id": panel["customer_id"].drop_duplicates()})
    # the panel has no dates; the project file says what the one date stands for
    households = households.assign(acquired_on="1986-01-01")
    return _as_csv(data, {"choices": panel, "customers": households})


def _as_csv(data: Path, tables: Mapping[str, pd.DataFrame]) -> tuple[Path, ...]:
    paths = []
    for name, table in tables.items():
        paths.append(data / f"{name}.csv")
        table.to_csv(paths[-1], index=False, encoding="utf-8", lineterminator="\n")
    return tuple(paths)


EXAMPLES: Mapping[str, Callable[[Path, int, int], tuple[Path, ...]]] = MappingProxyType(
    {"demo": _demo, "telco": _telco, "scanner": _scanner}
)
