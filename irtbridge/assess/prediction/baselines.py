"""Predictions that take no model of item responses: what any claim must beat.

Each is fitted to some responses (seen) and predicts others (tested) of the same persons and items, in the order of
their entries. Of categories it gives a probability for each, (entry, category); of numbers a mean, (entry,).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from irtbridge.data.kinds import CATEGORIES
from irtbridge.data.masks import Observed, Places
from irtbridge.data.responses import Responses

Array = NDArray[np.float64]
Baseline = Callable[[Responses, Responses], Array]
PRIOR = 1.0  # responses at the mean of all that a line's own are added to, so that no probability is 0
RIDGE = 1.0  # C of scikit-learn, its default: normal priors of variance 1 on the log odds of persons and items


def item_mean(seen: Responses, tested: Responses) -> Array:
    """How often an item got each category, or the mean of its numbers."""
    columns = Observed.of(tested.entries).columns
    return _possible(seen, columns, _means(seen, axis=0)[columns])


def person_mean(seen: Responses, tested: Responses) -> Array:
    """How often a person gave each category, of those that an item has, or the mean of the person's numbers."""
    entries = Observed.of(tested.entries)
    return _possible(seen, entries.columns, _means(seen, axis=1)[entries.rows])


def additive_logit(seen: Responses, tested: Responses) -> Array:
    """Logistic (of several categories multinomial) ridge regression on dummies of persons and items; of numbers linear.

    With two categories it is the Rasch model by penalised joint maximum likelihood.
    """
    from sklearn.linear_model import LogisticRegression, Ridge

    known, wanted, values = _dummies(seen), _dummies(tested), seen.entries.data
    if seen.kind != CATEGORIES:
        return np.asarray(Ridge(alpha=RIDGE).fit(known, values).predict(wanted))
    codes = np.unique(values)
    probs = np.zeros((wanted.shape[0], seen.max_categories))
    if len(codes) == 1:
        probs[:, codes[0]] = 1.0
    else:
        probs[:, codes] = LogisticRegression(C=RIDGE, max_iter=1000).fit(known, values).predict_proba(wanted)
    return _possible(seen, tested.entries.indices, probs)


BASELINES: Mapping[str, Baseline] = {
    "item mean": item_mean,
    "person mean": person_mean,
    "additive logit": additive_logit,
}


def _means(seen: Responses, axis: int) -> Array:
    """Of each person or item the mean of its outcomes and of `PRIOR` ones at the mean of all.

    Returns
    -------
    ndarray, shape (line,) of numbers, (line, category) of how often each category came
    """
    entries, observed = seen.entries.data, Observed.of(seen.entries)
    lines = observed if axis else observed.transposed
    outcomes = [entries] if seen.kind != CATEGORIES else [entries == code for code in range(seen.max_categories)]
    sums = [np.bincount(lines.rows, outcome, minlength=lines.shape[0]) for outcome in outcomes]
    means = np.stack([_towards_all(each, lines.counts) for each in sums], axis=1)
    return means if seen.kind == CATEGORIES else means[:, 0]


def _towards_all(sums: NDArray[Any], counts: NDArray[np.intp]) -> Array:
    return np.asarray((sums + PRIOR * sums.sum() / counts.sum()) / (counts + PRIOR))


def _possible(data: Responses, columns: Places, probs: Array) -> Array:
    """Probabilities of the categories that each item has, which sum to one; numbers as they are."""
    if data.kind != CATEGORIES:
        return probs
    exists = np.arange(data.max_categories) < data.n_categories[columns, None]
    there = np.where(exists, probs, 0.0)
    return np.asarray(there / there.sum(axis=1, keepdims=True))


def _dummies(responses: Responses) -> sparse.csr_array:
    """A row for each entry with a 1 for its person and one for its item."""
    observed = Observed.of(responses.entries)
    entry, size = np.arange(len(observed.rows)), sum(observed.shape)
    columns = np.concatenate([observed.rows, observed.shape[0] + observed.columns])
    return sparse.csr_array((np.ones(2 * len(entry)), (np.tile(entry, 2), columns)), shape=(len(entry), size))
