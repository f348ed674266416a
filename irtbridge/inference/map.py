"""The posterior mode, abilities integrated out."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from irtbridge.errors import IRTBridgeWarning
from irtbridge.inference.alignment import rotates
from irtbridge.inference.blocks import Blocks
from irtbridge.inference.climbing import Mode
from irtbridge.inference.finer_nodes import moved_by_finer_nodes
from irtbridge.inference.method import Method
from irtbridge.inference.modes import find_maximum, find_mode
from irtbridge.inference.settings import CollapsedSettings
from irtbridge.model.quadrature import Quadrature
from irtbridge.plugin.program import Program, Progress
from irtbridge.results.draws import Draws, Optimum, Timings
from irtbridge.results.inference_data import reported

Array = NDArray[np.float64]


@dataclass(frozen=True)
class MapSettings(CollapsedSettings):
    """Settings of the posterior mode by L-BFGS, abilities integrated out.

    With flat priors it is marginal maximum likelihood (Bock & Aitkin 1981). The mode is that of the parameters
    themselves (discriminations, not their logarithms).

    Parameters
    ----------
    standard_errors : bool
        From the observed information (Louis 1982); else NaN. Where traits can be rotated, as those of `lfm`, there are
        none, which a warning says.
    n_nodes : int
        As in `CollapsedSettings`; of four traits and more the nodes in all, rounded up to a power of two
        (`irtbridge.model.quadrature.ScatteredNodes`), of which 0 takes 8,192; of three traits, too, from 1,024 on.
    max_iterations : int
        As in `CollapsedSettings`.
    """

    standard_errors: bool = True

    @property
    def collapse(self) -> Quadrature:
        return Quadrature(self.n_nodes, scatters=True)


def run_map(program: Program, settings: MapSettings, seed: int, progress: Progress) -> Draws:
    """Posterior mode as a single draw, with standard errors from the observed information."""
    progress("optimisation", 0, 0)
    start, how = time.perf_counter(), {"max_iterations": settings.max_iterations, "seed": seed}
    if has_errors(program, settings):
        drawn = with_errors(program, find_mode(program, jacobian=False, progress=progress, **how))
    else:
        drawn = without_errors(program, *find_maximum(program, jacobian=False, **how))
    return replace(drawn, timings=Timings(warmup=time.perf_counter() - start))


def has_errors(program: Program, settings: MapSettings) -> bool:
    """Whether standard errors are wanted, and there are any; warns where there are none."""
    if settings.standard_errors and rotates(program.spec):
        warnings.warn(
            f"{program.spec.name}: its {len(program.spec.traits)} traits can be rotated, so that slopes and abilities "
            "have no standard errors, and all are NaN; rotate the estimate with Fit.rotate, fix the traits with a "
            "Q-matrix (m2pl), or leave them out with standard_errors=false.",
            IRTBridgeWarning,
            stacklevel=2,
        )
    return settings.standard_errors and not rotates(program.spec)


def with_errors(program: Program, mode: Mode) -> Draws:
    """A mode as a single draw, with standard errors and the error of its quadrature."""
    drawn, errors = without_errors(program, mode.z, mode.value, mode.optimum), _standard_errors(program, mode)
    return replace(drawn, standard_errors=errors, quadrature_error=moved_by_finer_nodes(program, mode, errors))


def without_errors(program: Program, z: Array, value: float, optimum: Optimum | None) -> Draws:
    """A mode as a single draw, its standard errors NaN."""
    errors = {name: np.full(full.shape, np.nan) for name, (_, full) in _reported_at(program, z).items()}
    stats = {"lp": np.array([[value]])}
    return Draws(z[None, None], Timings(), stats, "point", standard_errors=errors, optimum=optimum)


def _standard_errors(program: Program, mode: Mode) -> dict[str, Array]:
    """Square roots of the diagonal of the inverse observed information, by the delta method (full arrays)."""
    step, blocks = 1e-3 if program.dtype == "float32" else 1e-6, Blocks.of_items(program.layout)
    among, with_shared, shared = mode.curvature.covariance_of(blocks)
    upper = _reported_at(program, mode.z + step * blocks.directions)
    lower = _reported_at(program, mode.z - step * blocks.directions)
    variances = {}
    for name, (dims, up) in upper.items():
        own, common = np.split((up - lower[name][1]) / (2 * step), [blocks.own.shape[1]])
        variances[name] = np.einsum("s...,st,t...->...", common, shared, common)
        if dims[:1] == ("item",):
            variances[name] += np.einsum("kj...,jkl,lj...->j...", own, among, own)
            variances[name] += 2 * np.einsum("kj...,jks,sj...->j...", own, with_shared, common)
    return {name: np.sqrt(np.maximum(variance, 0.0)) for name, variance in variances.items()}


def _reported_at(program: Program, z: Array) -> dict[str, tuple[tuple[str, ...], Array]]:
    """What a posterior would report at these coordinates: dims and full arrays by name."""
    return reported(program.layout, program.constrain(z))


METHOD = Method(
    "map",
    MapSettings,
    run_map,
    summary="abilities integrated out; posterior mode with standard errors; with flat priors marginal maximum "
    "likelihood",
    colour="#8B7D3A",
)
