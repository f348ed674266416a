"""What a sampler hands back: draws, and the seconds that they took."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Timings:
    """Wall-clock seconds: of compiling (tracing and code generation), of warm-up or optimisation, of sampling."""

    compile: float = 0.0
    warmup: float = 0.0
    sampling: float = 0.0

    @property
    def total(self) -> float:
        """Seconds of compiling, warm-up and sampling together."""
        return self.compile + self.warmup + self.sampling

    def __add__(self, more: Timings) -> Timings:
        return Timings(self.compile + more.compile, self.warmup + more.warmup, self.sampling + more.sampling)

    def to_dict(self) -> dict[str, float]:
        """As plain data: each of the three and their total, named ``*_seconds``."""
        return {f"{name}_seconds": seconds for name, seconds in (asdict(self) | {"total": self.total}).items()}


@dataclass(frozen=True)
class Optimum:
    """How a mode was found, where a method begins with one.

    Attributes
    ----------
    converged : bool
        Whether the optimiser stopped by itself, where the gradient vanishes.
    distance : float
        How far a Newton step would still lead, in standard errors; NaN where the curvature is not known.
    starts, agreeing : int
        From how many points it climbed, and how many of the climbs reached the highest mode.
    gap : float
        By how much the second highest mode is lower, in log density; infinite where no start found another.
    at_bounds : int
        Parameters that ended at a bound of the method.
    """

    converged: bool
    distance: float
    starts: int
    agreeing: int
    gap: float
    at_bounds: int = 0


@dataclass(frozen=True, eq=False)
class Draws:
    """What a sampler hands back.

    Attributes
    ----------
    z : ndarray, shape (chain, draw, dim)
        Draws in the program's unconstrained coordinates.
    stats : dict of str to ndarray, shape (chain, draw)
        Sample statistics by their ArviZ names: ``diverging``, ``acceptance_rate``, ``tree_depth``, ``step_size``,
        ``energy``, ``n_steps``, ``lp``; those that the library gives.
    timings : Timings
        Wall-clock seconds.
    chain_method : str
        How the chains ran: ``sequential``, ``processes`` or ``batched``.
        ``independent`` draws have no chains, a ``point`` is a single estimate.
    elbo : ndarray, shape (step,), optional
        ELBO at each step of an optimisation.
    ess : float, optional
        Effective sample size by the method's own rule, where it is not that of a Markov chain.
    pareto_k : float, optional
        k-hat of importance weights; above 0.7 they cannot be trusted.
    log_q : ndarray, shape (chain, draw), optional
        Log density of the draws under the fitted guide they come from; irtbridge computes k-hat with it.
    standard_errors : dict of str to ndarray, optional
        Of a point estimate, full arrays.
    optimum : Optimum, optional
        How the mode was found that the method began with.
    quadrature_error : float, optional
        Of a point estimate, by how many standard errors twice the quadrature nodes would move a parameter, at most.
    adaptation : dict of str to ndarray, optional
        What the method needs to go on from here, as arrays of its own: see `Method.resume`.
    adapted : bool
        Whether samplers that adapt on their own had done so before the draws were kept, as far as the library says.
    objective : ndarray, shape (step,), optional
        What an optimisation maximised, at each of its steps, where it is no ELBO.
    abilities : ndarray, shape (chain, draw, person), optional
        Of a method that draws them although its program has integrated them out.
    """

    z: Array
    timings: Timings
    stats: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    chain_method: str = "sequential"
    elbo: Array | None = None
    ess: float | None = None
    pareto_k: float | None = None
    log_q: Array | None = None
    standard_errors: Mapping[str, Array] | None = None
    optimum: Optimum | None = None
    quadrature_error: float | None = None
    adaptation: Mapping[str, Array] | None = None
    adapted: bool = True
    objective: Array | None = None
    abilities: Array | None = None

    @property
    def kind(self) -> str:
        """What the draws are: ``chains``, ``independent`` or a ``point``."""
        return self.chain_method if self.chain_method in ("independent", "point") else "chains"

    @property
    def kept_adaptation(self) -> Mapping[str, Array]:
        """What the method needs to go on; empty where it has kept nothing.

        In C order, as a file gives it back: linear algebra rounds by the order.
        """
        return {name: np.array(value, order="C") for name, value in (self.adaptation or {}).items()}

    def joined(self, more: Draws) -> Draws:
        """These draws, then further ones of the same chains or the same distribution.

        Seconds and effective sample sizes add up; of two k-hats the larger counts.
        """
        return replace(
            self,
            z=np.concatenate([self.z, more.z], axis=1),
            stats={name: np.concatenate([value, more.stats[name]], axis=1) for name, value in self.stats.items()},
            timings=self.timings + more.timings,
            ess=None if self.ess is None or more.ess is None else self.ess + more.ess,
            pareto_k=max((k for k in (self.pareto_k, more.pareto_k) if k is not None), default=None),
            log_q=None if self.log_q is None or more.log_q is None else np.append(self.log_q, more.log_q, axis=1),
            adapted=self.adapted and more.adapted,
            adaptation={**self.kept_adaptation, **more.kept_adaptation},
        )
