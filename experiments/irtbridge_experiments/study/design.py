"""What a simulation study simulates: true parameters, drawn once, and response matrices, one for each replication.

The seeds depend on the study's seed, the design and the replication alone: never on backend, method, launcher, order or
the number of replications. Conditions with one design, as a grid of priors has, get the same truth and the same data.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from irtbridge.data.responses import Responses
from irtbridge.errors import ConfigError
from irtbridge.model.layout import Layout
from irtbridge.model.priors import MultivariateNormal
from irtbridge.model.simulate import empty_responses, simulate_parameters, simulate_responses
from irtbridge.model.spec import ModelSpec
from irtbridge.results.inference_data import reported

Array = NDArray[np.float64]
TRUTH, RESPONSES = 0, 1
MAX_TRIES = 1000


@dataclass(frozen=True)
class Design:
    """How data are generated.

    Attributes
    ----------
    spec : ModelSpec
        The model whose priors are the generating distributions.
    n_persons : int
    n_categories : tuple of int
        Of each item.
    missing : float
        Probability that a response is missing.
    correlation : tuple of float, optional
        Lowest and highest true trait correlation, drawn uniformly between; else from the spec's own prior.
    """

    spec: ModelSpec
    n_persons: int
    n_categories: tuple[int, ...]
    missing: float = 0.0
    correlation: tuple[float, float] | None = None

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        plain = {f: getattr(self, f) for f in ("n_persons", "missing")}
        ends = None if self.correlation is None else list(self.correlation)
        return {"spec": self.spec.to_dict(), **plain, "n_categories": list(self.n_categories), "correlation": ends}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Design:
        """Rebuild a design from `to_dict`."""
        ends = data["correlation"]
        return cls(
            ModelSpec.from_dict(data["spec"]),
            data["n_persons"],
            tuple(data["n_categories"]),
            data["missing"],
            None if ends is None else (ends[0], ends[1]),
        )

    @property
    def hash(self) -> str:
        """First 16 hexadecimal digits of the SHA-256 of the content."""
        text = json.dumps(self.to_dict(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def layout(self) -> Layout:
        """The spec over the shape of the data."""
        return Layout.of(self.spec, empty_responses(self.n_persons, self.n_categories, self.spec.items))

    def generator(self, seed: int, *what: int) -> np.random.Generator:
        """Source of randomness of one thing that is drawn."""
        return np.random.default_rng(np.random.SeedSequence([seed, int(self.hash, 16), *what]))

    def true_parameters(self, seed: int) -> dict[str, Array]:
        """Full arrays of every variable of the spec, drawn once for a study."""
        rng = self.generator(seed, TRUTH)
        if self.correlation is None:
            return simulate_parameters(self.spec, self.n_persons, self.n_categories, rng)
        name = factor_name(self.spec)
        factor = _draw_factor(*self.correlation, len(self.spec.traits), rng)
        given = _with_factor(self.spec, name, factor)
        return {name: factor} | simulate_parameters(given, self.n_persons, self.n_categories, rng)

    def responses(self, seed: int, params: Mapping[str, Array], replication: int) -> Responses:
        """The response matrix of one replication."""
        rng = self.generator(seed, RESPONSES, replication)
        drawn = simulate_responses(self.spec, params, self.n_categories, rng, self.missing)
        return replace(drawn, name=f"simulated-{replication:04d}")

    def truth(self, params: Mapping[str, Array]) -> dict[str, Array]:
        """True values of what is estimated, by the names of a posterior; NaN where an element is fixed.

        Of a correlation matrix the elements below the diagonal count. What only follows from others (`Family.derived`)
        stands behind the variables in a report, and is left out here.
        """
        slots = self.layout.slots
        named = reported(self.layout, {name: params[name] for name in slots})
        pairs = zip(slots.values(), named.items(), strict=False)
        return {name: np.where(slot.estimated, value, np.nan) for slot, (name, (_, value)) in pairs}


def factor_name(spec: ModelSpec) -> str:
    """The variable that holds the trait correlations.

    Raises
    ------
    ConfigError
        The traits of the spec are not correlated.
    """
    for variable in spec.variables:
        if variable.prior.support == "cholesky":
            return variable.name
    raise ConfigError(
        f"simulate.correlation needs correlated traits, which model {spec.name!r} has with correlated: true."
    )


def _with_factor(spec: ModelSpec, name: str, factor: Array) -> ModelSpec:
    """The spec with abilities of known correlations."""
    prior = MultivariateNormal(0, tuple(map(tuple, factor.tolist())))
    ability = spec.family.ability
    kept = (v for v in spec.variables if v.name != name)
    return replace(spec, variables=tuple(replace(v, prior=prior) if v.name == ability else v for v in kept))


def _draw_factor(low: float, high: float, size: int, rng: np.random.Generator) -> Array:
    """Cholesky factor of a correlation matrix with independent uniform elements, given that it is one."""
    below = np.tril_indices(size, -1)
    for _ in range(MAX_TRIES):
        matrix = np.eye(size)
        matrix[below] = rng.uniform(low, high, len(below[0]))
        matrix = matrix + np.tril(matrix, -1).T
        if np.linalg.eigvalsh(matrix)[0] > 0:
            return np.asarray(np.linalg.cholesky(matrix))
    raise ConfigError(f"simulate.correlation=[{low}, {high}]: no correlation matrix of {size} traits found there.")
