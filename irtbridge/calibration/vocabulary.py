"""A simulated vocabulary test of real words: items whose parameters depend on their features, but not on these alone.

Two kinds of items, with features of their own. *Yes/no*: is this an English word? Half of the items are words of any
frequency, half are invented by letter n-gram models. *In context*: complete a word of a sentence of which the first
letters are shown. What the features say of an item's difficulty b and of the logarithm of its discrimination a is given
by the formulas of `yes_no` and `in_context`; a normal residual is added, of standard deviation `RESIDUAL_DIFFICULTY`
and `RESIDUAL_DISCRIMINATION`. The formulas are chosen, not estimated: that frequent words are easy, with a floor and a
ceiling, and that pseudo-words with many neighbours are hard to reject, is known of word recognition (Brysbaert et al.
2018; Andrews 1997); the numbers are ours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from irtbridge.bank.item_bank import ItemBank
from irtbridge.calibration.word_items import in_context_features, yes_no_features
from irtbridge.data.kinds import MISSING
from irtbridge.data.responses import Responses
from irtbridge.errors import UnknownName
from irtbridge.model.catalogue import build_model
from irtbridge.plugin.options import check_number, check_seed

Array = NDArray[np.float64]
RESIDUAL_DIFFICULTY = 0.5
RESIDUAL_DISCRIMINATION = 0.2


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """Items with their features and true parameters of a two-parameter model.

    Attributes
    ----------
    name : str
        ``yes_no`` or ``in_context``.
    item_data : DataFrame
        Features, a row for each item, labels as its index; column ``text`` is what is read.
    difficulty, discrimination : ndarray, shape (item,)
        True parameters.
    """

    name: str
    item_data: pd.DataFrame
    difficulty: Array
    discrimination: Array

    @property
    def items(self) -> tuple[str, ...]:
        """Labels."""
        return tuple(map(str, self.item_data.index))

    @property
    def truth(self) -> pd.DataFrame:
        """True parameters, a row for each item."""
        columns = {"difficulty": self.difficulty, "discrimination": self.discrimination}
        return pd.DataFrame(columns, index=self.item_data.index)

    def bank(self) -> ItemBank:
        """The true parameters as a bank, its abilities standard normal; content areas are real and fake words."""
        params = {"difficulty": self.difficulty[None], "discrimination": self.discrimination[None]}
        areas = self.item_data.get("kind", self.name)
        categories, about = ((0.0, 1.0),) * len(self.items), self.item_data.assign(content=areas)
        return ItemBank(
            build_model("2pl"), self.items, categories, params, about, np.zeros(1), np.eye(1), {"simulated": self.name}
        )

    def grades(self, ability: Array, seed: int, per_person: int | None = None) -> Responses:
        """Responses of persons of given ability.

        Parameters
        ----------
        ability : ndarray, shape (person,)
        seed : int
            Same seed, same responses.
        per_person : int, optional
            How many items each person is given, drawn at random; all of them by default.
        """
        rng = np.random.default_rng([seed, 1])
        logits = self.discrimination * (np.asarray(ability)[:, None] - self.difficulty)
        right = (rng.uniform(size=logits.shape) < expit(logits)).astype(np.int8)
        if per_person is not None:
            check_number("per_person", per_person)
            order = rng.permuted(np.tile(np.arange(logits.shape[1]), (len(logits), 1)), axis=1)
            right = np.where(order < per_person, right, MISSING)
        coded = Responses.from_codes(right, n_categories=2, items=self.items, name=self.name)
        return replace(coded, item_data=self.item_data)


def vocabulary(kind: str = "yes_no", n_items: int = 3290, seed: int = 0) -> Vocabulary:
    """A simulated vocabulary test.

    Parameters
    ----------
    kind : {"yes_no", "in_context"}
    n_items : int
        How many; the practice test of Sharpnack et al. (2024) has 3,290 yes/no items and 585 in context.
    seed : int
        Of words, sentences and residuals; same seed, same test.

    Raises
    ------
    UnknownName, ConfigError
        No such kind; a number of items that is none, or more than there are words.
    DataNotFound
        wordfreq is not installed.
    """
    if kind not in KINDS:
        raise UnknownName("kind of vocabulary items", kind, KINDS)
    check_number("n_items", n_items, 2)
    check_seed(seed)
    rng = np.random.default_rng([seed, 0])
    features = KINDS[kind].features(n_items, rng)
    difficulty, log_discrimination = KINDS[kind].parameters(features)
    noise = rng.standard_normal((2, n_items))
    return Vocabulary(
        kind,
        features,
        difficulty + RESIDUAL_DIFFICULTY * noise[0],
        np.exp(log_discrimination + RESIDUAL_DISCRIMINATION * noise[1]),
    )


def yes_no(features: pd.DataFrame) -> tuple[Array, Array]:
    """What features say of difficulty and log discrimination of words and pseudo-words.

    With Zipf frequency z, letters n, a word of another language c (0 or 1), one of the core list k (0 or 1), mean log
    probability of a letter t, neighbours m:

    word: b = 3 S(2 (3.6 - z)) - 1.5 - .8 c S(3 (3.8 - z)) - .5 k + .04 (n - 7)^2,
    log a = .5 exp(-(z - 3.5)^2 / .8) - .2;
    pseudo-word: b = 1.4 tanh(2 (t + 2.7)) + .5 log(1 + m) [n < 6] + .8 c - .2, log a = .3 tanh(-2 (t + 2.7)) - .2,
    where S is the logistic function.
    """
    z, n, t = (features[name].to_numpy(dtype=float) for name in ("zipf", "length", "trigram"))
    c, k, m = (features[name].to_numpy(dtype=float) for name in ("related", "core", "neighbours"))
    likeness = np.tanh(2 * (t + 2.7))
    word = 3 * expit(2 * (3.6 - z)) - 1.5 - 0.8 * c * expit(3 * (3.8 - z)) - 0.5 * k + 0.04 * (n - 7) ** 2
    fake = 1.4 * likeness + 0.5 * np.log1p(m) * (n < 6) + 0.8 * c - 0.2
    real = (features["kind"] == "real").to_numpy()
    return np.where(real, word, fake), np.where(real, 0.5 * np.exp(-((z - 3.5) ** 2) / 0.8), -0.3 * likeness) - 0.2


def in_context(features: pd.DataFrame) -> tuple[Array, Array]:
    """What features say of difficulty and log discrimination of words in context.

    With Zipf frequency z, share of letters shown s, familiar words that fit r, mean Zipf frequency of the sentence x:

    b = 2.6 S(2 (3.8 - z)) - 1.3 + .5 log(1 + r) S(8 (.5 - s)) + 1.2 max(0, 4.3 - x) - .4,
    log a = .3 + .4 tanh(2 (s - .5)) - .3 max(0, 4.3 - x), where S is the logistic function.
    """
    z, r, x = (features[name].to_numpy(dtype=float) for name in ("zipf", "rivals", "context_zipf"))
    s = (features["shown"] / features["length"]).to_numpy(dtype=float)
    hard = np.maximum(0, 4.3 - x)
    difficulty = 2.6 * expit(2 * (3.8 - z)) - 1.3 + 0.5 * np.log1p(r) * expit(8 * (0.5 - s)) + 1.2 * hard - 0.4
    return difficulty, 0.3 + 0.4 * np.tanh(2 * (s - 0.5)) - 0.3 * hard


@dataclass(frozen=True)
class Kind:
    """A kind of items: how its features are drawn, and what they say of the parameters."""

    features: Callable[[int, np.random.Generator], pd.DataFrame]
    parameters: Callable[[pd.DataFrame], tuple[Array, Array]]


KINDS = {"yes_no": Kind(yes_no_features, yes_no), "in_context": Kind(in_context_features, in_context)}
