"""Items of a vocabulary test and their features: words, pseudo-words, and words of a sentence."""

from __future__ import annotations

import numpy as np
import pandas as pd

from irtbridge.calibration.lexicon import lexicon, spelling
from irtbridge.errors import ConfigError

SEEN = (2.0, 5.5)  # Zipf frequencies of the words that are asked for
LETTERS = (3, 12)
CONTEXT = (5, 12)  # other words of a sentence
CORE = 5000  # the most frequent words, a list that courses teach


def yes_no_features(n_items: int, rng: np.random.Generator) -> pd.DataFrame:
    """Words and as many pseudo-words, in no order."""
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


def in_context_features(n_items: int, rng: np.random.Generator) -> pd.DataFrame:
    """Words of a sentence, of which the first letters are shown."""
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
