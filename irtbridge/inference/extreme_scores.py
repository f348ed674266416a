"""Persons who have every item right, or none: their likelihood has no maximum, and items learn nothing from them.

They are left out while the items are estimated, and then get the ability at which the score that is expected is theirs
moved by a fraction of a point towards the middle (Wright & Stone 1979; 0.3 is the default of Winsteps and TAM). Of a
model whose sufficient statistic is not the score, each of a person's responses counts in part as its opposite, in the
proportion that moves the score as far.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from irtbridge.data.kinds import MISSING
from irtbridge.data.labels import few
from irtbridge.data.responses import Responses
from irtbridge.errors import DataError
from irtbridge.model.families import Categories
from irtbridge.model.layout import Layout

Array = NDArray[np.float64]
FARTHEST, HALVINGS = 50.0, 50  # from the centre, in logits; 50 halvings of twice that leave 1e-13


def extreme_persons(responses: Responses) -> NDArray[np.bool_]:
    """Who has the lowest category of every item answered, or the highest, shape (person,)."""
    values, observed = responses.values, responses.observed
    lowest = (values == 0) | ~observed
    highest = (values == responses.n_categories - 1) | ~observed
    return np.asarray(lowest.all(axis=1) | highest.all(axis=1))


def without_extremes(responses: Responses, extreme: NDArray[np.bool_]) -> Responses:
    """The responses with those of the extreme persons missing.

    Raises
    ------
    DataError
        Nobody is left, or an item is the same for all who are.
    """
    if extreme.all():
        raise DataError("every person has all items right or none; joint maximum likelihood has nothing to go by.")
    rest = responses.with_values(np.where(extreme[:, None], MISSING, responses.values))
    low = ((rest.values == 0) | ~rest.observed).all(axis=0)
    high = ((rest.values == rest.n_categories - 1) | ~rest.observed).all(axis=0)
    if (low | high).any():
        names = [item for item, constant in zip(responses.items, low | high, strict=True) if constant]
        raise DataError(
            f"without the persons who have all items right or none, everybody has the same response to {few(names)}, "
            "whose joint maximum likelihood estimate is infinite; leave the item out with drop=, or use priors=true."
        )
    return rest


def abilities_given_items(
    layout: Layout, params: Mapping[str, Array], responses: Responses, persons: NDArray[np.intp], moved: float
) -> Array:
    """Maximum likelihood abilities of some persons at known items, shape (person,), by bisection.

    Parameters
    ----------
    layout : Layout
        The model over the data's shape: categories, one trait.
    params : mapping of str to ndarray
        Full arrays.
    responses : Responses
        The data.
    persons : ndarray of int
        Whose abilities.
    moved : float
        By how many score points an extreme score is moved.
    """
    weights = _weights(responses, persons, moved)
    low, high = np.full(len(persons), -FARTHEST), np.full(len(persons), FARTHEST)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        up = _slope(layout, params, weights, middle) > 0
        low, high = np.where(up, middle, low), np.where(up, high, middle)
    return np.asarray((low + high) / 2)


def _slope(layout: Layout, params: Mapping[str, Array], weights: Array, abilities: Array) -> Array:
    """Derivative of each person's log likelihood, shape (person,), where categories count with their weights."""
    family, dims = layout.spec.family, layout.spec.dims
    assert isinstance(family, Categories)
    at = {**params, family.ability: abilities}
    slope, shift = family.predictor(at, dims)
    shift, shapes = np.nan_to_num(shift)[..., None, :, :], family.shapes(at, dims)
    change = family.derivatives(slope, shift, family.tangent(at, dims), layout.exists, **shapes)
    return np.asarray(np.sum(np.where(weights > 0, weights * change, 0.0), axis=(1, 2)))


def _weights(responses: Responses, persons: NDArray[np.intp], moved: float) -> Array:
    """How much each category counts, shape (person, item, category): 1 that of the response; of extremes a mixture."""
    values, observed = responses.values[persons], responses.observed[persons]
    categories, codes = responses.n_categories, np.arange(responses.n_categories.max())
    points = np.where(observed, categories - 1, 0).sum(axis=1)
    share = np.where(extreme_persons(responses)[persons], moved / points, 0.0)[:, None, None]
    own, opposite = ((code[..., None] == codes).astype(float) for code in (values, categories - 1 - values))
    return np.asarray(observed[..., None] * ((1 - share) * own + share * opposite))
