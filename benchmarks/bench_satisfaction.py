"""Satisfaction at work: drivers, factor model, path model, crossed appraisal; ours and the peers.

The peers live in an environment of their own under ``benchmarks/results/peers`` (pingouin for the
drivers, semopy for the factor model, seminr for the path model, statsmodels for the ratings), made
on the first run and never part of the package's.
Both sides get the same data and are timed in seconds of processor time, imports not counted. Where
a peer cannot be installed, its row says so.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import venv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from retention.models import CrossedEffects, FactorModel, PathModel, RelativeImportance

FOLDER = Path(__file__).parent / "results" / "peers"
PACKAGES = ("semopy==2.3.11", "seminr==0.2.1", "pingouin==0.7.0", "statsmodels", "pandas")
THREADS = {f"{name}_NUM_THREADS": "1" for name in ("OPENBLAS", "OMP", "MKL")}
WANTED = 5.0


def cpu(work: Callable[[], object], times: int = 1) -> float:
    """Return the least processor seconds of some runs."""
    spent = []
    for _ in range(times):
        start = time.process_time()
        work()
        spent.append(time.process_time() - start)
    return min(spent)


def answers(n: int, factors: int, items: int, seed: int = 1) -> pd.DataFrame:
    """Items of correlated factors, on 1 to 10."""
    rng = np.random.default_rng(seed)
    common = 0.6 * rng.normal(size=(n, 1)) + 0.8 * rng.normal(size=(n, factors))
    table = {
        f"f{f}i{k}": np.clip(np.round(6 + 1.5 * common[:, f] + 1.2 * rng.normal(size=n)), 1, 10)
        for f in range(factors)
        for k in range(items)
    }
    return pd.DataFrame(table)


def constructs(factors: int, items: int) -> dict[str, list[str]]:
    return {f"F{f}": [f"f{f}i{k}" for k in range(items)] for f in range(factors)}


PATHS = [("F0", "F1"), ("F0", "F4"), ("F1", "F2"), ("F1", "F3"), ("F2", "F3"), ("F2", "F4"),
         ("F3", "F4"), ("F4", "F5")]  # fmt: skip


def peers() -> Path | None:
    """Return the peers' interpreter, made if need be; None if they cannot be installed."""
    python = FOLDER / "bin" / "python"
    if not python.exists():
        venv.create(FOLDER, with_pip=True)
        done = subprocess.run(
            [str(python), "-m", "pip", "install", "--quiet", *PACKAGES],
            check=False,
            stderr=subprocess.DEVNULL,
        )
        if done.returncode:
            print("the peers could not be installed; their rows are missing")
            return None
    return python


PEER = {
    "importance": """
import pingouin
y = data.pop(data.columns[-1])
start = time.process_time()
pingouin.linear_regression(data, y, relimp=True)
""",
    "factor model": """
import semopy
model = semopy.Model(given["text"])
start = time.process_time()
model.fit(data)
""",
    "path model": """
import seminr
from seminr import *
measurement = constructs(*[composite(n, items) for n, items in given["constructs"].items()])
structure = relationships(*[paths(a, b) for a, b in given["paths"]])
start = time.process_time()
model = estimate_pls(data, measurement, structure)
boot = bootstrap_model(model, nboot=given["replicates"], cores=1, seed=1)
""",
    "crossed": """
import numpy as np
import statsmodels.formula.api as smf
data["one"] = 1
start = time.process_time()
smf.mixedlm("y ~ 1", data, groups="one", re_formula="0",
            vc_formula={"s": "0 + C(s)", "r": "0 + C(r)"}).fit(reml=True)
""",
}


def ask(python: Path | None, name: str, data: pd.DataFrame, limit: int, **given: object) -> str:
    """Return the peer's processor seconds as text, or why there are none."""
    if python is None:
        return "not installed"
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / "data.csv"
    data.to_csv(path, index=False)
    code = (
        "import time, json, warnings\nimport pandas as pd\nwarnings.simplefilter('ignore')\n"
        f"data = pd.read_csv({str(path)!r})\ngiven = json.loads({json.dumps(given)!r})\n"
        + PEER[name]
        + "print('SECONDS', time.process_time() - start)\n"
    )
    try:
        done = subprocess.run(
            [str(python), "-c", code], env=os.environ | THREADS, capture_output=True, text=True,
            timeout=limit, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return f"more than {limit} (stopped)"
    for line in done.stdout.splitlines():
        if line.startswith("SECONDS"):
            return line.split()[1]
    last = (done.stderr.strip().splitlines() or ["no output"])[-1]
    return f"failed: {last[:60]}"


def report(name: str, ours: float, peer: str, who: str) -> bool:
    """Print one row; return whether the ratio is high enough (a missing peer does not fail)."""
    text = peer.removeprefix("more than ").split()[0]
    try:
        ratio = float(text) / ours
    except ValueError:
        print(f"{name:44s} {ours:9.3f} {'':>10s} {'':>8s}  {who}: {peer}")
        return True
    mark = "at least " if peer.startswith("more") else ""
    print(f"{name:44s} {ours:9.3f} {float(text):10.3f} {mark}{ratio:7.1f}x  {who}")
    return ratio >= WANTED


def main() -> int:
    """Print one row a piece of work."""
    good = []
    print(f"{'processor seconds':44s} {'ours':>9s} {'peer':>10s} {'ratio':>8s}")
    python = peers()

    data = answers(100_000, 13, 1)
    ours = cpu(lambda: RelativeImportance(replicates=0).fit(data, "f12i0"), 3)
    peer = ask(python, "importance", data, 240)
    good.append(report("LMG, 12 drivers, 100,000 answers", ours, peer, "pingouin"))
    full = cpu(lambda: RelativeImportance(replicates=500).fit(data, "f12i0"))
    print(f"{'  with 500 bootstrap samples (the peer has none)':44s} {full:9.3f}")

    data, named = answers(2_000, 6, 4), constructs(6, 4)
    ours = cpu(lambda: FactorModel(constructs=named).fit(data), 3)
    text = "\n".join(f"{c} =~ {' + '.join(items)}" for c, items in named.items())
    peer = ask(python, "factor model", data, 300, text=text)
    good.append(report("factor model, 24 items, 2,000 answers", ours, peer, "semopy"))

    model = PathModel(constructs=named, paths=PATHS)
    small = data.head(250)
    ours = cpu(lambda: model.fit(small, replicates=500), 3)
    peer = ask(python, "path model", small, 300, constructs=named, paths=PATHS, replicates=500)
    good.append(report("path model, 24 items, 500 bootstrap samples", ours, peer, "seminr"))

    rng = np.random.default_rng(2)
    s, r = rng.integers(0, 800, 50_000), rng.integers(0, 3_000, 50_000)
    y = 3 + 0.5 * rng.normal(size=800)[s] + 0.3 * rng.normal(size=3_000)[r]
    table = pd.DataFrame({"s": s, "r": r, "y": y + rng.normal(size=50_000)})
    ours = cpu(lambda: CrossedEffects().fit(table, score="y", group="s", rater="r"))
    few = table[(table["s"] < 40) & (table["r"] < 600)].head(400)
    peer = ask(python, "crossed", few, 120)
    print(f"{'crossed REML, 50,000 ratings, 800 x 3,000':44s} {ours:9.3f}")
    own = cpu(lambda: CrossedEffects().fit(few, score="y", group="s", rater="r"), 3)
    good.append(report(f"  {len(few)} of them, which the peer can do", own, peer, "statsmodels"))
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
