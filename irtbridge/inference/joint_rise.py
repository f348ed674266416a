"""The first steps of a joint climb, each of one side given the other, by Fisher's scoring unit by unit.

Given the abilities the items are independent, and given the items the persons. Items start from the answers of some
persons, whose abilities are told by their scores.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from irtbridge.inference.blocks import Blocks
from irtbridge.inference.joint_blocks import JointBlocks
from irtbridge.inference.observed_entries import EntriesProgram
from irtbridge.model.layout import Layout

Array = NDArray[np.float64]
SOME = 500  # persons who tell an item's parameters well enough to begin with, by trial
STEPS = 8  # of the items given these persons
LARGEST_MOVE = 1.0  # in a step, by coordinate: beyond, the information here tells nothing of that there
PERSONS, ITEMS = 0, 1


def risen(program: EntriesProgram, z: Array) -> Array:
    """Coordinates (dim,) nearer the mode, of a program of one trait whose persons and items have blocks."""
    z = _items_by_some(program, _scored(program, z))
    for side in (PERSONS, ITEMS, PERSONS):
        z = _moved(program, z, side)
    return z


def _moved(program: EntriesProgram, z: Array, side: int) -> Array:
    """With one side moved by a step of scoring."""
    blocks, gradient = JointBlocks.expected_at(program, z), program.value_and_grad(z, jacobian=False)[1]
    information = blocks.blocks_in_one_pass(program.precision)[side]
    places = (blocks.abilities, blocks.items)[side]
    own = np.append(gradient, 0.0)[places]
    moved = np.append(z, 0.0)
    moved[places] += np.clip(np.linalg.solve(information, own[..., None])[..., 0], -LARGEST_MOVE, LARGEST_MOVE)
    return moved[:-1]


def _items_by_some(program: EntriesProgram, z: Array) -> Array:
    """With items near their mode given the abilities of some persons."""
    rows = np.unique(np.linspace(0, program.responses.n_persons - 1, SOME).astype(int))
    some = program.responses.select(rows)
    part = EntriesProgram(Layout.of(program.spec, some), some)
    persons, of_part = Blocks.of_persons(program.layout), Blocks.of_persons(part.layout)
    own, shared = persons.split(z)
    near = of_part.join(own[rows], shared)
    for _ in range(STEPS):
        near = _moved(part, near, ITEMS)
    return persons.join(own, of_part.split(near)[1])


def _scored(program: EntriesProgram, z: Array) -> Array:
    """With abilities as the log odds of a person's share of right answers, standardised."""
    places, values = program.layout.places[program.spec.family.ability], program.responses.values
    right, wrong = (np.count_nonzero(values == code, axis=1) for code in (1, 0))
    odds = np.log((right + 0.5) / (wrong + 0.5))
    spread, z = odds.std(), z.copy()
    z[places] = (odds - odds.mean()) / (spread if spread > 0 else 1.0)
    return z
