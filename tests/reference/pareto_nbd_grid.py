"""Make pareto_nbd_grid.csv: the Pareto/NBD log-likelihood in 50 digits on 120 hard cases.

Run with any Python that has mpmath: ``python tests/reference/pareto_nbd_grid.py``. The integral
over the time of dropout is split finely near t_x, because its mass sits there when x is large.
"""

import csv
from itertools import pairwise, product
from pathlib import Path

from mpmath import log, loggamma, mp, mpf, quad

mp.dps = 50

PARAMETERS = [
    (".5533", "10.578", ".606", "11.669"),
    (".5", "2.88", ".2856", "14.1"),
    ("5", "1", "5", "1"),
    ("1", "100", "1", ".1"),
    (".1", ".1", ".1", "100"),
    (".8", "5.3", ".36", "11.6"),
    ("2", "30", "50", "500"),
    (".5", "10", "20", "10000"),
    ("3", "10", "3", "10"),
    ("3", "10", "3", "10.0000001"),
]
CUSTOMERS = [
    ("0", "0", "39"),
    ("0", "0", "1000"),
    ("1", ".14", "39"),
    ("1", "38", "39"),
    ("5", "30", "39"),
    ("29", "38.43", "38.86"),
    ("26", "30.86", "31"),
    ("100", "50", "100"),
    ("221", "103.43", "103.57"),
    ("400", "380", "400"),
    ("1000", "200", "1000"),
    ("3", "3", "3"),
]


def log_likelihood(r, alpha, s, beta, x, t_x, T):
    """Return the log-likelihood as an mpmath number."""
    start = (alpha + t_x) ** -(r + x) * (beta + t_x) ** -s
    cuts = [t_x]
    width = (T - t_x) / mpf(2) ** 24
    while t_x < T and t_x + width < T:
        cuts.append(t_x + width)
        width *= 2
    cuts.append(T)
    whole = mpf(0)
    for low, high in pairwise(cuts):
        if high > low:
            whole += quad(
                lambda t: (
                    ((alpha + t) / (alpha + t_x)) ** -(r + x)
                    * ((beta + t) / (beta + t_x)) ** -s
                    / (beta + t)
                ),
                [low, high],
            )
    alive = ((alpha + T) / (alpha + t_x)) ** -(r + x) * ((beta + T) / (beta + t_x)) ** -s
    gammas = loggamma(r + x) - loggamma(r) + r * log(alpha) + s * log(beta)
    return gammas + log(start) + log(alive + s * whole)


if __name__ == "__main__":
    path = Path(__file__).with_suffix(".csv")
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["r", "alpha", "s", "beta", "x", "t_x", "T", "log_likelihood"])
        for row in product(PARAMETERS, CUSTOMERS):
            numbers = [*row[0], *row[1]]
            value = log_likelihood(*(mpf(number) for number in numbers))
            writer.writerow([*numbers, mp.nstr(value, 20)])
