"""Posteriors at known parameters, so that no test of a statistic waits for a fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

import irtbridge as irt
from irtbridge.assess.posterior import Posterior, layout_of

Array = NDArray[np.float64]


def at_truth(
    spec: irt.ModelSpec, n_categories: Sequence[int], persons: int, seed: int = 1, **changed: Any
) -> Posterior:
    """Responses simulated from the prior, and the true parameters as a point estimate.

    Parameters
    ----------
    **changed
        ``missing``, or arrays in place of those of the prior.
    """
    missing = changed.pop("missing", 0.0)
    params = irt.simulate_parameters(spec, persons, n_categories, seed) | changed
    responses = irt.simulate_responses(spec, params, n_categories, seed + 1, missing)
    return of(spec, responses, params)


def of(spec: irt.ModelSpec, responses: irt.Responses, params: Mapping[str, Any]) -> Posterior:
    """A point estimate."""
    layout = layout_of(spec, responses)
    each = {name: np.asarray(value, dtype=float)[None] for name, value in params.items()}
    ability = each.pop(spec.family.ability)
    return Posterior(layout, responses, layout.complete(each), ability, point=True)


def patterns(n_categories: Sequence[int]) -> NDArray[np.int64]:
    """All response patterns, shape (pattern, item)."""
    return np.array(list(product(*map(range, n_categories))))


def pattern_probs(at: Posterior, codes: NDArray[np.int64], nodes: int = 81) -> Array:
    """Probability of each pattern under standard normal abilities of one trait, summed on a grid of our own."""
    ability = np.linspace(-6, 6, nodes)
    weights = np.exp(-(ability**2) / 2)
    probs = at.category_probs(ability[None])[0]
    at_nodes = np.prod([probs[:, item, column] for item, column in enumerate(codes.T)], axis=0)
    return np.asarray(weights / weights.sum() @ at_nodes)
