"""Two calibrations on one scale: A and B of ``theta_a = A theta_b + B``, from items that both have."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from irtbridge.assess.fairness.scales import check_method, check_one_trait, constants, drawn, transformed
from irtbridge.assess.posterior import Posterior
from irtbridge.data.labels import few, listed
from irtbridge.errors import IRTBridgeWarning, StatisticError
from irtbridge.plugin.options import check_number

Array = NDArray[np.float64]


class Fitted(Protocol):
    """What is linked: an `irtbridge.Fit`."""

    @property
    def posterior(self) -> Posterior:
        """Its draws."""


@dataclass(frozen=True, eq=False)
class Link:
    """A transformation from the scale of one calibration to that of another.

    Attributes
    ----------
    constants : DataFrame
        Rows A and B, of ``theta_a = A theta_b + B``: the ``estimate`` at the posterior means of both fits, ``sd`` and
        the 95 % interval over the draws of both; NaN of two point estimates.
    items : DataFrame
        Item parameters of b on a's scale: item, parameter, mean, sd and 95 % interval, as `Fit.items(tidy=True)` has
        them, so that they can be given to ``fit(fixed=...)``.
    anchors : tuple of str
        The items that hold the scales together.
    method : str
        How.
    """

    constants: pd.DataFrame
    items: pd.DataFrame
    anchors: tuple[str, ...]
    method: str

    def __str__(self) -> str:
        return f"{self.method} on {len(self.anchors)} items\n{self.constants.round(4).to_string()}"


def link(
    a: Fitted, b: Fitted, method: str = "stocking-lord", anchors: Sequence[str] | None = None, draws: int = 200
) -> Link:
    """Put the scale of one calibration on that of another.

    Parameters
    ----------
    a, b : Fit
        Fits of one model, with one trait; b is put on the scale of a.
    method : str
        ``stocking-lord`` (test characteristic curves; Stocking & Lord 1983), ``haebara`` (curves of each category;
        Haebara 1980), both at 61 abilities from -4 to 4 with normal weights, ``mean-sigma`` (Marco 1977) or
        ``mean-mean`` (Loyd & Hoover 1980) of the locations and discriminations. For items of several categories as in
        Kim & Lee (2006).
    anchors : sequence of str, optional
        Items that are the same in both; by default all that have one label in both.
    draws : int
        The most draws of each fit. Those of b are put in another order: draws of two fits with one seed may be made
        of the same random numbers, and calibrations of two samples have nothing in common.

    Returns
    -------
    Link

    Raises
    ------
    UnknownName
        There is no such method.
    StatisticError
        Several traits, other models, or anchors that are too few, not in both or of other categories.

    Warns
    -----
    IRTBridgeWarning
        One fit is a point estimate, which sd and intervals then leave without uncertainty.
    """
    check_method(method)
    check_number("draws", draws)
    here, there = a.posterior, b.posterior
    _check_models(here, there)
    if here.point != there.point:
        warnings.warn(
            f"linking: {'a' if here.point else 'b'} is a point estimate, so sd and intervals leave its uncertainty out "
            "and are too narrow; fit it with method='laplace' or a sampler.",
            IRTBridgeWarning,
            stacklevel=2,
        )
    common = _anchors(here, there, anchors)
    of_a, of_b = (np.array([p.responses.items.index(item) for item in common]) for p in (here, there))
    at_mean = constants(here.at_mean, there.at_mean, of_a, of_b, method)[0]
    n = min(draws, max(here.n_draws, there.n_draws))
    of_there = drawn(there, n, np.random.default_rng(0))
    pairs = constants(drawn(here, n), of_there, of_a, of_b, method)
    table = pd.DataFrame(
        {"estimate": at_mean, **_spread(pairs, point=here.point and there.point)}, index=pd.Index(["A", "B"])
    )
    return Link(table, _items(of_there, pairs), common, method)


def _spread(values: Array, *, point: bool) -> dict[str, Array]:
    low, high = np.quantile(values, [0.025, 0.975], axis=0)
    none = np.full(low.shape, np.nan)
    named = {"sd": values.std(axis=0, ddof=1) if len(values) > 1 else none, "2.5%": low, "97.5%": high}
    return dict.fromkeys(named, none) if point else named


def _items(posterior: Posterior, pairs: Array) -> pd.DataFrame:
    """A row for each item and parameter."""
    params, spec, rows = transformed(posterior, pairs[:, 0], pairs[:, 1]), posterior.spec, []
    for name in (n for role, n in spec.family.roles() if role != "ability" and spec[n].dims[:1] == ("item",)):
        spread = {"mean": params[name].mean(axis=0), **_spread(params[name], point=posterior.point)}
        labels = [f"[{k + 1}]" for k in range(params[name].shape[2])] if params[name].ndim > 2 else [""]
        for place, item in enumerate(posterior.responses.items):
            for k, label in enumerate(labels):
                at = (place, k) if params[name].ndim > 2 else (place,)
                rows.append({"item": item, "parameter": name + label} | {s: v[at] for s, v in spread.items()})
    table = pd.DataFrame(rows)
    return table[table["mean"].notna()].sort_values("item", kind="stable", key=_order(posterior)).reset_index(drop=True)


def _order(posterior: Posterior) -> Callable[[pd.Series], pd.Series]:
    return lambda items: items.map({item: i for i, item in enumerate(posterior.responses.items)})


def _check_models(a: Posterior, b: Posterior) -> None:
    for posterior in (a, b):
        check_one_trait(posterior, "linking", "calibrate each trait by itself")
    families = [(p.spec.family.name, p.spec.family.scaling, p.spec.family.discrimination is None) for p in (a, b)]
    if families[0] != families[1]:
        raise StatisticError(
            f"linking: {a.spec.name!r} and {b.spec.name!r} are of other families or scalings ({a.spec.family} with D = "
            f"{a.spec.family.scaling:g}, {b.spec.family} with D = {b.spec.family.scaling:g}); fit one model to both."
        )


def _anchors(a: Posterior, b: Posterior, anchors: Sequence[str] | None) -> tuple[str, ...]:
    """Labels of the items that hold the scales together."""
    both = [item for item in a.responses.items if item in b.responses.items]
    chosen = both if anchors is None else list(anchors)
    if missed := [item for item in chosen if item not in both]:
        raise StatisticError(
            f"linking: anchors {listed(missed)} are not in both fits, which share {few(both) or 'none'}."
        )
    if len(chosen) < 2:
        raise StatisticError(f"linking: {len(chosen)} items in common; two or more hold one scale to another.")
    categories = [dict(zip(p.responses.items, p.layout.n_categories.tolist(), strict=True)) for p in (a, b)]
    if unlike := [item for item in chosen if categories[0][item] != categories[1][item]]:
        raise StatisticError(
            f"linking: {few(unlike)} have other numbers of categories in each fit; leave them out with anchors=[...]."
        )
    return tuple(chosen)
