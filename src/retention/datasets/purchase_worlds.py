"""Customers made from a known purchase process, to see whether a model finds it again."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from retention.errors import ParameterError

Array = NDArray[np.float64]
Process = Literal["bg_nbd", "mbg_nbd", "pareto_nbd"]


def simulate_purchases(
    process: Process,
    n: int,
    T: ArrayLike,
    *,
    rng: np.random.Generator,
    horizon: float = 0.0,
    k: int = 1,
    grain: float = 0.0,
    **parameters: float,
) -> pd.DataFrame:
    """Return customers with frequency, recency and T, and what they did after T.

    Parameters
    ----------
    process : str
        ``bg_nbd`` and ``mbg_nbd`` (parameters r, alpha, a, b) or ``pareto_nbd`` (r, alpha, s,
        beta).
    n : int
        Customers.
    T : array_like of float
        Tenure at the cutoff; one for all, or one each.
    rng : numpy.random.Generator
        Source of chance.
    horizon : float
        How long after T purchases are counted, in ``future``.
    k : int
        Hidden events an interval (mbg_nbd).
    grain : float
        Recency is rounded down to a multiple of it, such as 1/7 for days in weeks; 0 for none.
    **parameters : float
        Of the process.

    Returns
    -------
    DataFrame
        Index ``customer_id``; ``frequency``, ``recency``, ``T``, ``log_intervals``, ``future``
        (purchases in (T, T + horizon]) and ``alive`` (the truth at T).

    Examples
    --------
    >>> rng = np.random.default_rng(7)
    >>> world = simulate_purchases("pareto_nbd", 3, 30, rng=rng, r=1, alpha=5, s=1, beta=20)
    >>> list(world.columns)
    ['frequency', 'recency', 'T', 'log_intervals', 'future', 'alive']
    """
    names = {"r", "alpha"} | ({"s", "beta"} if process == "pareto_nbd" else {"a", "b"})
    if set(parameters) != names:
        raise ParameterError(f"{process} takes {', '.join(sorted(names))}; got {parameters}")
    end = np.broadcast_to(np.asarray(T, dtype=float), (n,)).copy()
    rate = rng.gamma(parameters["r"], 1 / parameters["alpha"], n)
    if process == "pareto_nbd":
        leave = rng.exponential(1.0, n) / rng.gamma(parameters["s"], 1 / parameters["beta"], n)
        stop = np.zeros(n)
    else:
        leave = np.full(n, np.inf)
        stop = rng.beta(parameters["a"], parameters["b"], n)
    alive = np.ones(n, dtype=bool)
    if process == "mbg_nbd":
        alive = rng.random(n) >= stop
    return _run(end, rate, leave, stop, alive, horizon, k, grain, rng)


def _run(
    end: Array,
    rate: Array,
    leave: Array,
    stop: Array,
    alive: NDArray[np.bool_],
    horizon: float,
    k: int,
    grain: float,
    rng: np.random.Generator,
) -> pd.DataFrame:
    n = end.size
    time, recency, logs = np.zeros(n), np.zeros(n), np.zeros(n)
    frequency, future = np.zeros(n, dtype=int), np.zeros(n, dtype=int)
    gone_at = np.where(alive, leave, 0.0)
    running = np.flatnonzero(alive)
    while running.size:
        gap = rng.gamma(k, 1 / rate[running])
        time[running] += gap
        bought = (time[running] <= gone_at[running]) & (time[running] <= end[running] + horizon)
        buyers, gap = running[bought], gap[bought]
        early = time[buyers] <= end[buyers]
        frequency[buyers[early]] += 1
        recency[buyers[early]] = time[buyers[early]]
        logs[buyers[early]] += np.log(gap[early])
        future[buyers[~early]] += 1
        stops = rng.random(buyers.size) < stop[buyers]
        gone_at[buyers[stops]] = time[buyers[stops]]
        running = buyers[~stops]
    if grain > 0:
        recency = np.where(frequency > 0, np.maximum(np.floor(recency / grain), 1) * grain, 0.0)
        recency = np.minimum(recency, end)
    return pd.DataFrame(
        {
            "frequency": frequency,
            "recency": recency,
            "T": end,
            "log_intervals": logs,
            "future": future,
            "alive": gone_at > end,
        },
        index=pd.RangeIndex(n, name="customer_id"),
    )
