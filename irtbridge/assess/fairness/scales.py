"""The scales of two calibrations: what moves one to the other, draw by draw, and item parameters that are moved."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from irtbridge.assess.posterior import Posterior
from irtbridge.errors import StatisticError, UnknownName
from irtbridge.model.families import Categories

Array = NDArray[np.float64]
Places = NDArray[np.intp]
METHODS = ("stocking-lord", "haebara", "mean-sigma", "mean-mean")
NODES = np.linspace(-4, 4, 61)  # abilities on a's scale at which curves are held together, with normal weights
STEPS, TOLERANCE, NUDGE = 100, 1e-9, 1e-5
CELLS = 2**17  # draws times abilities times items times categories at once: 1 MiB of doubles, which a cache holds


def check_method(method: str) -> None:
    """Raise `UnknownName` where there is no such method of linking."""
    if method not in METHODS:
        raise UnknownName("method of linking", method, METHODS)


def check_one_trait(posterior: Posterior, what: str, instead: str) -> None:
    """Raise `StatisticError` where a model has several traits."""
    if len(posterior.traits) > 1:
        raise StatisticError(f"{what}: model {posterior.spec.name!r} has {len(posterior.traits)} traits; {instead}.")


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


def expected_scores(posterior: Posterior, items: Places, abilities: Array) -> Array:
    """Mean responses to some items at abilities (draw or 1, node), shape (draw, node, item)."""
    return np.concatenate([*_scores(posterior, items, abilities)])


def drawn(posterior: Posterior, n: int, order: np.random.Generator | None = None) -> Posterior:
    """So many draws, in a random order where one is given; those of a point estimate are all the same."""
    rows = np.linspace(0, posterior.n_draws - 1, n).round().astype(int)
    rows = rows if order is None else order.permutation(rows)
    return posterior.at_draws(rows)


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


def _scores(posterior: Posterior, items: Places, abilities: Array) -> Iterator[Array]:
    """As `expected_scores`, some draws after others."""
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


def _over(statistic: Callable[..., Array], values: Array) -> Array:
    """A statistic over all but draws."""
    return np.asarray(statistic(values.reshape(len(values), -1), axis=1))


def _times(value: Array, factor: Array) -> Array:
    return np.asarray(value * factor.reshape(-1, *[1] * (value.ndim - 1)))
