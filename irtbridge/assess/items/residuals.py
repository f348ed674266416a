"""Responses less their expectation at expected abilities: what mean squares and local dependence are made of."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from irtbridge.assess.posterior import Posterior
from irtbridge.data.kinds import MISSING
from irtbridge.data.responses import Responses
from irtbridge.inference.abilities import expected_abilities

Array = NDArray[np.float64]
# Of a mean square of few residuals, as mirt and Winsteps have it: the cube root serves no more skewed a distribution.
LARGEST_DEVIATION = 2**0.5


class Residuals(NamedTuple):
    """Of responses at given abilities.

    Attributes
    ----------
    residual : ndarray, shape (person, item)
        NaN where there is no response.
    variance : ndarray, shape (person, item)
        Of a response given the ability; NaN where there is none.
    """

    residual: Array
    variance: Array


class MeanSquares(NamedTuple):
    """Infit and outfit mean squares (Wright & Masters 1982), each (item,) or (person,)."""

    infit: Array
    outfit: Array


def abilities_given(responses: Array, at: Posterior) -> Array:
    """Expected abilities (EAP) given responses, shape (1, person) or (1, person, trait).

    Of a model whose abilities cannot be integrated out, the abilities of the draw.

    Parameters
    ----------
    responses : ndarray, shape (person, item)
        NaN where missing.
    at : Posterior
        Of one draw.
    """
    if at.layout.collapse is None:
        return at.abilities
    params = {name: value[0] for name, value in at.params.items()}
    return expected_abilities(at.layout, params, in_place(responses, at))[0][None]


def in_place(responses: Array, at: Posterior) -> Responses:
    """Responses (person, item), NaN where missing, in the place of those that were fitted."""
    values = np.where(np.isnan(responses), MISSING, responses).astype(at.responses.values.dtype)
    return at.responses.with_values(values)


def residuals(responses: Array, at: Posterior, abilities: Array | None = None) -> Residuals:
    """Residuals of responses (person, item), NaN where missing; at their expected abilities, unless others are given.

    Parameters
    ----------
    responses : ndarray, shape (person, item)
        NaN where missing.
    at : Posterior
        Of one draw.
    abilities : ndarray, shape (1, person) or (1, person, trait), optional
        Expected ones, if they are at hand.
    """
    mean, variance = at.moments(abilities_given(responses, at) if abilities is None else abilities)
    return Residuals(responses - mean[0], np.where(np.isnan(responses), np.nan, variance[0]))


def mean_squares(of: Residuals, axis: int) -> MeanSquares:
    """Infit and outfit over the persons (axis 0) of each item, or over the items (axis 1) of each person."""
    squares = of.residual**2
    infit = np.nansum(squares, axis=axis) / np.nansum(of.variance, axis=axis)
    return MeanSquares(infit, np.nanmean(squares / of.variance, axis=axis))


def standardised(squares: MeanSquares, of: Residuals, fourth: Array, axis: int) -> MeanSquares:
    """Mean squares as standard normals (z) by the cube root (Wilson & Hilferty 1931; Wright & Masters 1982, p. 101).

    Parameters
    ----------
    squares : MeanSquares
        Of `mean_squares`.
    of : Residuals
        What they are of.
    fourth : ndarray, shape (person, item)
        Fourth central moments of the responses given the abilities; NaN where there is no response.
    axis : int
        As in `mean_squares`.
    """
    number = np.sum(~np.isnan(of.variance), axis=axis)
    spread_outfit = np.sqrt(np.nansum(fourth / of.variance**2, axis=axis) / number**2 - 1 / number)
    spread_infit = np.sqrt(np.nansum(fourth - of.variance**2, axis=axis)) / np.nansum(of.variance, axis=axis)
    return MeanSquares(cube_root_z(squares.infit, spread_infit), cube_root_z(squares.outfit, spread_outfit))


def fourth_moments(at: Posterior, abilities: Array) -> Array:
    """Fourth central moments (person, item) of responses in categories at abilities (1, person, ...)."""
    at.check_categories("z of infit and outfit", "their posterior predictive p-values")
    probs = at.category_probs(abilities)[0]
    codes = np.arange(probs.shape[-1])
    mean = probs @ codes
    return np.asarray(np.sum(probs * (codes - mean[..., None]) ** 4, axis=-1))


def cube_root_z(mean_square: Array, deviation: Array) -> Array:
    """Normal deviate of a mean square with this standard deviation, by Wilson & Hilferty's cube root."""
    at_most = np.minimum(deviation, LARGEST_DEVIATION)
    return np.asarray((np.cbrt(mean_square) - 1) * 3 / at_most + at_most / 3)
