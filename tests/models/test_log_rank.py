"""Log-rank and weighted tests against R, and where nothing can be compared."""

from __future__ import annotations

import pandas as pd
import pytest

from retention.errors import NotEnoughDataError, ParameterError
from retention.models import LogRank, count_spells


@pytest.mark.parametrize(
    ("by", "rho", "name"),
    [
        ("contract", 0, "contract"),
        ("contract", 1, "contract_peto"),
        ("senior_citizen", 0, "senior_citizen"),
        ("female", 0, "female"),
    ],
)
def test_telco_statistics_are_those_of_r(telco, survival_reference, by, rho, name):
    cube = count_spells(telco, ["contract", "senior_citizen", "female"])
    fit = LogRank(by=[by], rho=rho).fit(cube)
    # printed to nine digits
    assert fit.statistic == pytest.approx(survival_reference["telco"]["log_rank"][name], rel=5e-9)
    assert fit.df == telco[by].nunique() - 1


def test_p_value_is_that_of_r(telco, survival_reference):
    fit = LogRank(by=["female"]).fit(telco)
    assert fit.p_value == pytest.approx(
        survival_reference["telco"]["log_rank"]["female_p"], abs=5e-10
    )


def test_lung_and_databricks_statistics_are_those_of_r(lung, telco, survival_reference):
    ref = survival_reference["lung"]
    assert LogRank(by=["sex"]).fit(lung).statistic == pytest.approx(ref["log_rank_sex"], abs=5e-7)
    peto = LogRank(by=["sex"], rho=1).fit(lung).statistic
    assert peto == pytest.approx(ref["log_rank_sex_peto"], abs=5e-7)
    cohort = telco[(telco["contract"] == "Month-to-month") & (telco["internet_service"] != "No")]
    ref = survival_reference["databricks"]
    for by in ("gender", "online_security"):
        column = "female" if by == "gender" else by
        found = LogRank(by=[column]).fit(cohort).statistic
        assert found == pytest.approx(ref[f"log_rank_{by}"], abs=5e-6)


def test_equal_groups_differ_by_nothing_and_strata_add_up(truncated):
    twice = pd.concat([truncated.assign(g="a"), truncated.assign(g="b")])
    assert LogRank(by=["g"]).fit(twice).statistic == pytest.approx(0, abs=1e-20)
    assert LogRank(by=["g"], strata=["x"]).fit(twice).p_value == pytest.approx(1)


def test_statsmodels_agrees_within_strata(truncated):
    from statsmodels.duration.survfunc import survdiff

    table = truncated.assign(s=[i % 3 for i in range(len(truncated))])
    table = table.drop(columns="entry")  # its handling of entry and strata together fails
    theirs = survdiff(table["duration"], table["event"], table["x"], strata=table["s"])
    ours = LogRank(by=["x"], strata=["s"]).fit(table)
    assert ours.statistic == pytest.approx(theirs[0], rel=1e-9)


def test_nothing_to_compare_is_an_error():
    spells = pd.DataFrame({"g": ["a", "a"], "duration": [1, 2], "event": [True, False]})
    with pytest.raises(NotEnoughDataError, match="one group only"):
        LogRank(by=["g"]).fit(spells)
    spells = pd.DataFrame(
        {"g": ["a", "b"], "entry": [0, 4], "duration": [2, 6], "event": [True, True]}
    )
    with pytest.raises(NotEnoughDataError, match="at risk together"):
        LogRank(by=["g"]).fit(spells)
    with pytest.raises(ParameterError):
        LogRank(by=[])
