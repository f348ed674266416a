"""Is an item fair: persons of several groups, matched by their scores."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from irtbridge.assess.fairness.logistic import nagelkerke, regress
from irtbridge.assess.fairness.matched import Matched, ets_class
from irtbridge.assess.fairness.person_groups import Group, grouped
from irtbridge.data.kinds import CATEGORIES
from irtbridge.data.load import load_responses
from irtbridge.data.responses import Responses
from irtbridge.errors import IRTBridgeWarning, StatisticError, UnknownName
from irtbridge.plugin.options import check_share

Array = NDArray[np.float64]
Row = dict[str, Any]
ROUNDS = 10  # of purification, as in difR (Magis et al. 2010)
Z = stats.norm.ppf(0.975)


def dif(
    data: Any,
    group: Group = None,
    method: str = "mantel-haenszel",
    *,
    purify: bool = False,
    correct: bool = True,
    alpha: float = 0.05,
) -> pd.DataFrame:
    """Differential item functioning by observed scores: do persons of one score answer an item alike in all groups?

    Each group is held against the first one, the reference. Persons are matched by the sum of their responses, the item
    itself among them. Persons with missing responses are left out.

    Parameters
    ----------
    data : DataFrame, array_like, path, name of a data set or Responses
        As `irtbridge.fit` takes them.
    group : str, Series or array_like, optional
        A column of the data's ``person_data``, or each person's group; by default the data's own.
    method : str
        ``mantel-haenszel``, or ``logistic`` regression on the score (Swaminathan & Rogers 1990), of proportional odds
        for more than two categories (Zumbo 1999).
    purify : bool
        Match again by the items that are not flagged and the one in question, until the same are flagged twice.
    correct : bool
        The continuity correction of Mantel and Haenszel's chi-squared, where an item has two categories.
    alpha : float
        An item is flagged where p is below it.

    Returns
    -------
    DataFrame
        A row for each item and group that is held against the reference, index (item, group). Of
        ``mantel-haenszel``: ``X2``, ``df`` and ``p``; the common ``odds_ratio`` of the reference group with its 95 %
        interval; ETS's ``delta`` (-2.35 log odds, negative where the item is harder for the group) with ``se`` and
        ``class`` A, B or C; ``std``, the standardised mean difference of the group; ``X2_nominal``, without an order of
        categories; Breslow and Day's ``BD`` of equal odds at all scores, of two categories. Of ``logistic``: ``X2``
        of both kinds with ``df``, ``p``; ``X2_uniform``, ``X2_nonuniform``, each with its p; ``R2``, Nagelkerke's, that
        both add, with the ``class`` of Jodoin & Gierl (2001; .035, .070) and ``class_zumbo`` (.13, .26), and the
        weights ``b_group`` and ``b_interaction``. ``flagged``.

    Raises
    ------
    UnknownName
        There is no such method.
    StatisticError
        Fewer than two groups, a group that is no column, responses that are numbers, or nobody complete.

    Warns
    -----
    IRTBridgeWarning
        Persons are left out, as they miss responses.
    """
    if method not in TESTS:
        raise UnknownName("method of DIF", method, TESTS)
    check_share("alpha", alpha)
    responses = _complete(grouped(data if isinstance(data, Responses) else load_responses(data), group))
    settings = {"correct": correct} if method == "mantel-haenszel" else {}
    tables = {}
    for code, label in enumerate(responses.groups[1:], 1):
        both = responses.select(np.flatnonzero(np.isin(responses.group_codes, [0, code])))
        of_focal = both.group_codes == code
        tables[label] = _purified(both, of_focal, TESTS[method], settings, alpha, ROUNDS if purify else 0)
    return pd.concat(tables, names=["group"]).swaplevel()


def _complete(responses: Responses) -> Responses:
    if responses.kind != CATEGORIES:
        raise StatisticError(f"observed scores are of categories, and the responses are {responses.kind}; use fit.dif.")
    complete = np.flatnonzero(responses.observed.all(axis=1))
    if len(complete) == responses.n_persons:
        return responses
    kept = responses.select(complete)
    if len(np.unique(kept.group_codes)) < len(responses.groups):
        raise StatisticError(
            "observed scores need persons with all responses, and a group has none; use fit.dif(method='model'), which "
            "takes any responses."
        )
    left = responses.n_persons - len(complete)
    warnings.warn(
        f"{left} of {responses.n_persons} persons miss responses and are left out; fit.dif(method='model') takes them.",
        IRTBridgeWarning,
        stacklevel=3,
    )
    return kept


def _purified(
    responses: Responses,
    focal: NDArray[np.bool_],
    test: Callable[..., Row],
    settings: Mapping[str, Any],
    alpha: float,
    rounds: int,
) -> pd.DataFrame:
    """Of one group; matched by fewer items as often as others than before are flagged."""
    values = responses.values
    weights = responses.weights_or_ones
    flagged = np.zeros(responses.n_items, dtype=bool)
    seen: set[bytes] = set()
    while True:
        pure = values[:, ~flagged].sum(axis=1)
        scores = pure[:, None] + np.where(flagged, values, 0)
        columns = zip(scores.T.astype(float), values.T, strict=True)
        rows = [test(score, focal, column, weights, **settings) for score, column in columns]
        table = pd.DataFrame(rows, index=pd.Index(responses.items, name="item"))
        now = np.asarray(table["p"] < alpha)
        if len(seen) == rounds or np.array_equal(now, flagged) or now.tobytes() in seen:
            return table.assign(flagged=now)
        seen.add(now.tobytes())
        flagged = now


def _mantel_haenszel(
    scores: Array, focal: NDArray[np.bool_], codes: NDArray[Any], weights: Array, *, correct: bool
) -> Row:
    matched = Matched.of(scores, focal, codes, weights)
    two = matched.counts.shape[2] == 2
    chi2 = matched.chi2(correct and two)
    log_odds, se = matched.log_odds()
    nominal, df = matched.nominal_chi2()
    equal, strata = matched.breslow_day() if two and np.isfinite(log_odds) else (np.nan, np.nan)
    return {
        "X2": chi2,
        "df": 1,
        "p": stats.chi2.sf(chi2, 1),
        "odds_ratio": np.exp(log_odds),
        "2.5%": np.exp(log_odds - Z * se),
        "97.5%": np.exp(log_odds + Z * se),
        "delta": -2.35 * log_odds,
        "se": 2.35 * se,
        "class": str(ets_class(np.array(log_odds), np.array(se))),
        "std": matched.standardised(),
        "X2_nominal": nominal,
        "p_nominal": stats.chi2.sf(nominal, df),
        "BD": equal,
        "p_BD": stats.chi2.sf(equal, strata),
    }


def _logistic(scores: Array, focal: NDArray[np.bool_], codes: NDArray[Any], weights: Array) -> Row:
    values, cell = np.unique(np.stack([scores, focal]), axis=1, return_inverse=True)
    counts = np.zeros((values.shape[1], int(codes.max()) + 1))
    np.add.at(counts, (cell.ravel(), codes), weights)
    score, group = values
    columns = np.stack([score, group, score * group], axis=1)
    none, alone, uniform, full = (regress(counts, columns[:, :n]) for n in range(4))
    both, one, two = (
        2 * max(0.0, larger.log_likelihood - smaller.log_likelihood)
        for larger, smaller in ((full, alone), (uniform, alone), (full, uniform))
    )
    ends = np.array([alone.log_likelihood, full.log_likelihood])
    gain = float(np.diff(nagelkerke(ends, none.log_likelihood, weights.sum()))[0])
    return {
        "X2": both,
        "df": 2,
        "p": stats.chi2.sf(both, 2),
        "X2_uniform": one,
        "p_uniform": stats.chi2.sf(one, 1),
        "X2_nonuniform": two,
        "p_nonuniform": stats.chi2.sf(two, 1),
        "R2": gain,
        "class": "ABC"[int(np.searchsorted([0.035, 0.07], gain, side="right"))],
        "class_zumbo": "ABC"[int(np.searchsorted([0.13, 0.26], gain, side="right"))],
        "b_group": full.coefficients[-2],
        "b_interaction": full.coefficients[-1],
    }


TESTS: dict[str, Callable[..., Row]] = {"mantel-haenszel": _mantel_haenszel, "logistic": _logistic}
