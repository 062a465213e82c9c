"""What the simulated company says is true can be found again in its tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2

from retention.datasets import CompanyParameters, simulate_company
from retention.datasets.company.surveys import DIMENSIONS, implied_covariance
from retention.errors import ParameterError

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def company():
    return simulate_company(6_000, seed=21)


def as_of(months, events, on, columns=()):
    """The last event of each customer before the first day of each month of tenure."""
    left = months.reset_index(names="row").sort_values("start")
    right = events[["customer_id", on, *columns]].sort_values(on)
    found = pd.merge_asof(
        left, right, left_on="start", right_on=on, by="customer_id", allow_exact_matches=False
    )
    return found.set_index("row").sort_index()


def design(company):
    """What acts on the hazard, built from the tables; S and warmth from the truth."""
    tables, months = company.tables, company.truth.person_months
    p, x = company.truth.parameters, {}
    last = as_of(months, tables["complaints"], "opened_on", ("closed_on", "outcome"))
    closed = last["closed_on"] < last["start"]
    fresh = closed & ((last["start"] - last["closed_on"]).dt.days <= p.complaints.lasts_days)
    length = (last["closed_on"] - last["opened_on"]).dt.days
    quick = length <= p.complaints.quick_days
    resolved = last["outcome"] == "resolved"
    x["complaint open"] = last["opened_on"].notna() & ~closed, p.complaints.log_hazard_open
    x["quick"] = fresh & resolved & quick, p.complaints.log_hazard_quick
    x["slow"] = fresh & resolved & ~quick, p.complaints.log_hazard_slow
    x["unresolved"] = fresh & ~resolved, p.complaints.log_hazard_unresolved
    for depth, effect in p.contacts.log_hazard.items():
        rows = tables["contacts"].query("depth == @depth")
        last = as_of(months, rows, "at")
        x[depth] = (last["start"] - last["at"]).dt.days <= p.contacts.lasts_days, effect
    for kind, effect in p.bonds.log_hazard.items():
        last = as_of(months, tables["bonds"].query("kind == @kind"), "since")
        x[f"bond {kind}"] = last["since"].notna(), effect
    for name in ("rebate", "integration", "key_contact"):
        programme = getattr(p.programmes, name)
        rows = tables["enrolments"].query("programme == @name")
        last = as_of(months, rows, "enrolled_on")
        age = (last["start"] - last["enrolled_on"]).dt.days / 30.4375
        x[name] = np.exp(-age / programme.fade_months).fillna(0), programme.log_hazard
    customers = tables["customers"].set_index("customer_id").loc[months["customer_id"]]
    for segment in ("key account", "small business"):
        x[segment] = customers["segment"] == segment, p.hazard.segment[segment]
    x["gap"] = price_gap(company), p.hazard.price
    s, (low, high) = months["satisfaction"], p.hazard.satisfaction_knots
    parts = np.minimum(s - low, 0), s.clip(low, high), np.maximum(s - high, 0)
    for name, part, slope in zip(("S-", "S0", "S+"), parts, p.hazard.satisfaction, strict=True):
        x[name] = part, slope
    warmth = company.truth.customers["warmth"].loc[months["customer_id"]]
    x["warmth"] = warmth, p.hazard.warmth
    t = months["tenure"]
    x["early"] = np.exp(-(t - 1) / p.hazard.early_months), p.hazard.early
    x["renewal"] = t % 12 == 0, p.hazard.renewal
    x["level"] = np.ones(len(t)), p.hazard.level
    values = {name: np.asarray(column, dtype=float) for name, (column, _) in x.items()}
    return pd.DataFrame(values), pd.Series({name: effect for name, (_, effect) in x.items()})


def price_gap(company):
    months, tables = company.truth.person_months, company.tables
    contracts = tables["contracts"].drop_duplicates("customer_id").set_index("customer_id")
    list_price = contracts["product"].map({"basic": 49, "plus": 99, "premium": 199})
    own = np.log(contracts["price"] / list_price).loc[months["customer_id"]].to_numpy()
    rivals = tables["market"].query("firm != 'us'")
    index = np.log(rivals["price"] / 100).groupby(rivals["period"]).mean()
    before = (months["start"].dt.to_period("M") - 1).astype(str)
    # the month before the records is in no table
    return own - index.reindex(before).fillna(index.iloc[0]).to_numpy()


def leavers(company):
    """Whether the contract ended within each month of tenure, and whether that is known."""
    months = company.truth.person_months.reset_index(names="row").sort_values("start")
    ends = company.tables["contracts"][["customer_id", "ended_on"]].dropna()
    found = pd.merge_asof(
        months,
        ends.sort_values("ended_on"),
        left_on="start",
        right_on="ended_on",
        by="customer_id",
        direction="forward",
        allow_exact_matches=False,
    ).set_index("row")
    stop = found["start"] + pd.DateOffset(months=1)
    event = (found["ended_on"] <= stop).sort_index()
    return event.to_numpy(), (stop < pd.Timestamp(company.window.cutoff)).sort_index().to_numpy()


def cloglog(x, event):
    """Maximum likelihood of P = 1 - exp(-exp(x b)) by scoring; estimate and standard error."""
    b = np.zeros(x.shape[1])
    b[-1] = np.log(event.mean())
    for _ in range(15):
        h = np.exp(x @ b)
        p = -np.expm1(-h)
        score = x.T @ np.where(event, h * (1 - p) / p, -h)
        information = (x * (h**2 * (1 - p) / p)[:, None]).T @ x
        b = b + np.linalg.solve(information, score)
    return b, np.sqrt(np.diag(np.linalg.inv(information)))


def logit(x, event):
    b = np.zeros(x.shape[1])
    for _ in range(15):
        p = 1 / (1 + np.exp(-(x @ b)))
        information = (x * (p * (1 - p))[:, None]).T @ x
        b = b + np.linalg.solve(information, x.T @ (event - p))
    return b, np.sqrt(np.diag(np.linalg.inv(information)))


@pytest.mark.slow
@pytest.mark.parametrize("seed", [3, 4, 5])
def test_every_effect_on_the_hazard_is_found_again(seed):
    company = simulate_company(20_000, seed=seed)
    x, truth = design(company)
    event, known = leavers(company)
    b, se = cloglog(x.to_numpy()[known], event[known])
    z = pd.Series((b - truth.to_numpy()) / se, index=truth.index)
    assert z.abs().max() < 4, z.round(2).to_dict()
    assert (z**2).sum() < chi2.ppf(0.999, len(z)), z.round(2).to_dict()


def test_strong_effects_are_found_again_in_a_small_company(company):
    x, truth = design(company)
    event, known = leavers(company)
    b, se = cloglog(x.to_numpy()[known], event[known])
    z = (b - truth.to_numpy()) / se
    assert np.abs(z).max() < 4
    found = pd.Series(b, index=truth.index)
    assert found["unresolved"] > found["slow"] > found["quick"]
    assert found["gap"] > 2


def test_hidden_warmth_confounds_the_social_programme(company):
    warmth = company.truth.customers["warmth"].dropna()
    joined = warmth.index.isin(
        company.tables["enrolments"].query("programme == 'key_contact'")["customer_id"]
    )
    assert warmth[joined].mean() - warmth[~joined].mean() > 0.4


def test_without_an_effect_only_those_it_reached_fare_differently():
    parameters = CompanyParameters()
    base = simulate_company(3_000, seed=8, history=False)
    other = simulate_company(3_000, seed=8, parameters=parameters.without("rebate"), history=False)
    treated = base.tables["enrolments"].query("programme == 'rebate'")["customer_id"]
    contracts = [c.tables["contracts"] for c in (base, other)]
    untouched = [t[~t["customer_id"].isin(treated)].reset_index(drop=True) for t in contracts]
    pd.testing.assert_frame_equal(*untouched)
    left = [t[t["customer_id"].isin(treated)]["ended_on"].notna().sum() for t in contracts]
    assert left[0] < left[1]
    with pytest.raises(ParameterError, match="rebate"):
        parameters.without("discounts")


def test_rebate_was_given_by_coin(company):
    offers = company.truth.offers.query("programme == 'rebate'")
    share, n = offers["joined"].mean(), len(offers)
    assert share == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(n))
    listed = company.tables["enrolments"].query("programme == 'rebate'")
    assert set(listed["customer_id"]) == set(offers[offers["joined"]]["customer_id"])
    warmth = company.truth.customers["warmth"].loc[offers["customer_id"]].to_numpy()
    joined = offers["joined"].to_numpy()
    gap = warmth[joined].mean() - warmth[~joined].mean()
    assert gap == pytest.approx(0, abs=4 * 2 / np.sqrt(n))


def test_rollout_reaches_whole_branches_in_waves(company):
    rows = company.tables["enrolments"].query("programme == 'integration'")
    branch = company.tables["customers"].set_index("customer_id")["branch"]
    by_branch = rows.groupby(branch.loc[rows["customer_id"]].to_numpy())["enrolled_on"].nunique()
    assert (by_branch == 1).all()
    assert len(by_branch) == 18
    assert rows["enrolled_on"].nunique() == 3


def test_market_keeps_the_undercut_proof_identity(company):
    shy = company.truth.parameters.market.shy
    for _, firms in company.tables["market"].groupby("period"):
        rows = firms.set_index("firm")
        smallest = rows["customers"].idxmin()
        assert smallest == "Pilot"
        p, n = rows["price"], rows["customers"]
        for firm, cost in shy.items():
            found = p[firm] - p[smallest] * n[smallest] / (n[firm] + n[smallest])
            assert found == pytest.approx(cost, abs=1e-3)


def test_market_counts_our_contracts(company):
    contracts = company.tables["contracts"]
    ours = company.tables["market"].query("firm == 'us'").set_index("period")["customers"]
    for period in ("2022-06", "2026-10"):
        last = pd.Period(period).end_time.normalize()
        running = (contracts["started_on"] <= last) & ~(contracts["ended_on"] <= last)
        assert ours[period] == running.sum()


def test_incumbency_premium_is_found_again(company):
    quotes = company.tables["quotes"]
    gap = (quotes["our_price"] - quotes["best_rival_price"]) / quotes["best_rival_price"]
    x = np.column_stack([quotes["incumbent"], gap, np.ones(len(gap))]).astype(float)
    b, se = logit(x, quotes["won"].to_numpy(dtype=float))
    p = company.truth.parameters.market
    assert b[0] == pytest.approx(p.quote_incumbent, abs=4 * se[0])
    assert b[1] == pytest.approx(p.quote_gap, abs=4 * se[1])
    assert company.truth.incumbency_premium == pytest.approx(0.10)


def test_choices_without_taste_are_a_conditional_logit():
    market = replace(CompanyParameters().market, choice_taste_sd=0.0, choice_price_sd=0.0)
    company = simulate_company(
        6_000, seed=2, parameters=replace(CompanyParameters(), market=market), history=False
    )
    rows = company.tables["choices"]
    shape = (-1, market.choice_occasions, 4)
    chosen = rows["chosen"].to_numpy().reshape(shape)
    price = rows["price"].to_numpy().reshape(shape)
    assert (chosen.sum(axis=2) == 1).all()
    brand = np.broadcast_to(np.eye(4)[:, :3], (*price[:, 1:].shape, 3))
    x = np.concatenate([np.stack([chosen[:, :-1], price[:, 1:]], axis=3), brand], axis=3)
    x, y = x.reshape(-1, 4, 5), chosen[:, 1:].reshape(-1, 4)
    b = np.zeros(5)
    for _ in range(15):
        p = np.exp(x @ b)
        p = p / p.sum(axis=1, keepdims=True)
        centred = x - (p[:, :, None] * x).sum(axis=1, keepdims=True)
        information = np.einsum("nk,nki,nkj->ij", p, centred, centred)
        b = b + np.linalg.solve(information, np.einsum("nki,nk->i", x, y - p))
    se = np.sqrt(np.diag(np.linalg.inv(information)))
    assert b[0] == pytest.approx(market.choice_last, abs=4 * se[0])
    assert b[1] == pytest.approx(market.choice_price, abs=4 * se[1])
    assert company.truth.choice_switching_cost == pytest.approx(0.40)


def test_staff_mood_reaches_quality_a_month_later(company):
    branches = company.truth.branches
    p = company.truth.parameters
    mood = branches.pivot_table(index="month", columns="branch", values="mood")
    quality = branches.pivot_table(index="month", columns="branch", values="quality")
    before, now = mood.to_numpy()[:-1].ravel(), quality.to_numpy()[1:].ravel()
    slope = (before @ now) / (before @ before)
    assert slope == pytest.approx(p.staff.chain * p.satisfaction.quality_sd, rel=0.35)
    assert np.corrcoef(before, now)[0, 1] > 0.4


def test_the_graver_the_problem_the_more_speak_up(company):
    problems, p = company.truth.problems, company.truth.parameters.complaints
    for severity, chance in enumerate(p.speak_up, start=1):
        spoken = problems.loc[problems["severity"] == severity, "spoken"]
        sd = np.sqrt(chance * (1 - chance) / len(spoken))
        assert spoken.mean() == pytest.approx(chance, abs=4 * sd)
    # a second complaint is not taken while the first is open
    assert 0.8 < len(company.tables["complaints"]) / problems["spoken"].sum() <= 1


def test_what_is_said_about_leaving_is_as_true_as_stated(company):
    p = company.truth.parameters.exits
    said = company.tables["exits"].merge(company.truth.causes, on=["customer_id", "exited_on"])
    assert len(said) == len(company.tables["exits"])
    for who, truthful in (
        ("customer", p.truthful_customer),
        ("employee", p.truthful_employee),
    ):
        rows = said[said["stated_by"] == who]
        right = (rows["reason"] == rows["cause"]).mean()
        assert truthful < right < truthful + 0.35
    blamed = said[said["stated_by"] == "employee"].query("cause == 'service'")["reason"]
    assert (blamed == "price").mean() > 0.25


def test_who_came_back_has_a_second_contract(company):
    exits, contracts = company.tables["exits"], company.tables["contracts"]
    back = exits.dropna(subset="returned_on")[["customer_id", "returned_on"]]
    assert len(back) > 50
    found = back.merge(
        contracts, left_on=["customer_id", "returned_on"], right_on=["customer_id", "started_on"]
    )
    assert len(found) == len(back)


def test_structural_model_is_a_covariance_and_satisfaction_follows_it(company):
    names, covariance = implied_covariance(company.truth.parameters.surveys)
    assert np.linalg.eigvalsh(covariance).min() > 0
    assert np.diag(covariance) == pytest.approx(1)
    s = company.truth.person_months["satisfaction"]
    assert s.mean() == pytest.approx(0, abs=0.1)
    assert s.std() == pytest.approx(1, abs=0.1)
    own = {n: covariance[names.index("satisfaction"), names.index(n)] for n in DIMENSIONS}
    assert sorted(own, key=own.get)[-2:] == ["responsiveness", "reliability"]


def test_answers_follow_satisfaction_and_the_satisfied_answer(company):
    surveys, months = company.tables["surveys"], company.truth.person_months
    invited = company.tables["invitations"].query("instrument == 'pulse'")
    invited = as_of(
        invited.rename(columns={"invited_on": "start"}).reset_index(drop=True),
        months.assign(on=(months["start"] - pd.Timedelta(days=1)).astype("datetime64[s]")),
        "on",
        ("satisfaction",),
    )
    pulse = surveys.query("instrument == 'pulse' and item == 'csat'")
    answer = as_of_forward(invited, pulse)
    known = invited["satisfaction"].notna()
    x = np.column_stack([invited["satisfaction"], np.ones(len(invited))])[known]
    b, se = logit(x, answer["score"].notna().to_numpy(dtype=float)[known])
    assert b[0] == pytest.approx(company.truth.parameters.surveys.respond_slope, abs=4 * se[0])
    both = known & answer["score"].notna()
    middle = both & invited["satisfaction"].between(-1.5, 1.5)
    slope = np.polyfit(invited["satisfaction"][middle], answer["score"][middle], 1)[0]
    assert slope == pytest.approx(1.5, abs=0.06)


def as_of_forward(invited, answers):
    left = invited.reset_index(names="place").sort_values("start")
    found = pd.merge_asof(
        left,
        answers[["customer_id", "answered_on", "score"]].sort_values("answered_on"),
        left_on="start",
        right_on="answered_on",
        by="customer_id",
        direction="forward",
        tolerance=pd.Timedelta(days=80),
    )
    return found.set_index("place").sort_index()


def test_core_customers_buy_more_pay_faster_and_respond_less_to_price(company):
    truth = company.truth.customers.dropna(subset="core")
    orders = company.tables["orders"].query("customer_id in @truth.index and amount > 0")
    days = (orders["paid_on"] - orders["ordered_on"]).dt.days.groupby(orders["customer_id"]).mean()
    core = truth["core"]
    assert np.corrcoef(core, np.log(truth["order_rate"]))[0, 1] > 0.3
    assert np.corrcoef(core.loc[days.dropna().index], days.dropna())[0, 1] < -0.3
    assert np.corrcoef(core, np.log(truth["price_response"]))[0, 1] < -0.7


def written(value):
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {written(part)}" for name, part in value.items())
    if isinstance(value, tuple):
        return ", ".join(map(written, value))
    if isinstance(value, float):
        return "never" if value == float("inf") else f"{value:g}"
    return str(value)


def test_page_states_every_parameter():
    page = (ROOT / "docs" / "simulated_company.md").read_text(encoding="utf-8")
    parameters = CompanyParameters()
    for group in fields(parameters):
        part = getattr(parameters, group.name)
        section = page.split(f"### `{group.name}`")[1].split("###")[0]
        for field in fields(part):
            value = getattr(part, field.name)
            if field.name == "paths":
                lines = [(f"paths[{effect}]", of) for effect, of in value.items()]
            elif is_dataclass(value):
                lines = [(f"{field.name}.{f.name}", getattr(value, f.name)) for f in fields(value)]
            else:
                lines = [(field.name, value)]
            for name, stated in lines:
                assert f"| `{name}` | {written(stated)} |" in section
