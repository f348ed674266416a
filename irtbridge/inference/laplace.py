"""The Laplace approximation of the item parameters' posterior, corrected by importance sampling."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from irtbridge.errors import ConfigError, NumericalError, UnknownName
from irtbridge.inference.blocks import Blocks
from irtbridge.inference.climbing import Mode
from irtbridge.inference.importance import K_HAT_LIMIT, log_densities, smoothed, systematic
from irtbridge.inference.laplace_persons import NORMAL, drawn_over_persons, items_integrated, run_over_persons
from irtbridge.inference.method import Method
from irtbridge.inference.modes import find_mode
from irtbridge.inference.nuts_collapsed import (
    CollapsedNutsSettings,
    resume_collapsed_nuts,
    run_collapsed_nuts,
)
from irtbridge.inference.nuts_whitened import WhitenedNutsSettings, run_whitened_nuts
from irtbridge.inference.settings import CollapsedSettings
from irtbridge.model.layout import Layout
from irtbridge.plugin.program import Program, Progress
from irtbridge.results.draws import Draws, Timings
from irtbridge.results.quiet_arviz import az

Array = NDArray[np.float64]
FALLBACKS = ("nuts_collapsed", "none")
FALLBACK_CHAINS, FEWEST_STEPS = 4, 100  # so that R-hat can tell, however few draws are asked for
PILOT, HOPELESS_K_HAT = 100, 1.0  # draws that tell soon that the weights have no mean, where coordinates are very many
HOPELESS_R_HAT = 1.1  # Gelman & Rubin 1992; above it the chains are not those of one posterior


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
        many draws by NUTS on the item parameters, or ``none``. Where the items' parameters are more than the persons'
        abilities, the approximation is tried the other way round, of the abilities with the items integrated out
        (1pl and 2pl; at once where the parameters are more than the draws), and the chains are those of
        ``nuts_whitened``.
    n_nodes, max_iterations : int
        As in `CollapsedSettings`.
    """

    draws: int = 1000
    fallback: str = "nuts_collapsed"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.fallback not in FALLBACKS:
            raise UnknownName("fallback", self.fallback, FALLBACKS)


def run_laplace(program: Program, settings: LaplaceSettings, seed: int, progress: Progress) -> Draws:
    """Draws from the Laplace approximation, reweighted to the posterior; see `needs_fallback`."""
    progress("optimisation", 0, 0)
    start = time.perf_counter()
    many = settings.fallback != "none" and program.dim > settings.draws
    if many and (drawn := _over_persons(program, settings, seed, progress)) is not None:
        return drawn
    mode = find_mode(program, jacobian=True, max_iterations=settings.max_iterations, seed=seed, progress=progress)
    rng = np.random.default_rng(seed)
    centre, middle = recentred(program, mode, rng), time.perf_counter()
    normal = {"centre": centre, "factor": mode.factor}
    if many:
        drawn = _corrected(program, normal, PILOT, rng, progress)
        if drawn.pareto_k is not None and drawn.pareto_k > HOPELESS_K_HAT:
            return replace(drawn, timings=replace(drawn.timings, warmup=middle - start), optimum=mode.optimum)
    drawn = _corrected(program, normal, settings.draws, rng, progress)
    return replace(drawn, timings=replace(drawn.timings, warmup=middle - start), optimum=mode.optimum)


def resume_laplace(
    program: Program, settings: LaplaceSettings, before: Draws, draws: int, seed: int, progress: Progress
) -> Draws:
    """Further draws of the same approximation with weights of their own; of the chains, where they have replaced it."""
    if before.adaptation is None:
        raise ConfigError(
            "the chains of nuts_whitened that took over from laplace cannot go on; fit with method=nuts_whitened."
        )
    normal, rng = before.kept_adaptation, np.random.default_rng(seed)
    if before.chain_method == "independent" and NORMAL[0] in normal:
        density = items_integrated(program)
        assert density is not None  # as it was for the draws before
        return drawn_over_persons(program, density, normal, draws, rng, progress)
    if before.chain_method == "independent":
        return _corrected(program, normal, draws, rng, progress)
    nuts, every = _chains_for(settings)
    return thinned(resume_collapsed_nuts(program, nuts, before, every * draws, seed, progress), every)


def _corrected(
    program: Program, normal: Mapping[str, Array], draws: int, rng: np.random.Generator, progress: Progress
) -> Draws:
    """Draws of a normal distribution with this centre and factor, reweighted to the posterior and resampled."""
    start = time.perf_counter()
    white = rng.standard_normal((draws, program.dim))
    z = normal["centre"] + white @ normal["factor"].T
    log_density = log_densities(program, z, progress)
    weights, k_hat = smoothed(log_density + 0.5 * np.sum(white**2, axis=1))
    chosen = systematic(weights / weights.sum(), rng)
    return Draws(
        z=z[chosen][None],
        timings=Timings(sampling=time.perf_counter() - start),
        stats={"lp": log_density[chosen][None]},
        chain_method="independent",
        ess=float(weights.sum() ** 2 / np.sum(weights**2)),
        pareto_k=k_hat,
        adaptation=normal,
    )


def needs_fallback(settings: object, draws: Draws) -> bool:
    """Whether a Laplace approximation's weights cannot be trusted and something else is to be done about it."""
    wanted = isinstance(settings, LaplaceSettings) and settings.fallback != "none"
    return wanted and not (draws.pareto_k is not None and draws.pareto_k <= K_HAT_LIMIT)


def fall_back(
    program: Program,
    settings: LaplaceSettings,
    draws: Draws,
    seed: int,
    progress: Progress,
    joint: Callable[[], Program],
) -> Draws:
    """As many draws of the item parameters by NUTS; seconds and k-hat of what was tried before are kept.

    Parameters
    ----------
    program, settings, draws, seed, progress
        Of the approximation.
    joint : callable
        Compiles the same model with its abilities, as `nuts_whitened` needs it.

    Raises
    ------
    NumericalError
        The chains disagree so much that they are not draws of one posterior.
    """
    nuts, every = _chains_for(settings)
    whitened = items_are_many(program.layout)
    if (drawn := _over_persons(program, settings, seed, progress)) is not None:
        return replace(drawn, timings=replace(drawn.timings, warmup=drawn.timings.warmup + draws.timings.total))
    if whitened:
        fallen = _of_items(program, joint(), WhitenedNutsSettings(chains=nuts.chains, draws=nuts.draws), seed, progress)
    else:
        fallen = run_collapsed_nuts(program, nuts, seed, progress)
    r_hat = float(az.rhat(az.convert_to_dataset({"z": fallen.z})).z.max())
    if not r_hat <= HOPELESS_R_HAT:
        chains = "nuts_whitened" if whitened else "nuts_collapsed"
        raise NumericalError(
            f"the Laplace approximation cannot be trusted (k-hat {draws.pareto_k:.2f}), and the chains of {chains} "
            f"that took over disagree (R-hat {r_hat:.2f}): use tighter priors, or method=nuts with more warm-up "
            "and draws."
        )
    spent = replace(fallen.timings, warmup=fallen.timings.warmup + draws.timings.total)
    return replace(thinned(fallen, every), timings=spent, pareto_k=draws.pareto_k)


def _over_persons(program: Program, settings: LaplaceSettings, seed: int, progress: Progress) -> Draws | None:
    """Draws of the approximation of the abilities, where items are many and the weights can be trusted."""
    density = items_integrated(program) if items_are_many(program.layout) else None
    if density is None:
        return None
    drawn = run_over_persons(program, density, settings.draws, settings.max_iterations, seed, progress)
    return drawn if drawn.pareto_k is not None and drawn.pareto_k <= K_HAT_LIMIT else None


def items_are_many(layout: Layout) -> bool:
    """Whether the items' own coordinates are more than the persons' abilities, of a layout without these."""
    own = layout.dim - len(Blocks.of_items(layout).shared)
    return own > layout.sizes["person"] * len(layout.spec.traits)


def _of_items(program: Program, joint: Program, settings: WhitenedNutsSettings, seed: int, progress: Progress) -> Draws:
    """NUTS on items and abilities together; draws of the items, in the coordinates of the program without abilities."""
    drawn = run_whitened_nuts(joint, settings, seed, progress)
    params = joint.constrain(drawn.z.reshape(-1, joint.dim))
    z = program.unconstrain({name: params[name] for name in program.layout.slots})
    return replace(drawn, z=z.reshape(*drawn.z.shape[:2], program.dim), adaptation=None)


def _chains_for(settings: LaplaceSettings) -> tuple[CollapsedNutsSettings, int]:
    """Settings of chains that take over, and of how many of their draws one is kept."""
    wanted = -(-settings.draws // FALLBACK_CHAINS)
    every = -(-FEWEST_STEPS // wanted)
    nodes, iterations = settings.n_nodes, settings.max_iterations
    chains = CollapsedNutsSettings(
        chains=FALLBACK_CHAINS, draws=every * wanted, n_nodes=nodes, max_iterations=iterations
    )
    return chains, every


def thinned(draws: Draws, every: int) -> Draws:
    """One of so many draws of each chain, the first of them first."""
    stats = {name: value[:, ::every] for name, value in draws.stats.items()}
    return replace(draws, z=draws.z[:, ::every], stats=stats)


def recentred(program: Program, mode: Mode, rng: np.random.Generator, pairs: int = 16) -> Array:
    """Centre of the best normal approximation with the mode's curvature, by one Newton step from the mode.

    The average gradient is taken over antithetic pairs, in which the curvature cancels.
    """
    away = rng.standard_normal((pairs, program.dim)) @ mode.factor.T
    slopes = program.value_and_grad(mode.z + np.concatenate([away, -away]))[1]
    centre = mode.z + mode.factor @ (mode.factor.T @ slopes.mean(axis=0))
    return np.asarray(centre if np.isfinite(centre).all() else mode.z)


METHOD = Method(
    "laplace",
    LaplaceSettings,
    run_laplace,
    summary="abilities integrated out by quadrature; normal approximation from mode and observed information, "
    "draws corrected by Pareto-smoothed importance sampling",
    colour="#009E73",
    smoke={"draws": 200},
    resume=resume_laplace,
)
