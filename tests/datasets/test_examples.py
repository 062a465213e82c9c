"""The example projects: laid out whole, checked without a fault, true to what was published."""

from __future__ import annotations

import tomllib
from datetime import date
from importlib.resources import files
from pathlib import Path

import pandas as pd
import pytest

from retention import Project
from retention.datasets import EXAMPLES, check_project, lay_out_example, read_tables
from retention.datasets.examples import TELCO_CUTOFF, telco_tables
from retention.datasets.examples.telco import telco_source
from retention.errors import ParameterError, ProjectError
from retention.schemas import INPUT_TABLES
from retention.window import Window

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", EXAMPLES)
def test_example_is_a_project_without_a_fault(name, tmp_path):
    written = lay_out_example(name, tmp_path / "shop", n_customers=300)
    assert all(path.exists() for path in written)
    project = Project.load(tmp_path / "shop")
    assert check_project(project).faults == ()
    tables = read_tables(project)
    assert tables.names == set(project.tables)


def test_demo_has_all_tables_and_every_survey_item_is_mapped(tmp_path):
    lay_out_example("demo", tmp_path, n_customers=400)
    project = Project.load(tmp_path)
    assert set(project.tables) == set(INPUT_TABLES)
    items = read_tables(project).query("select distinct item from surveys order by item")["item"]
    patterns = [name.rstrip("*") for name in project.items if name.endswith("*")]
    lost = [
        item for item in items if item not in project.items and not item.startswith(tuple(patterns))
    ]
    assert lost == []


def test_the_repository_is_the_demo_project():
    mine = (ROOT / "retention.toml").read_text(encoding="utf-8")
    packaged = files("retention.datasets.examples").joinpath("demo.toml")
    assert mine == packaged.read_text(encoding="utf-8")
    assert tomllib.loads(mine)["project"]["observed_from"].isoformat() == "2021-11-01"


def test_data_only_leaves_the_project_file_alone(tmp_path):
    (tmp_path / "retention.toml").write_text("# mine\n")
    with pytest.raises(ProjectError, match="is there already"):
        lay_out_example("demo", tmp_path, n_customers=50)
    lay_out_example("demo", tmp_path, n_customers=50, data_only=True)
    assert (tmp_path / "retention.toml").read_text() == "# mine\n"
    assert (tmp_path / "data" / "demo.json").exists()


def test_unknown_example_is_named(tmp_path):
    with pytest.raises(ParameterError, match="demo, telco, scanner"):
        lay_out_example("bank", tmp_path)


def test_telco_source_is_kept_as_published(tmp_path):
    lay_out_example("telco", tmp_path)
    kept, source = pd.read_csv(tmp_path / "data" / "wa_churn.csv"), telco_source()
    assert kept.shape == (7043, 21)
    assert list(kept) == list(source)
    for column in kept:
        assert kept[column].fillna(-1).tolist() == source[column].fillna(-1).tolist()


def test_telco_dates_give_back_every_tenure():
    source = telco_source()
    window = Window(start=date(2020, 10, 1), cutoff=TELCO_CUTOFF)
    contracts = telco_tables(source)["contracts"]
    started = pd.to_datetime(contracts["started_on"]).dt.date
    ended = pd.to_datetime(contracts["ended_on"]).dt.date
    for tenure, churn, start, end in zip(
        source["tenure"], source["churn"], started, ended, strict=True
    ):
        assert window.whole_units(start, window.last_day) == tenure
        if churn == "Yes":
            assert window.started_units(start, end) == tenure
        else:
            assert pd.isna(end)


def curve_of_telco(folder: Path, observed_from: str) -> dict[int, float]:
    """S(t) by a count over the contracts; entry in months begun before the observation."""
    lay_out_example("telco", folder)
    file = folder / "retention.toml"
    text = file.read_text().replace(
        "observed_from = 2020-10-01", f"observed_from = {observed_from}"
    )
    file.write_text(text)
    spells = read_tables(Project.load(folder)).query(
        "select {{ window.whole_units_sql('started_on', until) }} as tenure,"
        " greatest({{ window.whole_units_sql('started_on', since) }}, 0) as entry,"
        " ended_on is not null as event from contracts order by customer_id",
        until="DATE '2026-10-31'",
        since=f"DATE '{observed_from}'",
    )
    survival, curve = 1.0, {}
    for tenure in range(1, 73):
        at_risk = (spells["entry"] < tenure) & (spells["tenure"] >= tenure)
        left = spells["event"] & (spells["tenure"] == tenure)
        survival *= 1 - left.sum() / at_risk.sum()
        curve[tenure] = survival
    return curve


def test_telco_gives_the_published_curve(tmp_path):
    # verified in R, survival 3.5-3
    printed = {
        1: 0.945961320, 6: 0.884826239, 12: 0.843199554, 24: 0.788736398,
        36: 0.748545415, 48: 0.708840184, 60: 0.664403914, 72: 0.592790152,
    }  # fmt: skip
    curve = curve_of_telco(tmp_path, "2020-10-01")
    for tenure, value in printed.items():
        assert curve[tenure] == pytest.approx(value, abs=5e-10)


def test_telco_seen_as_what_it_is_falls_far_below(tmp_path):
    # every leaver left in one quarter: the same rows, entered three months before the end
    curve = curve_of_telco(tmp_path, "2026-07-01")
    # of 1,051 customers of tenure 1 to 3, 380 left in their first month
    assert curve[1] == pytest.approx(1 - 380 / 1051, abs=1e-12)
    assert curve[12] == pytest.approx(0.111, abs=5e-4)
