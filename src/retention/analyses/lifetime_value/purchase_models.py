"""Purchase models side by side: fitted to the same customers, compared, one of them chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from retention.engine import Tables
from retention.errors import AnalysisError, NotEnoughDataError, ParameterError
from retention.features import build_purchase_intervals, build_rfm
from retention.models import (
    BetaGeoNBD,
    ModifiedBetaGeoNBD,
    ParetoNBD,
    PurchaseFit,
    PurchaseModel,
    PurchaseRegularity,
    PurchaseRegularityFit,
)

__all__ = ["PURCHASE_MODELS", "ModelChoice", "choose_model", "fit_purchase_models", "purchases"]

#: Models by the name under which settings call them.
PURCHASE_MODELS: dict[str, PurchaseModel] = {
    "bg_nbd": BetaGeoNBD(),
    "mbg_nbd": ModifiedBetaGeoNBD(),
    "pareto_nbd": ParetoNBD(),
}

CREDIBLE = 10.0  # a model whose AIC is this much worse is not in the sensitivity band


@dataclass(frozen=True, eq=False, kw_only=True)
class ModelChoice:
    """Models fitted to the same customers, and the one in use.

    Parameters
    ----------
    name : str
        The model in use.
    fits : dict
        Every fit that converged.
    table : DataFrame, one row a model
        ``log_likelihood``, ``aic``, ``boundaries``, or ``failed`` with the reason.
    fitted_to : DataFrame
        The customers fitted to.
    regularity : PurchaseRegularityFit or None
        How regular buying is, where it could be told.
    """

    name: str
    fits: dict[str, PurchaseFit]
    table: pd.DataFrame
    fitted_to: pd.DataFrame
    models: dict[str, PurchaseModel]
    regularity: PurchaseRegularityFit | None

    @property
    def fit(self) -> PurchaseFit:
        """The fit in use."""
        return self.fits[self.name]

    @property
    def credible(self) -> list[str]:
        """Models that the data do not rule out: AIC within 10 of the best, and the one in use."""
        best = self.table["aic"].min()
        near = self.table.index[self.table["aic"] <= best + CREDIBLE]
        return [name for name in self.fits if name in near or name == self.name]


def purchases(tables: Tables, **settings: Any) -> pd.DataFrame:
    """Return the table of purchases with the segment of each customer, if it is known."""
    rfm = build_rfm(tables, **settings)
    if "segment" in tables.columns("customers"):
        found = tables.query("select customer_id, segment from customers order by customer_id")
        segment = found.set_index("customer_id")["segment"].reindex(rfm.index)
        attrs = rfm.attrs
        rfm = rfm.assign(segment=segment.fillna("(unknown)"))
        rfm.attrs = attrs
    return rfm


def whole_histories(rfm: pd.DataFrame, minimum: int) -> tuple[pd.DataFrame, str]:
    """Return customers whose first purchase was seen, and a caution if they are too few."""
    whole = rfm[~rfm["entered_before"]]
    if len(whole) >= max(minimum, 50) and (whole["frequency"] > 0).sum() >= 10:
        before = int(rfm["entered_before"].sum())
        text = (
            f"{before:,} of {len(rfm):,} customers came before the records began: the model is "
            "learned from the others, and takes their first recorded order for their first"
        )
        return whole, text if before else ""
    return rfm, (
        f"only {len(whole):,} customers came after the records began: the model is learned from "
        "all, who are survivors of earlier years, and is too hopeful"
    )


def fit_purchase_models(
    rfm: pd.DataFrame, models: dict[str, PurchaseModel]
) -> tuple[dict[str, PurchaseFit], pd.DataFrame]:
    """Fit each model, and say of each how well it fits or why it could not be fitted."""
    fits, rows = {}, {}
    for name, model in models.items():
        try:
            fit = model.fit(rfm)
        except AnalysisError as error:
            rows[name] = {"failed": str(error)}
            continue
        fits[name] = fit
        rows[name] = {
            "log_likelihood": fit.log_likelihood,
            "aic": fit.aic,
            "boundaries": "; ".join(fit.optimum.certificate.boundaries),
            "failed": "",
        }
    columns = ["log_likelihood", "aic", "boundaries", "failed"]
    table = pd.DataFrame(rows, index=columns).T.rename_axis("model")
    return fits, table.astype({"log_likelihood": float, "aic": float})


def choose_model(
    tables: Tables, rfm: pd.DataFrame, model: str, names: Sequence[str] = tuple(PURCHASE_MODELS)
) -> ModelChoice:
    """Fit the candidates and take the one asked for, or with ``auto`` the one of least AIC.

    Where the intervals between purchases are more regular than chance (Wheat-Morrison), the
    MBG/CNBD-k of that regularity is among the candidates.

    Raises
    ------
    ParameterError
        If the model is not known.
    NotEnoughDataError
        If no model could be fitted.
    """
    models = {name: PURCHASE_MODELS[name] for name in names}
    regularity = _regularity(tables)
    if regularity is not None and regularity.suggested_k > 1 and "log_intervals" in rfm:
        k = min(regularity.suggested_k, 6)
        models[f"mbg_cnbd_{k}"] = ModifiedBetaGeoNBD(k=k)
    if model != "auto" and model not in models:
        raise ParameterError(f"model must be auto, {', '.join(models)}; got {model!r}")
    fits, table = fit_purchase_models(rfm, models)
    if not fits or (model != "auto" and model not in fits):
        raise NotEnoughDataError(f"no purchase model could be fitted: {table['failed'].iloc[0]}")
    name = model if model != "auto" else str(table["aic"].idxmin())
    return ModelChoice(
        name=name, fits=fits, table=table, fitted_to=rfm, models=models, regularity=regularity
    )


def _regularity(tables: Tables) -> PurchaseRegularityFit | None:
    try:
        return PurchaseRegularity().fit(build_purchase_intervals(tables))
    except NotEnoughDataError:
        return None
