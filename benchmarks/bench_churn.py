"""Churn models against lifelines and statsmodels, in processor seconds of one run.

Each row prints our seconds, the peer's and the ratio; the last ones the scenario of nine million
left-truncated customers in a process of its own, whose peak memory is its own.
``python benchmarks/bench_churn.py [--quick]``: quick takes a tenth of the customers.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from retention.engine import Embedded, render, template
from retention.models import (
    Cox,
    DiscreteHazard,
    KaplanMeier,
    count_spells,
    expected_leavers,
    predict_leaving,
)
from retention.project import EngineSettings

COVARIATES = [f"x{j}" for j in range(10)]
LIMITS = {
    "Cox, Efron, from the cube": 20.0,
    "Cox, Breslow, from the cube": 100.0,
    "Kaplan-Meier, 10M rows, counted in the engine": 15.0,
    "cloglog, 60 month effects": 100.0,
}


def cpu(work: Callable[[], Any], repeats: int = 1) -> tuple[float, Any]:
    """Return the least processor seconds of some runs, and the last result."""
    found = []
    result = None
    for _ in range(repeats):
        start = time.process_time()
        result = work()
        found.append(time.process_time() - start)
    return min(found), result


def spells(n: int, seed: int = 1) -> pd.DataFrame:
    """Monthly spells of 60 months with ten binary covariates, about 40 % events."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 2, (n, 10))
    beta = np.array([0.5, -0.4, 0.3, -0.2, 0.1, 0, 0, 0.2, -0.1, 0.05])
    left = np.ceil(60 * np.exp(-x @ beta) * rng.exponential(size=n))
    end = rng.integers(1, 61, n)
    table = pd.DataFrame(x, columns=COVARIATES)
    return table.assign(duration=np.minimum(left, end).astype(int), event=left <= end)


def row(name: str, ours: float, theirs: float | None, note: str = "") -> None:
    """Print one comparison, and whether it holds its limit."""
    ratio = "" if theirs is None else f"{theirs / ours:9.1f}"
    peer = "" if theirs is None else f"{theirs:10.3f}"
    limit = LIMITS.get(name)
    held = "" if limit is None or theirs is None else f"  >= {limit:g}: {theirs / ours >= limit}"
    print(f"{name:48s}{ours:10.3f}{peer:>10s}{ratio:>9s}  {note}{held}", flush=True)


def cube_by_engine(table: pd.DataFrame, pattern: list[str]) -> pd.DataFrame:
    """Count spells with the package's own template."""
    engine = Embedded(EngineSettings(threads=1))
    engine.connection.register("rows", table)
    sql = (
        "with spells as (select * replace (cast(event as integer) as event), 0 as entry from rows)"
    )
    sql += template("retention.features", "cube.sql")
    return engine.frame(render(sql, pattern=pattern, causes=[]))


def compare_cox(n: int) -> None:
    """Cox from the cube and from rows against lifelines; scoring."""
    from lifelines import CoxPHFitter

    table = spells(n)
    frame = table.astype({"event": int})
    peer, theirs = cpu(lambda: CoxPHFitter().fit(frame, "duration", "event"))
    build, cube = cpu(lambda: count_spells(table, COVARIATES))
    print(f"{n:,} customers; the cube: {len(cube):,} rows, counted in pandas in {build:.2f} s")
    for ties, name in (("efron", "Efron"), ("breslow", "Breslow")):
        spec = Cox(covariates=COVARIATES, ties=ties)  # type: ignore[arg-type]
        core, fit = cpu(lambda spec=spec: _fit_only(spec, cube), 3)
        gap = np.abs(fit[0] - theirs.params_[COVARIATES].to_numpy()).max()
        row(f"Cox, {name}, from the cube", core, peer, f"largest gap {gap:.1e}; design ready")
        whole, _ = cpu(lambda spec=spec: spec.fit(cube))
        row(f"Cox, {name}, cube to fit with all tests", whole, peer)
    raw, _ = cpu(lambda: Cox(covariates=COVARIATES).fit(table))
    row("Cox, Efron, from rows", raw, peer)
    score(cube, table)


def _fit_only(spec: Cox, cube: pd.DataFrame) -> Any:
    from retention.models.cox import _cube_data

    if id(cube) not in _READY:
        _READY[id(cube)] = _cube_data(spec, cube)
    return spec._maximise(_READY[id(cube)])


_READY: dict[int, Any] = {}


def score(cube: pd.DataFrame, table: pd.DataFrame) -> None:
    """Score every customer without a matrix of customers by months."""
    fit = DiscreteHazard(covariates=COVARIATES).fit(cube)
    active = table[COVARIATES].assign(tenure=table["duration"])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds, _ = cpu(lambda: predict_leaving(fit, active, 6))
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    row(f"score {len(active):,}, 6 months, with intervals", seconds, None, f"+{grown:.0f} MiB")
    seconds, _ = cpu(lambda: expected_leavers(fit, active, 6))
    row("expected leavers with both variances", seconds, None)


def compare_robust(n: int) -> None:
    """Robust errors; lifelines needs minutes at this size, so it gets a tenth."""
    from lifelines import CoxPHFitter

    table = spells(n)
    ours, _ = cpu(lambda: Cox(covariates=COVARIATES, robust=True).fit(table))
    frame = table.head(n // 20).astype({"event": int})
    peer, _ = cpu(lambda: CoxPHFitter().fit(frame, "duration", "event", robust=True))
    row(f"robust errors, {n:,} rows", ours, None, f"lifelines on {n // 20:,} rows: {peer:.1f} s")


def compare_kaplan_meier(n: int) -> None:
    """Kaplan-Meier of many rows, counted in the engine."""
    from lifelines import KaplanMeierFitter

    table = spells(n)[["duration", "event"]]
    peer, theirs = cpu(lambda: KaplanMeierFitter().fit(table["duration"], table["event"]))
    ours, fit = cpu(lambda: KaplanMeier().fit(cube_by_engine(table, [])), 3)
    gap = abs(float(fit.survival(24)) - float(theirs.predict(24)))
    name = "Kaplan-Meier, 10M rows, counted in the engine"
    row(name, ours, peer, f"gap at 24: {gap:.0e}; n {n:,}")


def compare_cloglog(n: int) -> None:
    """Discrete hazard with an effect of each of 60 months against statsmodels on the same cells."""
    import statsmodels.api as sm

    cube = count_spells(spells(n), COVARIATES)
    ours, fit = cpu(
        lambda: DiscreteHazard(covariates=COVARIATES, tenure="free").fit(cube), 3
    )  # fmt: skip
    from retention.models.hazard_cells import make_cells

    cells = make_cells(cube, COVARIATES)
    dummies = (cells.tenure[:, None] == fit.basis.knots).astype(float)
    x = np.column_stack([dummies, cells.patterns[COVARIATES].to_numpy()[cells.pattern]])
    y = np.column_stack([cells.left[""], cells.n - cells.left[""]])
    family = sm.families.Binomial(sm.families.links.CLogLog())
    peer, theirs = cpu(lambda: sm.GLM(y, x, family=family).fit())
    gap = np.abs(fit.coefficients[COVARIATES] - theirs.params[-10:]).max()
    row("cloglog, 60 month effects", ours, peer, f"largest gap {gap:.0e}; {len(y):,} cells")


def nine_million(folder: str, n: int) -> None:
    """Left-truncated spells in Parquet: cube in the engine, Efron Cox with baseline."""
    engine = Embedded(EngineSettings(threads=1, memory_limit="600MB"), root=Path(folder))
    sql = f"with spells as (select * from read_parquet('{folder}/spells.parquet'))"
    sql += template("retention.features", "cube.sql")
    pattern = [f"x{j}" for j in range(8)]
    start = time.process_time()
    cube = engine.frame(render(sql, pattern=pattern, causes=[]))
    counted = time.process_time() - start
    fit = Cox(covariates=pattern).fit(cube)
    total = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    print(
        f"{n:,} left-truncated customers: cube {counted:.1f} s, Cox with baseline "
        f"{total - counted:.1f} s, peak {peak:.2f} GiB (under 1: {peak < 1}); x0 "
        f"{fit.coefficients['x0']:.4f} (truth 0.5), S(12) "
        f"{float(fit.survival([12])['survival'].iloc[0]):.4f} (truth 0.5488)"
    )


def write_spells(folder: str, n: int) -> None:
    """Write left-truncated spells of known truth: S(12 | x = 0) = exp(-0.6)."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng = np.random.default_rng(7)
    writer, seen = None, 0
    while seen < n:
        size = 2_000_000
        x = rng.integers(0, 2, (size, 8)).astype(np.int8)
        left = np.ceil(20 * np.exp(-x @ np.array([0.5, -0.3, 0.2, 0, 0, 0.1, -0.1, 0]))
                       * rng.exponential(size=size))  # fmt: skip
        entry = rng.integers(0, 48, size)
        end = entry + rng.integers(1, 25, size)
        keep = left > entry
        columns = {f"x{j}": x[keep, j] for j in range(8)}
        columns["entry"] = entry[keep].astype(np.int32)
        columns["duration"] = np.minimum(left, end)[keep].astype(np.int32)
        columns["event"] = (left <= end)[keep].astype(np.int32)
        table = pa.table(columns).slice(0, n - seen)
        writer = writer or pq.ParquetWriter(f"{folder}/spells.parquet", table.schema)
        writer.write_table(table)
        seen += len(table)
    assert writer is not None
    writer.close()


def main() -> None:
    """Print one row a comparison."""
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="a tenth of the customers")
    parser.add_argument("--scenario", default="", help=argparse.SUPPRESS)
    parser.add_argument("--n", type=int, default=0, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.scenario:
        nine_million(chosen.scenario, chosen.n)
        return
    scale = 10 if chosen.quick else 1
    print(f"{'':48s}{'ours, s':>10s}{'peer, s':>10s}{'ratio':>9s}")
    compare_cox(1_000_000 // scale)
    compare_robust(200_000 // scale)
    compare_kaplan_meier(10_000_000 // scale)
    compare_cloglog(1_000_000 // scale)
    n = 9_000_000 // scale
    with tempfile.TemporaryDirectory() as folder:
        write_spells(folder, n)
        command = [sys.executable, __file__, "--scenario", folder, "--n", str(n)]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
