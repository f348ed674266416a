"""Abilities integrated out: the quadrature, and the response patterns it is taken over.

Given the ability every family is an exponential family in the response. So the log likelihood of all persons at all
nodes is one matrix product: statistics T of the response patterns (pattern, item x statistic) times the natural
parameters eta at the nodes (item x statistic, node). With A the log density of a response whose statistics are 0::

    log p(pattern | node) = sum_j A_j + sum_{observed j, s} T_js eta_js - sum_{missing j} A_j

That holds with hierarchical priors, and for every family: of categories the statistics are indicators of those above
the lowest, eta their log odds against it and A its log probability; of fractions they are logarithms, of counts the
counts themselves.

Where the natural parameters are linear in the abilities (2PL, partial credit, Poisson), the second sum is too: the
product is taken at the corners of the grid, one more than there are traits, and interpolated to the nodes. So far as
abilities go, the weighted sums of a person's responses are sufficient statistics (Andersen 1977). What follows from
that for one trait is in `irtbridge.model.cumulants`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, special

from irtbridge.errors import ConfigError, SpecError
from irtbridge.model.priors import MultivariateNormal, Normal
from irtbridge.model.reduction import grid_dimensions
from irtbridge.model.spec import ModelSpec

Array = NDArray[np.float64]
MAX_TRAITS = 3  # of a grid: a fourth would take half a million nodes
BITS = 30  # of a Sobol point
MANY = 2**10  # nodes that three traits have in all: a grid of so many for each would have a thousand million
SCATTERED = 2**13  # nodes of more traits (tests/model/test_scattered.py)
# By number of traits: the nodes of each, and the steps of a test up to which they serve. Twice as many nodes then move
# the log likelihood by less than 1e-6 of itself (tests/model/test_quadrature.py).
SHORT = {1: (41, 45), 2: (31, 30), 3: (25, 30)}
LARGEST_GRID = 100_000  # nodes of all traits together: 0.8 MB of doubles for each person


@dataclass(frozen=True)
class Quadrature:
    """The trapezoid rule on an even grid, in standard deviations of the ability.

    For a density as smooth as a posterior of abilities its error falls as exp(-2 pi^2 s^2 / h^2), s being the
    posterior's standard deviation and h the step of the grid (Trefethen & Weideman 2014, section 5).

    Parameters
    ----------
    n_nodes : int
        Nodes for each trait; 0 leaves it to `chosen`.
    half_width : float
        The grid ends this many standard deviations from the mean.
    scatters : bool
        Whether more than three traits are served, by `ScatteredNodes`, and three where `n_nodes` is 1,024 or more.
    """

    n_nodes: int = 0
    half_width: float = 6.0
    scatters: bool = False

    def __post_init__(self) -> None:
        whole = isinstance(self.n_nodes, int) and not isinstance(self.n_nodes, bool)
        if not whole or not (self.n_nodes == 0 or self.n_nodes >= 3):
            raise ConfigError(f"n_nodes={self.n_nodes!r} must be an integer, 3 or greater, or 0, which chooses.")
        if not self.half_width > 0:
            raise ConfigError(f"half_width={self.half_width!r} must be positive.")

    def chosen(self, n_traits: int, steps: float) -> Quadrature:
        """Itself, or with nodes for so many traits and so long a test: 41, 31 and 25 for one, two and three traits.

        A reduction of dimension has two, whatever the number of its traits.

        A posterior of abilities narrows as the root of the test's length. So beyond 45 steps (categories above the
        lowest, over all items), 30 with several traits, the nodes grow as the root of their number, up to a grid of
        100,000.

        Parameters
        ----------
        n_traits : int
            One to three; more where it scatters.
        steps : float
            Length of the test: categories above the lowest over all items, or what tells as much (`Family.steps`).
        """
        if self.scattered_for(n_traits):
            return ScatteredNodes(1 << ((self.n_nodes or SCATTERED) - 1).bit_length())
        if self.n_nodes > 0:
            return self
        nodes, length = SHORT[n_traits]
        growth = max(1.0, steps / length) ** 0.5
        most = int(LARGEST_GRID ** (1 / n_traits))
        return replace(self, n_nodes=min(round(nodes * growth), most))

    def scattered_for(self, n_traits: int) -> bool:
        """Whether so many traits get `ScatteredNodes`, where it scatters: more than a grid serves, or as many with
        1,024 nodes or more, which are then those of all traits together."""
        return self.scatters and (n_traits > MAX_TRAITS or (n_traits == MAX_TRAITS and self.n_nodes >= MANY))

    def size(self, n_traits: int) -> int:
        """Nodes of the product grid."""
        return int(self.n_nodes**n_traits)

    @property
    def step(self) -> float:
        """Distance between neighbouring nodes."""
        return 2 * self.half_width / (self.n_nodes - 1)

    def standard_nodes(self, n_traits: int) -> Array:
        """All nodes of the product grid, shape (node, trait); to be read only."""
        return _grid(self.n_nodes, self.half_width, n_traits)

    def corners(self, n_traits: int) -> tuple[NDArray[np.intp], Array]:
        """Which nodes are corners, enough of them to interpolate what is linear, and each node's weights on them.

        Returns
        -------
        ndarray of int, shape (corner,)
            The lowest node, and for each trait the node at the grid's upper end on that trait alone.
        ndarray, shape (node, corner)
            Barycentric coordinates: each row's sum is 1.
        """
        ends = (self.n_nodes - 1) * self.n_nodes ** np.arange(n_traits - 1, -1, -1)
        away = (self.standard_nodes(n_traits) + self.half_width) / (2 * self.half_width)
        return np.r_[0, ends], np.c_[1 - away.sum(axis=1), away]

    def log_masses(self, standard: Array) -> Array:
        """Log weights, up to a constant, of standard nodes (..., node, trait) under a standard normal."""
        return np.asarray(-0.5 * np.sum(standard**2, axis=-1))

    def log_weights(self, n_traits: int) -> Array:
        """Log weights of the nodes under a standard normal, shape (node,); their exponentials sum to one."""
        log_density = self.log_masses(self.standard_nodes(n_traits))
        return np.asarray(log_density - special.logsumexp(log_density), dtype=float)


@dataclass(frozen=True)
class ScatteredNodes(Quadrature):
    """Scrambled Sobol points (Owen 1998) as standard normal nodes of equal weight, for more traits than a grid serves.

    The same nodes serve all persons, so that the likelihood stays one matrix product and a smooth function of the
    parameters, with an error that falls nearly as one over the number of nodes.

    Parameters
    ----------
    n_nodes : int
        In all, a power of two. Twice as many have these among them.
    """

    scatters: bool = True

    def chosen(self, n_traits: int, steps: float) -> Quadrature:
        return self

    def size(self, n_traits: int) -> int:
        return self.n_nodes

    def standard_nodes(self, n_traits: int) -> Array:
        return _scattered(self.n_nodes, n_traits)

    def corners(self, n_traits: int) -> tuple[NDArray[np.intp], Array]:
        """Nodes far from each other, by pivoting; weights sum to 1, some of them negative."""
        nodes = self.standard_nodes(n_traits)
        places = np.c_[np.ones(len(nodes)), nodes]
        few = linalg.qr(places.T, mode="r", pivoting=True)[1][: n_traits + 1].astype(np.intp)
        return few, np.asarray(np.linalg.solve(places[few].T, places.T).T)

    def log_masses(self, standard: Array) -> Array:
        return np.zeros(standard.shape[:-1])


@lru_cache(maxsize=4)
def _scattered(n_nodes: int, n_traits: int) -> Array:
    from scipy.stats import qmc  # here, as it takes longer to import than the whole of the language

    uniform = qmc.Sobol(n_traits, bits=BITS, seed=0).random(n_nodes)
    nodes = np.asarray(special.ndtri(uniform + 0.5 ** (BITS + 1)))  # the middle of a cell: no point lies at an end
    nodes.flags.writeable = False
    return nodes


@lru_cache(maxsize=8)
def _grid(n_nodes: int, half_width: float, n_traits: int) -> Array:
    line = np.linspace(-half_width, half_width, n_nodes)
    grid = np.stack(np.meshgrid(*[line] * n_traits, indexing="ij"), axis=-1).reshape(-1, n_traits)
    grid.flags.writeable = False
    return grid


def check_normal_abilities(spec: ModelSpec) -> None:
    """Raise `SpecError` unless abilities are normal and nothing but the responses refers to them."""
    ability = spec[spec.family.ability]
    if not isinstance(ability.prior, (Normal, MultivariateNormal)):
        raise SpecError(f"{ability}: this method needs a Normal or multivariate normal ability; use method=nuts.")
    users = [v.name for v in spec.variables if ability.name in v.prior.references().values()]
    if users:
        raise SpecError(f"{ability}: {users[0]!r} refers to it, which this method cannot serve; use method=nuts.")


def check_collapsible(spec: ModelSpec, quadrature: Quadrature) -> None:
    """Raise `SpecError` unless the abilities of a spec can be integrated out by a quadrature."""
    check_normal_abilities(spec)
    ability = spec[spec.family.ability]
    n_traits = grid_dimensions(spec)
    beyond = n_traits > MAX_TRAITS or quadrature.scattered_for(n_traits)
    if beyond and not quadrature.scatters:
        raise SpecError(
            f"model {spec.name!r} has {len(spec.traits)} traits; a grid serves at most {MAX_TRAITS}, or any number of "
            "independent ones where no item loads on more than a general trait and one other (bifactor). "
            "Use method=nuts_whitened, or method=map for the mode."
        )
    normal = isinstance(ability.prior, Normal)
    for argument, value in ability.prior.arguments().items():
        reference = ability.prior.references().get(argument)
        by_person = reference is not None and "person" in spec[reference].dims
        by_group = reference is not None and {"group", "person"} & {*spec[reference].dims}
        array = reference is None and np.ndim(value) > 0 and ability.dims == ("person",)  # type: ignore[arg-type]
        if by_person or array or (by_group and (beyond or not normal)) or (beyond and ability.prior.predictors()):
            raise SpecError(
                f"{ability}: a prior that differs from person to person cannot be integrated out unless it is a Normal "
                f"by group or by covariates, of {MAX_TRAITS} traits at most; use method=nuts_whitened."
            )
