"""What would these persons answer to these items? Probabilities, or means of numbers, with their intervals."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from irtbridge.assess.posterior import Posterior
from irtbridge.assess.predict import INTERVAL, predictive
from irtbridge.data.kinds import CATEGORIES
from irtbridge.data.labels import Label, of_one_type
from irtbridge.data.sparse_responses import SparseResponses
from irtbridge.errors import UnknownName

Array = NDArray[np.float64]
Places = NDArray[np.intp]
DRAWS = 200
CELLS = 1 << 21  # draws times persons times items times categories at once: 16 MiB of doubles


def predict_responses(
    posterior: Posterior,
    persons: Label | Sequence[Label] | None = None,
    items: str | Sequence[str] | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> pd.DataFrame:
    """Predicted responses of persons to items, answered or not.

    Parameters
    ----------
    posterior : Posterior
        Of a fit.
    persons, items : label or sequence of labels, optional
        Whose responses to what; by default of all to all.
    draws : int
        Draws of item parameters and abilities, at even distances. A point estimate has one of the item parameters;
        abilities are drawn at it, if they can be integrated out and the responses are not sparse.
    seed : int
        Of the abilities that are drawn at a point estimate.

    Returns
    -------
    DataFrame
        A row for each person and item: person, item, mean, lower, upper. The mean is the probability of the higher of
        two categories, the expected score of several (by their codes 0, 1, ...), the expected number of numbers; lower
        and upper hold 95 % of its draws: the uncertainty of what is expected, not the spread of responses. Of more than
        two categories p0, p1, ... are the probabilities of each, NaN where an item lacks it.

    Raises
    ------
    UnknownName
        A person or an item that the fit does not have.
    """
    rows = places("person", posterior.responses.persons, persons)
    columns = places("item", posterior.responses.items, items)
    source = draws_of(posterior, draws, seed)
    return pd.concat([_table(source, chunk) for chunk in chunks(source, rows, columns)], ignore_index=True)


@dataclass(frozen=True, eq=False)
class Chunk:
    """Some persons and items of some draws.

    Attributes
    ----------
    persons, items : ndarray of int
        Their places in the data.
    params : dict of str to ndarray
        Full arrays of theirs alone, as a family takes them.
    exists : ndarray of bool, shape (item, category)
        The categories of these items.
    """

    persons: Places
    items: Places
    params: dict[str, Array]
    exists: NDArray[np.bool_]


def draws_of(posterior: Posterior, draws: int, seed: int) -> Posterior:
    """Draws to predict from; of a point estimate whose abilities cannot be integrated out the estimate alone."""
    integrated = posterior.layout.collapse is not None and not isinstance(posterior.responses, SparseResponses)
    if posterior.point and not integrated:
        return posterior
    return predictive(posterior, draws, seed, expand=False)


def chunks(source: Posterior, persons: Places, items: Places) -> Iterator[Chunk]:
    """All pairs of some persons and items, so many persons at a time that all draws of theirs fit in memory."""
    exists = source.layout.exists[items]
    size = max(1, CELLS // (source.n_draws * exists.size))
    for start in range(0, len(persons), size):
        yield chunk(source, persons[start : start + size], items)


def chunk(source: Posterior, persons: Places, items: Places) -> Chunk:
    """Some persons and items."""
    dims = source.spec.dims
    every = {**source.params, source.ability: source.abilities}
    params = {name: _taken(value, dims[name], {"person": persons, "item": items}) for name, value in every.items()}
    return Chunk(persons, items, params, source.layout.exists[items])


def of_entries(source: Posterior, persons: Places, items: Places, of: Callable[..., NDArray[Any]]) -> NDArray[Any]:
    """What a family says of single pairs of a person and an item, shape (draw, entry, ...).

    Parameters
    ----------
    source : Posterior
        Draws to predict from.
    persons, items : ndarray of int, shape (entry,)
        Places of the pairs in the data.
    of : callable
        Of full arrays, dims and categories, as a family's methods are; gives (..., person, item, ...).
    """
    every, dims = {**source.params, source.ability: source.abilities}, source.spec.dims
    counts = source.layout.n_categories[items]
    parts = [np.flatnonzero(counts == count) for count in np.unique(counts)]  # a method's items are alike
    found = []
    for own in parts:
        at = {"person": persons[own], "item": items[own]}
        params = {name: _of_pairs(value, dims[name], at) for name, value in every.items()}
        found.append(of(params, dims, source.layout.exists[items[own[:1]]])[:, :, 0, 0])
    return np.concatenate(found, axis=1)[:, np.argsort(np.concatenate(parts))]


def _of_pairs(value: Array, dims: Sequence[str], at: Mapping[str, Places]) -> Array:
    """An array (draw, *dims) at each pair, (draw, entry, *dims): a person's and an item's axis have the length 1."""
    axes = [axis for axis, dim in enumerate(dims, 1) if dim in at]
    first = np.moveaxis(value, axes, range(1, 1 + len(axes)))
    places: tuple[Any, ...] = (slice(None), *(at[dims[axis - 1]] for axis in axes)) if axes else (slice(None), None)
    own = np.expand_dims(first[places], tuple(axis + 1 for axis in axes))
    return np.broadcast_to(own, (len(own), len(at["person"]), *own.shape[2:]))


def probs_of_entries(source: Posterior, persons: Places, items: Places) -> Array:
    """Probability of each category of single pairs of a person and an item, (draw, entry, category)."""
    family: Any = source.spec.family
    return np.asarray(np.exp(of_entries(source, persons, items, family.log_probs)))


def places(what: str, labels: Sequence[Label], wanted: Label | Sequence[Label] | None) -> Places:
    """Where labels stand; all of them where none are wanted.

    Raises
    ------
    UnknownName
        A label that is not there.
    """
    if wanted is None:
        return np.arange(len(labels))
    place = {str(label): position for position, label in enumerate(labels)}
    chosen = [str(label) for label in of_one_type([wanted] if isinstance(wanted, (str, int)) else [*wanted])]
    for label in chosen:
        if label not in place:
            raise UnknownName(what, label, place, hint="It must be in the data that were fitted.")
    return np.array([place[label] for label in chosen], dtype=np.intp)


def _taken(value: Array, dims: Sequence[str], chosen: dict[str, Places]) -> Array:
    """An array (draw, *dims) with some places along the axes of persons and items."""
    for axis, dim in enumerate(dims, 1):
        if dim in chosen:
            value = np.take(value, chosen[dim], axis=axis)
    return value


def _table(source: Posterior, some: Chunk) -> pd.DataFrame:
    """A row for each person and item of a chunk."""
    family, dims, labels = source.spec.family, source.spec.dims, source.responses
    mean, _ = family.moments(some.params, dims, some.exists)
    lower, upper = np.quantile(mean, INTERVAL, axis=0)
    columns: dict[str, Any] = {
        "person": np.repeat(np.array(labels.persons, dtype=object)[some.persons], len(some.items)),
        "item": np.tile(np.array(labels.items, dtype=object)[some.items], len(some.persons)),
        "mean": mean.mean(axis=0).ravel(),
        "lower": lower.ravel(),
        "upper": upper.ravel(),
    }
    if family.kind == CATEGORIES and labels.max_categories > 2:
        probs = category_probs(source, some).mean(axis=0)
        probs = np.where(some.exists, probs, np.nan)
        columns |= {f"p{code}": probs[..., code].ravel() for code in range(probs.shape[-1])}
    return pd.DataFrame(columns)


def category_probs(source: Posterior, some: Chunk) -> Array:
    """Probability of each category, (draw, person, item, category)."""
    family: Any = source.spec.family
    return np.asarray(np.exp(family.log_probs(some.params, source.spec.dims, some.exists)))
