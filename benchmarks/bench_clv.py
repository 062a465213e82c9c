"""Customer lifetime value: fits, intervals and scores, against peers and the count in SQL.

All in seconds of processor time, in one run. The peers live in environments of their own, which
this program makes under ``benchmarks/results/``: lifetimes is archived and wants old setuptools,
pymc-marketing brings sixty packages. Its maximum a posteriori is timed on its second fit, when all
is compiled; its import is not counted.

    python benchmarks/bench_clv.py [--largest 10000000] [--peers lifetimes]

Targets (issue of the lifetime value): BG/NBD at 100,000 customers 20 times faster than lifetimes,
Pareto/NBD 40 times; a million customers fitted from counts in less than the SQL count of their five
million orders (Pareto/NBD: three times that); 200 bootstrap replicates at 100,000 in less than 60
fits; a million customers scored in less than 3 s.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from retention.datasets import simulate_purchases
from retention.engine import Tables
from retention.features import build_purchase_counts
from retention.models import BetaGeoNBD, ModifiedBetaGeoNBD, ParetoNBD
from retention.window import Window

RESULTS = Path(__file__).parent / "results"
TRUTH = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}
PEER = """
import json, sys, time, warnings
warnings.simplefilter("ignore")
import numpy as np
from lifetimes import BetaGeoFitter, ParetoNBDFitter
data = np.load(sys.argv[1])
times = {}
for name, fitter, sizes in (
    ("bg_nbd", BetaGeoFitter, (10_000, 100_000)), ("pareto_nbd", ParetoNBDFitter, (10_000, 100_000))
):
    for n in sizes:
        x, t_x, T = (data[key][:n] for key in ("x", "t_x", "T"))
        start = time.process_time()
        fit = fitter().fit(x, t_x, T)
        times[f"{name}_{n}"] = time.process_time() - start
        times[f"{name}_{n}_parameters"] = [float(v) for v in fit.params_]
        print(json.dumps(times), flush=True)
"""

PYMC = """
import json, sys, time, warnings, logging
warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)
import numpy as np, pandas as pd
from pymc_marketing.clv import BetaGeoModel, ParetoNBDModel
data = np.load(sys.argv[1])
times = {}
for name, model in (("bg_nbd", BetaGeoModel), ("pareto_nbd", ParetoNBDModel)):
    for n in (10_000, 100_000):
        frame = pd.DataFrame({
            "customer_id": np.arange(n), "frequency": data["x"][:n],
            "recency": data["t_x"][:n], "T": data["T"][:n],
        })
        for run in range(2 if n == 10_000 else 1):
            start = time.process_time()
            one = model(data=frame)
            one.fit(**{"method": "map", "progressbar": False})
            times[f"{name}_{n}"] = time.process_time() - start
        print(json.dumps(times), flush=True)
"""
PEERS = {
    "lifetimes": (PEER, ["lifetimes==0.11.3", "setuptools<81", "numpy", "scipy", "pandas"]),
    "pymc-marketing": (PYMC, ["pymc-marketing"]),
}


def cpu(work: Callable[[], Any], least: float = 0.2) -> tuple[float, Any]:
    """Return mean seconds of processor time over as many runs as fill `least`, and the result."""
    runs, start = 0, time.process_time()
    while True:
        result = work()
        runs += 1
        spent = time.process_time() - start
        if spent > least or runs == 20:
            return spent / runs, result


def world(n: int, rng: np.random.Generator) -> pd.DataFrame:
    """Return customers like those of CDNOW, known for 4 to 104 weeks, by the day."""
    T = rng.integers(28, 729, n) / 7
    made = simulate_purchases("bg_nbd", n, T, rng=rng, grain=1 / 7, **TRUTH)
    return made[["frequency", "recency", "T"]]


def orders_of(made: pd.DataFrame, rows: int, rng: np.random.Generator) -> Tables:
    """Return a company with orders of these frequencies and recencies; some days hold several."""
    cutoff = date(2026, 1, 1)
    n, x = len(made), made["frequency"].to_numpy()
    first = -np.round(made["T"].to_numpy() * 7).astype(int)
    last = first + np.round(made["recency"].to_numpy() * 7).astype(int)
    inner = np.repeat(np.arange(n), np.maximum(x - 1, 0))
    between = first[inner] + 1
    between = between + (rng.random(inner.size) * np.maximum(last[inner] - between, 1)).astype(int)
    who = np.concatenate([np.arange(n), np.flatnonzero(x > 0), inner])
    day = np.concatenate([first, last[x > 0], between])
    again = rng.integers(0, who.size, max(rows - who.size, 0))
    who, day = np.concatenate([who, who[again]]), np.concatenate([day, day[again]])
    origin = np.datetime64(cutoff - timedelta(days=1))
    frame = pd.DataFrame(
        {
            "order_id": np.arange(who.size),
            "customer_id": who,
            "ordered_on": (origin + day.astype("timedelta64[D]")).astype("datetime64[s]"),
            "amount": rng.integers(100, 10_000, who.size) / 100,
        }
    )
    window = Window(start=date(2023, 1, 1), cutoff=cutoff, unit="week")
    return Tables.from_frames({"orders": frame}, window=window)


def peer_times(peer: str, made: pd.DataFrame) -> dict[str, Any]:
    """Return what a peer takes for the same customers; empty where it cannot be installed."""
    home = RESULTS / peer.replace("-", "_")
    program, wanted = PEERS[peer]
    python = home / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
        command = [str(python), "-m", "pip", "install", "-q", *wanted]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            print(f"{peer} could not be installed:", done.stderr.strip().splitlines()[-1:])
            return {}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "customers.npz"
        x, t_x, T = (made[name].to_numpy() for name in ("frequency", "recency", "T"))
        np.savez(file, x=x, t_x=t_x, T=T)
        done = subprocess.run(
            [str(python), "-c", program, str(file)], check=False, capture_output=True, text=True
        )
    lines = [line for line in done.stdout.strip().splitlines() if line.startswith("{")]
    if done.returncode:
        print(f"{peer} failed:", done.stderr.strip().splitlines()[-1:])
    return json.loads(lines[-1]) if lines else {}


def row(what: str, ours: float, rival: float | None, target: str) -> None:
    """Print one line of the table."""
    ratio = "" if rival is None else f"{rival / ours:9.1f}x"
    other = "" if rival is None else f"{rival:9.3f}"
    print(f"{what:52s} {ours:9.3f} {other:>9s} {ratio:>10s}  {target}", flush=True)


def plot(sizes: list[int], times: dict[str, list[float]]) -> None:
    """Draw how the cost of a fit grows."""
    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.pyplot as plt

    axes = plt.figure(figsize=(6.4, 4)).subplots()
    for name, seconds in times.items():
        axes.loglog(sizes[: len(seconds)], seconds, "o-", label=name)
    axes.set(xlabel="customers", ylabel="seconds of processor time")
    axes.legend()
    axes.figure.savefig(RESULTS / "clv_growth.png", dpi=100)


def main() -> None:
    """Measure everything and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--largest", type=int, default=1_000_000)
    parser.add_argument("--peers", nargs="*", choices=list(PEERS), default=list(PEERS))
    settings = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    rng = np.random.default_rng(12)
    large = world(max(settings.largest, 1_000_000), rng)
    million, hundred, ten = large.head(1_000_000), large.head(100_000), large.head(10_000)
    large.index.name = "customer_id"
    peers = {name: peer_times(name, hundred) for name in settings.peers}
    models = {"BG/NBD": BetaGeoNBD(unit="week"), "Pareto/NBD": ParetoNBD(unit="week")}

    print(f"{'':52s} {'ours s':>9s} {'rival s':>9s} {'rival/ours':>10s}  target")
    fits, seconds = {}, {}
    for name, model in models.items():
        for label, table in (("10,000", ten), ("100,000", hundred)):
            seconds[name, label], fits[name, label] = cpu(lambda m=model, t=table: m.fit(t))
            key = f"{'bg' if name[0] == 'B' else 'pareto'}_nbd_{label.replace(',', '')}"
            target = {"BG/NBD": ">= 20x", "Pareto/NBD": ">= 40x"}[name] if label[3:4] == "," else ""
            for peer, times in peers.items():
                row(f"{name} fit, {label} customers, against {peer}", seconds[name, label],
                    times.get(key), target if peer == "lifetimes" else "")  # fmt: skip

    tables = orders_of(million, 5_000_000, rng)
    sql, counts = cpu(lambda: build_purchase_counts(tables))
    found = tables.query("select count(*) as n from orders")["n"].iloc[0]
    row(f"SQL count of {found / 1e6:.1f}M orders of 1M customers", sql, None, "")
    for name, model in models.items():
        spent, _ = cpu(lambda m=model: m.fit(counts))
        row(f"{name} fit, 1M customers from counts, against SQL", spent, sql,
            {"BG/NBD": "> 1x", "Pareto/NBD": "> 0.33x"}[name])  # fmt: skip
        spent, _ = cpu(lambda m=model: m.fit(million))
        row(f"{name} fit, 1M customers, collapse included, against SQL", spent, sql,
            {"BG/NBD": "> 1x", "Pareto/NBD": "> 0.33x"}[name])  # fmt: skip
    tables.close()

    for name, model in models.items():
        fit = fits[name, "100,000"]
        spent, _ = cpu(
            lambda m=model, f=fit: m.bootstrap(
                f, hundred, replicates=200, rng=np.random.default_rng(1)
            )
        )
        one = seconds[name, "100,000"]
        print(f"{name} 200 replicates at 100,000: {spent:.2f} s = {spent / one:.0f} fits (< 60)")
    for name in models:
        fit = fits[name, "100,000"]
        spent = [
            cpu(lambda f=fit: f.probability_alive(million))[0],
            cpu(lambda f=fit: f.expected_purchases(million, 52))[0],
            cpu(lambda f=fit: f.expected_residual(million, 0.1))[0],
            cpu(lambda f=fit: f.score(million, 52, 0.1))[0],
        ]
        print(f"{name} scores of 1M: P(alive) {spent[0]:.2f}, expected purchases {spent[1]:.2f}, "
              f"residual {spent[2]:.2f} s, all three at once {spent[3]:.2f} s (< 3)")  # fmt: skip

    sizes = [n for n in (10_000, 100_000, 1_000_000, 10_000_000) if n <= len(large)]
    growth = {
        name: [cpu(lambda m=model, n=n: m.fit(large.head(n)))[0] for n in sizes]
        for name, model in {**models, "MBG/NBD": ModifiedBetaGeoNBD(unit="week")}.items()
    }
    for name, spent in growth.items():
        told = [f"{n:,} {s:.3f} s" for n, s in zip(sizes, spent, strict=True)]
        print(f"{name} by customers: {', '.join(told)}")
    plot(sizes, growth)


if __name__ == "__main__":
    main()
