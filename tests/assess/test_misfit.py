"""Which items fit worst."""

from __future__ import annotations

import numpy as np
import pandas as pd

from irtbridge.assess.items.misfit import misfit


def test_items_stand_by_the_p_value_of_the_first_statistic_that_is_there() -> None:
    table = pd.DataFrame({"s_x2_p": [0.5, 0.001, np.nan], "pv_q1_p": [0.1, 0.2, 0.3]}, index=["a", "b", "c"])
    found = misfit(table)
    assert found.index.tolist() == ["b", "a", "c"]
    assert found["statistic"].unique().tolist() == ["S-X2"]
    assert found["flag"].tolist() == [True, False, False]
    assert misfit(table.assign(s_x2_p=np.nan))["statistic"].unique().tolist() == ["PV-Q1"]


def test_either_tail_of_a_predictive_p_value_is_odd() -> None:
    table = pd.DataFrame({"infit_ppp": [0.5, 0.999, 0.4], "outfit_ppp": [0.6, 0.7, 0.001]}, index=["a", "b", "c"])
    found = misfit(table)
    assert set(found.index[:2]) == {"b", "c"}
    assert found.loc["a", "p"] == 1.0


def test_uniform_p_values_are_flagged_no_more_often_than_stated() -> None:
    """Benjamini & Hochberg: under the null hypothesis for all, any flag at all in .05 of the tables."""
    rng, sets = np.random.default_rng(1), 1000
    flagged = [misfit(pd.DataFrame({"s_x2_p": rng.uniform(size=20)}))["flag"].any() for _ in range(sets)]
    # Four standard errors above .05: one seed in 30,000 fails.
    assert np.mean(flagged) < 0.05 + 4 * np.sqrt(0.05 * 0.95 / sets)
