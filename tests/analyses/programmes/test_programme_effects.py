"""Programmes of the simulated company, whose effects are known."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from retention.analyses import programme_effects
from retention.analyses.programmes.programme_effects import rival_answers
from retention.datasets import CompanyParameters, simulate_company
from retention.engine import Tables
from retention.errors import DataError, MissingTableError, NotEnoughDataError, ParameterError
from retention.estimates import Estimate, wilson_interval
from retention.exhibits import (
    plot_programme_checks,
    plot_programme_effects,
    plot_rival_prices,
    table_programme_effects,
    table_programme_goals,
    table_programme_levels,
    table_programme_register,
    table_rival_answers,
)
from retention.features import (
    build_programme_trials,
    build_programmes,
    build_rollout_panel,
    build_rollout_rates,
    rollout_place,
)
from retention.models import DoublyRobust, omitted_variable_bias

ITEMS = {"csat": {"construct": "csat"}}
NEEDED = ("customers", "contracts", "orders", "enrolments", "complaints", "contacts")


@pytest.fixture(scope="module")
def company():
    return simulate_company(n_customers=4000, seed=14)


def tables_of(company, **changes):
    frames = {name: company.tables[name] for name in NEEDED} | changes
    return Tables.from_frames(frames, window=company.window, items=ITEMS)


@pytest.fixture(scope="module")
def tables(company):
    return tables_of(company)


PLANS = {
    "rebate": {"goal": 0.001},
    "key_contact": {"goal": 0.9, "goal_money": 1e6, "cost": 1.0},
    "loyalty_card": {"goal": 0.02},
}


@pytest.fixture(scope="module")
def answer(company):
    frames = {name: company.tables[name] for name in (*NEEDED, "surveys", "market")}
    planned = Tables.from_frames(frames, window=company.window, items=ITEMS, programmes=PLANS)
    return programme_effects(planned, own_firm="us", replicates=40)


def mean_log_ratio(programme, horizon=12):
    """The true log hazard ratio at the middle of the horizon, as it fades month by month."""
    months = np.arange(horizon) + 0.5
    return float(np.mean(programme.log_hazard * np.exp(-months / programme.fade_months)))


def test_each_programme_gets_the_strongest_design_its_data_allow(answer):
    assert {n: (e.design, e.retained.grade) for n, e in answer.effects.items()} == {
        "rebate": ("randomised", "A"),
        "integration": ("roll-out by branch", "B"),
        "key_contact": ("like customers", "C"),
    }
    refused = answer.refused.groupby("programme")["design"].agg(" | ".join)
    assert all("before and after alone" in reasons for reasons in refused)
    assert "not drawn by lot" in refused["integration"]
    assert "one after the other" in refused["key_contact"]


@pytest.mark.parametrize("name", ["rebate", "integration"])
def test_effect_on_the_hazard_is_recovered(company, answer, name):
    truth = np.exp(mean_log_ratio(getattr(company.truth.parameters.programmes, name)))
    ratio = answer.effects[name].hazard_ratio
    assert ratio.low < truth < ratio.high
    assert ratio.value < 1


def test_programme_of_own_choice_is_an_association_and_says_so(answer):
    effect = answer.effects["key_contact"]
    assert effect.hazard_ratio.grade == effect.retained.grade == effect.money.grade == "C"
    assert any("own choice" in caution for caution in answer.cautions())
    confounded = effect.doubt["retained_if_confounded"]
    assert confounded.low < effect.retained.low
    assert confounded.high > effect.retained.high
    assert effect.doubt["e_value"].value > 1
    assert effect.checks["after"].abs().max() < 0.1


@pytest.mark.slow
def test_hidden_warmth_makes_the_chosen_programme_look_better_than_it_is():
    """Over 12 worlds the ratio lies below the truth on average, by more than chance."""
    gaps = []
    for seed in range(12):
        company = simulate_company(n_customers=4000, seed=500 + seed)
        found = programme_effects(tables_of(company), replicates=2).effects["key_contact"]
        truth = mean_log_ratio(company.truth.parameters.programmes.key_contact)
        gaps.append(np.log(found.hazard_ratio.value) - truth)
    assert np.mean(gaps) < -2 * np.std(gaps) / np.sqrt(len(gaps))


def test_money_is_what_is_left_after_the_cost(answer):
    for effect in answer.effects.values():
        if effect.net.value is not None:
            assert effect.net.value == pytest.approx(effect.money.value - effect.cost.value)
            assert effect.net.high - effect.net.low == pytest.approx(
                effect.money.high - effect.money.low
            )


def test_goals_of_the_project_are_met_or_missed_beyond_noise(answer):
    goals = answer.goals.set_index(["programme", "what"])
    money = ("key_contact", "money less cost, a customer")
    assert goals["verdict"]["key_contact", "share retained"] == "missed beyond noise"
    assert goals["verdict"][money] == "missed beyond noise"
    assert goals["achieved"][money] == answer.effects["key_contact"].net.value
    rebate = goals["verdict"]["rebate", "share retained"]
    assert rebate in ("met beyond noise", "not decided by these data")
    assert "nobody is enrolled" in goals["verdict"]["loyalty_card", "share retained"]
    assert list(table_programme_goals(answer)["planned"]) == [
        "90.0 %", "1,000,000.00 EUR", "2.0 %", "0.1 %",
    ]  # fmt: skip


def test_the_cost_of_the_table_goes_before_that_of_the_project(answer):
    """Enrolments state 150; the project file would say 1."""
    assert answer.effects["key_contact"].cost.value == 150.0


def test_a_programme_is_judged_on_those_for_whom_it_was_open(company):
    """Ineligible customers are no controls; a column that is not there is an error."""
    frames = {name: company.tables[name] for name in ("customers", "contracts", "enrolments")}
    open_to = {"rebate": {"eligible": {"segment": ["business"]}}}
    some = Tables.from_frames(frames, window=company.window, programmes=open_to)
    trials = build_programme_trials(some, "rebate", horizon=12, drawn=True)
    assert set(trials["segment"]) == {"business"}
    everybody = Tables.from_frames(frames, window=company.window)
    whole = build_programme_trials(everybody, "rebate", horizon=12, drawn=True)
    assert set(trials.index) == set(whole.index[whole["segment"] == "business"])
    odd = {"rebate": {"eligible": {"planet": ["earth"]}}}
    with pytest.raises(ParameterError, match="no column planet"):
        programme_effects(Tables.from_frames(frames, window=company.window, programmes=odd))


def test_enrolment_before_acquisition_is_told_and_in_no_comparison(company):
    frames = {name: company.tables[name] for name in ("customers", "contracts")}
    rebates = company.tables["enrolments"].query("programme == 'rebate'").copy()
    new = frames["customers"].query("acquired_on > '2024-01-01'")["customer_id"].head(2)
    rebates = rebates[~rebates["customer_id"].isin(new)]
    early = pd.concat([rebates, rebates.head(2).assign(customer_id=new.to_numpy())])
    tables = Tables.from_frames(frames | {"enrolments": early}, window=company.window)
    answer = programme_effects(tables, replicates=2)
    assert answer.register["too_early"]["rebate"] == 2
    assert any("2 enrolments are dated before" in c for c in answer.cautions())
    assert answer.effects["rebate"].retained.n == len(
        build_programme_trials(
            tables_of(company, enrolments=rebates), "rebate", horizon=12, drawn=True
        )
    )


def test_levels_of_bond_put_programmes_together():
    """One programme of a level is that programme; two are weighted by how sure they are."""
    from retention.analyses.programmes.programme_effects.levels import _difference, _together

    def slope(value, half, grade="A"):
        return Estimate(
            value=value, low=value - half, high=value + half, unit="x", n=50, method="m",
            grade=grade,
        )  # fmt: skip

    assert _together([slope(1.0, 0.5)], "fading", 0.95) == slope(1.0, 0.5)
    both = _together([slope(1.0, 0.5), slope(1.1, 0.5, "C")], "fading", 0.95)
    assert both.value == pytest.approx(1.05)
    assert both.high - both.value == pytest.approx(0.5 / np.sqrt(2))
    assert both.grade == "C"
    apart = _together([slope(1.0, 0.5), slope(9.0, 0.5)], "fading", 0.95)
    assert apart.low < 1.5 < 8.5 < apart.high  # they do not do the same, and that is said
    gap = _difference(slope(1.0, 0.3), slope(0.5, 0.4), 0.95)
    assert (gap.value, gap.high - gap.value) == pytest.approx((0.5, 0.5))


def test_a_tenure_without_leavers_does_not_hide_the_hazard_ratio(tables):
    """Cells in which nobody left say nothing of the treatment: with or without, the same ratio."""
    from retention.analyses.programmes.programme_effects.hazard import ratio_and_fading

    rng = np.random.default_rng(1)
    cells = pd.DataFrame({
        "treated": np.tile([0.0, 1.0], 20), "treated_since": np.tile([0.0, 1.0], 20) * 3,
        "band": np.repeat(["a", "b"], 20), "trials": 500, "event": rng.binomial(500, 0.1, 40),
    })  # fmt: skip
    cells["treated_since"] *= rng.integers(0, 9, 40)
    told = ratio_and_fading(cells, ("band",), tables, 0.95, "A", 100)
    empty = cells.head(4).assign(band="c", event=0)
    more = pd.concat([cells, empty], ignore_index=True)
    assert ratio_and_fading(more, ("band",), tables, 0.95, "A", 100) == told


def test_financial_bond_fades_first(answer):
    levels = answer.levels
    assert levels["financial: hazard_ratio"] == answer.effects["rebate"].hazard_ratio
    assert levels["fading: financial less structural"].high > 0
    assert "fading" in table_programme_levels(answer)


def test_satisfaction_is_told_by_every_design(answer):
    for effect in answer.effects.values():
        assert effect.satisfaction.shown
        assert effect.satisfaction.grade == "C"
        assert effect.satisfaction.low < 0.3  # no programme moves it there


def rivals_of(company, own_firm="us"):
    frames = {name: company.tables[name] for name in ("customers", "enrolments", "market")}
    tables = Tables.from_frames(frames, window=company.window)
    return rival_answers(tables, build_programmes(tables), own_firm=own_firm)


def with_rivals(answer, half_time=3.0):
    wanted = CompanyParameters()
    market = replace(wanted.market, answer=answer, answer_half_time=half_time)
    return replace(wanted, market=market)


def test_rivals_who_answer_are_found_with_their_speed():
    """A company whose rivals cut prices by a fifth, half of it within 3 months of the rebate."""
    company = simulate_company(400, seed=4, parameters=with_rivals(-0.22), history=False)
    rebate = rivals_of(company).answers["rebate"]
    assert rebate.price.low < np.expm1(-0.22 * (1 - 0.5**4)) < rebate.price.high < 0
    assert rebate.price_half_time.low <= 3.0 <= rebate.price_half_time.high
    assert rebate.price.grade == "D"
    nobody = rivals_of(company, own_firm="nobody")
    assert "name ours" in nobody.why
    assert not nobody.cautions()


def test_rivals_who_do_not_answer_have_no_speed():
    company = simulate_company(400, seed=4, history=False)
    rebate = rivals_of(company).answers["rebate"]
    assert rebate.price.low < 0 < rebate.price.high
    assert "no speed follows" in rebate.price_half_time.why


@pytest.mark.slow
def test_intervals_of_the_rivals_answer_hold_the_truth():
    """Two hundred markets: with an answer, interval and speed hold it; without, few see one."""
    held, speed, seen, shown, timed, asked = 0, 0, 0, 0, 0, 0
    for seed in range(100):
        company = simulate_company(60, seed=seed, parameters=with_rivals(-0.22), history=False)
        rebate = rivals_of(company).answers["rebate"]
        if rebate.price.low is not None:
            shown += 1
            held += rebate.price.low <= np.expm1(-0.22 * (1 - 0.5**4)) <= rebate.price.high
        half = rebate.price_half_time
        if half.low is not None:
            timed += 1
            speed += half.low <= 3.0 <= half.high
        none = simulate_company(60, seed=500 + seed, history=False)
        price = rivals_of(none).answers["rebate"].price
        if price.low is not None:
            asked += 1
            seen += not price.low <= 0 <= price.high
    assert min(shown, timed, asked) >= 80
    assert held / shown >= 0.92
    assert speed / timed >= 0.92
    assert seen / asked <= 0.09


def test_market_with_a_gap_has_no_series(company):
    market = company.tables["market"]
    broken = market[market["period"] != "2024-03"]
    frames = {name: company.tables[name] for name in ("customers", "enrolments")}
    tables = Tables.from_frames(frames | {"market": broken}, window=company.window)
    assert "lacks 2024-03" in rival_answers(tables, build_programmes(tables), own_firm="us").why


def test_drawn_trial_is_those_whose_contract_ran_that_day(company, tables):
    trials = build_programme_trials(tables, "rebate", horizon=12, drawn=True)
    offers = company.truth.offers
    offered = offers[offers["programme"] == "rebate"].set_index("customer_id")["joined"]
    assert set(trials.index) == set(offered.index)
    pd.testing.assert_series_equal(
        trials["treated"].sort_index(), offered.sort_index(), check_names=False
    )


def test_nobody_of_a_monthly_trial_is_immortal(tables):
    """Everybody of a trial is a customer on its day, and had not joined before its month."""
    trials = build_programme_trials(tables, "key_contact", horizon=12, drawn=False)
    assert (trials["duration"] >= 0).all()
    joined = trials[trials["treated"]]
    assert not joined.index.has_duplicates
    later = trials.dropna(subset=["treated_later_on"])
    assert (pd.to_datetime(later["treated_later_on"]) >= pd.to_datetime(later["trial_on"])).all()
    compared = trials[~trials["treated"] & trials.index.isin(joined.index)]
    own = joined["trial_on"].reindex(compared.index)
    assert (pd.to_datetime(compared["trial_on"]).to_numpy() < pd.to_datetime(own).to_numpy()).all()


def test_trials_know_nothing_of_the_time_after_them(company, tables):
    """What happens after the trial day changes no covariate of the trial."""
    trials = build_programme_trials(tables, "rebate", horizon=12, drawn=True)
    day = trials["trial_on"].iloc[0]
    shortened = {}
    for name, when in (("orders", "ordered_on"), ("complaints", "opened_on"), ("contacts", "at")):
        frame = company.tables[name]
        shortened[name] = frame[pd.to_datetime(frame[when]) < pd.Timestamp(day)]
    before = build_programme_trials(
        tables_of(company, **shortened), "rebate", horizon=12, drawn=True
    )
    known = ["treated", "tenure", "money_before", "orders_before", "complaints_before",
             "contacts_before", "segment"]  # fmt: skip
    pd.testing.assert_frame_equal(trials[known], before[known])
    assert (before["money_after"] == 0).all()


def test_panel_of_a_roll_out_follows_those_who_leave(tables):
    assert rollout_place(tables, "integration") == "branch"
    panel = build_rollout_panel(tables, "integration", by="branch")
    size = panel.groupby("unit")["period"].nunique()
    assert (size == size.iloc[0]).all()
    wide = panel.pivot_table(index="unit", columns="period", values="retained")
    assert (np.diff(wide.to_numpy(), axis=1) <= 0).all()  # gone is gone
    assert panel.groupby("place")["adopted"].nunique(dropna=False).max() == 1


def test_rates_of_a_roll_out_are_the_plain_counts(company, tables):
    """Against pandas, for one wave: who ran at a quarter's start, no newcomer after the turn."""
    rates = build_rollout_rates(tables, "integration", by="branch")
    contracts = company.tables["contracts"].merge(company.tables["customers"], on="customer_id")
    until = contracts["ended_on"].fillna(pd.Timestamp("2026-11-01"))
    turn = rates["wave"].unique()[1]
    for quarter, came_by in ((-1, turn - pd.DateOffset(months=3)), (2, turn)):
        first, following = (turn + pd.DateOffset(months=3 * k) for k in (quarter, quarter + 1))
        here = contracts[(contracts["started_on"] <= came_by) & (until >= first)]
        stayed = here[until.reindex(here.index) >= following]
        counted = rates[(rates["wave"] == turn) & (rates["period"] == 4 + quarter)]
        for column, frame in (("here", here), ("stayed", stayed)):
            plain = frame.groupby("branch")["customer_id"].nunique()
            assert (plain[counted["place"]] == counted[column].to_numpy()).all()
    # a place stands in its own wave, and beside others only until its turn comes
    own = rates[rates["adopted"].notna()].groupby("place")["wave"].unique().str[0]
    beside = rates[rates["adopted"].isna() & rates["place"].isin(own.index)]
    last = beside.groupby("place")["wave"].max()
    assert (last + pd.DateOffset(months=12) <= own[last.index]).all()


def test_a_roll_out_that_nobody_could_follow_is_told(company):
    young = tables_of(company).as_of(date(2023, 3, 1))
    with pytest.raises(NotEnoughDataError, match="no place was followed for 12 months"):
        build_rollout_rates(young, "integration", by="branch")


def test_places_that_had_their_turn_one_at_a_time_are_told(company):
    enrolled = company.tables["enrolments"].query("programme == 'integration'")
    branch = enrolled["customer_id"].map(
        company.tables["customers"].set_index("customer_id")["branch"]
    )
    days = pd.to_timedelta(9 * pd.factorize(branch)[0], unit="D")
    apart = enrolled.assign(enrolled_on=pd.to_datetime(enrolled["enrolled_on"]) + days)
    bare = {name: company.tables[name] for name in ("customers", "contracts")}
    tables = Tables.from_frames(bare | {"enrolments": apart}, window=company.window)
    refused = programme_effects(tables, replicates=2).refused["design"]
    assert any("one had its turn alone" in reason for reason in refused)


def test_every_figure_has_words(answer):
    assert "rebate" in table_programme_effects(answer).index
    ax = plot_programme_effects(answer)
    assert ax.get_xlabel()
    assert "price" in plot_rival_prices(answer).get_ylabel()
    assert set(table_rival_answers(answer).index) == set(answer.effects)
    assert table_programme_register(answer)["open to"].eq("all").all()
    for name in answer.effects:
        plot_programme_checks(answer, name)
    with pytest.raises(ParameterError, match="no effect"):
        plot_programme_checks(answer, "nothing")


def test_headline_and_summary_speak_of_the_same(answer):
    assert "over its cost" in answer.headline()
    summary = answer.summary()
    assert set(summary.index) == set(answer.effects)
    assert (summary["retained_low"] <= summary["retained"]).all()


def test_nobody_treated_and_everybody_treated_are_told(company):
    bare = {name: company.tables[name] for name in ("customers", "contracts")}
    few = company.tables["enrolments"].groupby("programme").head(3)
    tables = Tables.from_frames(bare | {"enrolments": few}, window=company.window)
    answer = programme_effects(tables, replicates=2)
    assert not answer.effects
    assert "could be followed" in " ".join(answer.refused["design"])
    assert "No programme shows" in answer.headline()
    contracts = company.tables["contracts"]
    day = pd.Timestamp("2024-05-01")
    running = contracts[contracts["started_on"] <= day]
    running = running[running["ended_on"].isna() | (running["ended_on"] > day)]
    everybody = pd.DataFrame({
        "customer_id": running["customer_id"].unique(), "programme": "all", "bond": "financial",
        "enrolled_on": day, "assignment": "random", "cost": 1.0,
    })  # fmt: skip
    tables = Tables.from_frames(bare | {"enrolments": everybody}, window=company.window)
    answer = programme_effects(tables, replicates=2)
    assert not answer.effects
    assert "0 other customers" in " ".join(answer.refused["design"])


def test_without_cost_there_is_an_effect_and_no_return(company):
    rebates = company.tables["enrolments"].query("programme == 'rebate'")
    free = tables_of(company, enrolments=rebates.drop(columns="cost"))
    answer = programme_effects(free, replicates=2)
    assert answer.effects["rebate"].money.shown
    assert answer.effects["rebate"].net.why == "enrolments state no cost"


def test_one_name_for_two_bonds_is_an_error(company):
    mixed = company.tables["enrolments"].copy()
    mixed.loc[mixed.index[0], "bond"] = "structural"
    mixed.loc[mixed.index[0], "programme"] = "rebate"
    mixed.loc[mixed.index[1], "programme"] = "rebate"
    with pytest.raises(DataError, match="rebate has two"):
        programme_effects(tables_of(company, enrolments=mixed))


def test_what_cannot_be_asked_is_refused(company, tables):
    with pytest.raises(ParameterError, match="horizon"):
        programme_effects(tables, horizon=0)
    with pytest.raises(ParameterError, match="goals name no programme: tombola"):
        programme_effects(tables, goals={"tombola": 0.1})
    bare = Tables.from_frames({"customers": company.tables["customers"]}, window=company.window)
    with pytest.raises(MissingTableError, match="enrolments"):
        programme_effects(bare)


# coverage -----------------------------------------------------------------------------------------

WORLDS = 200
NAMES = ("rebate", "integration", "key_contact")  # by lot, by turn, by choice


def company_parameters(warmth):
    """The company's parameters with so much of the hidden trait behind joining."""
    wanted = CompanyParameters()
    return replace(wanted, programmes=replace(wanted.programmes, join_warmth=warmth))


def world(seed, warmth=0.0):
    """A small company of its own chance, with what the design needs and no more."""
    company = simulate_company(
        2000, seed=10_000 + seed, history=False, parameters=company_parameters(warmth)
    )
    frames = {name: company.tables[name] for name in ("customers", "contracts", "enrolments")}
    return company, frames


@pytest.fixture(scope="module")
def worlds():
    """Effects of all three programmes in each world; no hidden trait decides who joins."""
    found = []
    for seed in range(WORLDS):
        company, frames = world(seed)
        tables = Tables.from_frames(frames, window=company.window)
        found.append(programme_effects(tables, replicates=2).effects)
    return found


@pytest.fixture(scope="module")
def gains():
    """What each programme truly did to the share here a year after joining, to those who joined.

    Each company is made twice with the same chance, with the programme and without its effect.
    """
    return {name: float(np.mean([true_gain(name, seed) for seed in (9, 10, 11)])) for name in NAMES}


def true_gain(name, seed):
    parameters = company_parameters(0.0)
    whole, idle = (
        simulate_company(20_000, seed=seed, history=False, parameters=each)
        for each in (parameters, parameters.without(name))
    )
    joined = whole.tables["enrolments"].query("programme == @name")
    joined = joined[joined["enrolled_on"] < pd.Timestamp("2025-11-01")]
    return here_a_year_after(whole, joined) - here_a_year_after(idle, joined)


def here_a_year_after(company, joined):
    """The share of contracts running at joining that ran a year on; who left has left for good."""
    contracts = company.tables["contracts"].assign(
        until=lambda c: c["ended_on"].fillna(pd.Timestamp("2100-01-01"))
    )
    both = joined[["customer_id", "enrolled_on"]].merge(contracts, on="customer_id")
    running = both[both["started_on"] <= both["enrolled_on"]]
    last = running.groupby("customer_id")[["enrolled_on", "until"]].max()
    assert len(last) == len(joined)
    return float((last["until"] >= last["enrolled_on"] + pd.DateOffset(years=1)).mean())


def assert_covered(estimates, truth):
    """The share of intervals that hold the truth agrees with 93 to 97 %, as far as counted."""
    shown = [e for e in estimates if e.low is not None]
    assert len(shown) >= 0.9 * WORLDS
    hits = sum(e.low <= truth <= e.high for e in shown)
    low, high = wilson_interval(hits, len(shown))
    assert low <= 0.97, (hits, len(shown))
    assert high >= 0.93, (hits, len(shown))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_intervals_hold_the_true_hazard_ratio_under_each_design(worlds, name):
    programme = getattr(CompanyParameters().programmes, name)
    ratios = [effects[name].hazard_ratio for effects in worlds]
    assert_covered(ratios, np.exp(mean_log_ratio(programme)))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_intervals_hold_the_true_gain_in_the_share_retained(worlds, gains, name):
    retained = [effects[name].retained for effects in worlds]
    assert_covered(retained, gains[name])
    values = np.array([e.value for e in retained if e.value is not None])
    errors = np.array([(e.high - e.low) / 2 / 1.96 for e in retained if e.low is not None])
    # the truth is itself counted, from some 9,000 who joined
    assert abs(values.mean() - gains[name]) < 0.5 * errors.mean()
    assert errors.mean() == pytest.approx(values.std(), rel=0.2)


def left_over(columns, target):
    z = np.column_stack(columns)
    return target - z @ np.linalg.lstsq(z, target, rcond=None)[0]


@pytest.mark.slow
def test_bound_covers_the_truth_when_the_strength_of_the_hidden_trait_is_known(gains):
    """Warmth decides who joins and who stays, and nobody records it; here we know how strongly.

    The interval, widened by the bias that a confounder of that strength can make, holds the truth
    in 93 of 100 worlds or more; without it, the estimate lies too high on average.
    """
    from retention.analyses.programmes.programme_effects.observed import _covariates

    inside, above = 0, []
    for seed in range(50):
        company, frames = world(seed, warmth=0.8)
        tables = Tables.from_frames(frames, window=company.window)
        trials = build_programme_trials(tables, "key_contact", horizon=12, drawn=False)
        trials = trials[trials["complete"]].copy()
        numbers, groups = _covariates(trials)
        fit = DoublyRobust(
            covariates=numbers, groups=groups, cluster="index", effect_on="treated"
        ).fit(trials.assign(outcome=trials["retained"].astype(float)))
        known = [np.ones(len(trials)), *(trials[c].to_numpy() for c in numbers)]
        known += [trials[g] == v for g in groups for v in sorted(trials[g].unique())[1:]]
        treated = trials["treated"].to_numpy(dtype=float)
        warmth = company.truth.customers["warmth"].reindex(trials.index).to_numpy()
        stayed = trials["retained"].to_numpy(dtype=float)
        shares = []
        for base, target in ((known, treated), ([*known, treated], stayed)):
            short, full = left_over(base, target), left_over([*base, warmth], target)
            shares.append(1 - float(full @ full) / float(short @ short))
        bias = omitted_variable_bias(fit.residual_ratio, *shares)
        low, high = fit.doubly_robust.interval()
        inside += low - bias <= gains["key_contact"] <= high + bias
        above.append(fit.doubly_robust.value - gains["key_contact"])
    assert inside >= 47
    assert np.mean(above) > 2 * np.std(above) / np.sqrt(len(above))
