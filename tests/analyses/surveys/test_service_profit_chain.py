"""The chain from staff to retention: links that were made are found, with the power there is."""

from __future__ import annotations

import numpy as np
import pytest

from retention.analyses import service_profit_chain
from retention.datasets import survey_items
from retention.engine import Tables
from retention.errors import MissingTableError, NotEnoughDataError


@pytest.fixture(scope="module")
def chain(surveyed_tables):
    return service_profit_chain(surveyed_tables)


def test_links_have_the_right_sign(chain):
    slopes = chain.links.set_index(["cause", "result", "view"])["slope"]
    assert slopes[("staff_satisfaction", "quality", "between")] > 0
    assert slopes[("quality", "satisfaction", "within")] > 0
    assert slopes[("quality", "satisfaction", "between")] > 0
    assert "of the chain" in chain.headline()


def test_power_is_told_and_false_discoveries_are_held(chain):
    links = chain.links
    assert (links["p_adjusted"] >= links["p_value"] - 1e-12).all()
    between = links[links["view"] == "between"]
    assert (between["branches"] == between["n"]).all()
    half = (between["high"] - between["low"]) / 2
    assert (between["detectable"] > half).all()  # 80 % power needs more than significance
    assert any("four times in five" in c for c in chain.cautions())


def test_panel_is_branch_by_half_year(chain, surveyed):
    panel = chain.panel
    assert not panel.duplicated(["branch", "half"]).any()
    assert panel["churn"].dropna().between(0, 1).all()
    assert chain.branches == 24
    row = panel.dropna(subset=["staff_satisfaction", "turnover"]).iloc[3]
    staff = surveyed.tables["employees"].query("branch == @row.branch")
    answers = surveyed.tables["staff_surveys"].merge(staff, on="employee_id")
    year, half = divmod(int(row["half"]), 2)
    when = answers["answered_on"].dt
    inside = (when.year == year) & ((when.month > 6) == bool(half))
    assert row["staff_satisfaction"] == pytest.approx(answers.loc[inside, "score"].mean())


def test_too_few_branches_or_no_staff_are_said(surveyed):
    frames = dict(surveyed.tables)
    few = frames | {"employees": frames["employees"].assign(branch="only")}
    few["surveys"] = frames["surveys"].assign(branch="only")
    keep = ("customers", "surveys", "employees", "staff_surveys")
    tables = Tables.from_frames(
        {k: few[k] for k in keep}, window=surveyed.window, items=survey_items()
    )
    with pytest.raises(NotEnoughDataError, match="1 branches"):
        service_profit_chain(tables)
    without = {k: frames[k] for k in ("customers", "surveys", "employees")}
    tables = Tables.from_frames(without, window=surveyed.window, items=survey_items())
    with pytest.raises(MissingTableError, match="staff_surveys"):
        service_profit_chain(tables)


def test_shuffled_branches_show_no_chain(surveyed):
    """Staff answers given to other branches at random: no link of the staff is seen."""
    rng = np.random.default_rng(0)
    frames = {k: surveyed.tables[k] for k in ("customers", "surveys", "employees", "staff_surveys")}
    staff = frames["employees"]
    frames["employees"] = staff.assign(branch=rng.permutation(staff["branch"].to_numpy()))
    tables = Tables.from_frames(frames, window=surveyed.window, items=survey_items())
    links = service_profit_chain(tables).links
    of_staff = links[links["cause"] == "staff_satisfaction"]
    assert (of_staff["p_adjusted"] > 0.05).all()
