"""A model fitted again, changed, to data that were fitted: draws of its parameters and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from irtbridge.assess.posterior import Posterior, layout_of
from irtbridge.data.responses import Responses
from irtbridge.inference import compile_for, compile_joint, make_settings, run_method
from irtbridge.inference.alignment import align
from irtbridge.inference.laplace import fall_back, needs_fallback
from irtbridge.model.design import split_for
from irtbridge.model.spec import ModelSpec
from irtbridge.plugin.loading import load_backend
from irtbridge.plugin.program import silent


def refit(
    spec: ModelSpec, responses: Responses, provenance: Mapping[str, Any], method: str, seed: int = 0, **settings: Any
) -> Posterior:
    """Fit a spec by a method that integrates the abilities out, on the backend of an earlier fit.

    Parameters
    ----------
    spec : ModelSpec
        The model.
    responses : Responses
        The data; items that are free by group are split here.
    provenance : mapping
        Of the earlier fit: its backend, device and precision.
    method : str
        ``map``, ``em`` or ``laplace``.
    seed : int
        Of the draws.
    **settings
        Of the method.

    Returns
    -------
    Posterior
        Without abilities: they are 0.
    """
    engine = load_backend(provenance["backend"], **provenance["backend_options"])
    made = make_settings(method, **settings)
    responses = split_for(spec, responses)
    device = "cpu" if provenance["device"] == "cpu" else "auto"
    how = {"device": device, "dtype": provenance["dtype"]}
    program = compile_for(engine, spec, responses, made, **how)
    draws = run_method(engine, program, method, made, seed, silent)
    if needs_fallback(made, draws):
        joint = partial(compile_joint, engine, spec, responses, **how)
        draws = fall_back(program, made, draws, seed, silent, joint)
    draws = align(program, draws)
    params = program.constrain(draws.z)
    lead = len(program.layout.batch_shape(params))
    n = int(np.prod(program.layout.batch_shape(params)))
    layout = layout_of(spec, responses)
    full = layout.complete({name: value.reshape(n, *value.shape[lead:]) for name, value in params.items()})
    abilities = np.broadcast_to(0.0, (n, responses.n_persons, *([len(spec.traits)] if len(spec.traits) > 1 else [])))
    return Posterior(layout, responses, full, abilities, point=draws.kind == "point")
