"""The posterior of each person's abilities on the quadrature's grid: given all responses, or given their sum alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import special

from irtbridge.assess.scoring.sum_scores import sum_score_probs
from irtbridge.assess.scoring.weighted_points import WeightedPoints
from irtbridge.data.responses import Responses
from irtbridge.inference.node_posterior import log_posterior_at, of_persons, parts_of, reduced_posterior
from irtbridge.model.density import category_log_probs
from irtbridge.model.layout import Layout
from irtbridge.model.noncentred import nodes_of
from irtbridge.model.others import layout_of_rows
from irtbridge.model.patterns import table_width

Array = NDArray[np.float64]
CELLS = 2**20  # draws times nodes times persons at once: 8 MiB of doubles


def chunks(layout: Layout, persons: int, draws: int) -> Iterator[slice]:
    """Rows of as many persons as may be treated at once, with some draws."""
    size = max(1, CELLS // (table_width(layout) * draws))
    return (slice(start, min(start + size, persons)) for start in range(0, persons, size))


def grid_points(
    layout: Layout, draws: Sequence[Mapping[str, Array]], responses: Responses, *, sums: bool
) -> Iterator[list[WeightedPoints]]:
    """For some persons after others, the posterior of each trait, mixed over draws of the item parameters.

    Parameters
    ----------
    layout : Layout
        A layout with a quadrature, over the persons.
    draws : sequence of mapping of str to ndarray
        Full arrays, no leading axes.
    responses : Responses
        Of these persons.
    sums : bool
        Given the sum of a person's responses (of those that were observed), not the responses themselves.
    """
    for rows in chunks(layout, responses.n_persons, len(draws)):
        some, over = responses.select(rows), layout_of_rows(layout, rows)
        each = [_of_sums(over, draw, some) if sums else _of_responses(over, draw, some) for draw in draws]
        yield [WeightedPoints.mixed(parts) for parts in zip(*each, strict=True)]


def _of_responses(layout: Layout, params: Mapping[str, Array], responses: Responses) -> list[WeightedPoints]:
    """Given all responses, for each trait."""
    single = {name: value[None] for name, value in params.items()}
    patterns, standard = of_persons(layout, responses, np.float64), layout.standard_nodes[None]
    if layout.reduction is not None:
        marginals = reduced_posterior(layout, single, parts_of(layout, patterns), standard).marginals()
        return [WeightedPoints.of(x, weight) for x, weight in marginals]
    (nodes,), (log_posterior,) = log_posterior_at(layout, single, patterns, standard)
    return _by_trait(nodes, log_posterior)


def _of_sums(layout: Layout, params: Mapping[str, Array], responses: Responses) -> list[WeightedPoints]:
    """Given sums of responses, for each trait (Thissen, Pommerich, Billeaud & Williams 1995)."""
    nodes, log_weights = nodes_of(layout, layout.standard_nodes, params)
    probs = np.exp(category_log_probs(layout, {**params, layout.spec.family.ability: nodes}))
    log_posterior = np.empty((len(nodes), responses.n_persons))
    packed = np.packbits(responses.observed, axis=1)  # a few bytes a person are sorted far faster
    _, first, of_person = np.unique(packed, axis=0, return_index=True, return_inverse=True)
    sums = np.where(responses.observed, responses.values, 0).sum(axis=1)
    for number, items in enumerate(responses.observed[first]):
        persons = of_person.ravel() == number
        with np.errstate(divide="ignore"):
            table = np.log(sum_score_probs(probs[:, items], layout.n_categories[items]))
        log_posterior[:, persons] = table[:, sums[persons]]
    return _by_trait(nodes, log_posterior + (log_weights.T if log_weights.ndim > 1 else log_weights[:, None]))


def _by_trait(nodes: Array, log_posterior: Array) -> list[WeightedPoints]:
    weight = special.softmax(log_posterior, axis=0)
    return [WeightedPoints.of(x, weight) for x in (nodes.T if nodes.ndim > 1 else nodes[None])]
