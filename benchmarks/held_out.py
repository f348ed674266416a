"""Held-out log density of fractions, ordered beta beside beta: ``python -m benchmarks.held_out data=FILE``.

With ``share=0.2``, ``inwards=5e-6``, ``backend=pyro``, ``seed=1``. A share of the responses is masked; both models are
fitted to the others by their posterior mode, and predict each person's masked responses together, given that person's
other ones. The beta is fitted to fractions moved inwards, to `inwards` and 1 less that (half the data's rounding). To
compare the two, a fraction of 0 counts as one up to `inwards`, and one of 1 likewise, whose probabilities the beta has,
too: both are then densities with respect to one measure, length between these ends and mass 1 at each.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from benchmarks.words import print_study
from irtbridge.data.kinds import FRACTIONS, MISSING
from irtbridge.data.load import load_responses
from irtbridge.data.responses import Responses
from irtbridge.fitting import Fit, fit
from irtbridge.model.density import exponential_form

Array = NDArray[np.float64]
DEFAULTS: dict[str, Any] = {"data": "", "share": 0.2, "inwards": 5e-6, "backend": "pyro", "seed": 1}


def moved_inwards(values: Array, least: float) -> Array:
    """Fractions with the ends moved inwards; -1 where missing."""
    return np.where(values == MISSING, MISSING, np.clip(values, least, 1 - least))


def at_nodes(result: Fit) -> tuple[dict[str, Array], Array]:
    """Item parameters and abilities at the nodes, and the log weights of these."""
    layout = result.program.layout
    assert layout.collapse is not None
    params = {name: value[0, 0] for name, value in result.program.constrain(result.draws.z).items()}
    return {**params, "ability": layout.collapse.standard_nodes(1)[:, 0]}, layout.collapse.log_weights(1)


def by_node(result: Fit, values: Array, params: dict[str, Array]) -> Array:
    """Log density of each person's responses together at each node, shape (person, node)."""
    layout, observed = result.program.layout, values != MISSING
    natural, base = exponential_form(layout, params)
    statistics = layout.spec.family.statistics(values, layout.exists)
    return np.asarray(np.einsum("pis,nis->pn", statistics, natural, optimize=True) + observed @ base.T)


def ends(result: Fit, values: Array, params: dict[str, Array], least: float) -> Array:
    """What to add where the beta's response is at an end: log probability less log density, shape (person, node).

    The probability up to a small x is ``x^a / (a B(a, b))``, the density there ``x^(a - 1) / B(a, b)``.
    """
    above, below = (exponential_form(result.program.layout, params).natural[..., side] + 1 for side in (0, 1))
    low, high = (np.log(least) - np.log(parameter) for parameter in (above, below))
    return np.asarray((values == least) @ low.T + (values == 1 - least) @ high.T)


def predictive(result: Fit, known: Array, masked: Array, least: float | None) -> Array:
    """Log predictive density of each person's masked responses given the others, shape (person,)."""
    params, log_weights = at_nodes(result)
    posterior = by_node(result, known, params) + log_weights
    further = by_node(result, masked, params)
    if least is not None:
        further = further + ends(result, masked, params, least)
    joint = special.logsumexp(posterior + further, axis=1)
    return np.asarray(joint - special.logsumexp(posterior, axis=1))


def compare(settings: dict[str, Any]) -> pd.DataFrame:
    """Mean log predictive density of a masked response under each model, and its standard error over persons."""
    whole, least = load_responses(settings["data"], kind=FRACTIONS), settings["inwards"]
    chosen = np.random.default_rng(settings["seed"]).uniform(size=whole.values.shape) < settings["share"]
    chosen &= whole.observed
    rows = {}
    for model, inwards in (("ordered_beta", None), ("beta", least)):
        values = whole.values if inwards is None else moved_inwards(whole.values, inwards)
        known, masked = np.where(chosen, MISSING, values), np.where(chosen, values, MISSING)
        data: Responses = replace(whole, values=known)
        how = {"method": "map", "standard_errors": False, "backend": settings["backend"], "seed": settings["seed"]}
        result = fit(data, model, **how)
        each = predictive(result, known, masked, inwards)
        rows[model] = {"mean": each.sum() / chosen.sum(), "total": each.sum(), "seconds": result.timings.total}
    rows["difference"] = {k: rows["ordered_beta"][k] - rows["beta"][k] for k in ("mean", "total")}
    return pd.DataFrame.from_dict(rows, orient="index").assign(responses=int(chosen.sum()))


def main(words: Sequence[str]) -> int:
    """Compare and print."""
    return print_study(compare, words, DEFAULTS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
