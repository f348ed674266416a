"""First and second moments of the responses under a model: expected, their covariance, and how parameters move them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from irtbridge.assess.items.estimated import STEP, moved
from irtbridge.assess.items.population import population
from irtbridge.assess.posterior import Posterior

Array = NDArray[np.float64]
MODES = ("C2", "M2*")


@dataclass(frozen=True, eq=False)
class Moments:
    """Means of functions of single responses, then of products of the codes of two items.

    Attributes
    ----------
    values : ndarray, shape (moment,)
        Expected: of the single functions, then of the pairs.
    weights : ndarray, shape (node,)
        The population.
    owner : ndarray of int, shape (single,)
        The item that each single function is of.
    category : ndarray of int, shape (single,)
        The category it indicates; -1 where it is the code itself.
    single, crossed : ndarray, shape (node, single)
        Expected value of each at the nodes, and of its product with the code of its item.
    mean, square : ndarray, shape (node, item)
        Expected code and squared code of each item at the nodes.
    """

    values: Array
    weights: Array
    owner: NDArray[np.intp]
    category: NDArray[np.intp]
    single: Array
    crossed: Array
    mean: Array
    square: Array

    @property
    def pairs(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """The two items of each product."""
        return np.triu_indices(self.mean.shape[1], 1)

    @property
    def correlations(self) -> Array:
        """Expected correlations (item, item) of the codes; the diagonal has no meaning."""
        products = self.mean.T @ (self.weights[:, None] * self.mean)
        mean = self.weights @ self.mean
        spread = np.sqrt(self.weights @ self.square - mean**2)
        return np.asarray((products - np.multiply.outer(mean, mean)) / np.multiply.outer(spread, spread))

    def function(self, codes: NDArray[np.int64], number: int) -> Array:
        """The values of a single function at codes of its item."""
        category = self.category[number]
        return np.asarray(codes if category < 0 else codes == category, dtype=float)


def expected_moments(at: Posterior, mode: str) -> Moments:
    """Moments under a model of one draw.

    Parameters
    ----------
    at : Posterior
        Of one draw.
    mode : str
        Of `MODES`: single functions are indicators of the categories above the lowest, or the codes.
    """
    (probs,), (weights,) = _at_nodes(at)
    codes = np.arange(probs.shape[-1])
    mean, square = probs @ codes, probs @ codes**2
    owner, category = _functions(at, mode)
    if mode == "C2":
        single = probs[:, owner, category]
        crossed = single * category
    else:
        single, crossed = mean, square
    values = _moments(probs[None], weights[None], owner, category)[0]
    return Moments(values, weights, owner, category, single, crossed, mean, square)


def jacobian(at: Posterior, moments: Moments) -> Array:
    """Derivatives (moment, coordinate) of the moments by what is estimated, by central differences."""
    columns = []
    for model in moved(at, moments.mean.size * at.layout.exists.shape[1]):
        values = _moments(*_at_nodes(model), moments.owner, moments.category)
        up, down = np.split(values, 2)
        columns.append((up - down) / (2 * STEP))
    return np.concatenate(columns).T


def covariance(moments: Moments) -> Array:
    """Covariance matrix of the moments of one person, shape (moment, moment).

    Given the ability items are independent: where two moments share no item, the expectation of their product is that
    of the product of expectations at the nodes. Where they share one, its own second moment takes the place.
    """
    w, mean, single = moments.weights[:, None], moments.mean, moments.single
    variance, spare = moments.square - mean**2, moments.crossed - single * mean[:, moments.owner]
    first, second = moments.pairs
    size, n_single = len(moments.values), single.shape[1]
    products = mean[:, first] * mean[:, second]
    out = np.empty((size, size))
    out[:n_single, :n_single] = _singles(moments)
    across = single.T @ (w * products)
    for number, owner in enumerate(moments.owner):
        for mine, other in ((first, second), (second, first)):
            places = np.flatnonzero(mine == owner)
            across[number, places] += (moments.weights * spare[:, number]) @ mean[:, other[places]]
    out[:n_single, n_single:] = across
    out[n_single:, :n_single] = across.T
    block = products.T @ (w * products)
    for item, places, others in _sharing(first, second, mean.shape[1]):
        block[np.ix_(places, places)] += mean[:, others].T @ (w * variance[:, [item]] * mean[:, others])
    # Of a product with itself the loop has the variance of one factor times the square of the other's mean, and the
    # other way round; the product of both variances and, on the diagonal, the rest of the square moments are missing.
    diagonal = np.arange(len(first))
    of_square = moments.weights @ (moments.square[:, first] * moments.square[:, second])
    block[diagonal, diagonal] = of_square
    out[n_single:, n_single:] = block
    out -= np.multiply.outer(moments.values, moments.values)
    return out


def _singles(moments: Moments) -> Array:
    """Expected products of two single functions."""
    w, single, owner = moments.weights[:, None], moments.single, moments.owner
    products = single.T @ (w * single)
    same = owner[:, None] == owner
    if (moments.category < 0).all():
        products[same] = moments.weights @ moments.square
    else:  # two categories at once are impossible
        products[same] = 0.0
        np.fill_diagonal(products, moments.weights @ single)
    return np.asarray(products)


def _sharing(
    first: NDArray[np.intp], second: NDArray[np.intp], items: int
) -> Iterator[tuple[int, NDArray[np.intp], NDArray[np.intp]]]:
    """For each item the pairs that it is in, and the other item of each."""
    for item in range(items):
        places = np.flatnonzero((first == item) | (second == item))
        yield item, places, np.where(first[places] == item, second[places], first[places])


def _functions(at: Posterior, mode: str) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Item and category of each single function."""
    if mode == "M2*":
        items = np.arange(at.responses.n_items)
        return items, np.full_like(items, -1)
    owner, above = np.nonzero(at.layout.exists[:, 1:])
    return owner, above + 1


def _at_nodes(at: Posterior) -> tuple[Array, Array]:
    """Category probabilities (draw, node, item, category) at the nodes of each draw, and the nodes' weights."""
    nodes, weights = population(at)
    return at.category_probs(nodes), weights


def _moments(probs: Array, weights: Array, owner: NDArray[np.intp], category: NDArray[np.intp]) -> Array:
    """Expected moments (draw, moment)."""
    mean = probs @ np.arange(probs.shape[-1])
    single = mean if category[0] < 0 else probs[:, :, owner, category]
    products = np.swapaxes(mean, 1, 2) @ (weights[..., None] * mean)
    first, second = np.triu_indices(mean.shape[2], 1)
    return np.concatenate([np.einsum("dt,dts->ds", weights, single), products[:, first, second]], axis=1)
