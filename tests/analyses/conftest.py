"""Companies to ask: one for switching costs, with its truth; one with surveys; small ones."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from retention.datasets import SimulatedCompany, simulate_company, survey_items
from retention.engine import Tables
from retention.window import Window, add_months

START = date(2024, 1, 1)
COSTS = {"integration": 0.08, "personal": 0.04, "discount": 0.02}  # shares of the price
SLOPE = 8.0  # of the log hazard in the price gap
PREMIUM = 0.10  # of the incumbent in quotes
PULL = 0.40  # of the last purchase, in money at a price of 1 on average
MEDIAN_LADDER = 0.15 * np.log(2) ** (1 / 1.8)
ITEMS = {
    "rung 05": {"construct": "leave_at_saving", "dimension": "0.05", "low": 0, "high": 1},
    "rung 10": {"construct": "leave_at_saving", "dimension": "0.10", "low": 0, "high": 1},
    "rung 20": {"construct": "leave_at_saving", "dimension": "0.20", "low": 0, "high": 1},
    "learn": {"construct": "switching_cost", "dimension": "learning", "low": 1, "high": 7},
    "lose": {"construct": "switching_cost", "dimension": "monetary loss", "low": 1, "high": 7},
    "overall": {"construct": "csat", "dimension": "overall", "low": 0, "high": 10},
}
SURVEY_WINDOW = Window(start=date(2022, 1, 1), cutoff=date(2024, 1, 1))


def _customers(n: int, months: int, rng: np.random.Generator) -> dict[str, Any]:
    ids = [f"C{i:05d}" for i in range(n)]
    product = rng.choice(["a", "b"], n)
    gap = rng.normal(0, 0.08, n)
    began = [
        add_months(START, int(m)) + timedelta(days=int(d))
        for m, d in zip(rng.integers(0, 24, n), rng.integers(0, 28, n), strict=True)
    ]
    mood = rng.normal(0, 1, n)
    log_hazard = -3.3 + SLOPE * gap - 0.3 * mood
    held = {}
    for kind, cost in COSTS.items():
        held[kind] = rng.random(n) < 0.4
        log_hazard = log_hazard - SLOPE * cost * held[kind]
    stay = rng.geometric(-np.expm1(-np.exp(log_hazard)))
    cutoff = add_months(START, months)
    ends = [add_months(b, int(min(t, 400))) for b, t in zip(began, stay, strict=True)]
    price = np.where(product == "a", 100, 300) * np.exp(gap)
    return {
        "ids": np.array(ids), "product": product, "price": price, "began": began, "mood": mood,
        "ends": [e if e < cutoff else None for e in ends], "held": held, "cutoff": cutoff,
    }  # fmt: skip


def _bonds(c: dict[str, Any], rng: np.random.Generator) -> pd.DataFrame:
    rows = [
        (c["ids"][i], kind, c["began"][i], kind, float(rng.uniform(100, 500)))
        for kind, held in c["held"].items()
        for i in np.flatnonzero(held)
    ]
    return pd.DataFrame(rows, columns=["customer_id", "bond", "since", "kind", "worth"])


def _quotes(c: dict[str, Any], months: int, rng: np.random.Generator) -> pd.DataFrame:
    n = 2 * len(c["ids"])
    incumbent, gap, rival = rng.random(n) < 0.5, rng.normal(0, 0.1, n), rng.uniform(50, 500, n)
    chance = 1 / (1 + np.exp(0.3 - 10 * (PREMIUM * incumbent - gap)))
    return pd.DataFrame(
        {
            "customer_id": rng.choice(c["ids"], n),
            "quoted_on": [add_months(START, int(m)) for m in rng.integers(0, months, n)],
            "our_price": rival * (1 + gap),
            "best_rival_price": rival,
            "won": rng.random(n) < chance,
            "incumbent": incumbent,
        }
    )


def _choices(c: dict[str, Any], rng: np.random.Generator, customers: int = 300) -> pd.DataFrame:
    ids, brands = c["ids"][:customers], ["us", "Kestrel", "Norda"]
    n = len(ids)
    tastes, slope = rng.normal([0.5, 0.2, 0], 1.2, (n, 3)), rng.normal(-2, 0.3, n)
    last, parts = np.full(n, -1), []
    for t in range(10):
        price = rng.uniform(0.5, 1.5, (n, 3)).round(2)
        utility = tastes + slope[:, None] * price + rng.gumbel(size=(n, 3))
        utility += 2 * PULL * (np.arange(3) == last[:, None])
        last = utility.argmax(axis=1)
        parts.append(
            pd.DataFrame(
                {
                    "customer_id": np.repeat(ids, 3),
                    "occasion": str(t + 1),
                    "alternative": np.tile(brands, n),
                    "chosen": (np.arange(3) == last[:, None]).ravel(),
                    "price": price.ravel(),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def _surveys(c: dict[str, Any], rng: np.random.Generator) -> pd.DataFrame:
    saving, rows = 0.15 * rng.weibull(1.8, len(c["ids"])), []
    for i, who in enumerate(c["ids"]):
        day = c["began"][i]
        answers: dict[str, float] = {
            "rung 05": saving[i] < 0.05, "rung 10": saving[i] < 0.10, "rung 20": saving[i] < 0.20,
            "learn": rng.integers(3, 8), "lose": rng.integers(1, 6),
            "overall": np.clip(np.round(6 + 2 * c["mood"][i]), 0, 10),
        }  # fmt: skip
        rows += [(f"r{i}", who, day, "switching", k, float(v)) for k, v in answers.items()]
    names = ["response_id", "customer_id", "answered_on", "instrument", "item", "score"]
    return pd.DataFrame(rows, columns=names)


def _market(months: int) -> pd.DataFrame:
    rows = [
        (f"{2024 + m // 12}-{m % 12 + 1:02d}", firm, price, customers)
        for m in range(months)
        for firm, price, customers in (("us", 100, 500), ("Kestrel", 95, 800), ("Norda", 120, 200))
    ]
    return pd.DataFrame(rows, columns=["period", "firm", "price", "customers"])


def _wallet(c: dict[str, Any], rng: np.random.Generator) -> pd.DataFrame:
    rows = []
    for i, who in enumerate(c["ids"][:300]):
        share, category = rng.uniform(0.3, 0.7), rng.uniform(1000, 5000)
        for period, change in (("2025-Q1", 0.0), ("2025-Q2", -0.05), ("2025-Q3", -0.10)):
            own = round(category * (share + change), 2)
            rows.append((who, period, own, round(category, 2), "Kestrel", 3, 1 + i % 3))
    names = ["customer_id", "period", "own_spend", "category_spend", "main_rival"]
    names += ["suppliers", "rank"]
    return pd.DataFrame(rows, columns=names)


@pytest.fixture(scope="session")
def switching_frames() -> Callable[..., tuple[dict[str, pd.DataFrame], Window]]:
    """Return a maker of tables: ``make(n, seed)`` gives frames by name, and the window."""

    def make(n: int = 1500, seed: int = 1, months: int = 30) -> Any:
        rng = np.random.default_rng(seed)
        c = _customers(n, months, rng)
        frames = {
            "customers": pd.DataFrame(
                {
                    "customer_id": c["ids"],
                    "acquired_on": c["began"],
                    "segment": rng.choice(["large", "small"], n),
                }
            ),
            "contracts": pd.DataFrame(
                {
                    "customer_id": c["ids"],
                    "started_on": c["began"],
                    "ended_on": c["ends"],
                    "price": c["price"],
                    "product": c["product"],
                }
            ),
            "bonds": _bonds(c, rng),
            "quotes": _quotes(c, months, rng),
            "choices": _choices(c, rng),
            "surveys": _surveys(c, rng),
            "market": _market(months),
            "wallet": _wallet(c, rng),
        }
        return frames, Window(start=START, cutoff=c["cutoff"])

    return make


@pytest.fixture(scope="session")
def switching_tables(switching_frames: Any) -> Tables:
    """The tables of one such company."""
    frames, window = switching_frames()
    return Tables.from_frames(frames, window=window, items=ITEMS)


@pytest.fixture(scope="session")
def switching_truth() -> dict[str, Any]:
    """What is true of it."""
    return {
        "costs": COSTS, "slope": SLOPE, "premium": PREMIUM, "pull": PULL,
        "ladder": float(MEDIAN_LADDER), "items": ITEMS,
    }  # fmt: skip


@pytest.fixture(scope="session")
def surveyed() -> SimulatedCompany:
    """A simulated company of 2,500 customers, with its truth."""
    return simulate_company(2500, seed=5)


@pytest.fixture(scope="session")
def surveyed_tables(surveyed: SimulatedCompany) -> Tables:
    """Its tables, with the meaning of its survey items."""
    return Tables.from_frames(surveyed.tables, window=surveyed.window, items=survey_items())


def answer_frame(scores: dict[str, Any], waves: list[str], **more: Any) -> pd.DataFrame:
    """Long table of answers: one array of scores by item, shape (customers, waves)."""
    parts = []
    for item, values in scores.items():
        grid = np.asarray(values, dtype=object)
        for w, wave in enumerate(waves):
            year, quarter = int(wave[:4]), int(wave[-1])
            who = [f"c{k:04d}" for k in range(len(grid))]
            parts.append(
                pd.DataFrame(
                    {
                        "response_id": [f"{c}-{wave}" for c in who],
                        "customer_id": who,
                        "answered_on": date(year, 3 * quarter - 1, 10),
                        "instrument": "pulse",
                        "item": item,
                        "score": grid[:, w],
                        "wave": wave,
                        **more,
                    }
                )
            )
    table = pd.concat(parts, ignore_index=True)
    return table[table["score"].notna()].reset_index(drop=True)


@pytest.fixture(scope="session")
def ask() -> Callable[..., Tables]:
    """Return a function that makes tables from arrays of scores."""

    def make(
        scores: dict[str, Any],
        waves: list[str],
        *,
        items: dict[str, dict[str, Any]] | None = None,
        minimum_n: int = 5,
        **more: Any,
    ) -> Tables:
        surveys = answer_frame(scores, waves, **more)
        n = max(len(v) for v in scores.values())
        names = [f"c{k:04d}" for k in range(n)]
        customers = pd.DataFrame(
            {
                "customer_id": names,
                "acquired_on": date(2021, 1, 1),
                "segment": ["retail" if k % 2 else "key" for k in range(n)],
            }
        )
        meaning = items or {
            "csat": {"construct": "csat", "low": 1, "high": 5},
            "nps": {"construct": "nps", "low": 0, "high": 10},
        }
        frames = {"surveys": surveys, "customers": customers}
        return Tables.from_frames(frames, window=SURVEY_WINDOW, items=meaning, minimum_n=minimum_n)

    return make
