"""Standard errors from the information on items and persons together.

Given items the persons are independent, so their block P of the information is diagonal by person, and they are
eliminated from that of the items: ``S = I - C' Q C``, Q being the inverse of P. Where the likelihood leaves the scale
of the abilities open, Q is the inverse of P among the directions that keep their mean 0 (and SD 1).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from irtbridge.inference.joint_blocks import JointBlocks, second_along, serves
from irtbridge.plugin.program import Program
from irtbridge.results.inference_data import reported

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class JointInformation:
    """The observed information at a point, its persons in blocks.

    Attributes
    ----------
    persons : ndarray, shape (person, trait, trait)
        P, of the persons who inform the items.
    crossed : ndarray, shape (person, trait, parameter)
        C.
    items : ndarray, shape (parameter, parameter)
        I, of item and shared parameters.
    open : ndarray, shape (person, trait, direction)
        Gradients of what a convention holds fixed.
    """

    persons: Array
    crossed: Array
    items: Array
    open: Array

    def covariances(self) -> tuple[Array, Array]:
        """Covariance of the item parameters, and variances (person, trait) of the abilities.

        Raises
        ------
        LinAlgError
            The information is singular: something besides the scale is open.
        """
        inverse = np.linalg.inv(self.persons)
        crossed, held = (_flat(inverse @ part) for part in (self.crossed, self.open))
        inner = _flat(self.open).T @ held
        project = linalg.solve(inner, held.T, assume_a="pos") if held.shape[1] else held.T
        through = crossed - held @ (project @ _flat(self.crossed))  # Q C
        schur = self.items - _flat(self.crossed).T @ through
        factor = linalg.cholesky(schur, lower=True)
        covariance = linalg.cho_solve((factor, True), np.eye(len(schur)))
        own = np.diagonal(inverse, axis1=1, axis2=2).ravel() - np.sum(held * project.T, axis=1)
        return covariance, (own + np.sum((through @ covariance) * through, axis=1)).reshape(self.persons.shape[:2])


def standard_errors(
    program: Program,
    params: Mapping[str, Array],
    informing: NDArray[np.bool_],
    held: NDArray[np.bool_],
    conventions: Array,
) -> dict[str, Array]:
    """Standard errors of what users read (full arrays); NaN where the information is singular.

    Parameters
    ----------
    program : Program
        With abilities, over the responses that inform the items.
    params : mapping of str to ndarray
        Full arrays at the maximum.
    informing : ndarray of bool, shape (person,)
        Who informs the items; of the others the standard error is NaN.
    held : ndarray of bool, shape (dim,)
        Coordinates at a bound, which are taken as known.
    conventions : ndarray, shape (person, trait, direction)
        Gradients of what the convention fixes.
    """
    ability, z, persons = program.spec.family.ability, program.unconstrain(params), np.flatnonzero(informing)
    errors, spread = without_errors(program, params), _by_blocks if serves(program) else _by_items
    try:
        moves, variances = spread(program, z, persons, held, conventions)
    except np.linalg.LinAlgError:
        return errors
    errors |= _by_delta(program, z, moves)
    if variances.size:
        errors[ability][persons] = np.sqrt(variances).reshape(-1, *errors[ability].shape[1:])
    return errors


def _by_items(
    program: Program, z: Array, persons: NDArray[np.intp], held: NDArray[np.bool_], conventions: Array
) -> tuple[Array, Array]:
    """A factor of the covariance of item and shared parameters, (row, dim), and variances (person, trait)."""
    places = program.layout.places.get(program.spec.family.ability, np.zeros(0, dtype=np.intp))
    own = places.reshape(program.layout.sizes["person"], -1)
    others = np.setdiff1d(np.arange(program.dim), np.append(own.ravel(), np.flatnonzero(held)))
    covariance, variances = joint_information(program, z, persons, own, others, conventions).covariances()
    moves = np.zeros((len(others), program.dim))
    moves[:, others] = np.linalg.cholesky(covariance).T
    return moves, variances


def _by_blocks(
    program: Program, z: Array, persons: NDArray[np.intp], held: NDArray[np.bool_], conventions: Array
) -> tuple[Array, Array]:
    """The same where nothing that users read rests on two items: a row for each coordinate of an item."""
    blocks = JointBlocks(program, z, persons, held, conventions)
    of_persons, of_items = blocks.covariances()
    moves = np.zeros((of_items.shape[1], program.dim + 1))
    moves[:, blocks.items] = np.moveaxis(np.linalg.cholesky(of_items), 2, 0)
    return moves[:, :-1], np.diagonal(of_persons, axis1=1, axis2=2)


def without_errors(program: Program, params: Mapping[str, Array]) -> dict[str, Array]:
    """NaN for everything that users read."""
    shapes = {name: value.shape for name, (_, value) in reported(program.layout, params).items()}
    return {name: np.full(shape, np.nan) for name, shape in shapes.items()}


def joint_information(
    program: Program, z: Array, persons: NDArray[np.intp], ability: NDArray[np.intp], others: NDArray[np.intp],
    directions: Array,
) -> JointInformation:  # fmt: skip
    """The information by differences of gradients: one for each trait, and one for each item parameter.

    Parameters
    ----------
    program : Program
        With abilities.
    z : ndarray, shape (dim,)
        The point.
    persons : ndarray of int
        Those who inform the items.
    ability : ndarray of int, shape (person, trait)
        Coordinates of everybody's abilities.
    others : ndarray of int
        Coordinates of the item and shared parameters that no bound holds.
    directions : ndarray, shape (person, trait, direction)
        As `JointInformation.open`, of everybody.
    """
    unit = np.eye(program.dim)[others] if len(others) else np.zeros((0, program.dim))
    by_trait = np.zeros((ability.shape[1], program.dim))
    for trait, places in enumerate(ability.T):
        by_trait[trait, places] = 1.0
    own, of_items = second_along(program, z, by_trait), second_along(program, z, unit)
    blocks = -np.moveaxis(own[:, ability[persons]], 0, 1)  # (person, trait moved, trait)
    crossed = -np.moveaxis(of_items[:, ability[persons]], 0, 2)
    items = -of_items[:, others]
    return JointInformation(blocks, crossed, (items + items.T) / 2, directions[persons])


def _flat(blocks: Array) -> Array:
    """Persons and traits as rows."""
    return np.asarray(blocks.reshape(blocks.shape[0] * blocks.shape[1], blocks.shape[2]))


def _by_delta(program: Program, z: Array, moves: Array) -> dict[str, Array]:
    """Standard errors of what users read, abilities apart (full arrays), by the delta method."""
    step = 1e-3 if program.dtype == "float32" else 1e-6
    upper, lower = (reported(program.layout, program.constrain(z + sign * step * moves)) for sign in (1, -1))
    ability = program.spec.family.ability
    slopes = {name: (upper[name][1] - lower[name][1]) / (2 * step) for name in upper if name != ability}
    errors = {name: np.sqrt(np.sum(slope**2, axis=0)) for name, slope in slopes.items()}
    return {name: np.where(error > 0, error, np.nan) for name, error in errors.items()}
