"""The log joint density of a model and its data in NumPy: the reference that every backend is held to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import special

from irtbridge.data.responses import Responses
from irtbridge.model.families import Categories, ExponentialForm
from irtbridge.model.layout import Layout
from irtbridge.model.noncentred import nodes_of
from irtbridge.model.patterns import Patterns, columns_of
from irtbridge.model.priors import Prior
from irtbridge.model.quadrature import Quadrature, ScatteredNodes
from irtbridge.model.reduction import grid_dimensions

Array = NDArray[np.float64]
# Persons times nodes, 16 MiB of doubles: as many persons tell the error of a quadrature.
MOST_CELLS = 2**21
SLICES = 8  # as many persons that are taken of scattered nodes


def category_log_probs(layout: Layout, params: Mapping[str, Array]) -> Array:
    """Log probabilities (..., person, item, category) at full parameter arrays, for a family of categories."""
    assert isinstance(layout.spec.family, Categories)
    return layout.spec.family.log_probs(params, layout.spec.dims, layout.exists)


def exponential_form(layout: Layout, params: Mapping[str, Array]) -> ExponentialForm:
    """Natural parameters and base (..., person, item) at full parameter arrays, leading axes first."""
    return layout.spec.family.exponential(params, layout.spec.dims, layout.exists)


def marginal_log_likelihood(layout: Layout, params: Mapping[str, Array], responses: Responses) -> Array:
    """Log probability of each distinct response pattern times its count, the abilities integrated out."""
    assert layout.collapse is not None
    params = layout.complete(params)
    patterns = Patterns.of(responses, by_person=layout.by_person)
    nodes, log_weights = nodes_of(layout, layout.standard_nodes, params)
    form = exponential_form(layout, {**params, layout.spec.family.ability: nodes})
    statistics = patterns.statistics(layout, missing=True)
    by_node = (
        _at_nodes(form, statistics) + log_weights if layout.reduction is None else _reduced(layout, form, statistics)
    )
    return np.asarray(patterns.counts * special.logsumexp(by_node, axis=1))


def _at_nodes(form: ExponentialForm, statistics: Array) -> Array:
    """Log probability of each pattern (row) at each node (column)."""
    columns = np.concatenate([form.natural.reshape(len(form.natural), -1), -form.base], axis=1)
    return np.asarray(statistics @ columns.T + form.base.sum(axis=1))


def _reduced(layout: Layout, form: ExponentialForm, statistics: Array) -> Array:
    """Log probability of each pattern (row) and node of the general trait, together; the specific traits summed out."""
    assert layout.collapse is not None
    assert layout.reduction is not None
    n, weights, alone = layout.collapse.n_nodes, layout.collapse.log_weights(1), layout.reduction.alone
    without = ExponentialForm(form.natural[::n, alone], form.base[::n, alone])
    total = weights + _at_nodes(without, statistics[:, np.concatenate(columns_of(layout, alone))])
    for items in layout.reduction.blocks:
        block = ExponentialForm(form.natural[:, items], form.base[:, items])
        by_node = _at_nodes(block, statistics[:, np.concatenate(columns_of(layout, items))]).reshape(-1, n, n)
        total += special.logsumexp(by_node + weights, axis=2)
    return np.asarray(total)


def quadrature_error(layout: Layout, draws: Sequence[Mapping[str, Array]], responses: Responses) -> float:
    """By how much twice as many quadrature nodes would move a parameter, in its standard errors, at most.

    Reweighting draws by the ratio r of the two likelihoods moves a parameter's mean by its covariance with log r, to
    first order: by no more standard errors than the standard deviation of log r over the draws. A single point has no
    standard errors to tell: of it log r itself is given, which may be a hundred times less.

    Of very many persons some are taken, at even distances, and their error is scaled up. Of scattered nodes more are,
    as their error is another for each person and partly cancels.

    Parameters
    ----------
    layout : Layout
        A layout with a quadrature.
    draws : sequence of mapping of str to ndarray
        Full arrays of some draws, or of a point estimate.
    responses : Responses
        The data.
    """
    assert layout.collapse is not None
    rows, most = telling_persons(layout, responses), _persons_at_once(layout)
    moved, weight = np.zeros(len(draws)), 0.0
    for start in range(0, len(rows), most):
        some = responses.select(rows[start : start + most])
        there, here = (
            np.array([marginal_log_likelihood(Layout.of(layout.spec, some, grid), one, some).sum() for one in draws])
            for grid in (finer(layout.collapse), layout.collapse)
        )
        with np.errstate(invalid="ignore"):
            moved, weight = moved + (there - here), weight + some.total_weight
    moved *= responses.total_weight / weight
    if not np.isfinite(moved).all():
        return float("inf")
    return float(abs(moved[0]) if len(moved) == 1 else moved.std(ddof=1))


def finer(quadrature: Quadrature) -> Quadrature:
    """The same with twice as many nodes."""
    return replace(quadrature, n_nodes=2 * quadrature.n_nodes)


def telling_persons(layout: Layout, responses: Responses) -> NDArray[np.intp]:
    """Persons that tell the error of a quadrature: all, or of very many some at even distances."""
    slices = SLICES if isinstance(layout.collapse, ScatteredNodes) else 1
    taken = min(_persons_at_once(layout) * slices, responses.n_persons)
    return np.linspace(0, responses.n_persons - 1, taken).astype(np.intp)


def _persons_at_once(layout: Layout) -> int:
    assert layout.collapse is not None
    return max(1, MOST_CELLS // finer(layout.collapse).size(grid_dimensions(layout.spec)))


def log_likelihood(layout: Layout, params: Mapping[str, Array], responses: Responses) -> Array:
    """Log probability, or density, of each response, shape (person, item); 0 where it is missing."""
    family, values = layout.spec.family, layout.complete(params)
    each = family.log_density(responses.values, values, layout.spec.dims, layout.exists)
    return np.where(responses.observed, each, 0.0)


def log_prior(layout: Layout, name: str, params: Mapping[str, Array]) -> float:
    """Log prior density of one variable, summed over its free elements."""
    terms, kept = _prior_terms(layout, name, params)
    return float(np.sum(terms, where=kept))


def log_prior_by_item(layout: Layout, params: Mapping[str, Array]) -> Array:
    """Log prior density of each item's free elements, and last of all that are no item's; shape (..., item + 1)."""
    lead, values = layout.batch_shape(params), layout.complete(params)
    if lead and any(_is_of_matrices(slot.variable.prior) for slot in layout.slots.values()):
        return np.array([log_prior_by_item(layout, row) for row in layout.rows(params)]).reshape(*lead, -1)
    sums, n_items = np.zeros((*lead, layout.sizes["item"] + 1)), layout.sizes["item"]
    for name, slot in layout.slots.items():
        terms, kept = _prior_terms(layout, name, values)
        terms = np.where(kept, terms, 0.0)
        of_items = slot.variable.dims[:1] == ("item",) and terms.shape[len(lead) :][:1] == (n_items,)
        by_row = terms.reshape(*lead, n_items if of_items else 1, -1).sum(axis=-1)
        sums[..., slice(n_items) if of_items else slice(n_items, None)] += by_row
    return sums


def _is_of_matrices(prior: Prior) -> bool:
    """Whether a prior is of a matrix or has one that is estimated, and so takes one at a time."""
    return prior.support == "cholesky" or "scale_tril" in prior.references()


def _prior_terms(layout: Layout, name: str, params: Mapping[str, Array]) -> tuple[Array, NDArray[np.bool_]]:
    """Log prior density (..., element or vector) of one variable, and which of them count, no leading axes."""
    slot = layout.slots[name]
    prior, value = slot.variable.prior, np.asarray(params[name], dtype=float)
    arguments = layout.arguments(name, layout.complete(params))
    terms = np.asarray(prior.log_density(value if slot.basis is None else slot.to_site(value), **arguments))
    if slot.basis is not None or slot.index is None:
        return terms, np.ones((), dtype=bool)
    kept = np.zeros(slot.shape[: len(slot.shape) - prior.event_ndim], dtype=bool)
    kept.ravel()[slot.index if not prior.event_ndim else np.unique(slot.index // slot.shape[-1])] = True
    return terms, kept


def log_density_terms(layout: Layout, params: Mapping[str, Array], responses: Responses) -> dict[str, float]:
    """Each variable's log prior density and the log likelihood (under the key ``response``)."""
    terms = {name: log_prior(layout, name, params) for name in layout.slots}
    likelihood = log_likelihood if layout.collapse is None else marginal_log_likelihood
    return terms | {"response": float(likelihood(layout, params, responses).sum())}


def log_joint(layout: Layout, params: Mapping[str, Array], responses: Responses) -> float:
    """Log joint density of parameters and responses; abilities integrated out where the layout says so.

    Outside of a prior's bounds it is minus infinity, whatever the likelihood would be there.

    Parameters
    ----------
    layout : Layout
        The model over the data's shape.
    params : mapping of str to ndarray
        Full arrays by variable name, constrained values.
    responses : Responses
        The data.
    """
    return float(sum(log_density_terms(layout, params, responses).values())) if layout.inside(params) else -np.inf
