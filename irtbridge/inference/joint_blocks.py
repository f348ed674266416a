"""The joint information of abilities and items of logistic models, where both sides are blocks.

The log odds are ``A . theta + d``, with A and d of the item. So each person and each item has a small block of the
information, and a person and an item have in common, by the natural parameters ``(A, d)`` of the item and at
observed responses alone, ``w A (theta, 1)' - r (1, 0)'``, with w = p (1 - p) and r what the response is above p.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from irtbridge.data.responses import Responses
from irtbridge.data.sparse_responses import SparseResponses
from irtbridge.inference.blocks import Blocks
from irtbridge.inference.climbing import COARSE_STEP, STEP
from irtbridge.inference.coupling import PASSES, Coupling
from irtbridge.inference.observed_entries import EntriesProgram
from irtbridge.inference.schur import Bordered, Side
from irtbridge.model.density import exponential_form
from irtbridge.model.families import Binary
from irtbridge.plugin.program import Program

Array = NDArray[np.float64]
Places = NDArray[np.intp]
CELLS = 2**22  # responses in a batch of gradients
AT_ONCE = 2**21  # numbers of a chunk of cross terms that are squared, 16 MiB
IN_CACHE = 2**17  # responses of one pass over the cross terms
SMALL = 2**34  # work (see below) that takes a second
BEND_STEP = 1e-4  # of second differences: errors of truncation and of rounding about 1e-8
FAINT = 0.1  # singular value whose fourth power adds less than 1e-4 to a variance
MOST_KEPT = 2**13  # coordinates of the shorter side: a matrix of 0.5 GiB
MOST_WORK = 2**40  # their square times those of the longer side: some minutes of one core


def has_blocks(program: Program) -> bool:
    """Whether a program's joint information is blocks of persons and of items, and what they have in common.

    Two categories, log odds linear in the abilities, and nothing that items or persons share.
    """
    layout, spec = program.layout, program.spec
    family, persons = spec.family, program.layout.sizes["person"]
    if not isinstance(family, Binary) or not family.linear or family.ability not in layout.slots:
        return False
    by_item = all({"item"} <= set(v.dims) <= {"item", "trait"} for v in spec.variables if v.name != family.ability)
    own = len(layout.places[family.ability])
    if not by_item or program.responses.weights is not None or own % persons:
        return False
    return len(Blocks.of_items(layout).shared) == own < layout.dim


def serves(program: Program) -> bool:
    """Whether it `has_blocks`, few enough on one side to be inverted."""
    own = len(program.layout.places.get(program.spec.family.ability, ()))
    others = program.dim - own
    return has_blocks(program) and min(own, others) <= MOST_KEPT and _work(own, others) <= MOST_WORK


def _work(one: int, other: int) -> int:
    """The square of the shorter side times the longer one, each in coordinates."""
    return min(one, other) ** 2 * max(one, other)


@dataclass(frozen=True, eq=False)
class JointBlocks:
    """The joint information at a point.

    Attributes
    ----------
    program : Program
        One that `serves` admits.
    z : ndarray, shape (dim,)
        The point.
    persons : ndarray of int
        Those who inform the items.
    held : ndarray of bool, shape (dim,)
        Coordinates that are taken as known.
    open : ndarray, shape (person, trait, direction)
        Gradients of what a convention holds fixed, of everybody.
    expected : bool
        Whether responses count as what is expected of them at the point, which is positive everywhere.
    """

    program: Program
    z: Array
    persons: Places
    held: NDArray[np.bool_]
    open: Array
    expected: bool = False

    @classmethod
    def expected_at(cls, program: Program, z: Array) -> JointBlocks:
        """Of everybody, what is expected at a point."""
        persons = np.arange(program.layout.sizes["person"])
        nothing = np.zeros((len(persons), 1, 0))
        return cls(program, z, persons, np.zeros(program.dim, dtype=bool), nothing, expected=True)

    @cached_property
    def items(self) -> Places:
        """Coordinates of each item (item, k); `dim` where there is none."""
        own = Blocks.of_items(self.program.layout).own
        return np.where(np.append(self.held, False)[own], self.program.dim, own)

    @cached_property
    def abilities(self) -> Places:
        """Coordinates of the abilities of who informs the items, (person, trait)."""
        layout = self.program.layout
        places = layout.places[self.program.spec.family.ability].reshape(layout.sizes["person"], -1)
        return np.asarray(places[self.persons])

    def covariances(self) -> tuple[Array, Array]:
        """Covariances of each person's abilities (person, trait, trait) and of each item's coordinates (item, k, k).

        Raises
        ------
        LinAlgError
            The information is singular.
        """
        of_persons, of_items = self.of_both_sides()
        persons = Side(of_persons, self.open[self.persons])
        items = Side(of_items, np.zeros((*self.items.shape, self.open.shape[2])))
        if self.open.shape[2] == 0 and _work(self.abilities.size, self.items.size) > SMALL:
            coupling = self.coupling(persons.roots, items.roots, PASSES)
            if coupling.rest < FAINT:
                return coupling.covariances()
        if self.abilities.size <= self.items.size:
            return Bordered(persons, items, self._by_items).covariances()
        of_items, of_persons = Bordered(items, persons, self._by_persons).covariances()
        return of_persons, of_items

    def of_both_sides(self) -> tuple[Array, Array]:
        """Information of persons' abilities (person, trait, trait) and of items' coordinates (item, k, k)."""
        program = self.program
        if isinstance(program, EntriesProgram) and not isinstance(program.responses, SparseResponses):
            return self.blocks_in_one_pass(program.precision)
        return self.blocks(self.abilities), self.blocks(self.items)

    def blocks(self, places: Places) -> Array:
        """Information (block, k, k) of coordinates (block, k), by a step of the same one of all blocks at once."""
        directions = np.zeros((places.shape[1], self.program.dim + 1))
        for direction, own in zip(directions, places.T, strict=True):
            direction[own] = 1.0
        second = np.pad(second_along(self.program, self.z, directions[:, :-1]), ((0, 0), (0, 1)))
        blocks, exists = -np.moveaxis(second[:, places], 0, -1), places < self.program.dim
        blocks *= exists[:, None, :] & exists[:, :, None]
        return np.asarray((blocks + np.swapaxes(blocks, 1, 2)) / 2 + np.eye(places.shape[1]) * ~exists[:, :, None])

    def blocks_in_one_pass(self, precision: Array) -> tuple[Array, Array]:
        """`of_both_sides`, of a program whose coordinates have normal priors.

        Parameters
        ----------
        precision : ndarray, shape (dim,)
            Of the priors of the coordinates.
        """
        theta, loadings = _products(self._tilde), _products(self._natural[:, :-1])
        persons, natural = np.empty((len(theta), loadings.shape[1])), np.zeros((len(loadings), theta.shape[1]))
        gradient = np.zeros_like(self._natural)
        for rows in self._some_rows():
            weight, rest = self._weights(rows, slice(None))
            persons[rows] = weight @ loadings
            natural += weight.T @ theta[rows]
            if not self.expected:
                gradient += rest.T @ self._tilde[rows]
        of_persons = persons.reshape(*self.abilities.shape, -1)
        by_natural = natural.reshape(len(natural), *self._slopes.shape[1:2] * 2)
        of_items = np.swapaxes(self._slopes, 1, 2) @ by_natural @ self._slopes
        if not self.expected:
            of_items -= np.einsum("in,inkm->ikm", gradient, self._bends)
        known = np.append(precision, 1.0)
        of_persons, of_items = (
            blocks + known[places][:, :, None] * np.eye(places.shape[1])
            for blocks, places in ((of_persons, self.abilities), (of_items, self.items))
        )
        return of_persons, of_items

    def coupling(self, persons: Array, items: Array, passes: int) -> Coupling:
        """What both sides have in common, in the units of these roots of their blocks."""
        return Coupling.of(persons, items, self._by_row, passes)

    def _by_row(self) -> Iterator[tuple[slice, Array]]:
        """Cross terms (trait, k, person, item) of some persons at a time."""
        return ((rows, self._crossed(rows, slice(None))) for rows in self._some_rows())

    def _some_rows(self) -> Iterator[slice]:
        """Some persons at a time, whose numbers stay in the cache."""
        return _slices(len(self.persons), len(self.items), IN_CACHE)

    def _by_items(self) -> Iterator[tuple[slice, Array]]:
        """Cross terms (person x trait, item, k) of some items at a time."""
        for columns in _slices(len(self.items), self.abilities.size * self.items.shape[1], AT_ONCE):
            crossed = np.ascontiguousarray(np.transpose(self._crossed(slice(None), columns), (2, 0, 3, 1)))
            yield columns, crossed.reshape(-1, *crossed.shape[2:])

    def _by_persons(self) -> Iterator[tuple[slice, Array]]:
        """Cross terms (item x k, person, trait) of some persons at a time."""
        for rows in _slices(len(self.persons), self.items.size * self.abilities.shape[1], AT_ONCE):
            crossed = np.ascontiguousarray(np.transpose(self._crossed(rows, slice(None)), (3, 1, 2, 0)))
            yield rows, crossed.reshape(self.items.size, *crossed.shape[2:])

    def _crossed(self, rows: slice, columns: slice) -> Array:
        """Cross terms (trait, k, person, item) of some persons and items."""
        theta, loadings, slopes = self._tilde[rows], self._natural[columns], self._slopes[columns]
        weight, rest = self._weights(rows, columns)
        crossed = np.empty((self.abilities.shape[1], slopes.shape[2], *weight.shape))
        for k in range(slopes.shape[2]):
            own = weight * (theta @ slopes[..., k].T)
            for trait, by_trait in enumerate(crossed):
                np.multiply(own, loadings[:, trait], out=by_trait[k])
                if not self.expected:
                    by_trait[k] -= rest * slopes[:, trait, k]
        return crossed

    def _weights(self, rows: slice, columns: slice) -> tuple[Array, Array]:
        """w and r of some persons and items (person, item), 0 where a response is missing."""
        codes = self._codes.part(rows, columns)
        right, there = _logistic(self._tilde[rows] @ self._natural[columns].T), codes >= 0
        weight, rest = right - right**2, codes - right
        if not there.all():
            weight *= there
            rest *= there
        return weight, rest

    @cached_property
    def _tilde(self) -> Array:
        """Abilities and 1, (person, trait + 1)."""
        return np.column_stack([self.z[self.abilities], np.ones(len(self.persons))])

    @cached_property
    def _natural(self) -> Array:
        """A and d of each item, (item, trait + 1)."""
        return self._natural_at(self.z)

    @cached_property
    def _slopes(self) -> Array:
        """Their derivatives by the item's coordinates, (item, trait + 1, k)."""
        step, each = 1e-3 if self.program.dtype == "float32" else 1e-5, []
        for own in self.items.T:
            move = np.zeros(self.program.dim + 1)
            move[own] = step
            upper, lower = (self._natural_at(self.z + sign * move[:-1]) for sign in (1, -1))
            each.append((upper - lower) / (2 * step) * (own < self.program.dim)[:, None])
        return np.stack(each, axis=-1)

    @cached_property
    def _bends(self) -> Array:
        """Their second derivatives by the item's coordinates, (item, trait + 1, k, k)."""
        moves = np.zeros((self.items.shape[1], self.program.dim + 1))
        for move, own in zip(moves, self.items.T, strict=True):
            move[own] = BEND_STEP
        moves, count = moves[:, :-1], len(moves)
        bends = np.zeros((*self._natural.shape, count, count))
        for (k, m), i, j in product(np.ndindex(count, count), (1, -1), (1, -1)):
            bends[..., k, m] += i * j * self._natural_at(self.z + i * moves[k] + j * moves[m])
        return bends / (4 * BEND_STEP**2)

    def _natural_at(self, z: Array) -> Array:
        layout, traits = self.program.layout, self.abilities.shape[1]
        ability, params = self.program.spec.family.ability, layout.complete(self.program.constrain(z))
        corners = np.vstack([np.eye(traits), np.zeros(traits)]).reshape(traits + 1, *params[ability].shape[1:])
        odds = exponential_form(layout, {**params, ability: corners}).natural[..., 0]
        odds[:-1] -= odds[-1]
        return np.asarray(odds.T)

    @cached_property
    def _codes(self) -> _Codes:
        responses = self.program.responses
        by_item = self.abilities.size <= self.items.size
        return _Codes.of(responses, self.persons, by_item)


@dataclass(frozen=True, eq=False)
class _Codes:
    """Codes of which rows or columns are asked for, a whole matrix or a sparse one."""

    values: Any

    @classmethod
    def of(cls, responses: Responses, persons: Places, by_item: bool) -> _Codes:
        everybody = len(persons) == responses.n_persons
        if isinstance(responses, SparseResponses):
            own = responses.stored if everybody else responses.stored[persons]
            return cls(own.tocsc() if by_item else own)
        return cls(responses.values if everybody else responses.values[persons])

    def part(self, rows: slice, columns: slice) -> NDArray[Any]:
        """Codes (row, column), negative where missing."""
        some = self.values[rows, columns]
        if isinstance(some, np.ndarray):
            return some
        entries, whole = some.tocoo(), np.full(some.shape, -1, dtype=np.int8)
        whole[entries.row, entries.col] = entries.data
        return whole


def _products(vectors: Array) -> Array:
    """Products of each vector's (unit, k) elements, (unit, k x k)."""
    return np.asarray(vectors[:, :, None] * vectors[:, None, :]).reshape(len(vectors), -1)


def _logistic(odds: Array) -> Array:
    """Probabilities of log odds, in place."""
    np.negative(odds, out=odds)
    with np.errstate(over="ignore"):
        np.exp(odds, out=odds)
    odds += 1.0
    return np.reciprocal(odds, out=odds)


def _slices(units: int, each: int, at_once: int) -> Iterator[slice]:
    """Some units at a time, of so many numbers each."""
    size = max(1, at_once // each)
    return (slice(start, start + size) for start in range(0, units, size))


def second_along(program: Program, z: Array, directions: Array) -> Array:
    """Second derivatives of the log density, once along each direction, shape (direction, dim)."""
    step = COARSE_STEP if program.dtype == "float32" else STEP * 10
    size = max(1, CELLS // (program.layout.sizes["person"] * program.layout.sizes["item"]))
    rows = [np.zeros((0, program.dim))]
    for start in range(0, len(directions), size):
        move = step * directions[start : start + size]
        upper, lower = (program.value_and_grad(z + sign * move, jacobian=False)[1] for sign in (1, -1))
        rows.append((upper - lower) / (2 * step))
    return np.concatenate(rows)
