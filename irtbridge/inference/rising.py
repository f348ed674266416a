"""The first steps of a climb, by EM, and the curvature in whose units L-BFGS goes on.

L-BFGS learns the curvature gradient by gradient. Where there are hundreds of coordinates that takes as many as a
hundred, most of them far from the mode. A step of EM (`irtbridge.inference.maximisation`) moves every item by Newton's
method and costs about two gradients; the scale of the abilities, along which it would creep, it leaves open and puts
right afterwards (PX-EM: Liu, Rubin & Wu 1998). The curvature there is that of the complete data, less what is lost by
not knowing the abilities (`irtbridge.inference.louis`), for which a sample of the persons will do: an error of it costs
steps, not digits.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from irtbridge.errors import SpecError
from irtbridge.inference.curvature import ItemCurvature
from irtbridge.inference.expectation import Data, Expected, with_nodes
from irtbridge.inference.louis import LostInformation, serves
from irtbridge.inference.maximisation import Maximisation
from irtbridge.inference.recentring import check_recentrable, recentred
from irtbridge.model.layout import Layout
from irtbridge.model.quadrature import ScatteredNodes
from irtbridge.plugin.program import Program

Array = NDArray[np.float64]
STEPS = 6  # of EM, by trial: with fewer L-BFGS takes longer, with more EM does (graded model, 5,000 x 50)
SAMPLE = 1000  # persons: the largest share lost then has an error of a twentieth
LEFT_OUT = 1e-6, 1e-3  # `LostInformation.left_out`
MOST_LOST = 0.98  # away from the mode, and of a sample, more than all may be lost
MOST = 1024  # coordinates, whose matrix is decomposed
# Standard deviations of the ability's prior: where the grid of EM's steps ends, and the largest step to which it is
# coarsened. A default grid has steps of about a third of a posterior's standard deviation: of two thirds do here.
REACH, WIDEST = 4.5, 0.4
FEWEST = 2**17  # persons times nodes: with fewer a gradient takes less than its share of EM's steps, by trial


@dataclass(frozen=True, eq=False)
class Rise:
    """EM on the data of a program.

    Attributes
    ----------
    maximisation : Maximisation
    data : Data
        At fewer nodes than the program's: an error of the E-step costs steps, too, not digits.
    expands : bool
        Whether items can move along with the abilities.
    """

    maximisation: Maximisation
    data: Data
    expands: bool

    @classmethod
    def of(cls, program: Program) -> Self | None:
        """Of a program; None where L-BFGS alone is there as soon.

        That is where coordinates or persons are few, and where log odds are linear in the ability: tabulated
        likelihoods (`irtbridge.model.cumulants`) have gradients for much less than a step of EM.
        """
        layout = program.layout
        if not serves(program) or layout.dim > MOST or layout.spec.family.linear or layout.by_person:
            return None
        if program.responses.n_persons * len(layout.standard_nodes) < FEWEST:
            return None
        coarser = _with_fewer_nodes(program)
        return cls(Maximisation.of(coarser), Data.of(coarser.layout, program.responses), _expands(layout))

    def steps(self, z: Array) -> Array:
        """Some steps of EM from coordinates (dim,)."""
        for _ in range(STEPS):
            expected = self._expected(z)
            z = self._expanded(self.maximisation.step(z, expected), expected)
        return z

    def _expanded(self, z: Array, expected: Expected) -> Array:
        """Items on the scale where the abilities that were expected have their prior's mean and SD (PX-EM)."""
        program, layout = self.maximisation.program, self.data.layout
        if not self.expands:
            return z
        prior, family = layout.arguments(layout.spec.family.ability, {}), layout.spec.family
        standard, mass = layout.standard_nodes[:, 0], expected.statistics[..., -1].sum(axis=1)
        mean = np.average(standard, weights=mass)
        sd = np.sqrt(np.average((standard - mean) ** 2, weights=mass))
        centre = prior["loc"] + prior["scale"] * mean - sd * prior["loc"]
        there = {**program.constrain(z), family.ability: np.array([centre - sd, centre + sd])}
        moved = program.unconstrain(recentred(layout, there))
        return moved if np.isfinite(moved).all() else z

    def curvature(self, z: Array) -> ItemCurvature:
        """About minus the second derivatives of the log density of the parameters at coordinates (dim,)."""
        program, blocks = self.maximisation.program, self.maximisation.blocks
        arrow = self.maximisation.curvature(z, self._expected(z))
        responses = program.responses
        rows = np.linspace(0, responses.n_persons - 1, min(SAMPLE, responses.n_persons)).astype(int)
        some = responses.select(rows)
        squares = np.zeros((blocks.dim, blocks.dim))
        lost_by_some = replace(LostInformation.of(program, blocks, z, some), left_out=LEFT_OUT)
        for lost in lost_by_some.rows():
            white = blocks.join(*arrow.solve(*blocks.split(lost)))
            squares += white.T @ white
        shares, axes = np.linalg.eigh(squares * responses.total_weight / some.total_weight)
        return ItemCurvature(blocks, arrow, axes.T, np.clip(shares, 0.0, MOST_LOST))

    def _expected(self, z: Array) -> Expected:
        return self.data.expected(self.maximisation.program.constrain(z))


def _with_fewer_nodes(program: Program) -> Program:
    """The program with a coarser and shorter grid of nodes, where it has a grid."""
    grid = program.layout.collapse
    assert grid is not None
    if isinstance(grid, ScatteredNodes):
        return program
    n_nodes = 1 + round(2 * REACH / max(grid.step, min(2 * grid.step, WIDEST)))
    return with_nodes(program, program.responses, replace(grid, n_nodes=n_nodes, half_width=REACH))


def _expands(layout: Layout) -> bool:
    """Whether an M-step may leave the scale of the abilities open: one trait with a prior of its own, items free."""
    with suppress(SpecError):
        check_recentrable(layout)
        return not layout.spec[layout.spec.family.ability].prior.references()
    return False
