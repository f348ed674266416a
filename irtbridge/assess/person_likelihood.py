"""The log likelihood of each person's responses at each draw, the abilities integrated out."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import special

from irtbridge.assess.posterior import Posterior
from irtbridge.inference.node_posterior import AtNodes, of_persons, parts_of, reduced_posterior
from irtbridge.model.layout import Layout
from irtbridge.model.patterns import table_width
from irtbridge.plugin.arrays import Arrays

Array = NDArray[np.float64]
CELLS = 2**19  # draws times nodes times persons at once: 4 MiB of doubles, which a cache holds


def person_log_likelihood(posterior: Posterior) -> Array:
    """Log probability of all responses of each person, given the item parameters of each draw.

    Integrated over the abilities' prior, which may differ by group or covariates; 0 without any response. A row that
    stands for several persons has the log likelihood of one of them.

    Parameters
    ----------
    posterior : Posterior
        Of a fit.

    Returns
    -------
    ndarray, shape (draw, person)

    Raises
    ------
    StatisticError
        The abilities cannot be integrated out: more than three correlated traits.
    """
    posterior.check_integrable(
        "the likelihood by person",
        "predictive_check(), or a model of at most three correlated traits, or a bifactor one",
    )
    layout, persons = posterior.layout, posterior.responses.n_persons
    patterns, of_person = of_persons(layout, posterior.responses, np.float64), np.arange(persons)
    if not layout.by_person:  # persons who answered alike share their likelihood
        patterns, of_person = np.unique(patterns, axis=1, return_inverse=True)
        patterns = np.ascontiguousarray(patterns)
    result = np.empty((posterior.n_draws, patterns.shape[1]))
    for draws, columns in _chunks(layout, *result.shape):
        params = {name: value[draws] for name, value in posterior.params.items()}
        result[draws, columns] = _integrated(layout, params, np.ascontiguousarray(patterns[:, columns]))
    return result[:, of_person.ravel()]


def _chunks(layout: Layout, draws: int, patterns: int) -> Iterator[tuple[slice, slice]]:
    """Some draws of some patterns; of all patterns where the prior differs from person to person."""
    width = max(1, CELLS // table_width(layout))
    some = patterns if layout.by_person else min(width, patterns)
    several = max(1, width // some)
    for i in range(0, draws, several):
        for j in range(0, patterns, some):
            yield slice(i, i + several), slice(j, j + some)


def _integrated(layout: Layout, params: dict[str, Array], patterns: Array) -> Array:
    """Log likelihood (draw, pattern) of some patterns at some draws; the nodes' weights sum to one."""
    draws = len(next(iter(params.values())))
    standard = np.broadcast_to(layout.standard_nodes, (draws, *layout.standard_nodes.shape))
    if layout.reduction is not None:
        by_node = reduced_posterior(layout, params, parts_of(layout, patterns), standard).log_general
        return _log_sum(by_node) - _log_mass(layout)
    at = AtNodes.of(layout, params, standard, Arrays("float64"))
    return _log_sum(at.log_posterior(patterns)) - _log_sum(at.log_prior())


def _log_sum(by_node: Array) -> Array:
    """Logarithm of the sum over nodes, the second axis, of exponentials; `by_node` is overwritten."""
    largest = by_node.max(axis=1, keepdims=True)
    by_node -= largest
    return np.asarray(np.log(np.exp(by_node, out=by_node).sum(axis=1)) + largest[:, 0])


def _log_mass(layout: Layout) -> float:
    """Logarithm of the sum of the nodes' weights of a model whose integral is reduced."""
    assert layout.collapse is not None
    return float(len(layout.spec.traits) * special.logsumexp(-0.5 * layout.collapse.standard_nodes(1) ** 2))
