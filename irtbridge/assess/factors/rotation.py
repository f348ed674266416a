"""Rotation of factors that a model leaves open, signs and order by one rule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from irtbridge.assess.posterior import Posterior
from irtbridge.errors import StatisticError, UnknownName

Array = NDArray[np.float64]
Criterion = Callable[[Array], tuple[float, Array]]
STEPS, HALVINGS, TOLERANCE = 1000, 20, 1e-10


@dataclass(frozen=True, eq=False)
class Rotation:
    """Rotated factors.

    With loadings L and abilities A before, they are ``L inv(T)'`` and ``A T`` after, so that ``A L'`` is what it was.

    Attributes
    ----------
    loadings : DataFrame, (item, factor)
        After the rotation. Factors stand in the order of their sums of squared loadings, the largest first, and the sum
        of each one's loadings is positive.
    correlations : DataFrame, (factor, factor)
        T'T: of factors that were uncorrelated before, with variances 1; the identity after an orthogonal rotation.
    transformation : ndarray, shape (factor, factor)
        T.
    abilities : DataFrame, (person, factor), or None
        After the rotation, where they were given.
    """

    loadings: pd.DataFrame
    correlations: pd.DataFrame
    transformation: Array
    abilities: pd.DataFrame | None = None


def rotate(
    loadings: pd.DataFrame | ArrayLike,
    method: str = "varimax",
    *,
    abilities: pd.DataFrame | ArrayLike | None = None,
    normalise: bool = True,
) -> Rotation:
    """Rotate factors to simple structure by gradient projection (Jennrich 2001, 2002; Bernaards & Jennrich 2005).

    Parameters
    ----------
    loadings : DataFrame or array_like, shape (item, factor)
        Discriminations, or loadings of another kind.
    method : str
        ``varimax`` (Kaiser 1958), orthogonal; or ``oblimin``, oblique, with gamma 0 (Jennrich & Sampson 1966).
    abilities : DataFrame or array_like, shape (person, factor), optional
        To be rotated along.
    normalise : bool
        Rotate loadings as if every item's sum of squares were 1 (Kaiser).

    Raises
    ------
    UnknownName
        There is no such method.
    StatisticError
        Loadings that are no matrix of numbers.
    """
    if method not in METHODS:
        raise UnknownName("rotation", method, METHODS)
    table = _table(loadings)
    matrix = table.to_numpy(dtype=float)
    lengths = np.sqrt(np.sum(matrix**2, axis=1, keepdims=True))
    weights = np.where(normalise & (lengths > 0), lengths, 1.0)
    criterion, oblique = METHODS[method]
    turned = _projected(matrix / weights, criterion, oblique)
    turned = turned @ _rule(matrix @ np.linalg.inv(turned).T)
    after = pd.DataFrame(matrix @ np.linalg.inv(turned).T, index=table.index, columns=table.columns)
    correlations = pd.DataFrame(turned.T @ turned, index=table.columns, columns=table.columns)
    if abilities is None:
        return Rotation(after, correlations, turned)
    persons = _table(abilities)
    if persons.shape[1] != matrix.shape[1]:
        raise StatisticError(f"abilities of {persons.shape[1]} factors, loadings of {matrix.shape[1]}: give as many.")
    moved = pd.DataFrame(persons.to_numpy(dtype=float) @ turned, index=persons.index, columns=table.columns)
    return Rotation(after, correlations, turned, moved)


def rotated(posterior: Posterior, method: str = "varimax", *, normalise: bool = True) -> Rotation:
    """Discriminations and abilities of a point estimate, rotated.

    Raises
    ------
    StatisticError
        One trait, draws (whose rotations differ, so that their mean has none), or traits that a Q-matrix tells apart.
    """
    name, spec = posterior.spec.family.discrimination, posterior.spec
    if name is None or len(spec.traits) < 2:
        raise StatisticError(f"model {spec.name!r} has no two traits to rotate.")
    if spec[name].free is not None:
        raise StatisticError(f"model {spec.name!r}: a Q-matrix tells its traits apart, a rotation would undo it.")
    if not posterior.point:
        raise StatisticError(
            "draws have each a rotation of their own, and their mean none; fit with method=jmle, priors=true, or map, "
            "or give irtbridge.rotate the loadings of one draw."
        )
    items, persons = pd.Index(posterior.responses.items, name="item"), pd.Index(posterior.responses.persons)
    loadings = pd.DataFrame(posterior.params[name][0], index=items, columns=list(spec.traits))
    abilities = pd.DataFrame(posterior.abilities[0], index=persons.set_names("person"), columns=list(spec.traits))
    return rotate(loadings, method, abilities=abilities, normalise=normalise)


def _table(values: pd.DataFrame | ArrayLike) -> pd.DataFrame:
    try:
        table = values if isinstance(values, pd.DataFrame) else pd.DataFrame(np.atleast_2d(np.asarray(values)))
        numbers = table.to_numpy(dtype=float)
    except (TypeError, ValueError) as error:
        raise StatisticError(
            f"loadings and abilities must be numbers, a row for each item or person: {error}"
        ) from error
    if not numbers.size or not np.isfinite(numbers).all():
        raise StatisticError("loadings and abilities must be finite numbers, a row for each item or person.")
    return table


def _rule(loadings: Array) -> Array:
    """Matrix that puts factors in the order of their sums of squares and makes each one's sum positive."""
    order = np.argsort(-np.sum(loadings**2, axis=0), kind="stable")
    signs = np.where(loadings[:, order].sum(axis=0) < 0, -1.0, 1.0)
    return np.asarray(np.eye(loadings.shape[1])[:, order] * signs)


def _projected(loadings: Array, criterion: Criterion, oblique: bool) -> Array:
    """T that minimises a criterion of ``L inv(T)'``, by gradient projection (Bernaards & Jennrich 2005)."""
    turned, step = np.eye(loadings.shape[1]), 1.0
    value, slope = _at(loadings, turned, criterion)
    for _ in range(STEPS):
        along = slope - _normal_part(turned, slope, oblique)
        length = float(np.linalg.norm(along))
        if length < TOLERANCE:
            break
        step *= 2
        for _ in range(HALVINGS):
            moved = _on_manifold(turned - step * along, oblique)
            new_value, new_slope = _at(loadings, moved, criterion)
            if new_value < value - 0.5 * length**2 * step:
                break
            step /= 2
        turned, value, slope = moved, new_value, new_slope
    return turned


def _at(loadings: Array, turned: Array, criterion: Criterion) -> tuple[float, Array]:
    """A criterion and its gradient by T."""
    inverse = np.linalg.inv(turned)
    rotated_loadings = loadings @ inverse.T
    value, gradient = criterion(rotated_loadings)
    return value, -(rotated_loadings.T @ gradient @ inverse).T


def _normal_part(turned: Array, slope: Array, oblique: bool) -> Array:
    """What of a gradient would leave the rotations: those with T'T = I, or with columns of length 1."""
    if oblique:
        return np.asarray(turned * np.sum(turned * slope, axis=0))
    inner = turned.T @ slope
    return np.asarray(turned @ (inner + inner.T) / 2)


def _on_manifold(turned: Array, oblique: bool) -> Array:
    if oblique:
        return np.asarray(turned / np.sqrt(np.sum(turned**2, axis=0)))
    left, _, right = np.linalg.svd(turned)
    return np.asarray(left @ right)


def _varimax(loadings: Array) -> tuple[float, Array]:
    """Minus the variance of the squared loadings within factors (Kaiser 1958)."""
    away = loadings**2 - np.mean(loadings**2, axis=0)
    return -float(np.sum(away**2)) / 4, -loadings * away


def _oblimin(loadings: Array) -> tuple[float, Array]:
    """Products of the squared loadings of different factors (quartimin; Jennrich & Sampson 1966)."""
    squared = loadings**2
    others = squared.sum(axis=1, keepdims=True) - squared
    return float(np.sum(squared * others)) / 4, loadings * others


METHODS: dict[str, tuple[Criterion, bool]] = {"varimax": (_varimax, False), "oblimin": (_oblimin, True)}
