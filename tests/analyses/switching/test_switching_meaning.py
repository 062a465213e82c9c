"""What switching costs mean: room for prices, bonds, types of loyalty, brands and wallets."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from retention.analyses import (
    LOYALTY_TYPES,
    bond_returns,
    brand_switching,
    loyalty_types,
    price_room,
    relationship_investment,
    share_of_wallet,
)
from retention.analyses.switching.kept_margin import stay_value
from retention.datasets import load_scanner_panel
from retention.engine import Tables
from retention.errors import MissingTableError, NotEnoughDataError, ParameterError
from retention.estimates import Answer
from retention.window import Window


def part_of(switching_frames: Any, *names: str, **settings: Any) -> Tables:
    frames, window = switching_frames(**settings)
    return Tables.from_frames({name: frames[name] for name in ("customers", *names)}, window=window)


@pytest.fixture(scope="module")
def room(switching_tables: Tables) -> Any:
    return price_room(switching_tables, margin=0.4, draws=100)


@pytest.fixture(scope="module")
def types(switching_tables: Tables) -> Any:
    return loyalty_types(switching_tables, margin=0.4, draws=100)


class TestPriceRoom:
    def test_elasticity_is_the_true_one(self, room: Any, switching_truth: Any) -> None:
        assert isinstance(room, Answer)
        low, high = room.elasticity.low, room.elasticity.high
        # leaving is also moved by moods that no table holds, which pulls the slope to 0 a little
        assert low < switching_truth["slope"] < high + 0.5

    def test_best_change_fulfils_the_first_order_condition(self, room: Any) -> None:
        b, h0, d = room.elasticity.value, room.hazard, np.log(1.1)
        x = room.optimum["the whole stay"].value
        hazard = h0 * np.exp(b * x)
        # m* = (d + h) / (b h) with the margin m = rate + x
        assert 0.4 + x == pytest.approx((d + hazard) / (b * hazard), rel=1e-3)

    def test_harvest_is_dearer_than_keeping(self, room: Any) -> None:
        changes = [e.value for e in room.optimum.values()]
        assert changes == sorted(changes, reverse=True)
        assert room.curve["leaving"].is_monotonic_increasing
        at_zero = room.curve.iloc[(room.curve["change"]).abs().argmin()]
        assert at_zero["leaving"] == pytest.approx(1 - np.exp(-room.hazard), abs=1e-3)

    def test_gain_of_the_best_change_is_read_off_the_curve(self, room: Any) -> None:
        best, gain = room.optimum["the whole stay"], room.first_year_gain
        year = [
            np.interp(x, room.curve["change"], room.curve["first_year"]) for x in (best.value, 0)
        ]
        assert gain.value == pytest.approx(year[0] - year[1], rel=0.01)
        assert gain.low < gain.value < gain.high

    def test_no_room_is_claimed_where_price_moves_nothing(self, switching_frames: Any) -> None:
        frames, window = switching_frames(n=500, seed=6)
        contracts = frames["contracts"].assign(product="a")
        rng = np.random.default_rng(2)
        contracts["price"] = np.exp(rng.normal(5, 0.1, len(contracts)))
        tables = Tables.from_frames(
            {"customers": frames["customers"], "contracts": contracts}, window=window
        )
        room = price_room(tables, margin=0.4, draws=100)
        assert not room.optimum["the whole stay"].shown
        assert not room.first_year_gain.shown
        assert "cannot be shown to rise with price" in room.headline()

    def test_assumed_margin_is_said_and_a_wrong_one_refused(self, switching_tables: Tables) -> None:
        room = price_room(switching_tables, draws=20)
        assert any("is assumed" in c for c in room.cautions())
        with pytest.raises(ParameterError, match="margin_rate"):
            price_room(switching_tables, margin=1.5)


class TestBondReturns:
    def test_gain_is_the_difference_of_two_stays(
        self, switching_tables: Tables, switching_truth: Any
    ) -> None:
        found = bond_returns(switching_tables, costs={"personal": 50.0}, margin=0.4, draws=100)
        assert isinstance(found, Answer)
        assert set(found.table.index) == set(switching_truth["costs"])
        assert found.table.index[0] == "integration"  # the costliest to leave
        gain = found.table.loc["personal", "gain"]
        net = found.table.loc["personal", "net"]
        assert net.value == pytest.approx(gain.value - 50)
        assert found.table.loc["integration", "net"] is None
        assert gain.low <= gain.value <= gain.high
        total = found.table.loc["personal", "total"]
        assert total == pytest.approx(gain.value * found.table.loc["personal", "without"])

    def test_value_of_a_stay_is_that_of_a_perpetuity(self) -> None:
        years = np.arange(0, 400, 1 / 365)
        flow = np.exp(-(np.log(1.1) + 0.3) * years).sum() / 365
        assert stay_value(1.0, 0.3, 0.1) == pytest.approx(flow, rel=2e-3)
        with pytest.raises(ParameterError, match="annual_discount_rate"):
            stay_value(1.0, 0.3, 0.0)

    def test_without_bonds_it_says_so(self, switching_frames: Any) -> None:
        with pytest.raises(NotEnoughDataError, match="too few customers left with a bond"):
            bond_returns(part_of(switching_frames, "contracts", n=400))


class TestLoyaltyTypes:
    def test_every_customer_asked_has_one_type(self, types: Any) -> None:
        assert isinstance(types, Answer)
        assert tuple(types.table.index) == LOYALTY_TYPES
        assert types.table["customers"].sum() == len(types.customers)
        happy, held = types.cuts
        captive = types.customers[types.customers["type"] == "captive"]
        assert (captive["satisfaction"] < happy).all()
        assert (captive["switching_cost"] >= held).all()

    def test_captives_lose_value_when_leaving_is_free(self, types: Any) -> None:
        lost = types.customers["value"] - types.customers["value_if_free"]
        assert (lost >= -1e-9).all()
        captive = types.customers["type"] == "captive"
        assert types.at_risk.value == pytest.approx(lost[captive].sum())
        assert types.at_risk.low <= types.at_risk.value <= types.at_risk.high

    def test_those_at_the_door_were_kept_least(self, types: Any) -> None:
        kept = {kind: e.value for kind, e in types.table["kept"].items()}
        assert min(kept, key=kept.get) == "at the door"
        assert kept["loyal"] > kept["at the door"]

    def test_satisfaction_keeps_and_no_interaction_was_made(self, types: Any) -> None:
        # mood lowers the log hazard by 0.3 a standard deviation, which is 20 points of 100
        assert (types.slopes["slope"] < 0).all()
        assert types.interaction.low < 0.02
        middle = types.slopes.loc["median"]
        assert middle["low"] < -0.15 < middle["high"]

    def test_without_answers_it_says_so(self, switching_frames: Any) -> None:
        with pytest.raises(MissingTableError, match="surveys"):
            loyalty_types(part_of(switching_frames, "contracts", "bonds", n=400))


class TestBrandSwitching:
    def test_yogurt_panel(self) -> None:
        panel = load_scanner_panel("Yogurt")
        day = date(2024, 1, 1)
        customers = pd.DataFrame({"customer_id": panel["customer_id"].unique(), "acquired_on": day})
        window = Window(start=day, cutoff=date(2025, 1, 1))
        tables = Tables.from_frames({"customers": customers, "choices": panel}, window=window)
        found = brand_switching(tables)
        assert isinstance(found, Answer)
        assert found.customers == 100
        assert found.numbers["loyal: weight"].value == pytest.approx(0.8532, abs=5.1e-5)
        assert found.numbers["conquest: yoplait"].value == pytest.approx(0.4837, abs=5.1e-5)
        assert found.chain.steady_state["dannon"] == pytest.approx(0.3890, abs=5.1e-5)
        assert found.headline().startswith("weight has the largest share of hard-core loyals")

    def test_two_brands_have_a_matrix_but_no_loyals(self, switching_frames: Any) -> None:
        frames, window = switching_frames(n=400)
        choices = frames["choices"]
        bought = choices[choices["chosen"]].assign(
            alternative=lambda t: np.where(t["alternative"] == "us", "us", "other")
        )
        tables = Tables.from_frames(
            {"customers": frames["customers"], "choices": bought}, window=window
        )
        found = brand_switching(tables)
        assert found.loyals is None
        assert "largest share of repeat purchases" in found.headline()
        assert any("cannot be told apart" in c for c in found.cautions())

    def test_a_rare_brand_has_no_number(self, switching_frames: Any) -> None:
        frames, window = switching_frames(n=400)
        choices = frames["choices"]
        rare = choices["chosen"] & (choices["alternative"] == "us") & (choices.index % 240 == 0)
        choices.loc[rare, "alternative"] = "rare"
        tables = Tables.from_frames(
            {"customers": frames["customers"], "choices": choices}, window=window
        )
        found = brand_switching(tables).numbers
        assert 0 < found["repeat: rare"].n < 20
        assert not found["repeat: rare"].shown
        assert not found["conquest: rare"].shown
        assert all(e.n >= 20 for e in found.values() if e.shown)


class TestShareOfWallet:
    def test_share_change_and_rank(self, switching_tables: Tables) -> None:
        found = share_of_wallet(switching_tables)
        assert isinstance(found, Answer)
        assert list(found.periods.index) == ["2025-Q1", "2025-Q2", "2025-Q3"]
        assert found.numbers["share_change"].value == pytest.approx(-0.05, abs=1e-4)
        now = found.periods["share"].iloc[-1]
        assert found.numbers["share_of_wallet"].value == pytest.approx(now)
        assert "5.0 points less" in found.headline()
        assert list(found.rivals.index) == ["Kestrel"]
        assert found.ranked["rank_based"].isin([0.5, 1 / 3, 1 / 6]).sum() > 100

    def test_a_single_period_has_no_change(self, switching_frames: Any) -> None:
        frames, window = switching_frames(n=400)
        wallet = frames["wallet"]
        wallet = wallet[wallet["period"] == "2025-Q1"]
        tables = Tables.from_frames(
            {"customers": frames["customers"], "wallet": wallet}, window=window
        )
        found = share_of_wallet(tables)
        assert not found.numbers["share_change"].shown
        assert found.headline().endswith("is spent with us.")


class TestRelationshipInvestment:
    def test_structural_bonds_drive_and_surveys_do_not(self, switching_tables: Tables) -> None:
        found = relationship_investment(switching_tables)
        assert isinstance(found, Answer)
        assert list(found.drivers) == ["built", "answered"]
        assert found.drivers["built"].high < 1
        assert found.drivers["answered"].low < 1 < found.drivers["answered"].high
        levels = found.levels.set_index(["part", "level"])["leaving"]
        assert levels["built", 1] < levels["built", 0]
        assert "goes with a hazard of leaving of" in found.headline()

    def test_needs_something_built_or_told(self, switching_frames: Any) -> None:
        with pytest.raises(MissingTableError, match="bonds, contacts or surveys"):
            relationship_investment(part_of(switching_frames, "contracts", n=400))
