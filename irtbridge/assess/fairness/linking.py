"""Two calibrations on one scale: A and B of ``theta_a = A theta_b + B``, from items that both have."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from irtbridge.assess.posterior import Posterior
from irtbridge.data.labels import few, listed
from irtbridge.errors import StatisticError, UnknownName
from irtbridge.model.families import Categories

Array = NDArray[np.float64]
Places = NDArray[np.intp]
METHODS = ("stocking-lord", "haebara", "mean-sigma", "mean-mean")
NODES = np.linspace(-4, 4, 61)  # abilities on a's scale at which curves are held together, with normal weights
STEPS, TOLERANCE, NUDGE = 100, 1e-9, 1e-5
CELLS = 2**17  # draws times abilities times items times categories at once: 1 MiB of doubles, which a cache holds


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
        the 95 % interval over the draws of both.
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
        The most draws of each fit, which are taken as independent.

    Returns
    -------
    Link

    Raises
    ------
    UnknownName
        There is no such method.
    StatisticError
        Several traits, other models, or anchors that are too few, not in both or of other categories.
    """
    if method not in METHODS:
        raise UnknownName("method of linking", method, METHODS)
    here, there = a.posterior, b.posterior
    _check_models(here, there)
    common = _anchors(here, there, anchors)
    of_a, of_b = (np.array([p.responses.items.index(item) for item in common]) for p in (here, there))
    at_mean = constants(here.at_mean, there.at_mean, of_a, of_b, method)[0]
    n = min(draws, max(here.n_draws, there.n_draws))
    pairs = constants(drawn(here, n), drawn(there, n), of_a, of_b, method)
    table = pd.DataFrame(
        {"estimate": at_mean, **_spread(pairs, point=here.point and there.point)}, index=pd.Index(["A", "B"])
    )
    return Link(table, _items(drawn(there, n), pairs), common, method)


def constants(a: Posterior, b: Posterior, of_a: Places, of_b: Places, method: str) -> Array:
    """A and B for each pair of draws, shape (draw, 2), from pairs of items.

    Parameters
    ----------
    a, b : Posterior
        With as many draws each.
    of_a, of_b : ndarray of int
        Numbers of the items in each, in one order.
    method : str
        One of `METHODS`.
    """
    rated = a.spec.family.discrimination is not None  # else both scales have one unit
    (slope_a, location_a), (slope_b, location_b) = lines(a, of_a), lines(b, of_b)
    if method == "mean-sigma":
        scale = _over(np.nanstd, location_a) / _over(np.nanstd, location_b)
    else:
        scale = _over(np.nanmean, slope_b) / _over(np.nanmean, slope_a)
    scale = scale if rated else np.ones_like(scale)
    closed = np.stack([scale, _over(np.nanmean, location_a) - scale * _over(np.nanmean, location_b)], axis=1)
    if method in ("mean-sigma", "mean-mean"):
        return closed
    return _by_curves(a, b, of_a, of_b, closed, items_apart=method == "haebara", rated=rated)


def lines(posterior: Posterior, items: Places) -> tuple[Array, Array]:
    """Slopes (draw, item, 1 or category) and locations (draw, item, category) of items; NaN where there is none.

    The location is on the scale of the ability, whatever the parameterization; see `Family.locations`.
    """
    one = posterior.with_abilities(np.ones((1, 1)))
    slope, _ = posterior.spec.family.predictor(one, posterior.spec.dims)
    slope = np.broadcast_to(slope[:, 0], (posterior.n_draws, posterior.responses.n_items, slope.shape[-1]))[:, items]
    located = posterior.spec.family.locations(posterior.params, posterior.spec.dims)
    location = located.reshape(posterior.n_draws, posterior.responses.n_items, -1)[:, items]
    exists = np.isfinite(location)
    location = np.where(exists, location, np.nan)
    return (np.where(exists, slope, np.nan) if slope.shape[-1] > 1 else slope), location


def transformed(posterior: Posterior, scale: Array, shift: Array) -> dict[str, Array]:
    """Item parameters on another scale, ``theta' = scale theta + shift``; one of each for every draw.

    ``D a (theta - b)`` is the same with a / scale and scale b + shift, ``D a theta + d`` with d - D a shift / scale.
    """
    spec, family = posterior.spec, posterior.spec.family
    params = dict(posterior.params)
    one, move = [value.reshape(-1, 1, 1) for value in (scale, shift)]
    if family.discrimination is not None:
        params[family.discrimination] = _times(params[family.discrimination], 1 / scale)
    first, *_ = family.location
    if family.scales_locations(spec.dims) or family.discrimination is None:
        for name in family.location:
            params[name] = _times(params[name], scale if family.discrimination is not None else np.ones_like(scale))
        params[first] = params[first] + shift.reshape(-1, *[1] * (params[first].ndim - 1))
    else:
        slope = family.predictor(posterior.with_abilities(np.ones((1, 1))), spec.dims)[0][:, 0]
        _, scores = family.derived(posterior.params, spec.dims).get("score", ((), np.ones(())))  # of nominal categories
        moved = slope * scores * move / one
        moved = moved if params[first].ndim == 3 else moved[..., 0]
        params[first] = params[first] + (-moved if family.parameterization == "intercept" else moved)
    return params


def check_one_trait(posterior: Posterior, what: str, instead: str) -> None:
    """Raise `StatisticError` where a model has several traits."""
    if len(posterior.traits) > 1:
        raise StatisticError(f"{what}: model {posterior.spec.name!r} has {len(posterior.traits)} traits; {instead}.")


def _by_curves(
    a: Posterior, b: Posterior, of_a: Places, of_b: Places, start: Array, *, items_apart: bool, rated: bool
) -> Array:
    """By least squares, for all draws together: curves of categories, or their sum, the test's expected score."""
    root = np.sqrt(stats.norm.pdf(NODES) / stats.norm.pdf(NODES).sum())
    goal = _curves(a, of_a, NODES[None], items_apart)

    def residuals(at: Array) -> tuple[Array, Array]:
        scale = np.exp(at[:, :1])
        there = (NODES - at[:, 1:]) / scale
        here, up, down = (_curves(b, of_b, there + side, items_apart) for side in (0.0, NUDGE, -NUDGE))
        slope = root[:, None] * (up - down) / (2 * NUDGE)
        by = np.stack([-there[..., None] * slope, -slope / scale[..., None]], axis=-1)
        return ((here - goal) * root[:, None]).reshape(len(at), -1), by.reshape(len(at), -1, 2)

    found = least_squares(residuals, np.c_[np.log(start[:, 0]), start[:, 1]], np.array([rated, True]))
    return np.stack([np.exp(found[:, 0]), found[:, 1]], axis=1)


def _curves(posterior: Posterior, items: Places, abilities: Array, items_apart: bool) -> Array:
    """Of some items at abilities (draw, node), shape (draw, node, curve)."""
    if not items_apart:
        return np.concatenate([each.sum(axis=2, keepdims=True) for each in _scores(posterior, items, abilities)])
    if not isinstance(posterior.spec.family, Categories):
        return expected_scores(posterior, items, abilities)
    own = _at(posterior, items, abilities)
    each = posterior.spec.family.log_probs(own, posterior.spec.dims, posterior.layout.exists[items])
    return np.exp(each).reshape(*each.shape[:2], -1)


def expected_scores(posterior: Posterior, items: Places, abilities: Array) -> Array:
    """Mean responses to some items at abilities (draw or 1, node), shape (draw, node, item)."""
    return np.concatenate([*_scores(posterior, items, abilities)])


def _scores(posterior: Posterior, items: Places, abilities: Array) -> Iterator[Array]:
    """The same, some draws after others."""
    own, exists = _at(posterior, items, abilities), posterior.layout.exists[items]
    size = max(1, CELLS // (abilities.shape[-1] * exists.size))
    for start in range(0, posterior.n_draws, size):
        some = {name: value[start : start + size] for name, value in own.items()}
        yield posterior.spec.family.moments(some, posterior.spec.dims, exists)[0]


def _at(posterior: Posterior, items: Places, abilities: Array) -> dict[str, Array]:
    """Parameters of some items, and abilities."""
    dims = posterior.spec.dims
    own = {n: v[:, items] if dims[n][:1] == ("item",) else v for n, v in posterior.params.items()}
    own[posterior.ability] = np.broadcast_to(abilities, (posterior.n_draws, abilities.shape[-1]))
    return own


def least_squares(residuals: Callable[[Array], tuple[Array, Array]], start: Array, free: NDArray[np.bool_]) -> Array:
    """Minima of many sums of squares at once, shape (draw, parameter), by damped Gauss-Newton steps.

    Parameters
    ----------
    residuals : callable
        From parameters (draw, parameter) to residuals (draw, residual) and their derivatives (..., parameter).
    start : ndarray, shape (draw, parameter)
        Where to start.
    free : ndarray of bool, shape (parameter,)
        Which parameters may move.
    """
    at, (now, slope) = start, residuals(start)
    fixed, share = np.diag(~free).astype(float), np.ones(len(start))
    for _ in range(STEPS):
        by = np.swapaxes(slope * free, -1, -2)
        step = -np.linalg.solve(by @ np.swapaxes(by, -1, -2) + fixed, by @ now[..., None])[..., 0]
        moved = at + share[:, None] * step
        then, there = residuals(moved)
        better = np.sum(then**2, axis=1) <= np.sum(now**2, axis=1)
        at, now = np.where(better[:, None], moved, at), np.where(better[:, None], then, now)
        slope = np.where(better[:, None, None], there, slope)
        if np.all(np.abs(step * share[:, None]).max(axis=1) < TOLERANCE):
            break
        share = np.where(better, np.minimum(1.0, 2 * share), share / 4)
    return at


def _over(statistic: Callable[..., Array], values: Array) -> Array:
    """A statistic over all but draws."""
    return np.asarray(statistic(values.reshape(len(values), -1), axis=1))


def _times(value: Array, factor: Array) -> Array:
    return np.asarray(value * factor.reshape(-1, *[1] * (value.ndim - 1)))


def drawn(posterior: Posterior, n: int) -> Posterior:
    """So many draws; those of a point estimate are all the same."""
    rows = np.linspace(0, posterior.n_draws - 1, n).round().astype(int)
    params = {name: value[rows] for name, value in posterior.params.items()}
    return replace(posterior, params=params, abilities=posterior.abilities[rows])


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
