"""How well does a fit predict the responses that it has not seen?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from irtbridge.assess.posterior import Posterior
from irtbridge.assess.predict import INTERVAL
from irtbridge.assess.prediction.baselines import BASELINES, Baseline
from irtbridge.assess.prediction.metrics import category_metrics, coverage, number_metrics
from irtbridge.assess.prediction.responses import DRAWS, Places, category_probs, chunks, draws_of, places
from irtbridge.data.kinds import CATEGORIES
from irtbridge.data.responses import Responses
from irtbridge.errors import StatisticError
from irtbridge.model.design import split_for

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


def held_out_metrics(
    posterior: Posterior, whole: Responses, test: Mask, draws: int = DRAWS, seed: int = 0
) -> dict[str, float]:
    """Metrics of the posterior predictive distribution of responses that were not fitted.

    Parameters
    ----------
    posterior : Posterior
        Of a fit that has all persons and items that are tested, and none of these responses.
    whole : Responses
        The responses, tested ones among them.
    test : ndarray of bool, shape (person, item)
        Which of them are predicted.
    draws, seed : int
        As in `predict_responses`; of the responses that are drawn, too.

    Returns
    -------
    dict
        Those of `category_metrics` or `number_metrics`, where predictions are means over draws, and
        ``person_coverage`` and ``item_coverage``: the share of persons, and items, whose sum of tested responses lies
        in its 95 % predictive interval. Sums of few responses are coarse, and their coverage is above 95 %.

    Raises
    ------
    StatisticError
        Nothing is tested.
    """
    if not test.any():
        raise StatisticError("no responses are held out, so there is nothing to predict; hold out a larger share.")
    whole, test = _as_fitted(posterior, whole, test)
    rows, columns = np.flatnonzero(test.any(axis=1)), np.flatnonzero(test.any(axis=0))
    of_rows = places("person", posterior.responses.persons, [whole.persons[i] for i in rows])
    of_columns = places("item", posterior.responses.items, [whole.items[i] for i in columns])
    tested = test[np.ix_(rows, columns)]
    mean, by_person, by_item = _predicted(draws_of(posterior, draws, seed), of_rows, of_columns, tested, seed)
    values = whole.values[np.ix_(rows, columns)]
    observed = np.where(tested, values, 0)
    return metrics_of(whole, values[tested], mean) | {
        "person_coverage": coverage(observed.sum(axis=1), *np.quantile(by_person, INTERVAL, axis=0)),
        "item_coverage": coverage(observed.sum(axis=0), *np.quantile(by_item, INTERVAL, axis=0)),
    }


def baseline_metrics(
    whole: Responses, train: Mask, test: Mask, baselines: Mapping[str, Baseline] = BASELINES
) -> pd.DataFrame:
    """Metrics of predictions without a model of item responses, a row for each.

    Parameters
    ----------
    whole : Responses
        The responses.
    train, test : ndarray of bool, shape (person, item)
        Which of them the predictions are learnt from, and which are predicted.
    baselines : mapping
        By name; see `irtbridge.assess.prediction.baselines`.
    """
    rows = {name: metrics_of(whole, whole.values[test], of(whole, train, test)) for name, of in baselines.items()}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("predictor")


def metrics_of(whole: Responses, values: NDArray[np.generic], predicted: Array) -> dict[str, float]:
    """Metrics of predicted probabilities (entry, category), or of predicted numbers (entry,)."""
    if whole.kind == CATEGORIES:
        return category_metrics(values.astype(np.int64), predicted)
    return number_metrics(values.astype(float), predicted)


def _as_fitted(posterior: Posterior, whole: Responses, test: Mask) -> tuple[Responses, Mask]:
    """The responses and those tested, with items that are free by group split as those of the fit are."""
    split = split_for(posterior.spec, whole)
    if split is whole:
        return whole, test
    place = {item: column for column, item in enumerate(whole.items)}
    return split, test[:, [place[origin] for origin in split.origins or ()]] & split.observed


def _predicted(
    source: Posterior, persons: Places, items: Places, tested: Mask, seed: int
) -> tuple[Array, Array, Array]:
    """What is predicted of each entry, and sums of drawn responses by person and by item, each (draw, ...)."""
    rng, family, dims = np.random.default_rng([seed, 4]), source.spec.family, source.spec.dims
    means, by_person, by_item, start = [], [], np.zeros((source.n_draws, len(items))), 0
    for some in chunks(source, persons, items):
        here = tested[start : start + len(some.persons)]
        start += len(some.persons)
        if family.kind == CATEGORIES:
            probs = category_probs(source, some)[:, here]
            means.append(probs.mean(axis=0))
            drawn = np.zeros((source.n_draws, *here.shape))
            drawn[:, here] = _codes(rng, probs)
        else:
            means.append(family.moments(some.params, dims, some.exists)[0].mean(axis=0)[here])
            drawn = np.where(here, family.draw(rng, some.params, dims, some.exists), 0)
        by_person.append(drawn.sum(axis=2))
        by_item += drawn.sum(axis=1)
    return np.concatenate(means), np.concatenate(by_person, axis=1), by_item


def _codes(rng: np.random.Generator, probs: Array) -> Array:
    """A code drawn with each distribution (..., category)."""
    uniform = rng.uniform(size=probs.shape[:-1])
    below, codes = np.zeros(uniform.shape), np.zeros(uniform.shape)
    for category in range(probs.shape[-1] - 1):
        below += probs[..., category]
        codes += uniform > below
    return codes
