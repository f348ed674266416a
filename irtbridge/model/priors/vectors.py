"""Priors of vectors: along the last axis of a variable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from irtbridge.errors import SpecError
from irtbridge.model.priors.base import Argument, Array, Prior, is_zero
from irtbridge.model.priors.elementwise import inside, normal_log_density

MAX_TRIES = 10_000  # of a rejection sampler: enough where one draw in 1,000 is accepted


@dataclass(frozen=True)
class OrderedNormal(Prior):
    """Independent normals on the cone of increasing vectors, along the last axis.

    The density is the product of the stated normals where the vector increases and 0 elsewhere; it is not
    renormalised by the probability of the cone (a constant when the arguments are numbers).
    """

    loc: Argument = 0.0
    scale: Argument = 1.0
    support: ClassVar[str] = "ordered"
    event_ndim: ClassVar[int] = 1
    positive: ClassVar[tuple[str, ...]] = ("scale",)

    def log_density(self, x: Array, **arguments: Array) -> Array:
        """Sum over the last axis; entries that are NaN (categories an item does not have) count nothing."""
        terms = np.where(np.isnan(x), 0.0, normal_log_density(x, arguments["loc"], arguments["scale"]))
        return inside(np.sum(terms, axis=-1), increasing(x))

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...], **arguments: Array) -> Array:
        """Draw exactly; an element whose `loc` is NaN (a category an item does not have) is NaN.

        Normals are sorted where their arguments are the same along the last axis; else a row is drawn until it
        increases. Where arguments that differ are variables, the mass of the cone belongs to the density of these: the
        rows are then plain normals, and `draw_from_prior` draws all variables until every row increases.

        Raises
        ------
        SpecError
            Hardly any vector of these normals increases.
        """
        loc, scale = np.broadcast_to(arguments["loc"], shape), np.broadcast_to(arguments["scale"], shape)
        draw = rng.normal(loc, scale, shape)
        if not (_differs_in_a_row(loc) or _differs_in_a_row(np.where(np.isnan(loc), np.nan, scale))):
            return np.sort(draw, axis=-1)
        return draw if self.references() else self._until_increasing(draw, loc, scale, rng)

    def _until_increasing(self, draw: Array, loc: Array, scale: Array, rng: np.random.Generator) -> Array:
        for _ in range(MAX_TRIES):
            wrong = ~increasing(draw)
            if not wrong.any():
                return draw
            draw[wrong] = rng.normal(loc[wrong], scale[wrong])
        raise SpecError(f"{self}: of {MAX_TRIES} draws none increases; let loc increase, or take a smaller scale.")


@dataclass(frozen=True)
class DecreasingNormal(OrderedNormal):
    """Independent normals on the cone of decreasing vectors, as the intercepts of graded categories are.

    The negatives of an `OrderedNormal` of mean ``-loc``.
    """

    direction: ClassVar[int] = -1

    def log_density(self, x: Array, **arguments: Array) -> Array:
        return super().log_density(-x, **{**arguments, "loc": -arguments["loc"]})

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...], **arguments: Array) -> Array:
        return -super().sample(rng, shape, **{**arguments, "loc": -arguments["loc"]})


@dataclass(frozen=True)
class MultivariateNormal(Prior):
    """Multivariate normal along the last axis, with mean `loc` and lower Cholesky factor `scale_tril`.

    `scale_tril` is a matrix or the name of a variable with an `LKJCholesky` prior.
    """

    loc: Argument = 0.0
    scale_tril: Argument = ((1.0,),)
    event_ndim: ClassVar[int] = 1
    ragged: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.scale_tril, str):
            return
        factor = np.asarray(self.scale_tril, dtype=float)
        square = factor.ndim == 2 and factor.shape[0] == factor.shape[1]
        if not square or np.any(np.triu(factor, 1)) or np.any(np.diag(factor) <= 0):
            raise SpecError("MultivariateNormal: scale_tril must be lower triangular with a positive diagonal.")

    def symmetric(self, element: int | None = None) -> bool:
        """One element may change its sign if it is independent of the others; a factor that is a variable turns too."""
        if not is_zero(self.loc, element):
            return False
        if element is None or isinstance(self.scale_tril, str):
            return True
        covariance = np.asarray(self.scale_tril) @ np.asarray(self.scale_tril).T
        return not np.any(np.delete(covariance[element], element))

    def log_density(self, x: Array, **arguments: Array) -> Array:
        factor = arguments["scale_tril"]
        size = x.shape[-1]
        white = (x - arguments["loc"]) @ np.linalg.inv(factor).T
        log_det = np.sum(np.log(np.diagonal(factor)))
        return np.asarray(-0.5 * np.sum(white**2, axis=-1) - log_det - 0.5 * size * np.log(2 * np.pi))

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...], **arguments: Array) -> Array:
        white = rng.normal(size=shape)
        return np.asarray(arguments["loc"] + white @ np.swapaxes(arguments["scale_tril"], -1, -2))


def increasing(x: Array) -> NDArray[np.bool_]:
    """Whether each vector along the last axis increases, what is NaN left out at its end."""
    with np.errstate(invalid="ignore"):
        return np.asarray(~np.any(np.diff(x, axis=-1) <= 0, axis=-1))


def _differs_in_a_row(x: Array) -> bool:
    return bool(np.any(np.nanmax(x, axis=-1) > np.nanmin(x, axis=-1)))
