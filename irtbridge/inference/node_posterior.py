"""The posterior of abilities at the nodes of a grid, given item parameters, person by person.

It is one matrix product of the responses' statistics with the natural parameters at the nodes; in a model whose
integral over the abilities is reduced, one for the items of each specific trait.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from irtbridge.data.responses import Responses
from irtbridge.inference.reduced_posterior import ReducedPosterior
from irtbridge.model.density import exponential_form
from irtbridge.model.families import ExponentialForm
from irtbridge.model.layout import Layout
from irtbridge.model.noncentred import ability_at, common_grid, prior_of_persons
from irtbridge.model.patterns import Patterns, columns_of
from irtbridge.plugin.arrays import Arrays

Array = NDArray[np.float64]
AT_ONCE = 2**16  # persons whose statistics are made in double precision, on the way to another
Parts = tuple[NDArray[Any], list[tuple[NDArray[Any], NDArray[np.intp]]]]  # see `parts_of`


def of_persons(layout: Layout, responses: Responses, dtype: Any) -> NDArray[Any]:
    """Each person's statistics in a column, then 1, then indicators of missing responses."""
    everybody = Patterns(responses.values, np.ones(responses.n_persons))
    missing, n = everybody.some_missing, layout.n_columns
    result = np.empty((n + 1 + missing * responses.n_items, responses.n_persons), dtype=dtype)
    for start in range(0, responses.n_persons, AT_ONCE):
        rows = slice(start, start + AT_ONCE)
        some = Patterns(everybody.values[rows], everybody.counts[rows]).statistics(layout, missing=missing).T
        result[:n, rows], result[n, rows], result[n + 1 :, rows] = some[:n], 1, some[n:]
    return result


@dataclass(frozen=True, eq=False)
class AtNodes:
    """What some draws of the item parameters say of any person's ability at the nodes, held by an array library.

    Attributes
    ----------
    arrays : Arrays
        Of the library.
    nodes : ndarray, shape (draw, node) or (draw, node, trait)
        Abilities.
    left : array, shape (draw, node, row)
        What multiplies the statistics, or what `corners` make of them, and 1.
    corners : array, shape (draw, corner, column), optional
        Natural parameters at the corners of the grid, where they are linear in the abilities.
    base : array, shape (draw, node, item)
        Log densities of responses whose statistics are all 0.
    columns : int
        Statistics of a person.
    log_masses : ndarray, shape (draw, node) or ()
        What the nodes weigh under a prior that is the same for everybody, as logarithms; 0 under others.
    priors : tuple of ndarray, optional
        Means and standard deviations (draw, trait, person), where abilities' prior differs from person to person.
    """

    arrays: Arrays
    nodes: Array
    left: Any
    corners: Any
    base: Any
    columns: int
    log_masses: Array
    priors: tuple[Array, Array] | None = None

    @classmethod
    def of(cls, layout: Layout, params: Mapping[str, Array], standard: Array, arrays: Arrays) -> AtNodes:
        """At the standard nodes (draw, node, trait) of each draw; parameters are full arrays with an axis (draw,)."""
        assert layout.collapse is not None
        nodes, priors = _nodes(layout, standard, params)
        log_prior = np.zeros(()) if priors else layout.collapse.log_masses(standard)
        form = _form_at(layout, params, nodes)
        return replace(cls.of_form(form, log_prior, _corners(layout), arrays), nodes=nodes, priors=priors)

    @classmethod
    def of_form(
        cls, form: ExponentialForm, log_prior: Array, corners: tuple[NDArray[np.intp], Array] | None, arrays: Arrays
    ) -> AtNodes:
        """From natural parameters (draw, node, item, statistic), and the log prior (draw, node) or () of the nodes."""
        natural = form.natural.reshape(*form.base.shape[:-1], -1)
        columns, inner = natural.shape[-1], None
        if corners is not None:
            few, weights = corners
            natural, inner = weights, arrays.put(natural[..., few, :])
        # The part that no response changes rides along in the product, which spares a pass over persons by nodes.
        constant = form.base.sum(axis=-1) + log_prior
        left = np.concatenate(_same_lead(np, natural, constant[..., None]), axis=-1)
        return cls(arrays, np.empty(0), arrays.put(left), inner, arrays.put(form.base), columns, log_prior)

    def log_posterior(self, patterns: Any, rows: slice = slice(None)) -> Any:
        """Of some persons, up to a constant: an array (draw, node, person) of the library.

        Parameters
        ----------
        patterns : array, shape (column, person)
            Of `of_persons`, held by the library.
        rows : slice
            Which persons they are.
        """
        product, xp, n = self.arrays.product, self.arrays.xp, self.columns
        observed, one, absent = patterns[:n], patterns[n : n + 1], patterns[n + 1 :]
        if self.corners is not None:
            observed = product(self.corners, observed)
        log_posterior = product(self.left, xp.concatenate(_same_lead(xp, observed, one), axis=-2))
        if absent.shape[0]:
            log_posterior -= product(self.base, absent)
        for away in self._away(rows):
            log_posterior -= 0.5 * away**2
        return log_posterior

    def log_prior(self) -> Array:
        """Of the nodes, up to the same constant: an array (draw, node, 1), or (draw, node, person)."""
        away = sum((np.asarray(away) ** 2 for away in self._away(slice(None))), start=np.zeros(()))
        return np.asarray(self.log_masses[..., None] - 0.5 * away)

    def weights(self, patterns: Any, rows: slice = slice(None)) -> Any:
        """In proportion to the posterior, the largest 1."""
        log_posterior = self.log_posterior(patterns, rows)
        log_posterior -= self.arrays.xp.amax(log_posterior, axis=1, keepdims=True)
        return self.arrays.exp(log_posterior)

    def _away(self, rows: slice) -> Iterator[Any]:
        """How many standard deviations of its prior the ability is away, (draw, node, person), trait by trait."""
        if self.priors is None:
            return
        nodes = self.nodes.reshape(*self.nodes.shape[:2], -1)
        loc, scale = (part[..., None, rows] for part in self.priors)
        for trait in range(nodes.shape[-1]):
            x, mean, sd = (self.arrays.put(part) for part in (nodes[..., trait, None], loc[:, trait], scale[:, trait]))
            yield (x - mean) / sd


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
    at = AtNodes.of(layout, params, standard, Arrays(patterns.dtype.name))
    return at.nodes, at.log_posterior(patterns)


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
    """Log prior of the nodes and log likelihood of patterns of some items there, shape (draw, node, person)."""
    at = AtNodes.of_form(form, log_prior, corners, Arrays(patterns.dtype.name))
    return np.asarray(at.log_posterior(patterns))


def _same_lead(xp: Any, *arrays: Any) -> list[Any]:
    """The arrays with the same axes before the last two."""
    lead = np.broadcast_shapes(*(tuple(a.shape[:-2]) for a in arrays))
    return [xp.broadcast_to(a, (*lead, *a.shape[-2:])) for a in arrays]


def _nodes(layout: Layout, standard: Array, params: Mapping[str, Array]) -> tuple[Array, tuple[Array, Array] | None]:
    """Abilities at the standard nodes of each draw; means and SDs of their prior where it differs by person."""
    if not layout.spec[layout.spec.family.ability].prior.references() and not layout.by_person:
        return ability_at(layout, standard, {}), None
    each = [{name: value[i] for name, value in params.items()} for i in range(len(standard))]
    if not layout.by_person:
        return np.stack([ability_at(layout, *pair) for pair in zip(standard, each, strict=True)]), None
    loc, scale = map(np.stack, zip(*(prior_of_persons(layout, draw) for draw in each), strict=True))
    nodes = np.stack([common_grid(layout, *own) for own in zip(standard, loc, scale, strict=True)])
    alone = layout.spec.dims[layout.spec.family.ability] == ("person",)
    return nodes[..., 0] if alone else nodes, (np.swapaxes(loc, 1, 2), np.swapaxes(scale, 1, 2))
