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
RIDGE = 1e-6  # of the scores' correlation matrix: coordinates that the data cannot tell apart share what they explain


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

    def scores(self, responses: Array, weights: Array) -> NDArray[np.float32]:
        """Derivatives (person, coordinate) of each person's log likelihood, the abilities integrated out.

        In single precision, whose rounding is far below the error of a regression on them.

        Parameters
        ----------
        responses : ndarray, shape (person, item)
            Codes; NaN where missing.
        weights : ndarray, shape (node, person)
            Posterior probability of the nodes.
        """
        by_node: NDArray[np.float32] = np.ascontiguousarray(weights.T, dtype=np.float32)
        lowest, *above = np.ascontiguousarray(np.moveaxis(self.values, 2, 0), dtype=np.float32)
        each: NDArray[np.float32] = by_node @ lowest
        for code, of_code in enumerate(above, 1):
            each += np.take((responses == code).astype(np.float32), self.item, axis=1) * (by_node @ (of_code - lowest))
        if np.isnan(responses).any():
            each[np.isnan(responses)[:, self.item]] = 0
        starts = np.flatnonzero(np.diff(self.coordinate, prepend=-1))
        return each if len(starts) == each.shape[1] else np.add.reduceat(each, starts, axis=1)


def orthogonal_weights(scores: NDArray[np.float32]) -> Array:
    """Weights (person,) of a mean over persons, less its regression on the mean score.

    Parameters
    ----------
    scores : ndarray, shape (person, coordinate)
        Of `Slopes.scores`; of mean 0 under the model.

    Returns
    -------
    ndarray, shape (person,)
        ``weights @ x`` is the mean of x less the mean score times the slopes of x on the scores.
    """
    centre = (np.full(len(scores), 1 / len(scores), dtype=np.float32) @ scores).astype(float)
    deviations = scores - centre.astype(np.float32)
    squares = (deviations.T @ deviations).astype(float)
    scale = np.sqrt(np.maximum(np.diag(squares), np.finfo(float).tiny))
    ridged = squares / np.multiply.outer(scale, scale) + RIDGE * np.eye(len(scale))
    slopes = np.linalg.solve(ridged, centre / scale) / scale
    return np.asarray(1 / len(scores) - deviations @ slopes.astype(np.float32), dtype=float)
