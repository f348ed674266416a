"""Statistics less their regression on the scores of the item parameters: what estimation has not already adjusted.

Parameters are fitted to the data, so a sum over persons that moves with a score (a derivative of the log likelihood) is
nearly fixed by the fit, and replicated data, to which nothing is fitted, make it look too good. The part of it that is
orthogonal to the scores does not feel small errors of the parameters (Neyman 1959).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from irtbridge.assess.items.estimated import STEP, moved
from irtbridge.assess.posterior import Posterior

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Slopes:
    """Derivatives of log probabilities at the nodes by the item parameters; those of one item by one, a column block.

    Attributes
    ----------
    values : ndarray, shape (node, block, category)
        Derivatives.
    item, coordinate : ndarray of int, shape (block,)
        Whose they are, and by what; coordinates ascend.
    """

    values: Array
    item: NDArray[np.intp]
    coordinate: NDArray[np.intp]

    @classmethod
    def of(cls, at: Posterior) -> Slopes:
        """Of a model of one draw, at the nodes of its quadrature."""
        (nodes, _), exists = at.nodes(), at.layout.exists
        values: list[Array] = []
        owners: list[tuple[int, int]] = []
        for model in moved(at, nodes.shape[1] * exists.size):
            probs = model.category_probs(np.repeat(nodes, model.n_draws, axis=0))
            with np.errstate(divide="ignore", invalid="ignore"):
                up, down = np.split(np.log(probs), 2)
                change = np.nan_to_num((up - down) / (2 * STEP))
            first = 1 + max((coordinate for coordinate, _ in owners), default=-1)
            for place, item in np.argwhere(np.any(change != 0, axis=(1, 3))):
                values.append(change[place, :, item])
                owners.append((first + place, item))
        coordinate, item = np.array(owners).T
        return cls(np.stack(values, axis=1), item, coordinate)

    def scores(self, responses: Array, weights: Array) -> Array:
        """Derivatives (person, coordinate) of each person's log likelihood, the abilities integrated out.

        Parameters
        ----------
        responses : ndarray, shape (person, item)
            Codes; NaN where missing.
        weights : ndarray, shape (node, person)
            Posterior probability of the nodes.
        """
        codes = responses[:, self.item]
        of_codes = np.moveaxis(self.values, 2, 0)
        return self._by_coordinate(sum((codes == code) * (weights.T @ of) for code, of in enumerate(of_codes)))

    def mean_score(self, responses: Array, weights: Array) -> Array:
        """The mean (coordinate,) of `scores` over persons, in a fraction of the time."""
        by_node = np.ascontiguousarray(weights.T, dtype=np.float32)
        total = np.zeros(len(self.item))
        for code, of_code in enumerate(np.moveaxis(self.values, 2, 0)):
            chosen = (responses == code).astype(np.float32).T @ by_node
            total += np.einsum("tb,bt->b", of_code, chosen[self.item])
        return self._by_coordinate(total / len(responses))

    def _by_coordinate(self, by_block: Array) -> Array:
        """Sums (..., coordinate) over the items that a coordinate moves."""
        return np.add.reduceat(by_block, np.flatnonzero(np.diff(self.coordinate, prepend=-1)), axis=-1)


def regression(contributions: Array, scores: Array) -> Array:
    """Slopes (coordinate, statistic) of what each person adds to some statistics on the person's scores.

    Parameters
    ----------
    contributions : ndarray, shape (person, statistic)
        What each person adds.
    scores : ndarray, shape (person, coordinate)
        Of `Slopes.scores`.
    """
    deviations = scores - scores.mean(axis=0)
    return np.asarray(np.linalg.lstsq(deviations.T @ deviations, deviations.T @ contributions, rcond=None)[0])
