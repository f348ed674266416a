"""The posterior of abilities at the nodes of a grid, given item parameters, person by person.

It is one matrix product of the responses' statistics with the natural parameters at the nodes; in a model whose
integral over the abilities is reduced, one for the items of each specific trait.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from irtbridge.data.responses import Responses
from irtbridge.inference.reduced_posterior import ReducedPosterior
from irtbridge.model.density import exponential_form
from irtbridge.model.families import ExponentialForm
from irtbridge.model.layout import Layout
from irtbridge.model.noncentred import ability_at, nodes_of
from irtbridge.model.patterns import Patterns, columns_of

Array = NDArray[np.float64]
Parts = tuple[NDArray[Any], list[tuple[NDArray[Any], NDArray[np.intp]]]]  # see `parts_of`


def of_persons(layout: Layout, responses: Responses, dtype: Any) -> NDArray[Any]:
    """Each person's statistics in a column, then 1, then indicators of missing responses."""
    patterns = Patterns(responses.values, np.ones(responses.n_persons))
    statistics = patterns.statistics(layout, missing=patterns.some_missing).T
    result = np.empty((len(statistics) + 1, statistics.shape[1]), dtype=dtype)
    result[: layout.n_columns] = statistics[: layout.n_columns]
    result[layout.n_columns] = 1
    result[layout.n_columns + 1 :] = statistics[layout.n_columns :]
    return result


def log_posterior_at(
    layout: Layout, params: Mapping[str, Array], patterns: NDArray[Any], standard: Array
) -> tuple[Array, NDArray[Any]]:
    """Abilities at the nodes of each draw, and their log posterior (draw, node, person) up to a constant.

    Parameters
    ----------
    layout : Layout
        A layout with a quadrature.
    params : mapping of str to ndarray
        Full arrays with one leading axis (draw,).
    patterns : ndarray, shape (column, person)
        Of `of_persons`; the log posterior has their precision.
    standard : ndarray, shape (draw, node, trait)
        Standardised abilities.
    """
    nodes, log_weights = _nodes(layout, standard, params)
    form = _form_at(layout, params, nodes)
    log_prior = np.zeros(()) if layout.by_person else log_weights
    log_posterior = _weigh(form, log_prior, patterns, _corners(layout))
    if layout.by_person:
        log_posterior += np.swapaxes(log_weights, -1, -2)
    return nodes, log_posterior


def parts_of(layout: Layout, patterns: NDArray[Any]) -> Parts:
    """What `of_persons` gives, apart for the items without a specific trait and for those of each."""
    assert layout.reduction is not None
    alone = _rows(layout, patterns, layout.reduction.alone)
    each = (_rows(layout, patterns, items) for items in layout.reduction.blocks)
    return alone, [np.unique(rows, axis=1, return_inverse=True) for rows in each]


def reduced_posterior(layout: Layout, params: Mapping[str, Array], parts: Parts, standard: Array) -> ReducedPosterior:
    """As `log_posterior_at`, of a model whose integral over the abilities is reduced."""
    assert layout.collapse is not None
    assert layout.reduction is not None
    nodes, _ = _nodes(layout, standard, params)
    (natural, base), log_prior = _form_at(layout, params, nodes), -0.5 * standard**2
    reduction, n = layout.reduction, layout.collapse.n_nodes
    without = ExponentialForm(natural[:, ::n, reduction.alone], base[:, ::n, reduction.alone])
    alone = _weigh(without, log_prior[:, ::n, reduction.general], parts[0])
    blocks = []
    for trait, items, (different, of_person) in zip(reduction.specific, reduction.blocks, parts[1], strict=True):
        block = ExponentialForm(natural[:, :, items], base[:, :, items])
        log_posterior = _weigh(block, log_prior[..., trait], different, _corners(layout))
        blocks.append((log_posterior, of_person))
    return ReducedPosterior.of(reduction, nodes, alone, blocks)


def _rows(layout: Layout, patterns: NDArray[Any], items: NDArray[np.intp]) -> NDArray[Any]:
    """What `of_persons` would give of some items."""
    own, absent = columns_of(layout, items)
    some = len(patterns) > layout.n_columns + 1
    return patterns[np.r_[own, layout.n_columns, absent + 1 if some else absent[:0]]]


def _form_at(layout: Layout, params: Mapping[str, Array], nodes: Array) -> ExponentialForm:
    """Natural parameters (draw, node, item, statistic) and base (draw, node, item) at the nodes of each draw."""
    return exponential_form(layout, {**params, layout.spec.family.ability: nodes})


def _corners(layout: Layout) -> tuple[NDArray[np.intp], Array] | None:
    """Nodes to interpolate from, where natural parameters are linear in the abilities (see `Quadrature.corners`)."""
    if layout.collapse is None or not layout.spec.family.linear:
        return None
    return layout.collapse.corners(len(layout.spec.traits) if layout.reduction is None else 2)


def _weigh(
    form: ExponentialForm,
    log_prior: Array,
    patterns: NDArray[Any],
    corners: tuple[NDArray[np.intp], Array] | None = None,
) -> NDArray[Any]:
    """Log prior of the nodes and log likelihood of the patterns there, shape (draw, node, person).

    Parameters
    ----------
    form : ExponentialForm
        Of `_form_at`, or its part that belongs to some items.
    log_prior : ndarray, shape (draw, node) or ()
        Of the nodes.
    patterns : ndarray, shape (column, person)
        Of `of_persons`; the result has their precision.
    corners : tuple of ndarray, optional
        Of `_corners`.
    """
    natural = form.natural.reshape(*form.base.shape[:-1], -1).astype(patterns.dtype)
    constant = form.base.sum(axis=-1) + log_prior
    observed, one, absent = np.split(patterns, [natural.shape[-1], natural.shape[-1] + 1])
    if corners is not None:
        nodes, weights = corners
        natural, observed = weights, natural[..., nodes, :] @ observed
    # The part that no response changes rides along in the product, which spares a pass over persons by nodes.
    left = np.concatenate(_same_lead(natural, constant[..., None]), axis=-1, dtype=patterns.dtype)
    log_posterior = left @ np.concatenate(_same_lead(observed, one), axis=-2)
    if len(absent):
        log_posterior -= form.base.astype(patterns.dtype) @ absent
    return np.asarray(log_posterior)


def _same_lead(*arrays: NDArray[Any]) -> list[NDArray[Any]]:
    """The arrays with the same axes before the last two."""
    lead = np.broadcast_shapes(*(a.shape[:-2] for a in arrays))
    return [np.broadcast_to(a, (*lead, *a.shape[-2:])) for a in arrays]


def _nodes(layout: Layout, standard: Array, params: Mapping[str, Array]) -> tuple[Array, Array]:
    """Abilities at the standard nodes of each draw, and their log weights; at once where their prior is one for all."""
    assert layout.collapse is not None
    if not layout.spec[layout.spec.family.ability].prior.references():
        return ability_at(layout, standard, {}), layout.collapse.log_masses(standard)
    each = [{name: value[i] for name, value in params.items()} for i in range(len(standard))]
    pairs = [nodes_of(layout, grid, draw) for grid, draw in zip(standard, each, strict=True)]
    nodes, log_weights = map(np.stack, zip(*pairs, strict=True))
    return nodes, log_weights
