"""Item features as numbers: numbers as they are, categories as indicators, texts by what they are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import is_bool_dtype, is_numeric_dtype
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from irtbridge.calibration.libraries import library
from irtbridge.data.labels import few
from irtbridge.errors import DataError, nearest_first

Array = NDArray[np.float64]
Embedding: TypeAlias = "Callable[[list[str]], Any]"
MOST_LEVELS = 20  # of a category; a column of text with more is text
COMPONENTS = 10  # of TF-IDF: as many as the paper keeps of an embedding (Sharpnack et al. 2024)
NGRAMS = (1, 3)  # letters


@dataclass(frozen=True)
class Features:
    """How item features become numbers.

    Attributes
    ----------
    text : tuple of str, optional
        Columns that are texts; by default those of text with more than 20 different values.
    embed : callable, optional
        From a list of n texts to numbers (n, k), in place of TF-IDF.
    language : str
        Of the texts, for their words' frequencies.
    """

    text: tuple[str, ...] | None = None
    embed: Embedding | None = None
    language: str = "en"

    def matrix(self, table: pd.DataFrame, seed: int = 0) -> Array:
        """Standardised numbers, (item, feature), of a table with a row for each item.

        Raises
        ------
        DataError
            No features; a value that is missing or infinite; text in a column of numbers; a text column that is not
            there.
        """
        kinds = self.kinds(table)
        transformer = ColumnTransformer(
            [
                ("numbers", "passthrough", kinds["number"]),
                ("categories", OneHotEncoder(drop="if_binary", sparse_output=False), kinds["category"]),
                *((column, self._of_text(len(table), seed), column) for column in kinds["text"]),
            ]
        )
        numbers = np.asarray(transformer.fit_transform(table), dtype=float)
        return np.asarray(StandardScaler().fit_transform(numbers), dtype=float)

    def kinds(self, table: pd.DataFrame) -> dict[str, list[str]]:
        """The columns that are numbers, categories and texts."""
        if table.shape[1] == 0:
            raise DataError("item_features has no column besides the items' labels; give at least one feature.")
        if unknown := [name for name in self.text or () if name not in table]:
            near = few(nearest_first(unknown[0], map(str, table.columns)))
            raise DataError(f"text={unknown[0]!r} is no column of item_features; there are: {near}.")
        kinds: dict[str, list[str]] = {"number": [], "category": [], "text": []}
        for name in table.columns:
            kinds[self._kind(str(name), table[name])].append(name)
        return kinds

    def _kind(self, name: str, column: pd.Series[Any]) -> str:
        if (missing := column.isna()).any():
            who = few(repr(str(item)) for item in column.index[missing])
            raise DataError(f"feature {name!r} has no value for item {who}; fill it in, or leave out item or feature.")
        if self.text is not None and name in self.text:
            return "text"
        if is_numeric_dtype(column) and not is_bool_dtype(column):
            _check_finite(name, column)
            return "number"
        _check_no_number(name, column)
        return "text" if self.text is None and column.nunique() > MOST_LEVELS else "category"

    def _of_text(self, n_items: int, seed: int) -> FeatureUnion:
        letters = TfidfVectorizer(analyzer="char_wb", ngram_range=NGRAMS, sublinear_tf=True)
        reduced = make_pipeline(letters, TruncatedSVD(min(COMPONENTS, max(n_items - 1, 1)), random_state=seed))
        own = reduced if self.embed is None else FunctionTransformer(self._embedded)
        return FeatureUnion([("words", FunctionTransformer(self._words)), ("own", own)])

    def _words(self, texts: pd.Series[str]) -> Array:
        """Length in letters and words, and the Zipf frequency of the rarest word and of the mean one."""
        wordfreq = library("a text feature", ("wordfreq",), "give numbers in place of the text")
        if self.language not in (known := wordfreq.available_languages()):
            raise DataError(
                f"language={self.language!r}: wordfreq has no words of it, but of {', '.join(sorted(known))}."
            )
        rows = []
        for text in texts.astype(str):
            words = wordfreq.tokenize(text, self.language) or [text]
            zipf = [wordfreq.zipf_frequency(word, self.language) for word in words]
            rows.append((len(text), len(words), min(zipf), float(np.mean(zipf))))
        return np.array(rows, dtype=float)

    def _embedded(self, texts: pd.Series[str]) -> Array:
        assert self.embed is not None
        numbers = np.asarray(self.embed(texts.astype(str).tolist()), dtype=float)
        if numbers.ndim != 2 or len(numbers) != len(texts) or not np.isfinite(numbers).all():
            raise DataError(
                f"embed gave an array of shape {numbers.shape} for {len(texts)} texts; it must give a row of finite "
                "numbers for each."
            )
        return numbers


def features_of(text: str | Sequence[str] | None, embed: Embedding | None, language: str) -> Features:
    """How features become numbers, as users say it."""
    columns = None if text is None else (text,) if isinstance(text, str) else tuple(map(str, text))
    if embed is not None and not callable(embed):
        raise DataError(f"embed={embed!r} must be a function from a list of texts to an array (text, number).")
    return Features(columns, embed, language)


def _check_finite(name: str, column: pd.Series[Any]) -> None:
    infinite = np.isinf(column.to_numpy(dtype=float))
    if infinite.any():
        who = few(repr(str(item)) for item in column.index[infinite])
        raise DataError(f"feature {name!r} is infinite for item {who}; give a number.")


def _check_no_number(name: str, column: pd.Series[Any]) -> None:
    """Raise `DataError` where most cells of a column are numbers, and some are not."""
    cells = column.astype(str)
    numbers = pd.to_numeric(cells, errors="coerce").notna()
    if (commas := cells.str.fullmatch(r"\s*[+-]?\d*,\d+\s*")).mean() > 0.5:
        item = column.index[commas][0]
        raise DataError(
            f"feature {name!r} has decimal commas, {cells[item]!r} of item {str(item)!r}; write points, as in 0.5, or "
            f"say that it is text with text={name!r}."
        )
    if numbers.mean() > 0.5 and not numbers.all():
        item = column.index[~numbers][0]
        raise DataError(
            f"feature {name!r} is a column of numbers with text in it: {cells[item]!r} of item {str(item)!r}; give a "
            f"number there, or say that it is text with text={name!r}."
        )
