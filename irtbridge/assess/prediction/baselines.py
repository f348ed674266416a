"""Predictions that take no model of item responses: what any claim must beat.

Each is fitted to some responses (train) and predicts others (test), both as masks over one matrix. Of categories it
gives a probability for each, shape (entry, category); of numbers a mean, shape (entry,).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from irtbridge.data.kinds import CATEGORIES
from irtbridge.data.responses import Responses

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Baseline = Callable[[Responses, Mask, Mask], Array]
PRIOR = 1.0  # responses at the mean of all that a line's own are added to, so that no probability is 0
RIDGE = 1.0  # C of scikit-learn, its default: normal priors of variance 1 on the log odds of persons and items


def item_mean(data: Responses, train: Mask, test: Mask) -> Array:
    """How often an item got each category, or the mean of its numbers."""
    columns = np.nonzero(test)[1]
    return _possible(data, columns, _means(data, train, axis=0)[columns])


def person_mean(data: Responses, train: Mask, test: Mask) -> Array:
    """How often a person gave each category, of those that an item has, or the mean of the person's numbers."""
    rows, columns = np.nonzero(test)
    return _possible(data, columns, _means(data, train, axis=1)[rows])


def additive_logit(data: Responses, train: Mask, test: Mask) -> Array:
    """Logistic (of several categories multinomial) ridge regression on dummies of persons and items; of numbers linear.

    With two categories it is the Rasch model by penalised joint maximum likelihood.
    """
    from sklearn.linear_model import LogisticRegression, Ridge

    known, wanted, values = _dummies(train), _dummies(test), data.values[train]
    if data.kind != CATEGORIES:
        return np.asarray(Ridge(alpha=RIDGE).fit(known, values).predict(wanted))
    codes = np.unique(values)
    probs = np.zeros((wanted.shape[0], data.max_categories))
    if len(codes) == 1:
        probs[:, codes[0]] = 1.0
    else:
        probs[:, codes] = LogisticRegression(C=RIDGE, max_iter=1000).fit(known, values).predict_proba(wanted)
    return _possible(data, np.nonzero(test)[1], probs)


BASELINES: Mapping[str, Baseline] = {
    "item mean": item_mean,
    "person mean": person_mean,
    "additive logit": additive_logit,
}


def _means(data: Responses, train: Mask, axis: int) -> Array:
    """Of each person or item the mean of its outcomes and of `PRIOR` ones at the mean of all.

    Returns
    -------
    ndarray, shape (line,) of numbers, (line, category) of how often each category came
    """
    counts = train.sum(axis=axis)
    if data.kind != CATEGORIES:
        return _towards_all(np.where(train, data.values, 0).sum(axis=axis), counts)
    each = [((data.values == code) & train).sum(axis=axis) for code in range(data.max_categories)]
    return np.stack([_towards_all(sums, counts) for sums in each], axis=1)


def _towards_all(sums: Array, counts: NDArray[np.intp]) -> Array:
    return np.asarray((sums + PRIOR * sums.sum() / counts.sum()) / (counts + PRIOR))


def _possible(data: Responses, columns: NDArray[np.intp], probs: Array) -> Array:
    """Probabilities of the categories that each item has, which sum to one; numbers as they are."""
    if data.kind != CATEGORIES:
        return probs
    exists = np.arange(data.max_categories) < data.n_categories[columns, None]
    there = np.where(exists, probs, 0.0)
    return np.asarray(there / there.sum(axis=1, keepdims=True))


def _dummies(mask: Mask) -> sparse.csr_array:
    """A row for each entry with a 1 for its person and one for its item."""
    persons, items = np.nonzero(mask)
    entry, size = np.arange(len(persons)), sum(mask.shape)
    columns = np.concatenate([persons, mask.shape[0] + items])
    return sparse.csr_array((np.ones(2 * len(entry)), (np.tile(entry, 2), columns)), shape=(len(entry), size))
