"""The ledger of claims as a table."""

from __future__ import annotations

import pandas as pd

from retention.analyses import Claims

__all__ = ["table_claims"]


def table_claims(answer: Claims) -> pd.DataFrame:
    """Return one row a claim: what is said, what these data say, verdict and source."""
    rows = {
        claim.claim: {
            "here": claim.estimate,
            "verdict": claim.verdict,
            "source of the claim": claim.source,
        }
        for claim in answer.ledger.values()
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("it is said that")
