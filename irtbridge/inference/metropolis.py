"""Adaptive random-walk Metropolis within Gibbs, in NumPy: no gradient, no backend's density.

Given the items persons are independent, and items given the persons and what they share: so a step proposes a move for
every person at once, and each one is accepted or not by the person's own likelihood; likewise by item. What persons or
items share moves one number at a time. Proposals are made in the parameters themselves, and one outside of a prior's
support is refused, so that no Jacobian is needed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from irtbridge.data.responses import Responses
from irtbridge.errors import SpecError
from irtbridge.inference.method import SHORT_CHAIN, Method
from irtbridge.model.density import log_likelihood, log_prior
from irtbridge.model.layout import Layout
from irtbridge.model.slot import Slot
from irtbridge.plugin.options import check_positive, check_probability
from irtbridge.plugin.program import Program, Progress
from irtbridge.plugin.starts import starting_point
from irtbridge.results.draws import Draws, Timings

Array = NDArray[np.float64]
UNITS = ("person", "item")
FIRST_SCALE, START = 1.0, 0.5
FORGETTING = 0.6  # step t changes a log scale by t^-0.6 (Andrieu & Thoms 2008): less and less, without end in sum


@dataclass(frozen=True)
class MetropolisSettings:
    """Settings of random-walk Metropolis within Gibbs (Metropolis et al. 1953; Patz & Junker 1999).

    A teaching method, and a check that needs no gradient; NUTS needs far fewer steps. Scales of the proposals are
    adapted during the warm-up, each to its own rate of acceptance, and fixed after it (Andrieu & Thoms 2008).

    Parameters
    ----------
    chains, warmup, draws : int
        Number of chains; of adaptation steps, which are not kept; of kept draws in each chain.
    target_accept : float
        Acceptance rate that each scale is adapted to; 0.44 is best for one number (Gelman, Roberts & Gilks 1996).
    thin : int
        Steps for each kept draw.
    """

    chains: int = 4
    warmup: int = 1000
    draws: int = 1000
    target_accept: float = 0.44
    thin: int = 1

    def __post_init__(self) -> None:
        check_positive(self, "chains", "warmup", "draws", "thin")
        check_probability(self, "target_accept")


@dataclass(frozen=True, eq=False)
class Move:
    """Elements of a variable that are proposed together.

    Attributes
    ----------
    slot : Slot
        The variable's place.
    elements : ndarray of int
        Of its site, laid flat.
    units : ndarray of int, optional
        The person or item that each one belongs to, by which it is accepted or not; None where it is one element that
        is shared.
    """

    slot: Slot
    elements: NDArray[np.intp]
    units: NDArray[np.intp] | None

    @property
    def axis(self) -> int:
        """Of responses (person, item): that of the units."""
        return UNITS.index(self.slot.variable.dims[0])


class Chain:
    """One chain over the parameters of a model.

    Parameters
    ----------
    layout : Layout
        The model over the data's shape.
    responses : Responses
        The data.
    params : mapping of str to ndarray
        Full arrays where it begins.
    scales : ndarray, shape (dim,)
        Standard deviations of the proposals, in the order of the coordinates.
    rng : Generator
        Source of randomness.
    """

    def __init__(
        self, layout: Layout, responses: Responses, params: Mapping[str, Array], scales: Array, rng: np.random.Generator
    ) -> None:
        self.layout, self.responses, self.rng = layout, responses, rng
        self.params, self.scales = dict(params), scales.copy()
        self.moves = list(moves_of(layout))
        self.likelihood = log_likelihood(layout, params, responses)

    def step(self) -> Array:
        """Move every element once; which proposals were accepted, shape (dim,)."""
        accepted = np.zeros(self.layout.dim)
        for move in self.moves:
            places = self.layout.places[move.slot.name][move.elements]
            accepted[places] = self._try(move, self.scales[places])
        return accepted

    def _try(self, move: Move, scales: Array) -> NDArray[np.bool_]:
        name, site = move.slot.name, move.slot.to_site(self.params[move.slot.name])
        proposed = site.copy().ravel()
        proposed[move.elements] += scales * self.rng.standard_normal(len(scales))
        there = {**self.params, name: move.slot.to_full(proposed.reshape(site.shape))}
        with np.errstate(all="ignore"):
            likelihood = log_likelihood(self.layout, there, self.responses)
            gain = self._gain(move, there, likelihood)
        accept = np.log(self.rng.uniform(size=len(scales))) < np.nan_to_num(gain, nan=-np.inf)
        kept = np.where(accept, proposed[move.elements], site.ravel()[move.elements])
        proposed[move.elements] = kept
        self.params = {**self.params, name: move.slot.to_full(proposed.reshape(site.shape))}
        self.likelihood = self._mixed(move, accept, likelihood)
        return np.asarray(accept)

    def _gain(self, move: Move, there: Mapping[str, Array], likelihood: Array) -> Array:
        """Log density of the proposals less that of where they start from: for each unit, or of everything."""
        if move.units is None:
            change = _log_priors(self.layout, there) - _log_priors(self.layout, self.params)
            return np.array([change + np.sum(likelihood - self.likelihood)])
        by_unit = np.sum(likelihood - self.likelihood, axis=1 - move.axis)
        prior = _prior_by_unit(self.layout, move.slot, there) - _prior_by_unit(self.layout, move.slot, self.params)
        return np.asarray((by_unit + prior)[move.units])

    def _mixed(self, move: Move, accept: NDArray[np.bool_], likelihood: Array) -> Array:
        """The likelihood of each response after the move."""
        if move.units is None:
            return likelihood if accept[0] else self.likelihood
        moved = np.zeros(likelihood.shape[move.axis], dtype=bool)
        moved[move.units] = accept
        return np.where(np.expand_dims(moved, 1 - move.axis), likelihood, self.likelihood)

    @property
    def log_density(self) -> float:
        """Where the chain is."""
        return _log_priors(self.layout, self.params) + float(self.likelihood.sum())


def moves_of(layout: Layout) -> Iterator[Move]:
    """The moves of one step.

    Raises
    ------
    SpecError
        A matrix of correlations, whose elements cannot move one at a time.
    """
    referred = {name for variable in layout.spec.variables for name in variable.prior.references().values()}
    for name, slot in layout.slots.items():
        if slot.variable.prior.support == "cholesky":
            raise SpecError(f"{slot.variable}: metropolis moves no correlations; use method=nuts.")
        elements = np.arange(slot.size)
        by_unit = slot.variable.dims[:1] in (("person",), ("item",)) and name not in referred
        if not by_unit or slot.ties is not None or slot.basis is not None:
            yield from (Move(slot, elements[i : i + 1], None) for i in elements)
            continue
        full = elements if slot.index is None else slot.index
        units, others = np.divmod(full, int(np.prod(slot.shape[1:])))
        yield from (Move(slot, elements[others == other], units[others == other]) for other in np.unique(others))


Begin = Callable[[np.random.Generator, int], Chain]


def run_metropolis(program: Program, settings: MetropolisSettings, seed: int, progress: Progress) -> Draws:
    """Chains one after another, each from near the convention of the model."""
    scales = np.full(program.dim, FIRST_SCALE)

    def begin(rng: np.random.Generator, number: int) -> Chain:
        params = program.constrain(starting_point(program, rng, START))
        chain = Chain(program.layout, program.responses, params, scales, rng)
        for t in range(1, settings.warmup + 1):
            chain.scales *= np.exp(t**-FORGETTING * (chain.step() - settings.target_accept))
            progress("warm-up", number * settings.warmup + t, settings.chains * settings.warmup)
        return chain

    return _run(program, begin, settings, seed, progress)


def resume_metropolis(
    program: Program, settings: MetropolisSettings, before: Draws, draws: int, seed: int, progress: Progress
) -> Draws:
    """Go on with the chains from where they are, with the scales that they have adapted to."""
    kept = before.kept_adaptation

    def begin(rng: np.random.Generator, number: int) -> Chain:
        params = program.constrain(kept["last"][number])
        return Chain(program.layout, program.responses, params, kept["scale"][number], rng)

    return _run(program, begin, replace(settings, draws=draws), seed, progress)


def _run(program: Program, begin: Begin, settings: MetropolisSettings, seed: int, progress: Progress) -> Draws:
    chains, rows, stats, spent = [], [], [], np.zeros(2)
    for number, child in enumerate(np.random.SeedSequence(seed).spawn(settings.chains)):
        start = time.perf_counter()
        chain = begin(np.random.default_rng(child), number)
        middle = time.perf_counter()
        params, numbers = _sample(chain, settings, number, progress)
        spent += middle - start, time.perf_counter() - middle
        chains.append(chain)
        rows.append(program.unconstrain(params))
        stats.append(numbers)
    z = np.stack(rows)
    adaptation = {"last": z[:, -1].copy(), "scale": np.stack([chain.scales for chain in chains])}
    timings = Timings(warmup=float(spent[0]), sampling=float(spent[1]))
    return Draws(z, timings, {n: np.stack([s[n] for s in stats]) for n in stats[0]}, adaptation=adaptation)


def _sample(
    chain: Chain, settings: MetropolisSettings, number: int, progress: Progress
) -> tuple[dict[str, Array], dict[str, Array]]:
    """Full arrays (draw, *shape) of one chain, and its statistics (draw,)."""
    states, rates, values = [], [], []
    for t in range(1, settings.draws + 1):
        rates.append(np.mean([chain.step().mean() for _ in range(settings.thin)]))
        states.append(chain.params)
        values.append(chain.log_density)
        progress("sampling", number * settings.draws + t, settings.chains * settings.draws)
    params = {name: np.stack([state[name] for state in states]) for name in chain.params}
    return params, {"acceptance_rate": np.array(rates), "lp": np.array(values)}


def _log_priors(layout: Layout, params: Mapping[str, Array]) -> float:
    with np.errstate(all="ignore"):
        return float(sum(log_prior(layout, name, params) for name in layout.slots))


def _prior_by_unit(layout: Layout, slot: Slot, params: Mapping[str, Array]) -> Array:
    """Log prior density of a variable for each person or item, a constant apart."""
    prior = slot.variable.prior
    terms = prior.log_density(params[slot.name], **layout.arguments(slot.name, layout.complete(params)))
    if not prior.event_ndim and slot.free is not None:
        terms = np.where(slot.free, terms, 0.0)
    return np.asarray(terms.reshape(len(terms), -1).sum(axis=1))


METHOD = Method(
    "metropolis",
    MetropolisSettings,
    run_metropolis,
    summary="random-walk Metropolis within Gibbs, without any gradient: to teach and to check",
    colour="#44AA99",
    smoke=SHORT_CHAIN,
    gradients=False,
    resume=resume_metropolis,
)
