"""English words with how often they are used, and n-gram models of their spelling: what vocabulary items are made of.

Words and frequencies are those of `wordfreq` (Speer 2022), which is imported when the first word is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from string import ascii_lowercase
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from irtbridge.errors import DataNotFound

Array = NDArray[np.float64]
WORD = re.compile(r"[a-z]{3,12}")
KNOWN = 2.0  # Zipf frequency (log10 of uses in a billion words) above which a word counts as one; below are many names
FAMILIAR = 3.0  # and above which it is no rare one (van Heuven et al. 2014)
RELATED = ("es", "fr", "de")
SMOOTHING = 0.1  # added to the count of every letter
BOUNDARY = len(ascii_lowercase)


@dataclass(frozen=True, eq=False)
class Lexicon:
    """English words of 3 to 12 plain letters, the most frequent first.

    Attributes
    ----------
    words : tuple of str
    zipf : ndarray, shape (word,)
        log10 of the uses in a billion words.
    related : frozenset of str
        Familiar words of Spanish, French or German, English or not.
    """

    words: tuple[str, ...]
    zipf: Array
    related: frozenset[str]

    @cached_property
    def place(self) -> dict[str, int]:
        """The place of each word, 0 for the most frequent."""
        return {word: place for place, word in enumerate(self.words)}

    @cached_property
    def familiar(self) -> frozenset[str]:
        """The words that are not rare."""
        return frozenset(self.words[: int((self.zipf >= FAMILIAR).sum())])

    def zipf_of(self, word: str) -> float:
        """Zipf frequency, 0 of what is no word."""
        return float(self.zipf[self.place[word]]) if word in self.place else 0.0

    def log_rank(self, word: str) -> float:
        """log10 of the rank; what is no word comes after all."""
        return float(np.log10(1 + self.place.get(word, len(self.words))))

    def neighbours(self, word: str) -> int:
        """How many other familiar words differ in one letter (Coltheart's N, 1977)."""
        others = {word[:i] + letter + word[i + 1 :] for i in range(len(word)) for letter in ascii_lowercase}
        return len((others - {word}) & self.familiar)

    def rivals(self, word: str, shown: int) -> int:
        """How many other familiar words have the same length and the same first letters."""
        return len(self._beginnings.get((word[:shown], len(word)), frozenset()) - {word})

    @cached_property
    def _beginnings(self) -> dict[tuple[str, int], frozenset[str]]:
        found: dict[tuple[str, int], set[str]] = {}
        for word in self.familiar:
            for shown in range(1, len(word)):
                found.setdefault((word[:shown], len(word)), set()).add(word)
        return {key: frozenset(words) for key, words in found.items()}


@cache
def lexicon() -> Lexicon:
    """The English lexicon.

    Raises
    ------
    DataNotFound
        wordfreq is not installed.
    """
    wordfreq = _wordfreq()
    frequency = {word: f for word, f in wordfreq.get_frequency_dict("en").items() if WORD.fullmatch(word)}
    words = sorted(frequency, key=lambda word: (-frequency[word], word))
    zipf = np.log10([frequency[word] for word in words]) + 9
    known = int((zipf >= KNOWN).sum())
    tables = [wordfreq.get_frequency_dict(language, "small") for language in RELATED]
    related = (word for table in tables for word, often in table.items() if often >= 10 ** (FAMILIAR - 9))
    return Lexicon(tuple(words[:known]), zipf[:known], frozenset(related))


def _wordfreq() -> ModuleType:
    try:
        import wordfreq
    except ImportError:
        raise DataNotFound('words need wordfreq: pip install "irtbridge[calibrate]"') from None
    return wordfreq


@dataclass(frozen=True, eq=False)
class NGrams:
    """How likely each letter is after those before it, as in the lexicon's words, each counted once.

    Attributes
    ----------
    log_probs : ndarray, shape (27,) * order
        Log probability of the last letter given the others; the 27th stands before and behind a word.
    """

    log_probs: Array

    @classmethod
    def of(cls, words: Sequence[str], order: int) -> NGrams:
        """Counted in words, with a little added to every count."""
        counts = np.full((BOUNDARY + 1,) * order, SMOOTHING)
        grams = np.concatenate([_grams(word, order) for word in words])
        np.add.at(counts, tuple(grams.T), 1)
        return cls(np.log(counts / counts.sum(axis=-1, keepdims=True)))

    @property
    def order(self) -> int:
        """Letters of an n-gram."""
        return self.log_probs.ndim

    def of_letters(self, word: str) -> Array:
        """Log probability of each letter of a word and of its end, shape (letter + 1,)."""
        return np.asarray(self.log_probs[tuple(_grams(word, self.order).T)])

    def invented(self, rng: np.random.Generator) -> str:
        """A row of letters drawn from the model."""
        letters = [BOUNDARY] * (self.order - 1)
        while True:
            chances = np.exp(self.log_probs[tuple(letters[len(letters) - self.order + 1 :])]).cumsum()
            letters.append(min(int(np.searchsorted(chances, rng.uniform())), BOUNDARY))
            if letters[-1] == BOUNDARY:
                return "".join(ascii_lowercase[letter] for letter in letters[self.order - 1 : -1])


def _grams(word: str, order: int) -> NDArray[np.int64]:
    """The n-grams of a word, shape (letter + 1, order)."""
    letters = [ord(letter) - ord("a") for letter in word]
    padded = np.array([BOUNDARY] * (order - 1) + letters + [BOUNDARY])
    return np.lib.stride_tricks.sliding_window_view(padded, order)


@cache
def spelling(order: int) -> NGrams:
    """The n-gram model of the lexicon's familiar words."""
    return NGrams.of(sorted(lexicon().familiar), order)
