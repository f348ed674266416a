"""How does an item work, and where does the test measure well? Curves over a grid of ability, with posterior bands.

Every curve is a function of the draws: at each ability it has a posterior mean and an interval, and beside these its
value at the posterior mean of the parameters, which is what programs for point estimates draw.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from irtbridge.assess.ability_grid import Grid
from irtbridge.assess.posterior import Posterior
from irtbridge.errors import StatisticError, UnknownName
from irtbridge.plugin.options import check_share

Array = NDArray[np.float64]
Places = NDArray[np.intp]
Params = Mapping[str, Array]
DRAWS, LEVEL = 200, 0.95
MOST_CELLS = 2**22  # numbers (draw, ability, item, category) held at once: 32 MiB


@dataclass(frozen=True)
class Curve:
    """A kind of curve.

    Attributes
    ----------
    label : str
        What its values are.
    values : callable
        From (posterior, full arrays at the abilities of a grid, grid, items) to values (draw, point, ...).
    of : tuple of str
        What there is a curve of: each ``item``, each of its categories; of the whole test where it is empty.
    """

    label: str
    values: Callable[[Posterior, Params, Grid, Places], Array]
    of: tuple[str, ...] = ()


def _category(posterior: Posterior, at: Params, grid: Grid, items: Places) -> Array:
    posterior.check_categories("category curves", "curves('score')")
    return posterior.category_probs(at[posterior.ability])[:, :, items]


def _cumulative(posterior: Posterior, at: Params, grid: Grid, items: Places) -> Array:
    posterior.check_categories("cumulative curves", "curves('score')")
    probs = posterior.category_probs(at[posterior.ability])[:, :, items]
    return np.asarray(np.flip(np.cumsum(np.flip(probs, -1), axis=-1), -1)[..., 1:])


def _score(posterior: Posterior, at: Params, grid: Grid, items: Places) -> Array:
    return posterior.moments(at[posterior.ability])[0][..., items]


def _information(posterior: Posterior, at: Params, grid: Grid, items: Places) -> Array:
    spec, exists = posterior.spec, posterior.layout.exists
    return spec.family.information(at, spec.dims, exists, grid.direction)[..., items]


def _test_score(posterior: Posterior, at: Params, grid: Grid, items: Places) -> Array:
    return np.asarray(_score(posterior, at, grid, items).sum(axis=-1))


def _test_information(posterior: Posterior, at: Params, grid: Grid, items: Places) -> Array:
    return np.asarray(_information(posterior, at, grid, items).sum(axis=-1))


def _standard_error(posterior: Posterior, at: Params, grid: Grid, items: Places) -> Array:
    with np.errstate(divide="ignore"):
        return np.asarray(1 / np.sqrt(_test_information(posterior, at, grid, items)))


CURVES: dict[str, Curve] = {
    "category": Curve("probability", _category, ("item", "category")),
    "cumulative": Curve("probability of this category or a higher one", _cumulative, ("item", "category")),
    "score": Curve("expected score", _score, ("item",)),
    "information": Curve("information", _information, ("item",)),
    "test_score": Curve("expected sum score", _test_score),
    "test_information": Curve("information", _test_information),
    "standard_error": Curve("standard error", _standard_error),
}


def curves(
    posterior: Posterior,
    what: str,
    items: str | Sequence[str] | None = None,
    *,
    trait: str | None = None,
    ability: ArrayLike | None = None,
    draws: int = DRAWS,
    level: float = LEVEL,
) -> pd.DataFrame:
    """Curves over ability, with their posterior intervals.

    Parameters
    ----------
    posterior : Posterior
        Of a fit.
    what : str
        ``category``, the probability of each category; ``cumulative``, of each category or a higher one; ``score``, the
        expected item score: the item characteristic curve, the probability of success of an item of two categories;
        ``information``, Fisher information of an item, of categories ``sum_k P_k'^2 / P_k`` (Samejima 1969), and its
        family's closed form elsewhere; ``test_score``, ``test_information``, their sums over items; and
        ``standard_error``, one over the root of the test's information. Categories score 0, 1, ...
    items : str or sequence of str, optional
        Labels; all by default. Of the test, those that make it.
    trait : str, optional
        Of several traits, that along which ability moves, the first by default; the others stand at their mean, and
        information is that on this trait, the others known.
    ability : array_like, shape (point,), optional
        By default 81 points over 4 standard deviations on either side of the mean of the abilities' distribution.
    draws : int
        Draws for the intervals, at even distances.
    level : float
        Posterior probability of the interval, which leaves as much on either side.

    Returns
    -------
    DataFrame
        Columns item and category (the data's value; of curves that have them), ability, mean, lower, upper, and
        at_mean: the curve at the posterior mean of the parameters. Of a point estimate all four are the same.

    Raises
    ------
    UnknownName
        No such curve, item or trait.
    StatisticError
        Category curves of numbers; the sum over all items where some stand for others in some groups.
    """
    if what not in CURVES:
        raise UnknownName("curve", what, CURVES)
    curve, chosen = CURVES[what], places_of(posterior, items)
    if not curve.of:
        check_one_test(posterior, items)
    grid = Grid.of(posterior, trait, ability)
    drawn = values_of(posterior.thinned(draws), curve, grid, chosen)
    lower, upper = interval(drawn, level)
    at_mean = values_of(posterior.at_mean, curve, grid, chosen)[0]
    labels = _labels(posterior, chosen, drawn.shape[2:])
    columns = {"mean": drawn.mean(axis=0), "lower": lower, "upper": upper, "at_mean": at_mean}
    return _frame(curve.of, labels, grid.ability, columns)


def _frame(
    of: Sequence[str], labels: Sequence[tuple[object, ...] | None], ability: Array, columns: Mapping[str, Array]
) -> pd.DataFrame:
    """One element after another, from values (point, ...)."""
    kept = [place for place, label in enumerate(labels) if label is not None]
    each = [label for label in labels if label is not None]
    index = {name: np.repeat([label[place] for label in each], len(ability)) for place, name in enumerate(of)}
    values = {name: value.reshape(len(ability), -1).T[kept].ravel() for name, value in columns.items()}
    return pd.DataFrame({**index, "ability": np.tile(ability, len(kept)), **values})


def interval(drawn: Array, level: float) -> tuple[Array, Array]:
    """The ends of the interval that leaves as much on either side, over the first axis."""
    check_share("level", level)
    lower, upper = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return lower, upper


def values_of(posterior: Posterior, curve: Curve, grid: Grid, items: Places) -> Array:
    """Values (draw, point, ...) of a curve, some draws at a time."""
    parts = _parts(posterior, len(grid.ability) * posterior.layout.exists.size)
    return np.concatenate([curve.values(p, p.with_abilities(grid.points[None]), grid, items) for p in parts])


def places_of(posterior: Posterior, items: str | Sequence[str] | None) -> Places:
    """Where items stand, by their labels; all where none are named.

    Raises
    ------
    UnknownName
        No item has that label.
    """
    every = list(posterior.responses.items)
    wanted = every if items is None else [items] if isinstance(items, str) else list(items)
    for item in wanted:
        if item not in every:
            raise UnknownName("item", item, every)
    return np.array([every.index(item) for item in wanted], dtype=np.intp)


def check_one_test(posterior: Posterior, items: str | Sequence[str] | None) -> None:
    """Raise `StatisticError` where nobody takes all items, as some stand for others in some groups."""
    if posterior.responses.origins is not None and items is None:
        raise StatisticError(
            "a curve of the whole test: items that differ by group stand in the data once for each, and nobody takes "
            "them all; name the items of one group with items=[...]."
        )


def locations(posterior: Posterior, level: float = LEVEL) -> pd.DataFrame:
    """Where on the scale of the ability items lie: difficulties, thresholds or steps (`Family.locations`).

    Parameters
    ----------
    posterior : Posterior
        Of a fit.
    level : float
        Posterior probability of the interval.

    Returns
    -------
    DataFrame
        Columns item, category (the data's value; NaN where an item has one location only), mean, lower, upper.

    Raises
    ------
    StatisticError
        With several traits, items have no location on one scale.
    """
    if len(posterior.traits) > 1:
        raise StatisticError(
            f"locations: model {posterior.spec.name!r} has {len(posterior.traits)} traits, and an item has a location "
            "on none of them alone; use items(), or curves('score', trait=...)."
        )
    drawn = posterior.spec.family.locations(posterior.params, posterior.spec.dims)
    drawn = np.broadcast_to(drawn, (len(drawn), posterior.responses.n_items, drawn.shape[-1]))
    lower, upper = interval(drawn, level)
    labels = _labels(posterior, places_of(posterior, None), drawn.shape[1:])
    if drawn.shape[-1] == 1:
        labels = [(item, np.nan) for item in posterior.responses.items]
    each = zip(labels, drawn.mean(axis=0).ravel(), lower.ravel(), upper.ravel(), strict=True)
    rows = [(*label, *values) for label, *values in each if label is not None]
    return pd.DataFrame(rows, columns=["item", "category", "mean", "lower", "upper"])


def _parts(posterior: Posterior, cells: int) -> Iterator[Posterior]:
    """Some draws at a time, each of so many numbers."""
    size = max(1, MOST_CELLS // cells)
    for start in range(0, posterior.n_draws, size):
        yield posterior.at_draws(np.arange(start, min(start + size, posterior.n_draws)))


def _labels(posterior: Posterior, items: Places, shape: tuple[int, ...]) -> list[tuple[object, ...] | None]:
    """What each element of a shape (), (item,) or (item, category) is called; None where an item lacks the category."""
    responses = posterior.responses
    if len(shape) < 2:
        return [(responses.items[i],) for i in items] if shape else [()]
    lowest = posterior.layout.exists.shape[1] - shape[1]
    values = [responses.categories[i] for i in items]
    each = [(responses.items[i], own) for i, own in zip(items, values, strict=True)]
    codes = range(lowest, lowest + shape[1])
    return [(item, own[code]) if code < len(own) else None for item, own in each for code in codes]
