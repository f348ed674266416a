"""Methods that need nothing but a program's value and gradient: MAP, Laplace with importance sampling, whitened NUTS.

They run on programs whose abilities are integrated out, on every backend that can compile one.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from irtbridge.backend import Draws, Program, Progress, Timings, check_positive
from irtbridge.clock import seconds
from irtbridge.collapse import Quadrature
from irtbridge.draws import reported
from irtbridge.errors import NumericalError, UnknownName
from irtbridge.inference.chains import ChainSettings, run_chains
from irtbridge.inference.modes import Mode, find_maximum, find_mode
from irtbridge.quiet_arviz import az

Array = NDArray[np.float64]
K_HAT_LIMIT = 0.7  # Vehtari et al. 2024, section 3
FALLBACKS = ("nuts_collapsed", "none")
BATCH = 32
POINTS_AROUND = 6
FALLBACK_CHAINS, FEWEST_STEPS = 4, 100  # so that R-hat can tell, however few draws are asked for
HOPELESS_R_HAT = 1.1  # Gelman & Rubin 1992; above it the chains are not those of one posterior
CHOSEN_AT_ZERO = ("n_nodes", "block")


@dataclass(frozen=True)
class CollapsedSettings:
    """What all methods share that integrate abilities out.

    Parameters
    ----------
    n_nodes : int
        Quadrature nodes for each trait; 0 chooses (`irtbridge.collapse.Quadrature`).
    max_iterations : int
        Of L-BFGS on the way to the mode.
    block : int
        Persons in a block, where large data are streamed; 0 chooses, and leaves small data whole.
    """

    n_nodes: int = 0
    max_iterations: int = 1000
    block: int = 0

    def __post_init__(self) -> None:
        positive = [f.name for f in fields(self) if f.type in ("int", "float") and f.name not in CHOSEN_AT_ZERO]
        check_positive(self, *positive, *[name for name in CHOSEN_AT_ZERO if getattr(self, name)])

    @property
    def collapse(self) -> Quadrature:
        """The quadrature."""
        return Quadrature(self.n_nodes)


@dataclass(frozen=True)
class MapSettings(CollapsedSettings):
    """Settings of the posterior mode by L-BFGS, abilities integrated out.

    With flat priors it is marginal maximum likelihood (Bock & Aitkin 1981). The mode is that of the parameters
    themselves (discriminations, not their logarithms).

    Parameters
    ----------
    standard_errors : bool
        From the observed information, which takes as many gradients as there are item parameters; else NaN.
    n_nodes, max_iterations : int
        As in `CollapsedSettings`.
    """

    standard_errors: bool = True


@dataclass(frozen=True)
class LaplaceSettings(CollapsedSettings):
    """Settings of the Laplace approximation corrected by Pareto-smoothed importance sampling (Vehtari et al. 2024).

    The normal has the curvature at the mode, and is moved from the mode to where the gradient vanishes on average under
    it, as the best normal approximation does (Opper & Archambeau 2009): a skewed posterior's mean is not its mode.

    Parameters
    ----------
    draws : int
        Draws from the approximation, weighted, then resampled.
    fallback : str
        What to do when k-hat exceeds 0.7, so that the weights cannot be trusted: ``nuts_collapsed``, which gives as
        many draws by NUTS on the item parameters, or ``none``.
    n_nodes, max_iterations : int
        As in `CollapsedSettings`.
    """

    draws: int = 1000
    fallback: str = "nuts_collapsed"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.fallback not in FALLBACKS:
            raise UnknownName("fallback", self.fallback, FALLBACKS)


@dataclass(frozen=True)
class CollapsedNutsSettings(ChainSettings, CollapsedSettings):
    """Settings of NUTS on the item parameters alone, whitened by the Laplace approximation.

    Parameters
    ----------
    chains, warmup, draws, target_accept, max_tree_depth
        As in `ChainSettings`.
    n_nodes, max_iterations, block : int
        As in `CollapsedSettings`.
    """

    def __post_init__(self) -> None:
        ChainSettings.__post_init__(self)
        CollapsedSettings.__post_init__(self)


def run_map(program: Program, settings: MapSettings, seed: int, progress: Progress) -> Draws:
    """Posterior mode as a single draw, with standard errors from the observed information."""
    progress("optimisation", 0, 0)
    start, how, around = seconds(), {"max_iterations": settings.max_iterations, "seed": seed}, None
    if settings.standard_errors:
        mode = find_mode(program, jacobian=False, progress=progress, **how)
        z, value, optimum, errors = mode.z, mode.value, mode.optimum, _standard_errors(program, mode)
        around = z + np.random.default_rng(seed).standard_normal((POINTS_AROUND, program.dim)) @ mode.factor.T
    else:
        z, value, optimum = find_maximum(program, jacobian=False, **how)
        errors = {name: np.full(full.shape, np.nan) for name, (_, full) in _reported_at(program, z).items()}
    timings, stats = Timings(warmup=seconds() - start), {"lp": np.array([[value]])}
    return Draws(z[None, None], timings, stats, "point", standard_errors=errors, optimum=optimum, around=around)


def run_laplace(program: Program, settings: LaplaceSettings, seed: int, progress: Progress) -> Draws:
    """Draws from the Laplace approximation, reweighted to the posterior; see `needs_fallback`."""
    progress("optimisation", 0, 0)
    start = seconds()
    mode = find_mode(program, jacobian=True, max_iterations=settings.max_iterations, seed=seed, progress=progress)
    rng = np.random.default_rng(seed)
    centre, middle = recentred(program, mode, rng), seconds()
    white = rng.standard_normal((settings.draws, program.dim))
    z = centre + white @ mode.factor.T
    log_density = _values(program, z, progress)
    weights, k_hat = _smoothed(log_density + 0.5 * np.sum(white**2, axis=1))
    chosen = _systematic(weights / weights.sum(), rng)
    return Draws(
        z=z[chosen][None],
        timings=Timings(warmup=middle - start, sampling=seconds() - middle),
        stats={"lp": log_density[chosen][None]},
        chain_method="independent",
        ess=float(weights.sum() ** 2 / np.sum(weights**2)),
        pareto_k=k_hat,
        optimum=mode.optimum,
    )


def needs_fallback(settings: object, draws: Draws) -> bool:
    """Whether a Laplace approximation's weights cannot be trusted and something else is to be done about it."""
    wanted = isinstance(settings, LaplaceSettings) and settings.fallback != "none"
    return wanted and not (draws.pareto_k is not None and draws.pareto_k <= K_HAT_LIMIT)


def fall_back(program: Program, settings: LaplaceSettings, draws: Draws, seed: int, progress: Progress) -> Draws:
    """As many draws by NUTS on the item parameters; seconds and k-hat of what was tried before are kept.

    Raises
    ------
    NumericalError
        The chains disagree so much that they are not draws of one posterior.
    """
    wanted = -(-settings.draws // FALLBACK_CHAINS)
    every = -(-FEWEST_STEPS // wanted)
    nuts = CollapsedNutsSettings(
        chains=FALLBACK_CHAINS, draws=every * wanted, n_nodes=settings.n_nodes, max_iterations=settings.max_iterations
    )
    fallen = run_collapsed_nuts(program, nuts, seed, progress)
    r_hat = float(az.rhat(az.convert_to_dataset({"z": fallen.z})).z.max())
    if not r_hat <= HOPELESS_R_HAT:
        raise NumericalError(
            f"the Laplace approximation cannot be trusted (k-hat {draws.pareto_k:.2f}), and the chains of "
            f"nuts_collapsed that took over disagree (R-hat {r_hat:.2f}): use tighter priors, or method=nuts with more "
            "warm-up and draws."
        )
    spent = replace(fallen.timings, warmup=fallen.timings.warmup + draws.timings.total)
    stats = {name: value[:, ::every] for name, value in fallen.stats.items()}
    return replace(fallen, z=fallen.z[:, ::every], stats=stats, timings=spent, pareto_k=draws.pareto_k)


def recentred(program: Program, mode: Mode, rng: np.random.Generator, pairs: int = 16) -> Array:
    """Centre of the best normal approximation with the mode's curvature, by one Newton step from the mode.

    The average gradient is taken over antithetic pairs, in which the curvature cancels.
    """
    away = rng.standard_normal((pairs, program.dim)) @ mode.factor.T
    slopes = program.value_and_grad(mode.z + np.concatenate([away, -away]))[1]
    centre = mode.z + mode.factor @ (mode.factor.T @ slopes.mean(axis=0))
    return np.asarray(centre if np.isfinite(centre).all() else mode.z)


def run_collapsed_nuts(program: Program, settings: CollapsedNutsSettings, seed: int, progress: Progress) -> Draws:
    """NUTS on the item parameters in the coordinates in which the Laplace approximation is a standard normal."""
    progress("optimisation", 0, 0)
    start = seconds()
    mode = find_mode(program, jacobian=True, max_iterations=settings.max_iterations, seed=seed, progress=progress)
    factor, for_chains, spent = mode.factor, program.for_chains(), seconds() - start

    def density(w: Array) -> tuple[Array, Array]:
        value, gradient = for_chains.value_and_grad(mode.z + factor @ w)
        return value, factor.T @ gradient

    draws = run_chains(density, lambda w: mode.z + w @ factor.T, program.dim, settings, seed, progress)
    timings = replace(draws.timings, warmup=draws.timings.warmup + spent)
    return replace(draws, timings=timings, optimum=mode.optimum)


def _values(program: Program, z: Array, progress: Progress) -> Array:
    """Log densities of many points, in batches."""
    parts = []
    for start in range(0, len(z), BATCH):
        parts.append(program.value(z[start : start + BATCH]))
        progress("sampling", min(start + BATCH, len(z)), len(z))
    values = np.concatenate(parts)
    return np.where(np.isfinite(values), values, -np.inf)


def k_hat(program: Program, z: Array, log_q: Array, progress: Progress) -> float:
    """Pareto k-hat of draws from an approximation as importance draws for the posterior (Yao et al. 2018).

    Above 0.7 the approximation is too far from the posterior to be corrected by reweighting, let alone trusted.

    Parameters
    ----------
    program : Program
        Whose density is the target.
    z : ndarray, shape (draw, dim)
        Draws from the approximation.
    log_q : ndarray, shape (draw,)
        Their log densities under it.
    progress : callable
        Progress callback.
    """
    return _smoothed(_values(program, z, progress) - log_q)[1]


def _smoothed(log_ratios: Array) -> tuple[Array, float]:
    """Pareto-smoothed importance weights, the largest 1, and k-hat; infinite where it cannot be had."""
    if np.isfinite(log_ratios).sum() < 2:
        return np.ones(len(log_ratios)), float("inf")
    log_weights, k_hat = az.psislw(log_ratios)
    return np.exp(log_weights - log_weights.max()), float("inf") if np.isnan(k_hat) else float(k_hat)


def _systematic(weights: Array, rng: np.random.Generator) -> NDArray[np.intp]:
    """Systematic resampling: as many draws as weights, each as often as its weight says.

    A draw's copies stand side by side: so the autocorrelation of what comes out has the effective sample size of the
    weights, and the ESS that ArviZ finds from it is right.
    """
    points = (rng.uniform() + np.arange(len(weights))) / len(weights)
    return np.searchsorted(np.cumsum(weights), points).clip(max=len(weights) - 1)


def _standard_errors(program: Program, mode: Mode) -> dict[str, Array]:
    """Square roots of the diagonal of the inverse observed information, by the delta method (full arrays)."""
    step, factor = 1e-3 if program.dtype == "float32" else 1e-6, mode.factor
    upper = _reported_at(program, mode.z + step * factor.T)
    lower = _reported_at(program, mode.z - step * factor.T)
    slopes = {name: (upper[name][1] - lower[name][1]) / (2 * step) for name in upper}
    return {name: np.sqrt(np.sum(slope**2, axis=0)) for name, slope in slopes.items()}


def _reported_at(program: Program, z: Array) -> dict[str, tuple[tuple[str, ...], Array]]:
    """What a posterior would report at these coordinates: dims and full arrays by name."""
    return reported(program.layout, program.constrain(z))
