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
        Whose they are, and by what.
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
        persons, (nodes, blocks, categories) = len(responses), self.values.shape
        expected = (weights.T @ self.values.reshape(nodes, -1)).reshape(persons, blocks, categories)
        codes = responses[:, self.item]
        each = np.asarray(sum(np.where(codes == code, expected[..., code], 0.0) for code in range(categories)))
        of_coordinate = self.coordinate[:, None] == np.arange(self.coordinate.max() + 1)
        return np.asarray(each @ of_coordinate.astype(float))


def orthogonal_mean(contributions: Array, scores: Array) -> Array:
    """Mean over persons of each column, less its regression on the mean score.

    Parameters
    ----------
    contributions : ndarray, shape (person, statistic)
        What each person adds.
    scores : ndarray, shape (person, coordinate)
        Of `Slopes.scores`; of mean 0 under the model.
    """
    centre, mean = scores.mean(axis=0), contributions.mean(axis=0)
    deviations = scores - centre
    slopes = np.linalg.lstsq(deviations.T @ deviations, deviations.T @ contributions, rcond=None)[0]
    return np.asarray(mean - centre @ slopes)
