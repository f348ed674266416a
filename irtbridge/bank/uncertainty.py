"""Draws of item parameters of which an estimate, standard errors and correlations are known, and no draws."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from irtbridge.model.spec import ModelSpec
from irtbridge.model.variable import Variable

Array = NDArray[np.float64]
Index = tuple[Any, ...]

# Of a probability, the widest distribution: as that of Jeffreys' prior, a + b = 1 (Jeffreys 1946).
FEWEST = 1.0


def drawn(
    spec: ModelSpec,
    estimate: Mapping[str, Array],
    sd: Mapping[str, Array],
    correlation: Array | None,
    draws: int,
    seed: int,
) -> dict[str, Array]:
    """Draws (draw, *shape) whose means are the estimates and whose standard deviations the standard errors.

    Normal where a parameter may be any number, log-normal where it must be positive, beta where it is a probability,
    joined by a normal copula; what must be ordered is sorted. With no standard error at all, the estimate as one draw.

    Parameters
    ----------
    spec : ModelSpec
        Whose variables say what a parameter may be.
    estimate, sd : mapping of str to ndarray
        Full arrays by name; NaN where an item lacks the category.
    correlation : ndarray, shape (item, parameter, parameter), optional
        Of the normal scores of each item's own parameters, in the order of `own`; by default they are independent.
    draws, seed : int
        How many, and their seed.
    """
    if not any(np.nan_to_num(value).any() for value in sd.values()):
        return {name: value[None] for name, value in estimate.items()}
    rng = np.random.default_rng(seed)
    scores = _scores(rng, draws, spec, estimate, correlation)
    return {name: _of_variable(spec[name], estimate[name], sd[name], scores[name]) for name in estimate}


def own(spec: ModelSpec, shapes: Mapping[str, Index]) -> list[tuple[str, Index]]:
    """Variable and place, behind the axis of items, of each number that an item has of its own, in the spec's order."""
    of_each = [name for name in spec.names if name in shapes and of_items(spec, name)]
    return [(name, place) for name in of_each for place in np.ndindex(shapes[name][1:])]


def of_items(spec: ModelSpec, name: str) -> bool:
    """Whether a variable differs by item."""
    return spec.dims[name][:1] == ("item",)


def _scores(
    rng: np.random.Generator, draws: int, spec: ModelSpec, estimate: Mapping[str, Array], correlation: Array | None
) -> dict[str, Array]:
    """Standard normal scores (draw, *shape) by variable, correlated within items.

    Mean, variance and correlations of those drawn are exact, so far as there are more draws than parameters.
    """
    scores = {name: _standard(rng.standard_normal((draws, *value.shape))) for name, value in estimate.items()}
    places = own(spec, {name: value.shape for name, value in estimate.items()})
    if places:
        joint = _orthogonal(np.stack([scores[name][(..., *place)] for name, place in places], axis=-1).swapaxes(0, 1))
        joint = joint if correlation is None else joint @ _root(correlation).swapaxes(-1, -2)
        for column, (name, place) in enumerate(places):
            scores[name][(..., *place)] = joint[..., column].T
    return scores


def _standard(scores: Array) -> Array:
    return (scores - scores.mean(axis=0)) / scores.std(axis=0) if len(scores) > 1 else scores


def _orthogonal(scores: Array) -> Array:
    """Scores (item, draw, parameter) of mean 0 turned into uncorrelated ones of variance 1."""
    draws, count = scores.shape[1:]
    if draws <= count + 1:
        return scores
    orthogonal, triangular = np.linalg.qr(scores)
    signs = np.sign(np.einsum("ipp->ip", triangular))[:, None]
    return np.asarray(orthogonal * signs * np.sqrt(draws))


def _root(correlation: Array) -> Array:
    """A square root of each matrix, or of the nearest there is: what is read may be rounded."""
    values, vectors = np.linalg.eigh(correlation)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0))[..., None, :])


def _of_variable(variable: Variable, mean: Array, sd: Array, scores: Array) -> Array:
    sd = np.nan_to_num(sd)
    low, high = variable.prior.bounds()
    if low >= 0 and high <= 1:
        value = _beta(mean, sd, scores)
    else:
        value = _log_normal(mean, sd, scores) if low >= 0 else mean + sd * scores
    if variable.zero_sum:
        value = value - value.mean(axis=-1, keepdims=True)
    direction = getattr(variable.prior, "direction", 1)
    return np.asarray(direction * np.sort(direction * value, axis=-1)) if variable.prior.support == "ordered" else value


def _log_normal(mean: Array, sd: Array, scores: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = np.log1p((sd / mean) ** 2)
        value = mean * np.exp(np.sqrt(variance) * scores - variance / 2)
    return np.where((sd > 0) & (mean > 0), value, mean)


def _beta(mean: Array, sd: Array, scores: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        total = np.maximum(mean * (1 - mean) / sd**2 - 1, FEWEST)
        value = special.betaincinv(mean * total, (1 - mean) * total, special.ndtr(scores))
    return np.where((sd > 0) & (mean > 0) & (mean < 1), value, mean)
