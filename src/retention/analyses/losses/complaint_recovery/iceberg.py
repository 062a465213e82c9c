"""How many problems stand behind one complaint."""

from __future__ import annotations

import numpy as np

from retention.errors import ParameterError
from retention.estimates import Estimate, normal_quantile

__all__ = ["iceberg"]


def iceberg(
    *, customers: int, asked: int, dissatisfied: int, complained: int, level: float = 0.95
) -> dict[str, Estimate]:
    """Return the complaint rate of the dissatisfied, and dissatisfied customers per complaint.

    Parameters
    ----------
    customers : int
        Customers in the period.
    asked, dissatisfied : int
        Answers of a survey in it, and poor ones among them.
    complained : int
        Customers with a complaint in the period.
    level : float
        Level of the intervals, by the delta method on the log rate.

    Raises
    ------
    ParameterError
        If the counts are impossible.

    Examples
    --------
    >>> found = iceberg(customers=20_000, asked=800, dissatisfied=64, complained=120)
    >>> print(found["complaint_rate"])
    7.5 % (95 % interval 5.6 to 10.1 %; n 800, 120 events; grade D)
    """
    if not (0 < dissatisfied <= asked and 0 < complained <= customers):
        raise ParameterError(
            f"needs 0 < dissatisfied <= asked and 0 < complained <= customers; got {dissatisfied}, "
            f"{asked}, {complained}, {customers}"
        )
    share = dissatisfied / asked
    rate = complained / (customers * share)
    factor = np.exp(normal_quantile(level) * np.sqrt((1 - share) / dissatisfied + 1 / complained))
    method = (
        "complaints over the dissatisfied among all customers by the survey's share; log-delta; "
        "who answers may differ from who does not"
    )
    ends = (rate / factor, rate * factor)
    return {
        "complaint_rate": Estimate(
            value=rate, low=ends[0], high=ends[1], level=level, unit="share", n=asked,
            events=complained, method=method, grade="D",
        ),
        "problems_per_complaint": Estimate(
            value=1 / rate, low=1 / ends[1], high=1 / ends[0], level=level,
            unit="dissatisfied customers", n=asked, events=complained, method=method, grade="D",
        ),
    }  # fmt: skip
