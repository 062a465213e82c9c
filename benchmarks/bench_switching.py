"""Choice models: ours against statsmodels and xlogit, and up to a million rows of choices.

Conditional logit on the ketchup panel (2,498 occasions, 4 alternatives, 7 coefficients) against
statsmodels; panel mixed logit with four random coefficients and 200 draws against xlogit, which is
put into an environment of its own under ``benchmarks/results``. Seconds of processor time, the
best of three; the log-likelihoods stand beside them, because a fast wrong fit is worth nothing.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "results"
PEERS = FOLDER / "peers_switching"
PANEL = FOLDER / "catsup.csv"
COLUMNS = ["heinz28", "heinz32", "heinz41", "disp", "feat", "price", "last"]
RANDOM = ["heinz28", "heinz32", "heinz41", "price"]
DRAWS = 200
WANTED = {"conditional logit": 100.0, "mixed logit": 2.0}


def best_of(times: int, call: Callable[[], Any]) -> tuple[float, Any]:
    """Return the least processor time of some calls, and what the last returned."""
    taken = []
    for _ in range(times):
        start = time.process_time()
        found = call()
        taken.append(time.process_time() - start)
    return min(taken), found


def peer() -> None:
    """Fit xlogit in its own environment; print seconds and log-likelihood."""
    import numpy as np
    from xlogit import MixedLogit

    with PANEL.open() as file:
        names = file.readline().strip().split(",")
        rows = [line.strip().split(",") for line in file]
    table = {name: np.array([row[i] for row in rows]) for i, name in enumerate(names)}
    x = np.column_stack([table[name].astype(float) for name in COLUMNS])

    def fit() -> Any:
        model = MixedLogit()
        model.fit(
            X=x, y=table["chosen"].astype(float), varnames=COLUMNS, alts=table["alternative"],
            ids=table["visit"].astype(int), panels=table["panel"].astype(int),
            randvars=dict.fromkeys(RANDOM, "n"), n_draws=DRAWS, verbose=0,
        )  # fmt: skip
        return model

    seconds, model = best_of(3, fit)
    last = float(model.coeff_[COLUMNS.index("last")])
    print(json.dumps({"seconds": seconds, "value": float(model.loglikelihood), "last": last}))


def install_peer() -> Path:
    """Make the peer's environment once; return its Python."""
    python = PEERS / "bin" / "python"
    if not (PEERS / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", str(PEERS)], check=True)
        wanted = ["xlogit==0.2.7", "numpy", "scipy"]
        install = [str(python), "-m", "pip", "install", "--quiet", *wanted]
        subprocess.run(install, check=True, capture_output=True)
        (PEERS / "ready").touch()
    return python


def catsup() -> Any:
    """Return the panel with its history, and write it for the peer."""
    from retention.datasets import load_scanner_panel
    from retention.models import purchase_history

    history = purchase_history(load_scanner_panel("Catsup"))
    table = history.sort_values(["customer_id", "occasion", "alternative"], ignore_index=True)
    table["panel"] = table["customer_id"].factorize()[0]
    table["visit"] = table.groupby(["customer_id", "occasion"]).ngroup()
    for brand in COLUMNS[:3]:
        table[brand] = (table["alternative"] == brand).astype(int)
    FOLDER.mkdir(exist_ok=True)
    table.assign(chosen=table["chosen"].astype(int)).to_csv(PANEL, index=False)
    return table


def conditional(table: Any) -> list[tuple[str, float, float, float]]:
    """Return (library, seconds, log-likelihood, coefficient of the last purchase)."""
    from statsmodels.discrete.conditional_models import ConditionalLogit as Theirs

    from retention.models import ConditionalLogit

    spec = ConditionalLogit(attributes=("disp", "feat", "price", "last"), base="hunts32")
    ours, fit = best_of(3, lambda: spec.fit(table))
    y, x, groups = (
        table["chosen"].astype(int).to_numpy(), table[COLUMNS].to_numpy(dtype=float),
        table["visit"].to_numpy(),
    )  # fmt: skip
    theirs, peer_fit = best_of(1, lambda: Theirs(y, x, groups=groups).fit(disp=0))
    return [
        ("retention", ours, fit.log_likelihood, float(fit.coefficients["last"])),
        ("statsmodels", theirs, float(peer_fit.llf), float(peer_fit.params[-1])),
    ]


def mixed(table: Any) -> list[tuple[str, float, float, float]]:
    """Return (library, seconds, log-likelihood, coefficient of the last purchase)."""
    from retention.models import MixedLogit

    spec = MixedLogit(
        attributes=("disp", "feat", "price", "last"), base="hunts32", draws=DRAWS,
        random=tuple(RANDOM),
    )  # fmt: skip
    ours, fit = best_of(3, lambda: spec.fit(table))
    done = subprocess.run(
        [str(install_peer()), __file__, "--peer"], check=True, capture_output=True, text=True
    )
    peer_fit = json.loads(done.stdout.strip().splitlines()[-1])
    return [
        ("retention", ours, fit.log_likelihood, float(fit.coefficients["last"])),
        ("xlogit 0.2.7", peer_fit["seconds"], peer_fit["value"], peer_fit["last"]),
    ]


def many_rows(customers: int, rng: Any) -> Any:
    """Return choices of so many customers, ten each among four brands; cost 0.40, tastes alike."""
    import numpy as np
    import pandas as pd

    before, parts = np.full(customers, -1), []
    for visit in range(11):
        price = rng.uniform(0.5, 1.5, (customers, 4))
        utility = np.array([0.5, 0.2, -0.2, 0.0]) - 2 * price + rng.gumbel(size=price.shape)
        before = (utility + 0.8 * (np.arange(4) == before[:, None])).argmax(axis=1)
        parts.append((visit, price, before))
    return pd.DataFrame(
        {
            "customer_id": np.tile(np.repeat(np.arange(customers), 4), len(parts)),
            "occasion": np.repeat([visit for visit, *_ in parts], 4 * customers),
            "alternative": np.tile(list("abcd"), customers * len(parts)),
            "chosen": np.concatenate([(np.arange(4) == b[:, None]).ravel() for *_, b in parts]),
            "price": np.concatenate([p.ravel() for _, p, _ in parts]),
        }
    )


def scaling() -> None:
    """Print the seconds of history, conditional and mixed logit by number of rows."""
    import numpy as np

    from retention.models import ConditionalLogit, MixedLogit, purchase_history

    heads = ("history s", "logit s", "cost", "mixed s", "cost")
    print(f"\n{'rows of choices':>16s}" + "".join(f"{head:>10s}" for head in heads))
    for customers in (250, 2_500, 25_000):
        table = many_rows(customers, np.random.default_rng(1))
        first, history = best_of(1, lambda t=table: purchase_history(t))
        spec = ConditionalLogit(attributes=("price", "last"), base="d")
        then, fit = best_of(1, lambda h=history, s=spec: s.fit(h))
        cost = fit.worth("last").value
        line = f"{len(history):16,d}{first:10.2f}{then:10.2f}{cost:10.3f}"
        if customers <= 2_500:
            tastes = MixedLogit(attributes=("price", "last"), base="d", draws=DRAWS)
            more, fit = best_of(1, lambda h=history, m=tastes: m.fit(h))
            line += f"{more:10.2f}{fit.worth('last').value:10.3f}"
        print(line, flush=True)


def main() -> int:
    """Print every comparison; return how many ratios fell short of what is wanted."""
    table = catsup()
    short = 0
    print(
        f"{'model':20s} {'library':14s} {'cpu s':>9s} {'log-lik.':>11s} {'last':>7s} {'ratio':>8s}"
    )
    for model, rows in (("conditional logit", conditional(table)), ("mixed logit", mixed(table))):
        for library, seconds, value, last in rows:
            ratio = seconds / rows[0][1]
            print(
                f"{model:20s} {library:14s} {seconds:9.4f} {value:11.2f} {last:7.4f} {ratio:8.1f}"
            )
        met = rows[1][1] / rows[0][1] >= WANTED[model]
        short += not met
        print(f"{'':20s} wanted at least {WANTED[model]:g} times: {'met' if met else 'NOT MET'}")
    scaling()
    return short


if __name__ == "__main__":
    if "--peer" in sys.argv:
        peer()
    else:
        sys.exit(main())
