"""Families of categories: the log probability of each, from which statistics and natural parameters follow."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from irtbridge.data.responses import Responses
from irtbridge.model.families.base import Array, Dims, ExponentialForm, Family, Params

IMPOSSIBLE = -np.inf


class Categories(Family):
    """A family whose responses are category codes 0, ..., K - 1.

    The statistics are indicators of the categories above the lowest, the natural parameters their log odds against the
    lowest, whose log probability is the base.
    """

    @abstractmethod
    def categories(self, slope: Array, shift: Array, exists: NDArray[np.bool_], **shapes: Array) -> Array:
        """Log probability of each category; anything where an item lacks it.

        Parameters
        ----------
        slope : ndarray, shape (..., person, item, 1), or (..., person, item, category - 1)
            As `predictor` gives it.
        shift : ndarray, shape (..., 1, item, category - 1)
            0 where an item lacks the category.
        exists : ndarray of bool, shape (item, category)
            Which categories each item has (the lowest included).
        **shapes : ndarray, shape (..., item)
            Of `Family.shapes`: those that there are.

        Returns
        -------
        ndarray, shape (..., person, item, category)
        """

    @abstractmethod
    def derivatives(
        self, slope: Array, shift: Array, tangent: Array, exists: NDArray[np.bool_], **shapes: Array
    ) -> Array:
        """Derivative of `categories` where the slope part moves by ``tangent``; anything where an item lacks one.

        Parameters
        ----------
        slope, shift, exists, **shapes
            As in `categories`.
        tangent : ndarray, shape (..., 1, item, 1), or (..., 1, item, category - 1)
            As `Family.tangent` gives it.

        Returns
        -------
        ndarray, shape (..., person, item, category)
        """

    def log_probs(self, params: Params, dims: Mapping[str, Dims], exists: NDArray[np.bool_]) -> Array:
        """Log probability of each category.

        Parameters
        ----------
        params : mapping of str to ndarray
            Full arrays by variable name, all with the same leading axes, if any.
        dims : mapping of str to tuple of str
            The dims of each variable.
        exists : ndarray of bool, shape (item, category)
            Which categories each item has (the lowest included).

        Returns
        -------
        ndarray, shape (..., person, item, category)
            ``-inf`` where an item does not have the category.
        """
        slope, shift = self.predictor(params, dims)
        shift = np.nan_to_num(shift)[..., None, :, :]
        return np.where(exists, self.categories(slope, shift, exists, **self.shapes(params, dims)), IMPOSSIBLE)

    def n_statistics(self, exists: NDArray[np.bool_]) -> int:
        return int(exists.shape[1]) - 1

    def statistics(self, values: NDArray[Any], exists: NDArray[np.bool_]) -> Array:
        return np.asarray(values[..., None] == np.arange(1, exists.shape[1]), dtype=float)

    def exponential(self, params: Params, dims: Mapping[str, Dims], exists: NDArray[np.bool_]) -> ExponentialForm:
        log_probs = np.where(exists, self.log_probs(params, dims, exists), 0.0)
        lowest = log_probs[..., 0]
        return ExponentialForm(log_probs[..., 1:] - lowest[..., None], lowest)

    def log_density(
        self, values: NDArray[Any], params: Params, dims: Mapping[str, Dims], exists: NDArray[np.bool_]
    ) -> Array:
        return _of_codes(self.log_probs(params, dims, exists), values)

    def moments(self, params: Params, dims: Mapping[str, Dims], exists: NDArray[np.bool_]) -> tuple[Array, Array]:
        # Category by category: sums along so short an axis are several times slower.
        probs = list(np.moveaxis(np.exp(self.log_probs(params, dims, exists)), -1, 0))
        mean = np.asarray(sum(code * p for code, p in enumerate(probs)))
        return mean, np.asarray(sum(p * (code - mean) ** 2 for code, p in enumerate(probs)))

    def information(
        self, params: Params, dims: Mapping[str, Dims], exists: NDArray[np.bool_], direction: ArrayLike = 1.0
    ) -> Array:
        """Of categories, ``sum_k P_k'^2 / P_k`` (Samejima 1969)."""
        slope, shift = self.predictor(params, dims)
        shift, shapes = np.nan_to_num(shift)[..., None, :, :], self.shapes(params, dims)
        change = self.derivatives(slope, shift, self.tangent(params, dims, direction), exists, **shapes)
        probs = np.exp(self.categories(slope, shift, exists, **shapes))
        return np.asarray(np.sum(np.where(exists, probs * change**2, 0.0), axis=-1))

    def draw(
        self, rng: np.random.Generator, params: Params, dims: Mapping[str, Dims], exists: NDArray[np.bool_]
    ) -> NDArray[Any]:
        return _drawn(rng, self.log_probs(params, dims, exists), exists)

    def replicate(
        self,
        rng: np.random.Generator,
        values: NDArray[Any],
        params: Params,
        dims: Mapping[str, Dims],
        exists: NDArray[np.bool_],
    ) -> tuple[Array, Array]:
        log_probs = self.log_probs(params, dims, exists)
        return _of_codes(log_probs, values), _of_codes(log_probs, _drawn(rng, log_probs, exists))

    def steps(self, responses: Responses) -> float:
        return float(np.sum(responses.n_categories - 1))


def centred(scores: Array, log_probs: Array) -> Array:
    """Scores of the categories less their expectation: derivatives where log odds are linear in the ability."""
    return np.asarray(scores - np.sum(np.exp(log_probs) * scores, axis=-1, keepdims=True))


def _of_codes(log_probs: Array, codes: NDArray[Any]) -> Array:
    """Log probability (..., item) of each code, out of those of all categories; any number where it is missing."""
    chosen = np.broadcast_to(np.maximum(codes, 0), log_probs.shape[:-1])[..., None]
    return np.asarray(np.take_along_axis(log_probs, chosen, axis=-1)[..., 0])


def _drawn(rng: np.random.Generator, log_probs: Array, exists: NDArray[np.bool_]) -> NDArray[np.int64]:
    """A code (..., item) drawn with the log probabilities (..., item, category)."""
    probs = np.exp(log_probs)
    uniform = rng.uniform(size=probs.shape[:-1])
    drawn, below = np.zeros(uniform.shape, dtype=np.int64), np.zeros(uniform.shape)
    # Category by category: sums along so short an axis are several times slower.
    for category in range(exists.shape[1] - 1):
        below += probs[..., category]
        drawn += uniform > below
    return np.asarray(np.minimum(drawn, exists.sum(axis=-1) - 1), dtype=np.int64)
