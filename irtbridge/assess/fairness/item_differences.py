"""Items of two groups on one scale: how their parameters differ, Wald's test, areas and expected scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from irtbridge.assess.fairness.scales import constants, expected_scores, transformed
from irtbridge.assess.posterior import Posterior

Array = NDArray[np.float64]
Places = NDArray[np.intp]
AREA = np.linspace(-6, 6, 121)  # abilities that areas are taken over, on the reference group's scale
NORMAL = np.linspace(-4, 4, 41)  # of the focal group, in its standard deviations from its mean
WEIGHTS = stats.norm.pdf(NORMAL) / stats.norm.pdf(NORMAL).sum()
ROUNDS = 10  # of purification


@dataclass(frozen=True, eq=False)
class Sides:
    """The same items in two groups.

    Attributes
    ----------
    reference, focal : Posterior
        Of one trait, with as many draws each; one posterior, or one of each group.
    of_reference, of_focal : ndarray of int
        Places of the items in each, in one order.
    """

    reference: Posterior
    of_reference: Places
    focal: Posterior
    of_focal: Places

    def linked(self, method: str, anchors: Places) -> tuple[Sides, Array]:
        """With the focal group on the reference group's scale, and A and B of each draw; some items are the anchors."""
        of_reference, of_focal = self.of_reference[anchors], self.of_focal[anchors]
        scale = constants(self.reference, self.focal, of_reference, of_focal, method)
        params = transformed(self.focal, scale[:, 0], scale[:, 1])
        return replace(self, focal=replace(self.focal, params=params)), scale

    def purified(self, method: str, alpha: float) -> Places:
        """The items that Wald's test does not flag when the others that it does not flag hold the scales together."""
        anchors = np.arange(len(self.of_reference))
        for _ in range(ROUNDS):
            x2, df = wald(self.linked(method, anchors)[0].parameters())
            kept = np.flatnonzero(stats.chi2.sf(x2, df) >= alpha)
            if len(kept) < 2 or np.array_equal(kept, anchors):
                break
            anchors = kept
        return anchors

    def parameters(self) -> dict[str, Array]:
        """How much higher each parameter (draw, item) is in the focal group, those of categories apart.

        NaN where an item has no such category; without those that are the same in all draws.
        """
        spec, found = self.reference.spec, dict[str, Array]()
        for name in (n for role, n in spec.family.roles() if role != "ability" and spec[n].dims[:1] == ("item",)):
            away = self.focal.params[name][:, self.of_focal] - self.reference.params[name][:, self.of_reference]
            by_category: list[Array] = [] if away.ndim == 2 else [*np.moveaxis(away, 2, 0)]
            columns = {f"{name}[{k}]": column for k, column in enumerate(by_category, 1)} or {name: away}
            found |= {label: column for label, column in columns.items() if np.any(np.nan_to_num(column) != 0)}
        return found

    def scores(self, abilities: Array) -> tuple[Array, Array]:
        """Expected scores (draw, ability, item) in the reference and in the focal group."""
        return (
            expected_scores(self.reference, self.of_reference, abilities),
            expected_scores(self.focal, self.of_focal, abilities),
        )


def item_differences(sides: Sides, labels: Sequence[str], mean: Array, sd: Array) -> pd.DataFrame:
    """Items of a focal group less those of a reference group, both on one scale, with 95 % intervals.

    Parameters
    ----------
    sides : Sides
        The items in both groups, on one scale.
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
        Negative: the item is harder for the focal group. ``wald``: Lord's (1980) X2, df and p. ``raju``: z of the
        signed area and its p (Raju 1990).
    """
    each = sides.parameters()
    quantities = each | _areas(sides) | _effects(sides, mean, sd)
    parts: dict[tuple[str, str], Array] = {}
    for name, values in quantities.items():
        low, high = np.quantile(values, [0.025, 0.975], axis=0)
        parts |= {(name, "mean"): np.mean(values, axis=0), (name, "2.5%"): low, (name, "97.5%"): high}
    x2, df = wald(each)
    parts |= {("wald", "X2"): x2, ("wald", "df"): df, ("wald", "p"): np.asarray(stats.chi2.sf(x2, df))}
    z = np.mean(quantities["area"], axis=0) / np.std(quantities["area"], axis=0, ddof=1)
    parts |= {("raju", "z"): z, ("raju", "p"): 2 * stats.norm.sf(np.abs(z))}
    return pd.DataFrame(parts, index=pd.Index(labels, name="item"))


def wald(differences: Mapping[str, Array]) -> tuple[Array, Array]:
    """The squared distance of the mean differences of each item from 0 in their covariance, and its df (Lord 1980).

    Parameters
    ----------
    differences : mapping of str to ndarray, shape (draw, item)
        By parameter. One that is NaN, or the same in every draw, counts nothing.
    """
    stacked = np.stack(list(differences.values()), axis=-1)
    x2, df = np.full((2, stacked.shape[1]), np.nan)
    for item, each in enumerate(np.moveaxis(stacked, 1, 0)):
        own = each[:, np.isfinite(each).all(axis=0) & (np.ptp(each, axis=0) > 0)]
        df[item] = own.shape[1]
        if own.shape[1]:
            mean = own.mean(axis=0)
            x2[item] = mean @ np.linalg.solve(np.atleast_2d(np.cov(own.T)), mean)
    return x2, df


def _areas(sides: Sides) -> dict[str, Array]:
    before, after = sides.scores(AREA[None])
    step = AREA[1] - AREA[0]
    return {"area": (after - before).sum(axis=1) * step, "uarea": np.abs(after - before).sum(axis=1) * step}


def _effects(sides: Sides, mean: Array, sd: Array) -> dict[str, Array]:
    before, after = sides.scores(mean[:, None] + sd[:, None] * NORMAL)
    spread = [_averaged(each**2) - _averaged(each) ** 2 for each in (before, after)]
    signed, unsigned = _averaged(after - before), _averaged(np.abs(after - before))
    return {"SIDS": signed, "UIDS": unsigned, "ESSD": signed / np.sqrt(np.mean(spread, axis=0))}


def _averaged(values: Array) -> Array:
    """Of values (draw, node, item), over the nodes of the focal group."""
    return np.asarray(np.einsum("n,dni->di", WEIGHTS, values))
