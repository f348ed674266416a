"""Reference posteriors of one-trait models, by an independent road: quadrature over persons, no sampler of a library.

Abilities are integrated out on a grid; the item parameters' mode is found with SciPy, and their posterior moments by
self-normalised importance sampling from a multivariate t at the mode.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special, stats

from irtbridge.data.kinds import MISSING
from irtbridge.data.responses import Responses
from irtbridge.errors import SpecError
from irtbridge.model.coordinates import to_params
from irtbridge.model.density import exponential_form, log_prior
from irtbridge.model.layout import Layout
from irtbridge.model.priors import Normal
from irtbridge.model.slot import Slot
from irtbridge.model.spec import ModelSpec

Array = NDArray[np.float64]
Rule = Callable[[int], tuple[Array, Array]]


def even_grid(n_nodes: int) -> tuple[Array, Array]:
    """Nodes and log weights for the standard normal: an even grid from -6 to 6."""
    nodes = np.linspace(-6, 6, n_nodes)
    log_weights = stats.norm.logpdf(nodes)
    return nodes, log_weights - special.logsumexp(log_weights)


def gauss_hermite(n_nodes: int) -> tuple[Array, Array]:
    """Nodes and log weights for the standard normal: Gauss-Hermite, which R's ltm takes with 21 nodes."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(n_nodes)
    return nodes, np.log(weights / weights.sum())


@dataclass(frozen=True, eq=False)
class Marginal:
    """The marginal posterior of a spec with one trait, abilities integrated out.

    Attributes
    ----------
    layout : Layout
        The model over the data.
    nodes, log_weights : ndarray, shape (node,)
        Quadrature over the ability's prior; by default an even grid over 6 standard deviations each side.
    counts : ndarray, shape (pattern,)
        How many persons gave each distinct response pattern.
    statistics : ndarray, shape (pattern, column)
        The distinct patterns: sufficient statistics (item x statistic), and 1 where an item has a response.
    """

    layout: Layout
    nodes: Array
    log_weights: Array
    counts: Array
    statistics: Array

    @classmethod
    def of(cls, spec: ModelSpec, responses: Responses, n_nodes: int = 121, rule: Rule = even_grid) -> Marginal:
        """Set up the quadrature: `rule` gives nodes and log weights for the standard normal.

        Raises
        ------
        SpecError
            The ability is not one trait with a Normal prior of fixed numbers.
        """
        prior = spec[spec.family.ability].prior
        if spec[spec.family.ability].dims != ("person",) or not isinstance(prior, Normal) or prior.references():
            raise SpecError(f"a marginal reference needs one trait with a fixed Normal prior, got {prior}.")
        layout = Layout.of(spec, responses)
        loc, scale = (float(np.asarray(v)) for v in prior.arguments().values() if not isinstance(v, str))
        nodes, log_weights = rule(n_nodes)
        patterns, place = np.unique(responses.values, axis=0, return_inverse=True)
        counts = np.bincount(place.ravel(), responses.weights)
        statistics = spec.family.statistics(patterns, layout.exists).reshape(len(patterns), -1)
        columns = np.concatenate([statistics, patterns != MISSING], axis=1)
        return cls(layout, loc + scale * nodes, log_weights, counts.astype(float), columns)

    def log_likelihood(self, params: Mapping[str, Array]) -> float:
        """Marginal log likelihood of all persons at item parameters (full arrays)."""
        by_pattern = self.statistics @ self.natural(params).T + self.log_weights
        return float(self.counts @ special.logsumexp(by_pattern, axis=1))

    def natural(self, params: Mapping[str, Array]) -> Array:
        """Natural parameters of each item at the nodes, then the bases, shape (node, column)."""
        params = self.layout.complete(params)
        natural, base = exponential_form(self.layout, {**params, self.layout.spec.family.ability: self.nodes})
        columns = np.concatenate([natural.reshape(len(self.nodes), -1), base], axis=1)
        return np.where(np.isfinite(columns), columns, -1e300)

    def expected_statistics(self, params: Mapping[str, Array]) -> Array:
        """Sums of the statistics that persons at each node are expected to have, shape (node, column).

        Given these, the log likelihood's gradient is that of their product with the natural parameters (Fisher's
        identity; Louis 1982), which needs no pass over the patterns for each parameter.
        """
        by_pattern = self.statistics @ self.natural(params).T + self.log_weights
        return (self.counts[:, None] * special.softmax(by_pattern, axis=1)).T @ self.statistics

    @property
    def slots(self) -> list[Slot]:
        """Slots of all variables but the abilities."""
        ability = self.layout.spec.family.ability
        return [slot for name, slot in self.layout.slots.items() if name != ability]

    def constrain(self, z: Array) -> tuple[dict[str, Array], float]:
        """Full arrays at unconstrained coordinates, and the log Jacobian."""
        return to_params(self.slots, z)

    def log_density(self, z: Array, priors: bool = True) -> float:
        """Log posterior density of the coordinates (or the log likelihood alone)."""
        params, log_jacobian = self.constrain(z)
        with np.errstate(all="ignore"):
            value = self.log_likelihood(params) + (self._log_prior(params, log_jacobian) if priors else 0.0)
        return value if np.isfinite(value) else -1e12

    def gradient(self, z: Array, priors: bool = True, step: float = 1e-5) -> Array:
        """Gradient (dim,) of the log density, by central differences given the expected statistics."""
        expected = self.expected_statistics(self.constrain(z)[0])

        def value(z: Array) -> float:
            params, log_jacobian = self.constrain(z)
            return float(np.sum(expected * self.natural(params))) + (
                self._log_prior(params, log_jacobian) if priors else 0.0
            )

        with np.errstate(all="ignore"):
            return np.array([value(z + move) - value(z - move) for move in step * np.eye(len(z))]) / (2 * step)

    def _log_prior(self, params: Mapping[str, Array], log_jacobian: float) -> float:
        return log_jacobian + sum(log_prior(self.layout, slot.name, params) for slot in self.slots)


@dataclass(frozen=True, eq=False)
class Reference:
    """Posterior means and SDs of the item parameters, with the Monte Carlo standard error of the means.

    Attributes
    ----------
    mean, sd, mcse : dict of str to ndarray
        Full arrays by variable name.
    ess : float
        Effective number of importance draws, 1 / sum of squared normalised weights.
    """

    mean: dict[str, Array]
    sd: dict[str, Array]
    mcse: dict[str, Array]
    ess: float


def maximise_marginal(
    spec: ModelSpec, responses: Responses, *, priors: bool = False, n_nodes: int = 121, rule: Rule = even_grid
) -> tuple[dict[str, Array], float]:
    """Maximum marginal likelihood (Bock & Aitkin 1981), or the marginal posterior mode with `priors`.

    Parameters
    ----------
    spec : ModelSpec
        One trait with a fixed Normal prior.
    responses : Responses
        The data.
    priors : bool
        Add the log prior of the item parameters and the Jacobian of the coordinates.
    n_nodes : int
        Quadrature nodes.
    rule : callable
        Nodes and log weights for the standard normal: `even_grid` or `gauss_hermite`.

    Returns
    -------
    params : dict of str to ndarray
        Item parameters at the maximum.
    log_likelihood : float
        The marginal log likelihood there.
    """
    marginal = Marginal.of(spec, responses, n_nodes, rule)
    z = _mode(marginal, priors=priors)
    params, _ = marginal.constrain(z)
    return params, marginal.log_likelihood(params)


def reference_posterior(spec: ModelSpec, responses: Responses, *, draws: int = 20_000, seed: int = 0) -> Reference:
    """Posterior moments of the item parameters by importance sampling on the marginal posterior.

    Parameters
    ----------
    spec : ModelSpec
        One trait with a fixed Normal prior.
    responses : Responses
        The data.
    draws : int
        Importance draws, from a multivariate t with 8 degrees of freedom at the mode.
    seed : int
        Seed of the draws.
    """
    marginal = Marginal.of(spec, responses, n_nodes=61)
    mode = _mode(marginal)
    proposal = stats.multivariate_t(mode, np.linalg.inv(_curvature(marginal.log_density, mode)), df=8, seed=seed)
    z = np.atleast_2d(proposal.rvs(draws))
    log_weights = np.array([marginal.log_density(row) for row in z]) - proposal.logpdf(z)
    weights = special.softmax(log_weights)
    params = [marginal.constrain(row)[0] for row in z]
    mean, sd, mcse = {}, {}, {}
    for slot in marginal.slots:
        values = np.stack([p[slot.name] for p in params])
        mean[slot.name] = np.tensordot(weights, values, 1)
        squared = (values - mean[slot.name]) ** 2
        sd[slot.name] = np.sqrt(np.tensordot(weights, squared, 1))
        mcse[slot.name] = np.sqrt(np.tensordot(weights**2, squared, 1))
    return Reference(mean, sd, mcse, float(1 / np.sum(weights**2)))


def _mode(marginal: Marginal, *, priors: bool = True) -> Array:
    def objective(z: Array) -> tuple[float, Array]:
        return -marginal.log_density(z, priors), -marginal.gradient(z, priors)

    start = np.zeros(sum(slot.size for slot in marginal.slots))
    result = optimize.minimize(objective, start, jac=True, method="L-BFGS-B")
    polished = optimize.minimize(objective, result.x, jac=True, method="BFGS")
    return np.asarray(polished.x)


def _curvature(log_density: Callable[[Array], float], mode: Array, step: float = 1e-3) -> Array:
    """Negative Hessian at the mode by central differences."""
    dim = len(mode)
    unit = np.eye(dim) * step
    hessian = np.empty((dim, dim))
    for i in range(dim):
        for j in range(i + 1):
            corners = [log_density(mode + a * unit[i] + b * unit[j]) for a in (1, -1) for b in (1, -1)]
            hessian[i, j] = hessian[j, i] = (corners[0] - corners[1] - corners[2] + corners[3]) / (4 * step**2)
    return -hessian
