"""How well does a fit predict the responses that it has not seen?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from irtbridge.assess.posterior import Posterior
from irtbridge.assess.predict import INTERVAL
from irtbridge.assess.prediction.baselines import BASELINES, Baseline
from irtbridge.assess.prediction.metrics import category_metrics, coverage, number_metrics
from irtbridge.assess.prediction.responses import (
    CELLS,
    DRAWS,
    Places,
    draws_of,
    of_entries,
    places,
    probs_of_entries,
)
from irtbridge.data.kinds import CATEGORIES
from irtbridge.data.masks import Observed
from irtbridge.data.responses import Responses
from irtbridge.errors import StatisticError
from irtbridge.model.design import split_for

Array = NDArray[np.float64]


def held_out_metrics(posterior: Posterior, tested: Responses, draws: int = DRAWS, seed: int = 0) -> dict[str, float]:
    """Metrics of the posterior predictive distribution of responses that were not fitted.

    Parameters
    ----------
    posterior : Posterior
        Of a fit that has all persons and items that are tested, and none of these responses.
    tested : Responses
        The responses that are predicted, as `HoldOut.tested` has them.
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
    if not tested.entries.nnz:
        raise StatisticError("no responses are held out, so there is nothing to predict; hold out a larger share.")
    tested = split_for(posterior.spec, tested, complete=False)
    observed, values = Observed.of(tested.entries), tested.entries.data
    (rows, row), (columns, column) = (np.unique(of, return_inverse=True) for of in (observed.rows, observed.columns))
    persons = places("person", posterior.responses.persons, [tested.persons[i] for i in rows])
    items = places("item", posterior.responses.items, [tested.items[i] for i in columns])
    sums = [_Sums.of(lines, values) for lines in (row, column)]
    mean = _predicted(draws_of(posterior, draws, seed), persons[row], items[column], sums, draws, seed)
    covered = (coverage(each.observed, *np.quantile(each.drawn, INTERVAL, axis=1)) for each in sums)
    return metrics_of(tested, values, mean) | dict(zip(("person_coverage", "item_coverage"), covered, strict=True))


def baseline_metrics(seen: Responses, tested: Responses, baselines: Mapping[str, Baseline] = BASELINES) -> pd.DataFrame:
    """Metrics of predictions without a model of item responses, a row for each.

    Parameters
    ----------
    seen, tested : Responses
        What the predictions are learnt from, and what is predicted, of the same persons and items.
    baselines : mapping
        By name; see `irtbridge.assess.prediction.baselines`.
    """
    rows = {name: metrics_of(tested, tested.entries.data, of(seen, tested)) for name, of in baselines.items()}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("predictor")


def metrics_of(tested: Responses, values: NDArray[np.generic], predicted: Array) -> dict[str, float]:
    """Metrics of predicted probabilities (entry, category), or of predicted numbers (entry,)."""
    if tested.kind == CATEGORIES:
        return category_metrics(values.astype(np.int64), predicted)
    return number_metrics(values.astype(float), predicted)


@dataclass(eq=False)
class _Sums:
    """Sums of responses by line: of those observed (line,), and of those drawn (line, draw), some entries at a time."""

    lines: Places
    observed: NDArray[Any]
    drawn: Array | float = 0.0

    @classmethod
    def of(cls, lines: Places, values: NDArray[Any]) -> _Sums:
        return cls(lines, np.bincount(lines, values))

    def add(self, start: int, drawn: NDArray[Any]) -> None:
        """Responses (draw, entry) of the entries from one on."""
        lines = self.lines[start : start + drawn.shape[1]]
        one = np.ones(len(lines)), (lines, np.arange(len(lines)))
        self.drawn = self.drawn + sparse.csr_array(one, shape=(len(self.observed), len(lines))) @ drawn.T


def _predicted(
    source: Posterior, persons: Places, items: Places, sums: Sequence[_Sums], draws: int, seed: int
) -> Array:
    """What is predicted of each entry; adds responses that are drawn to the sums.

    Of a point estimate without draws of the abilities, as many responses are drawn at the estimate.
    """
    rng, family = np.random.default_rng([seed, 4]), source.spec.family
    many = source.at_draws(np.zeros(draws, dtype=int)) if source.point else source
    means, size = [], max(1, CELLS // (many.n_draws * source.layout.exists.shape[1]))
    for start in range(0, len(persons), size):
        part = slice(start, start + size)
        if family.kind == CATEGORIES:
            probs = probs_of_entries(source, persons[part], items[part])
            drawn = _codes(rng, np.broadcast_to(probs, (many.n_draws, *probs.shape[1:])))
            means.append(probs.mean(axis=0))
        else:
            mean = of_entries(source, persons[part], items[part], lambda *at: family.moments(*at)[0])
            drawn = of_entries(many, persons[part], items[part], lambda *at: family.draw(rng, *at))
            means.append(mean.mean(axis=0))
        for each in sums:
            each.add(start, drawn)
    return np.concatenate(means)


def _codes(rng: np.random.Generator, probs: Array) -> NDArray[np.int8]:
    """A code drawn with each distribution (..., category)."""
    uniform = rng.uniform(size=probs.shape[:-1])
    below, codes = np.zeros(uniform.shape), np.zeros(uniform.shape, dtype=np.int8)
    for category in range(probs.shape[-1] - 1):
        below += probs[..., category]
        codes += uniform > below
    return codes
