"""Large data in blocks of persons: memory for one block at a time, whatever the number of persons.

Persons are independent given the item parameters, so that the log density of all is a sum over blocks; each block's
has the prior in it, which may count only once:

    log p(z, all) = sum_b log p(z, block b) - (B - 1) log p(z)
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from irtbridge.data.responses import Responses
from irtbridge.inference.abilities import add_abilities
from irtbridge.inference.ability_moments import ability_moments, too_many
from irtbridge.inference.wrapped import WrappedProgram
from irtbridge.model.layout import Layout, membership_of
from irtbridge.model.patterns import Patterns, table_width
from irtbridge.model.quadrature import Quadrature, check_collapsible
from irtbridge.model.spec import ModelSpec
from irtbridge.plugin.backend import Backend
from irtbridge.plugin.devices import resolve_device
from irtbridge.plugin.program import Program
from irtbridge.results.ability_moments import AbilityMoments
from irtbridge.results.draws import Draws

Array = NDArray[np.float64]
CELLS = 2**20  # persons times nodes in a block: 8 MiB of doubles, and a few times as much with the gradient
SMALLEST = 64  # persons in a block
LARGEST_WHOLE = 4 * CELLS  # up to here a block more costs more time than it spares memory
ROOM = {"cpu": 1, "cuda": 128}  # times as many in a block: 1 GiB of doubles, as a GPU has no cache to stay in


class StreamedProgram(WrappedProgram):
    """Programs of blocks of persons as one program of all, the abilities integrated out.

    The coordinates and `native`, the library's object, are those of the first block.

    Parameters
    ----------
    blocks : sequence of Program
        One for each block of persons, in order; together they have all persons.
    prior : Program
        The same model over persons without any response.
    responses : Responses
        The data of all persons.
    """

    def __init__(self, blocks: Sequence[Program], prior: Program, responses: Responses) -> None:
        super().__init__(blocks[0])
        self.blocks, self.prior, self.responses = list(blocks), prior, responses
        self.layout = Layout.of(self.spec, responses, self.layout.collapse)
        self.compile_seconds = sum(p.compile_seconds for p in (*blocks, prior))

    def log_density(self, params: Mapping[str, Array]) -> Array:
        return self._sum(lambda program: program.log_density(params))

    def value(self, z: Array) -> Array:
        return self._sum(lambda program: program.value(z))

    def value_and_grad(self, z: Array, *, jacobian: bool = True) -> tuple[Array, Array]:
        value, gradient = self.prior.value_and_grad(z, jacobian=jacobian)
        value, gradient = (1 - len(self.blocks)) * value, (1 - len(self.blocks)) * gradient
        for block in self.blocks:
            more = block.value_and_grad(z, jacobian=jacobian)
            value, gradient = value + more[0], gradient + more[1]
        return value, gradient

    def prepare(self) -> StreamedProgram:
        return StreamedProgram([block.prepare() for block in self.blocks], self.prior.prepare(), self.responses)

    def for_chains(self) -> StreamedProgram:
        return StreamedProgram([block.for_chains() for block in self.blocks], self.prior.for_chains(), self.responses)

    def with_data(self, responses: Responses) -> StreamedProgram:
        parts = blocks_of(responses.n_persons, self.blocks[0].responses.n_persons)
        blocks = [block.bind(responses.select(rows)) for block, rows in zip(self.blocks, parts, strict=True)]
        return StreamedProgram(blocks, self.prior.bind(self.prior.responses), responses)

    def _sum(self, density: Callable[[Program], Array]) -> Array:
        """Sum over the blocks, with the prior once."""
        # One after another: a block's working memory is free before the next begins.
        total = (1 - len(self.blocks)) * density(self.prior)
        for block in self.blocks:
            total = total + density(block)
        return np.asarray(total)


def compile_collapsed(
    backend: Backend, spec: ModelSpec, responses: Responses, quadrature: Quadrature, block: int, **how: Any
) -> Program:
    """Compile a model with its abilities integrated out, in blocks of persons where the data are large.

    Groups and covariates of persons are taken whole: a block would have a grid, and a design, of its own.

    Parameters
    ----------
    backend : Backend
        A backend that can.
    spec : ModelSpec
        The model.
    responses : Responses
        The data.
    quadrature : Quadrature
        How the abilities are integrated out.
    block : int
        Persons in a block; 0 chooses.
    **how
        Device and dtype.

    Raises
    ------
    SpecError
        The abilities of this model cannot be integrated out.
    """
    check_collapsible(spec, quadrature)
    whole = membership_of(spec, responses) is not None or any(p.dim == "person" for p in spec.designs.values())
    room = ROOM[resolve_device(how.get("device", "auto"), backend.devices(), backend.name)]
    size = responses.n_persons if whole else block or automatic_block(spec, responses, quadrature, room)

    def compiled(part: Responses) -> Program:
        return backend.compile(spec, part, collapse=quadrature, **how)

    if size >= responses.n_persons:
        return compiled(responses)
    programs: list[Program] = []
    for rows in blocks_of(responses.n_persons, size):
        part = responses.select(rows)
        same = bool(programs) and part.n_persons == programs[-1].responses.n_persons
        programs.append(programs[-1].bind(part) if same else compiled(part))
    return StreamedProgram(programs, compiled(responses.select(slice(1)).blank()), responses)


def blocks_of(n_persons: int, size: int) -> list[slice]:
    """Persons in blocks of equal size, at most `size`; the last one may be shorter."""
    size = -(-n_persons // -(-n_persons // size))
    return [slice(start, min(start + size, n_persons)) for start in range(0, n_persons, size)]


def automatic_block(spec: ModelSpec, responses: Responses, quadrature: Quadrature, room: int = 1) -> int:
    """Persons in a block: all, unless the table of persons by nodes is large and few patterns do not make it small."""
    nodes, most = table_width(Layout.of(spec, responses, quadrature)), LARGEST_WHOLE * room
    if nodes * responses.n_persons <= most or nodes * Patterns.number(responses) <= most:
        return responses.n_persons
    return _block_size(nodes, room)


def add_all_abilities(program: Program, draws: Draws, seed: int) -> tuple[Draws, Array | AbilityMoments | None]:
    """`add_abilities`, in blocks of persons where there are many; their moments, where draws of all would not fit."""
    if draws.standard_errors is None and too_many(program.layout, math.prod(draws.z.shape[:2])):
        return _with_moments(program, draws, seed)
    responses, collapse = program.responses, program.layout.collapse
    nodes = 0 if collapse is None else table_width(program.layout)
    if nodes * responses.n_persons <= LARGEST_WHOLE or program.layout.by_person:
        return add_abilities(program, draws, seed)
    ability = program.spec[program.spec.family.ability]
    traits = tuple(program.layout.sizes[dim] for dim in ability.dims[1:])
    everybody = np.empty((*draws.z.shape[:2], responses.n_persons, *traits))
    sd = np.empty((responses.n_persons, *traits))
    for number, rows in enumerate(blocks_of(responses.n_persons, _block_size(nodes))):
        block = copy.copy(program)
        block.responses = responses.select(rows)
        child = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
        done, everybody[:, :, rows] = add_abilities(block, draws, child)
        if done.standard_errors is not None:
            sd[rows] = done.standard_errors[ability.name]
        draws = replace(draws, timings=done.timings)
    if draws.standard_errors is not None:
        draws = replace(draws, standard_errors={**draws.standard_errors, ability.name: sd})
    return draws, everybody


def _with_moments(program: Program, draws: Draws, seed: int) -> tuple[Draws, AbilityMoments]:
    start = time.perf_counter()
    params = program.constrain(draws.z)
    moments = ability_moments(program.layout, params, program.responses, seed, program.arrays)
    sampling = draws.timings.sampling + time.perf_counter() - start
    return replace(draws, timings=replace(draws.timings, sampling=sampling)), moments


def _block_size(nodes: int, room: int = 1) -> int:
    return max(room * CELLS // nodes, SMALLEST)
