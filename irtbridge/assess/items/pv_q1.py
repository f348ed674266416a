"""Observed and expected categories in groups of like ability: PV-Q1 at plausible values, X2 and G2 at expected ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from irtbridge.assess.items.cells import within_rows
from irtbridge.assess.items.estimated import parameters_by_item
from irtbridge.assess.items.residuals import abilities_given
from irtbridge.assess.items.s_x2 import ChiSquare
from irtbridge.assess.posterior import Posterior
from irtbridge.assess.predict import one_by_one, predictive, responses_of
from irtbridge.errors import StatisticError

Array = NDArray[np.float64]
GROUPS, LEAST = 10, 2.0  # groups of ability (R mirt), and the expected count below which a cell is joined


def pv_q1(posterior: Posterior, draws: int = 30, seed: int = 0) -> ChiSquare:
    """PV-Q1 of each item: X2 in ten groups of plausible values, averaged over their draws (Chalmers & Ng 2017).

    Parameters
    ----------
    posterior : Posterior
        Of a fit; item parameters are held at their posterior mean.
    draws : int
        Sets of plausible values.
    seed : int
        Seed of their draws.

    Raises
    ------
    StatisticError
        Responses are no categories, or there are several traits.
    """
    _check(posterior, "PV-Q1")
    mean = replace(posterior.at_mean, point=True)
    source, rng = predictive(mean, draws, seed), np.random.default_rng([seed, 3])
    # Plausible values lie on a grid: what ties is sorted by chance, or the order of the data would come in.
    order = [np.lexsort((rng.uniform(size=values.shape), values)) for values in source.abilities.reshape(draws, -1)]
    parameters = parameters_by_item(mean.layout)
    tables = (
        _tables(responses_of(at), at, at.abilities.ravel(), o) for at, o in zip(one_by_one(source), order, strict=True)
    )
    each = [_joined_x2(*of, parameters, LEAST) for of in tables]
    statistic, df = np.mean(each, axis=0)
    return ChiSquare(statistic, df, float(posterior.weights.sum()))


def x2(posterior: Posterior) -> ChiSquare:
    """X2 of each item in ten groups of expected abilities, at the posterior mean, as R's mirt has it: no cell joined.

    Under the model it lies far above chi-square, as expected abilities are not the abilities.

    Raises
    ------
    StatisticError
        As `pv_q1`.
    """
    each = _joined_x2(*_at_expected(posterior, "X2"), parameters_by_item(posterior.layout), 0.0)
    return ChiSquare(*each, float(posterior.weights.sum()))


def g2(posterior: Posterior) -> ChiSquare:
    """G2 of each item, the likelihood ratio in the same groups (McKinley & Mills 1985), as R's mirt has it.

    Categories that nobody of a group gave count for no degree of freedom. Under the model it lies as far above
    chi-square as X2.

    Raises
    ------
    StatisticError
        As `pv_q1`.
    """
    observed, expected = _at_expected(posterior, "G2")
    given = observed > 0
    ratio = np.log(np.divide(observed, expected, out=np.ones_like(observed), where=given))
    df = (given.sum(axis=2) - 1).clip(0).sum(axis=0) - parameters_by_item(posterior.layout)
    statistic = np.where(df > 0, 2 * np.sum(observed * ratio, axis=(0, 2)), np.nan)
    return ChiSquare(statistic, np.maximum(df, 0).astype(float), float(posterior.weights.sum()))


def _check(posterior: Posterior, what: str) -> None:
    posterior.check_categories(what, "item_fit(statistics='infit')")
    if len(posterior.traits) > 1:
        raise StatisticError(
            f"{what} sorts persons by one trait, model {posterior.spec.name!r} has {len(posterior.traits)}; "
            "use item_fit(statistics=['s_x2', 'infit'])."
        )


def _at_expected(posterior: Posterior, what: str) -> tuple[Array, Array]:
    """Observed and expected counts at expected abilities, at the posterior mean."""
    _check(posterior, what)
    at = next(one_by_one(predictive(replace(posterior.at_mean, point=True), 1)))
    responses = responses_of(at)
    abilities = abilities_given(responses, at).ravel()
    return _tables(responses, at, abilities, np.argsort(abilities, kind="stable"))


def _tables(responses: Array, at: Posterior, abilities: Array, order: NDArray[np.intp]) -> tuple[Array, Array]:
    """Observed and expected counts (group, item, category), persons sorted by ability in this order."""
    member = _groups(order)
    answered = ~np.isnan(responses)
    number = member @ answered
    centre = member @ (answered * abilities[:, None]) / np.maximum(number, 1)
    codes = np.arange(at.layout.exists.shape[1])
    observed = np.stack([member @ (responses == code) for code in codes], axis=-1)
    items = np.arange(responses.shape[1])
    probs = at.category_probs(centre.reshape(1, -1))[0].reshape(*centre.shape, len(items), len(codes))
    return observed, number[..., None] * probs[:, items, items]


def _groups(order: NDArray[np.intp]) -> Array:
    """1 where a person (column) is of a group (row): ten of as many persons, the outer ones with what is left over."""
    size, rest = divmod(len(order), GROUPS)
    sizes = np.full(GROUPS, size)
    sizes[0] += rest // 2
    sizes[-1] += rest - rest // 2
    group = np.empty(len(order), dtype=int)
    group[order] = np.repeat(np.arange(GROUPS), sizes)
    return np.asarray(group == np.arange(GROUPS)[:, None], dtype=float)


def _joined_x2(observed: Array, expected: Array, parameters: NDArray[np.int64], least: float) -> tuple[Array, Array]:
    shape, width = expected.shape[:2], expected.shape[2]
    observed, expected = within_rows(observed.reshape(-1, width), expected.reshape(-1, width), least, 1)
    cells = expected > 0
    terms = np.where(cells, (observed - expected) ** 2 / np.where(cells, expected, 1), 0)
    df = np.maximum(cells.sum(axis=1) - 1, 0).reshape(shape).sum(axis=0) - parameters
    x2 = terms.sum(axis=1).reshape(shape).sum(axis=0)
    return np.where(df > 0, x2, np.nan), np.maximum(df, 0).astype(float)
