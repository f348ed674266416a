"""The curves that graders predict, of each item by a grader that has not seen its answers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from irtbridge.calibration.answers import Answers
from irtbridge.calibration.graders import Fitted, Grader, Rows, prob_right

Array = NDArray[np.float64]
SMOOTHING = 4.0  # answers of a mean item that stand beside an item's own
ASIDE = 0.2  # of the answers, to say when a grader that knows the items has learned enough


@dataclass(frozen=True, eq=False)
class CrossFitted:
    """A grader over the answers to items with features.

    Attributes
    ----------
    grader : Grader
        How to learn.
    features : ndarray, shape (item, feature)
        Numbers.
    folds : int
        Parts of the items, each predicted by a grader of the others.
    knows_items : bool
        Whether the item is a feature itself, by its smoothed mean grade: then all answers are learned from at once.
    """

    grader: Grader
    features: Array
    folds: int = 5
    knows_items: bool = False

    def curves(
        self, answers: Answers, abilities: Array, nodes: Array, seconds: float, rng: np.random.Generator
    ) -> Array:
        """Predicted probability of each category above the lowest or a higher one, (item, node, category - 1).

        Parameters
        ----------
        answers : Answers
            To learn from.
        abilities : ndarray, shape (person,)
            One of each person.
        nodes : ndarray, shape (node,)
            Where to predict.
        seconds : float
            That it may take, where the grader can keep to a time.
        rng : Generator
            Of the folds, and of the grader.
        """
        if self.knows_items:
            return self._all_at_once(answers, abilities, nodes, seconds, rng)
        rows = questions(answers, np.column_stack([abilities[answers.person], self.features[answers.item]]))
        seen, n_items = answers.per_item > 0, len(self.features)
        total, times = np.zeros((n_items, len(nodes), answers.n_categories - 1)), np.zeros(n_items)
        fold_of, n_folds = self._fold_of(seen, rng)
        for fold in range(n_folds):
            there = fold_of[rows.item] == fold
            fitted = self.grader.fit(rows.some(~there), rows.some(there), seconds / n_folds, _seed(rng))
            wanted = np.flatnonzero(~seen | (fold_of == fold))
            total[wanted] += _predicted(fitted, self.features[wanted], nodes, rows.thresholds)
            times[wanted] += 1
        return np.asarray(total / times[:, None, None])

    def _fold_of(self, seen: NDArray[np.bool_], rng: np.random.Generator) -> tuple[NDArray[np.intp], int]:
        places = rng.permutation(np.flatnonzero(seen))
        n_folds = min(self.folds, len(places))
        fold_of = np.full(len(seen), -1, dtype=np.intp)
        fold_of[places] = np.arange(len(places)) % n_folds
        return fold_of, n_folds

    def _all_at_once(
        self, answers: Answers, abilities: Array, nodes: Array, seconds: float, rng: np.random.Generator
    ) -> Array:
        per_answer, per_item = _grades(answers, self.folds, rng)
        x = np.column_stack([abilities[answers.person], self.features[answers.item], per_answer])
        rows = questions(answers, x)
        aside = np.repeat(rng.uniform(size=len(answers)) < ASIDE, rows.thresholds)
        fitted = self.grader.fit(rows.some(~aside), rows.some(aside), seconds, _seed(rng))
        return _predicted(fitted, np.column_stack([self.features, per_item]), nodes, rows.thresholds)


def questions(answers: Answers, x: Array) -> Rows:
    """Answers as a grader sees them: of each a row for each category above the lowest, whether it is that or a higher.

    Parameters
    ----------
    answers : Answers
    x : ndarray, shape (answer, column)
        Ability and features.
    """
    thresholds = answers.n_categories - 1
    asked = np.tile(np.arange(1, thresholds + 1), len(answers))
    right = np.repeat(answers.code, thresholds) >= asked
    x = with_threshold(np.repeat(x, thresholds, axis=0), asked, thresholds)
    return Rows(x, right.astype(float), np.repeat(answers.item, thresholds), thresholds)


def with_threshold(x: Array, asked: NDArray[np.intp], thresholds: int) -> Array:
    """With the category that is asked of as second column, behind the ability, where there is more than one."""
    return x if thresholds == 1 else np.insert(x, 1, asked, axis=1)


def _grades(answers: Answers, folds: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Mean grade of the item of each answer, without the answers of its fold, and of each item (target encoding)."""
    fold = rng.integers(folds, size=len(answers))

    def totals(weights: Array) -> Array:
        """Of each item and fold."""
        place = answers.item * folds + fold
        each = np.bincount(place, weights, minlength=answers.n_items * folds)
        return np.asarray(each.reshape(-1, folds), dtype=float)

    right, given = totals(answers.grade), totals(np.ones(len(answers)))
    all_right, all_given = right.sum(axis=1) + SMOOTHING * answers.grade.mean(), given.sum(axis=1) + SMOOTHING
    others = (all_right[:, None] - right) / (all_given[:, None] - given)
    return others[answers.item, fold], all_right / all_given


def _predicted(fitted: Fitted, features: Array, nodes: Array, thresholds: int) -> Array:
    shape = len(features), len(nodes), thresholds
    item, node, threshold = (places.ravel() for places in np.indices(shape))
    x = with_threshold(np.column_stack([nodes[node], features[item]]), threshold + 1, thresholds)
    return prob_right(fitted, x).reshape(shape)


def _seed(rng: np.random.Generator) -> int:
    return int(rng.integers(2**31 - 1))


def held_out(answers: Answers, share: float, rng: np.random.Generator) -> tuple[Answers, Answers]:
    """The answers to learn from and those set aside, of items that keep others."""
    aside = rng.uniform(size=len(answers)) < share
    kept = answers.some(~aside).per_item > 0
    aside &= kept[answers.item]
    return answers.some(~aside), answers.some(aside)
