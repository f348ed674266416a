"""Which items fit worst, by the statistic of item fit that the model and the data admit."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

P_VALUES = ("s_x2_p", "pv_q1_p")
NAMES = {"s_x2_p": "S-X2", "pv_q1_p": "PV-Q1", "ppp": "infit and outfit"}
LEVEL = 0.05


def misfit(table: pd.DataFrame) -> pd.DataFrame:
    """Items by how badly they fit, the worst first.

    Parameters
    ----------
    table : DataFrame
        Of `item_fit`.

    Returns
    -------
    DataFrame
        Index: items. Columns ``statistic``; ``p``, its p-value; ``p_adjusted``, the same for as many items at once
        (Benjamini & Hochberg 1995); ``flag``, whether that is below .05. The statistic is S-X2, else PV-Q1, else the
        more extreme of the predictive p-values of infit and outfit, made two-sided.
    """
    name = next((p for p in P_VALUES if p in table and table[p].notna().any()), "ppp")
    p = _two_sided(table) if name == "ppp" else table[name]
    adjusted = pd.Series(np.nan, index=table.index)
    known = p.notna()
    adjusted[known] = stats.false_discovery_control(np.clip(p[known].to_numpy(dtype=float), 0, 1))
    found = pd.DataFrame({"statistic": NAMES[name], "p": p, "p_adjusted": adjusted, "flag": adjusted < LEVEL})
    return found.sort_values("p", kind="stable")


def _two_sided(table: pd.DataFrame) -> pd.Series[float]:
    """Twice the smaller tail of each mean square's predictive p-value, doubled again as the worse of two counts."""
    columns = [name for name in ("infit_ppp", "outfit_ppp") if name in table]
    if not columns:
        return pd.Series(np.nan, index=table.index)
    tails = np.minimum(table[columns], 1 - table[columns]).min(axis=1)
    return pd.Series(np.minimum(2 * len(columns) * tails, 1.0), index=table.index)
