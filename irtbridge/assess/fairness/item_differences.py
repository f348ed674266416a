"""Items of two groups on one scale: how their parameters differ, Wald's test, areas and expected scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from irtbridge.assess.fairness.linking import constants, transformed
from irtbridge.assess.posterior import Posterior

Array = NDArray[np.float64]
Places = NDArray[np.intp]
AREA = np.linspace(-6, 6, 121)  # abilities that areas are taken over, on the reference group's scale
NORMAL = np.linspace(-4, 4, 41)  # of the focal group, in its standard deviations from its mean
WEIGHTS = stats.norm.pdf(NORMAL) / stats.norm.pdf(NORMAL).sum()
ROUNDS = 10  # of purification


def item_differences(
    posterior: Posterior, reference: Places, focal: Places, labels: Sequence[str], mean: Array, sd: Array
) -> pd.DataFrame:
    """Items of a focal group less those of a reference group, both on one scale, with 95 % intervals.

    Parameters
    ----------
    posterior : Posterior
        With one trait, and items that stand in it once for each group.
    reference, focal : ndarray of int
        Their places, in one order.
    labels : sequence of str
        What they are called.
    mean, sd : ndarray, shape (draw,)
        Of the focal group's abilities.

    Returns
    -------
    DataFrame
        A row for each item; columns (quantity, statistic) with the statistics mean, 2.5% and 97.5%. Quantities: each
        parameter; ``area`` and ``uarea``, the signed and the unsigned area between the curves of the expected score
        (Raju 1988) from -6 to 6; ``SIDS``, ``UIDS`` and ``ESSD``, the mean signed and unsigned difference and the
        standardised difference of expected scores (Meade 2010), over the focal group's distribution of abilities.
        Negative: the item is harder for the focal group. ``wald``: Lord's (1980) X2, df and p.
    """
    each = parameter_differences(posterior, reference, focal)
    quantities = each | _areas(posterior, reference, focal) | _effects(posterior, reference, focal, mean, sd)
    parts: dict[tuple[str, str], Array] = {}
    for name, values in quantities.items():
        low, high = np.quantile(values, [0.025, 0.975], axis=0)
        parts |= {(name, "mean"): np.mean(values, axis=0), (name, "2.5%"): low, (name, "97.5%"): high}
    x2, df = wald(np.stack(list(each.values()), axis=-1))
    parts |= {("wald", "X2"): x2, ("wald", "df"): df, ("wald", "p"): np.asarray(stats.chi2.sf(x2, df))}
    return pd.DataFrame(parts, index=pd.Index(labels, name="item"))


def parameter_differences(posterior: Posterior, reference: Places, focal: Places) -> dict[str, Array]:
    """Of each item parameter (draw, item), those of categories apart; NaN where an item has no such category."""
    spec, found = posterior.spec, dict[str, Array]()
    for name in (n for role, n in spec.family.roles() if role != "ability" and spec[n].dims[:1] == ("item",)):
        value = posterior.params[name]
        away = value[:, focal] - value[:, reference]
        by_category: list[Array] = [] if away.ndim == 2 else [*np.moveaxis(away, 2, 0)]
        columns = {f"{name}[{k}]": column for k, column in enumerate(by_category, 1)} or {name: away}
        found |= {label: column for label, column in columns.items() if np.any(np.nan_to_num(column) != 0)}
    return found


def wald(differences: Array) -> tuple[Array, Array]:
    """Of differences (draw, item, parameter) the squared distance of their mean from 0 in their covariance, and its df.

    A parameter that is NaN, or the same in every draw, counts nothing.
    """
    x2, df = np.full((2, differences.shape[1]), np.nan)
    for item, each in enumerate(np.moveaxis(differences, 1, 0)):
        own = each[:, np.isfinite(each).all(axis=0) & (np.ptp(each, axis=0) > 0)]
        df[item] = own.shape[1]
        if own.shape[1]:
            mean = own.mean(axis=0)
            x2[item] = mean @ np.linalg.solve(np.atleast_2d(np.cov(own.T)), mean)
    return x2, df


def linked(
    posterior: Posterior, reference: Places, focal: Places, method: str, anchors: Places
) -> tuple[Posterior, Array]:
    """The posterior with the focal items on the reference group's scale, and A and B of each draw.

    Parameters
    ----------
    posterior : Posterior
        In which each group has its own scale.
    reference, focal : ndarray of int
        Places of all items, in one order.
    method : str
        Of linking.
    anchors : ndarray of int
        Which of them hold the scales together.
    """
    scale = constants(posterior, posterior, reference[anchors], focal[anchors], method)
    moved, params = transformed(posterior, scale[:, 0], scale[:, 1]), dict(posterior.params)
    for name, value in moved.items():
        if posterior.spec[name].dims[:1] == ("item",):
            params[name] = params[name].copy()
            params[name][:, focal] = value[:, focal]
    return replace(posterior, params=params), scale


def purified(posterior: Posterior, reference: Places, focal: Places, method: str, alpha: float) -> Places:
    """The items that Wald's test does not flag when the others that it does not flag hold the scales together."""
    anchors = np.arange(len(reference))
    for _ in range(ROUNDS):
        on_one, _ = linked(posterior, reference, focal, method, anchors)
        x2, df = wald(np.stack(list(parameter_differences(on_one, reference, focal).values()), axis=-1))
        kept = np.flatnonzero(stats.chi2.sf(x2, df) >= alpha)
        if len(kept) < 2 or np.array_equal(kept, anchors):
            break
        anchors = kept
    return anchors


def _expected(posterior: Posterior, abilities: Array, reference: Places, focal: Places) -> tuple[Array, Array]:
    """Expected scores (draw, ability, item) in both groups."""
    scores = posterior.moments(abilities)[0]
    return scores[:, :, reference], scores[:, :, focal]


def _areas(posterior: Posterior, reference: Places, focal: Places) -> dict[str, Array]:
    before, after = _expected(posterior, AREA[None], reference, focal)
    step = AREA[1] - AREA[0]
    return {"area": (after - before).sum(axis=1) * step, "uarea": np.abs(after - before).sum(axis=1) * step}


def _effects(posterior: Posterior, reference: Places, focal: Places, mean: Array, sd: Array) -> dict[str, Array]:
    before, after = _expected(posterior, mean[:, None] + sd[:, None] * NORMAL, reference, focal)
    spread = [_averaged(each**2) - _averaged(each) ** 2 for each in (before, after)]
    signed, unsigned = _averaged(after - before), _averaged(np.abs(after - before))
    return {"SIDS": signed, "UIDS": unsigned, "ESSD": signed / np.sqrt(np.mean(spread, axis=0))}


def _averaged(values: Array) -> Array:
    """Of values (draw, node, item), over the nodes of the focal group."""
    return np.asarray(np.einsum("n,dni->di", WEIGHTS, values))
