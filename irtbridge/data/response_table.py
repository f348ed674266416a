"""Responses as numbers, persons by items, before anything is known of their categories."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from irtbridge.data.answers import Key, read_key
from irtbridge.data.beside import Beside
from irtbridge.data.cells import canonical, numbers_of, say_words
from irtbridge.data.labels import Label, as_label, check_unique, few, of_one_type
from irtbridge.data.long_table import LongTable
from irtbridge.data.notes import Notes
from irtbridge.data.reading import read_source
from irtbridge.data.shaping import Columns, to_table
from irtbridge.errors import DataError


@dataclass(frozen=True, eq=False)
class ResponseTable:
    """A table that was read.

    Attributes
    ----------
    cells : dict of str to ndarray of float64
        Responses (person,) by item, NaN where missing; of a sparse table those that are there alone.
    persons : tuple of str or int
        Labels of the persons.
    taken : DataFrame
        The columns that are no items and were asked for, a row for each person.
    name : str
        What the data are called.
    places : dict of str to ndarray of int, optional
        Of a sparse table by item the place among `persons` of who gave each response.
    """

    cells: dict[str, NDArray[np.float64]]
    persons: tuple[Label, ...]
    taken: pd.DataFrame
    name: str
    places: dict[str, NDArray[np.intp]] | None = None

    @classmethod
    def read(
        cls,
        source: object,
        columns: Columns,
        beside: Beside,
        notes: Notes,
        *,
        header: bool = True,
        missing: object = None,
        key: Key = None,
        ignored: Collection[str] = (),
        sparse: bool = False,
    ) -> ResponseTable:
        """Read any source; see `irtbridge.data.load.load_responses` for the arguments.

        Parameters
        ----------
        source : path, name of a data set, DataFrame or array_like of shape (person, item)
            The responses.
        columns : Columns
            What is known about the columns.
        beside : Beside
            Columns that are no items.
        notes : Notes
            Told what was guessed.
        header : bool
            Whether the first row of a text file has the names of the columns.
        missing : number, str or sequence of them, optional
            Codes that mean missing.
        key : mapping, sequence, str or path, optional
            The right answers.
        ignored : collection of str
            Columns that are left out, if they are there.
        sparse : bool
            Whether a large table of the long form, of which little is there, may stay sparse.

        Raises
        ------
        DataNotFound
            There is no such file or data set.
        DataError
            It cannot be read, or its cells are no numbers.
        """
        frame, name = read_source(source, header, {*columns.known, *beside.named}, notes, beside.not_in_person_data)
        if not len(frame):
            raise DataError(f"{name}: the table has no rows; it needs one per person or per response.")
        frame = frame.drop(columns=[column for column in frame.columns if column in ignored])
        columns, scored = replace(columns, beside=beside.taken_from(frame)), key is not None
        table, taken = to_table(frame, columns, scored, notes, sparse=sparse and not scored)
        codes = frozenset(map(canonical, several(missing)))
        if isinstance(table, LongTable):
            cells, places = table.numbers(codes, notes)
            return cls(cells, of_one_type(table.persons), taken, name, places)
        cells = _numbers(table, codes, key, notes)
        return cls(cells, of_one_type(table.index.to_numpy(dtype=object)), taken, name)


def several(value: object) -> list[object]:
    """One value or many as a list; none for None."""
    if value is None:
        return []
    return [*value] if isinstance(value, Iterable) and not isinstance(value, str) else [value]


def texts(value: object) -> list[str]:
    """One label or many as a list of text; none for None."""
    return [str(as_label(each)) for each in several(value)]


def _numbers(table: pd.DataFrame, missing: frozenset[str], key: Key, notes: Notes) -> dict[str, NDArray[np.float64]]:
    """Each item's responses as numbers; NaN is missing."""
    names = [str(name) for name in table.columns]
    check_unique("item", names)
    answers = read_key(key, names, notes)
    words: dict[str, list[str]] = {}
    numbers = {
        name: numbers_of(name, table.iloc[:, place], missing, answers.get(name), words)
        for place, name in enumerate(names)
    }
    say_words(words, notes)
    if never := [repr(name) for name in numbers if answers and not np.nansum(numbers[name])]:
        notes.doubt(f"key: nobody gave the right answer to {few(never)}; is the key right?")
    return numbers
