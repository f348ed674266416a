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
from irtbridge.calibration.lexicon import lexicon, spelling
from irtbridge.data.kinds import MISSING
from irtbridge.data.responses import Responses
from irtbridge.errors import ConfigError, UnknownName
from irtbridge.model.catalogue import build_model
from irtbridge.plugin.options import check_number, check_seed

Array = NDArray[np.float64]
RESIDUAL_DIFFICULTY = 0.5
RESIDUAL_DISCRIMINATION = 0.2
SEEN = (2.0, 5.5)  # Zipf frequencies of the words that are asked for
LETTERS = (3, 12)
CONTEXT = (5, 12)  # other words of a sentence
CORE = 5000  # the most frequent words, a list that courses teach


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
        """The true parameters as a bank, its abilities standard normal."""
        params = {"difficulty": self.difficulty[None], "discrimination": self.discrimination[None]}
        categories, about = ((0.0, 1.0),) * len(self.items), self.item_data.assign(content=self.name)
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


def _yes_no_features(n_items: int, rng: np.random.Generator) -> pd.DataFrame:
    n_real = n_items // 2
    texts = [*_words(n_real, rng, LETTERS), *_pseudo_words(n_items - n_real, rng)]
    kinds = ["real"] * n_real + ["fake"] * (n_items - n_real)
    table = pd.DataFrame({"text": texts, "kind": kinds})
    table = table.iloc[rng.permutation(n_items)].reset_index(drop=True)
    table = table.join(_of_words(table["text"].tolist()))
    words = lexicon()
    table["neighbours"] = [words.neighbours(text) for text in table["text"]]
    table["related"] = [int(text in words.related) for text in table["text"]]
    table["core"] = [int(words.place.get(text, CORE) < CORE) for text in table["text"]]
    return _labelled(table, "v")


def _in_context_features(n_items: int, rng: np.random.Generator) -> pd.DataFrame:
    words, asked = lexicon(), _words(n_items, rng, (5, LETTERS[1]))
    shown = [int(np.ceil(share * len(word))) for share, word in zip(rng.uniform(0.2, 0.7, n_items), asked, strict=True)]
    contexts = [_context(rng) for _ in asked]
    table = pd.DataFrame({"text": [_gapped(*parts, rng) for parts in zip(contexts, asked, shown, strict=True)]})
    table = table.join(_of_words(asked))
    table["shown"] = shown
    table["rivals"] = [words.rivals(word, count) for word, count in zip(asked, shown, strict=True)]
    table["context_length"] = [len(context) for context in contexts]
    table["context_zipf"] = [float(np.mean([words.zipf_of(word) for word in context])) for context in contexts]
    return _labelled(table, "c")


def _of_words(texts: list[str]) -> pd.DataFrame:
    """Features of single words: length, frequency and rank, mean and least log probability of a letter."""
    words, letters = lexicon(), [spelling(3).of_letters(text) for text in texts]
    return pd.DataFrame(
        {
            "length": [len(text) for text in texts],
            "zipf": [words.zipf_of(text) for text in texts],
            "log_rank": [words.log_rank(text) for text in texts],
            "trigram": [float(each.mean()) for each in letters],
            "rarest_trigram": [float(each.min()) for each in letters],
        }
    )


def _words(number: int, rng: np.random.Generator, letters: tuple[int, int]) -> list[str]:
    """Different words whose Zipf frequencies are spread evenly over `SEEN`."""
    words = lexicon()
    fits = [letters[0] <= len(word) <= letters[1] for word in words.words]
    able = np.flatnonzero(fits & (words.zipf >= SEEN[0]) & (words.zipf < SEEN[1]))
    most = len(able) // 4  # more would use up the frequent ones
    if number > most:
        raise ConfigError(f"n_items asks for {number} words; there are {most} at most, rare and frequent ones alike.")
    bins = ((words.zipf[able] - SEEN[0]) / 0.25).astype(int)
    chances = 1 / np.bincount(bins)[bins]
    drawn = rng.choice(able, number, replace=False, p=chances / chances.sum())
    return [words.words[place] for place in drawn]


def _pseudo_words(number: int, rng: np.random.Generator) -> list[str]:
    """Different rows of letters that are no words, by models of two to four letters in turn: ever more like words."""
    models, found = [spelling(order) for order in (2, 3, 4)], dict[str, None]()
    while len(found) < number:
        text = models[len(found) % len(models)].invented(rng)
        if LETTERS[0] <= len(text) <= LETTERS[1] and text not in lexicon().place:
            found[text] = None
    return [*found]


def _context(rng: np.random.Generator) -> list[str]:
    """Familiar words, no sentence: as rare as a level that is drawn for each item."""
    words = lexicon()
    level, count = rng.uniform(3.3, 5.5), int(rng.integers(CONTEXT[0], CONTEXT[1] + 1))
    first = int(np.searchsorted(-words.zipf, -(level + 0.5)))
    last = int(np.searchsorted(-words.zipf, -(level - 0.5)))
    return [words.words[place] for place in rng.integers(first, last, count)]


def _gapped(context: list[str], word: str, shown: int, rng: np.random.Generator) -> str:
    gap = word[:shown] + "_" * (len(word) - shown)
    place = int(rng.integers(len(context) + 1))
    return " ".join([*context[:place], gap, *context[place:]])


def _labelled(table: pd.DataFrame, letter: str) -> pd.DataFrame:
    width = len(str(len(table)))
    return table.set_axis(pd.Index([f"{letter}{place + 1:0{width}d}" for place in range(len(table))], name="item"))


@dataclass(frozen=True)
class Kind:
    """A kind of items: how its features are drawn, and what they say of the parameters."""

    features: Callable[[int, np.random.Generator], pd.DataFrame]
    parameters: Callable[[pd.DataFrame], tuple[Array, Array]]


KINDS = {"yes_no": Kind(_yes_no_features, yes_no), "in_context": Kind(_in_context_features, in_context)}
