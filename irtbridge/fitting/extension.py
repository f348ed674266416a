"""A fit that goes on: further draws put behind those that there are."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr

from irtbridge.inference import make_settings, resume_method
from irtbridge.inference.ability_moments import too_many
from irtbridge.inference.alignment import align_to
from irtbridge.inference.importance import k_hat
from irtbridge.inference.large_data import add_all_abilities
from irtbridge.plugin.program import Program, Progress
from irtbridge.results.ability_moments import GROUP
from irtbridge.results.draws import Draws
from irtbridge.results.inference_data import labelled_attributes, to_inference_data
from irtbridge.results.quiet_arviz import az

Extended = tuple[az.InferenceData, Draws, dict[str, Any]]


def extended(
    program: Program,
    idata: az.InferenceData,
    before: Draws,
    provenance: Mapping[str, Any],
    draws: int,
    progress: Progress,
) -> Extended:
    """InferenceData, draws and provenance with further draws.

    Parameters
    ----------
    program : Program
        The compiled model over the data.
    idata, before, provenance
        Of the fit as it is.
    draws : int
        How many further draws of each chain, or of all where they are independent.
    progress : callable
        Progress callback.

    Raises
    ------
    ConfigError
        The method gives a point.
    Unsupported
        The backend has not kept what its chains adapted to.
    """
    begin, method = time.perf_counter(), provenance["method"]
    settings, seed = make_settings(method, **provenance["settings"]), seed_after(provenance["seed"], before)
    more = align_to(program, resume_method(program, method, settings, before, draws, seed, progress), before)
    joined = before.joined(more)
    if too_many(program.layout, math.prod(joined.z.shape[:2])):  # moments are those of all draws
        joined, abilities = add_all_abilities(program, joined, seed)
    else:
        more, abilities = add_all_abilities(program, more, seed)
        joined = before.joined(more)
    if joined.log_q is not None:
        joined = replace(joined, pareto_k=k_hat(program, joined.z[0], joined.log_q[0], progress))
    new = to_inference_data(program.layout, program.responses, program.constrain(more.z), more, {}, abilities)
    seconds = provenance["wall_seconds"] + time.perf_counter() - begin
    told = _provenance(provenance, joined, draws) | {"wall_seconds": seconds}
    return _joined(idata, new, told), joined, told


def seed_after(seed: int, before: Draws) -> int:
    """Seed of the draws after so many: the same in every process, and another for each extension."""
    return int(np.random.SeedSequence([seed, *before.z.shape[:2]]).generate_state(1)[0])


def _provenance(provenance: Mapping[str, Any], joined: Draws, draws: int) -> dict[str, Any]:
    """With the seconds and k-hat of all draws; ``extended`` has the numbers of draws that were added."""
    k = {} if joined.pareto_k is None else {"pareto_k": joined.pareto_k}
    added = {"extended": [*provenance.get("extended", []), int(draws)]}
    return dict(provenance) | k | joined.timings.to_dict() | added


def _joined(old: az.InferenceData, new: az.InferenceData, provenance: Mapping[str, Any]) -> az.InferenceData:
    """Draws one after another; groups that were made of the old draws alone are left out."""
    there = old.posterior.drop_vars(set(old.posterior.data_vars) - set(new.posterior.data_vars))
    posterior = _one_after_another(there, new.posterior)
    posterior = posterior.assign_coords(draw=np.arange(posterior.sizes["draw"]))
    posterior.attrs = {**old.posterior.attrs, **labelled_attributes(provenance)}
    data = {name: old[name] for name in ("observed_data", "constant_data") if name in old}
    data |= {name: new[name] for name in (GROUP,) if name in new}
    statistics = _one_after_another(_statistics(old), _statistics(new))
    return az.InferenceData(posterior=posterior, sample_stats=statistics, **data)


def _statistics(idata: az.InferenceData) -> xr.Dataset:
    """The sample statistics; none where a method has none."""
    return idata.sample_stats if "sample_stats" in idata else xr.Dataset()


def _one_after_another(old: xr.Dataset, new: xr.Dataset) -> xr.Dataset:
    """Along ``draw``; what has no such dim, as the ELBO of an optimisation, is the old one's."""
    names = [name for name in old.data_vars if "draw" in old[name].dims]
    how: dict[str, Any] = {"coords": "minimal", "compat": "override", "join": "override", "combine_attrs": "override"}
    grown = {name: xr.concat([old[name], new[name]], "draw", **how) for name in names}
    return old.drop_vars(names).drop_dims("draw", errors="ignore").assign(grown)
