"""Does each item fit? S-X2, infit and outfit, PV-Q1 and the item-rest correlation, one row per item."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from irtbridge.assess.items.mean_squares import statistic_of
from irtbridge.assess.items.pv_q1 import g2, pv_q1, x2
from irtbridge.assess.items.residuals import (
    MeanSquares,
    abilities_given,
    fourth_moments,
    mean_squares,
    residuals,
    standardised,
)
from irtbridge.assess.items.s_x2 import ChiSquare, s_x2
from irtbridge.assess.posterior import Posterior
from irtbridge.assess.predict import one_by_one, predict, predictive, responses_of
from irtbridge.data.kinds import CATEGORIES
from irtbridge.errors import StatisticError, UnknownName

Array = NDArray[np.float64]
DRAWS = 30
INTERVAL = (0.025, 0.975)
DEFAULT = ("s_x2", "infit", "pv_q1")


def item_fit(
    posterior: Posterior, statistics: str | Iterable[str] | None = None, draws: int = DRAWS, seed: int = 0
) -> pd.DataFrame:
    """Statistics of item fit, a row for each item.

    Parameters
    ----------
    posterior : Posterior
        Of a fit.
    statistics : str or iterable of str, optional
        Of ``s_x2``, ``infit`` (with outfit), ``pv_q1``, ``x2``, ``g2``; by default the first three, so far as model and
        data admit them: ``table.attrs["left_out"]`` says which do not, and why.
    draws : int
        Draws of predictive p-values, at even distances, and at most 30 sets of plausible values.
    seed : int
        Seed of replicated responses and plausible values.

    Returns
    -------
    DataFrame
        Index: items. Columns:

        ``n``, ``item_rest``
            Responses; correlation with the mean of a person's other responses.
        ``s_x2``, ``s_x2_df``, ``s_x2_p``, ``s_x2_rmsea``, ``s_x2_n``
            Orlando & Thissen (2000), Kang & Chen (2008), at the posterior mean; over the `s_x2_n` persons who answered
            every item. NaN where no degree of freedom is left.
        ``infit``, ``infit_z``, ``infit_lower``, ``infit_upper``, ``infit_ppp``, and the same of ``outfit``
            Mean square at expected abilities and its z (Wright & Masters 1982) at the posterior mean; 95 % interval
            over draws, NaN of a point estimate; posterior predictive p-value: of what the item parameters have not
            adjusted, the share of replicated data above (see `irtbridge.assess.items.orthogonal`). z is not standard
            normal at expected abilities, which vary less than abilities do: judge by the predictive p-value. Where
            abilities cannot be integrated out, all is at the abilities of the draws, the mean square is the mean, and
            there is no z.
        ``pv_q1``, ``pv_q1_df``, ``pv_q1_p``, ``pv_q1_rmsea``
            Chalmers & Ng (2017).
        ``x2``, ``x2_df``, ``x2_p``, ``x2_rmsea``
            The same at expected abilities, as older programs do; it rejects true models.
        ``g2``, ``g2_df``, ``g2_p``, ``g2_rmsea``
            The likelihood ratio in the groups of ``x2`` (McKinley & Mills 1985); it rejects true models too.

    Raises
    ------
    StatisticError
        A statistic that was asked for by name is not defined for this model or these data; it names one that is.
    UnknownName
        There is no such statistic.
    """
    names = DEFAULT if statistics is None else (statistics,) if isinstance(statistics, str) else tuple(statistics)
    parts, left_out = [_described(posterior)], {}
    for name in names:
        if name not in STATISTICS:
            raise UnknownName("statistic of item fit", name, STATISTICS)
        try:
            parts.append(STATISTICS[name](posterior, draws, seed))
        except StatisticError as error:
            if statistics is not None:
                raise
            left_out[name] = str(error)
    table = pd.DataFrame(
        {column: values for part in parts for column, values in part.items()},
        index=pd.Index(posterior.responses.items, name="item"),
    )
    table.attrs["left_out"] = left_out
    return table


def item_rest(responses: Array, weights: Array) -> Array:
    """Correlation (item,) of each item with the mean of the person's other responses; NaN without variance.

    Parameters
    ----------
    responses : ndarray, shape (person, item)
        NaN where missing.
    weights : ndarray, shape (person,)
        How many persons each row stands for.
    """
    answered = ~np.isnan(responses)
    filled = np.where(answered, responses, 0.0)
    others = answered.sum(axis=1, keepdims=True) - 1
    rest = (filled.sum(axis=1, keepdims=True) - filled) / np.where(others > 0, others, np.nan)
    counts = weights[:, None] * (answered & (others > 0))
    total = counts.sum(axis=0)
    x, y = (np.where(counts > 0, v, 0.0) for v in (filled, rest))
    with np.errstate(invalid="ignore", divide="ignore"):
        x, y = (v - np.sum(counts * v, axis=0) / total for v in (x, y))
        spread = np.sum(counts * x**2, axis=0) * np.sum(counts * y**2, axis=0)
        return np.asarray(np.sum(counts * x * y, axis=0) / np.sqrt(spread))


def _described(posterior: Posterior) -> dict[str, Array]:
    responses = responses_of(posterior)
    number = posterior.weights @ ~np.isnan(responses)
    return {"n": number.astype(int), "item_rest": item_rest(responses, posterior.weights)}


def _s_x2(posterior: Posterior, draws: int, seed: int) -> dict[str, Array]:
    of = s_x2(posterior)
    return _chi_square("s_x2", of) | {"s_x2_n": np.full(len(of.df), int(of.persons))}


def _pv_q1(posterior: Posterior, draws: int, seed: int) -> dict[str, Array]:
    return _chi_square("pv_q1", pv_q1(posterior, min(draws, 30), seed))


def _x2(posterior: Posterior, draws: int, seed: int) -> dict[str, Array]:
    return _chi_square("x2", x2(posterior))


def _g2(posterior: Posterior, draws: int, seed: int) -> dict[str, Array]:
    return _chi_square("g2", g2(posterior))


def _infit(posterior: Posterior, draws: int, seed: int) -> dict[str, Array]:
    at = next(one_by_one(predictive(posterior.at_mean, 1, seed)))
    reference = predict(posterior, statistic_of(at), draws, seed)
    squares, z = _at_mean(at) if at.layout.collapse is not None else (reference.observed[:, :2].mean(axis=0), None)
    ends = np.quantile(reference.observed, INTERVAL, axis=0)
    lower, upper = np.full_like(ends, np.nan) if posterior.point else ends
    columns: dict[str, Array] = {}
    for place, name in enumerate(("infit", "outfit")):
        columns |= {
            name: squares[place],
            f"{name}_z": np.full_like(lower[place], np.nan) if z is None else z[place],
            f"{name}_lower": lower[place],
            f"{name}_upper": upper[place],
            f"{name}_ppp": reference.p[place + 2],
        }
    return columns


def _at_mean(at: Posterior) -> tuple[MeanSquares, MeanSquares | None]:
    """Mean squares at expected abilities and their z; none of responses that are no categories."""
    responses = responses_of(at)
    here = residuals(responses, at)
    squares = mean_squares(here, axis=0)
    if at.spec.family.kind != CATEGORIES:
        return squares, None
    fourth = np.where(np.isnan(responses), np.nan, fourth_moments(at, abilities_given(responses, at)))
    return squares, standardised(squares, here, fourth, axis=0)


def _chi_square(name: str, of: ChiSquare) -> dict[str, Array]:
    return {name: of.statistic, f"{name}_df": of.df, f"{name}_p": of.p, f"{name}_rmsea": of.rmsea}


STATISTICS: Mapping[str, Callable[[Posterior, int, int], dict[str, Array]]] = {
    "s_x2": _s_x2,
    "infit": _infit,
    "pv_q1": _pv_q1,
    "x2": _x2,
    "g2": _g2,
}
