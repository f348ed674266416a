"""What stands beside the responses: columns of the same table that are no items, and tables of persons and items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import is_float_dtype, is_integer_dtype, is_numeric_dtype

from irtbridge.data.cells import MISSING_TEXTS, canonical
from irtbridge.data.covariates import covariates, in_order
from irtbridge.data.labels import ITEM_COLUMNS, Label, as_label, few, is_person_name
from irtbridge.data.named import dataset_table, is_dataset
from irtbridge.data.notes import Notes
from irtbridge.data.reading import read_source
from irtbridge.data.responses import Responses
from irtbridge.errors import DataError, nearest_first

TableSource: TypeAlias = "str | PathLike[str] | pd.DataFrame | None"


@dataclass(frozen=True)
class Beside:
    """What the user says about covariates; see `irtbridge.data.load_responses`.

    Attributes
    ----------
    group, weights : str, optional
        Names of columns.
    covariates : tuple of str, optional
        Names of columns; None for all of `person_data`.
    person_data, item_data : DataFrame, optional
        Tables as they were read, not yet matched with the persons and items.
    """

    group: str | None
    covariates: Sequence[str] | None
    weights: str | None
    person_data: pd.DataFrame | None
    item_data: pd.DataFrame | None

    @property
    def named(self) -> list[str]:
        """Columns that are no items."""
        return list(dict.fromkeys(name for name in (self.group, *(self.covariates or ()), self.weights) if name))

    @property
    def not_in_person_data(self) -> list[str]:
        """Named columns that `person_data` has not."""
        own = set() if self.person_data is None else {*self.person_data.columns}
        return [name for name in self.named if name not in own]

    def taken_from(self, frame: pd.DataFrame) -> list[str]:
        """The named columns that the responses' own table has; the others are in `person_data`.

        Raises
        ------
        DataError
            A column that neither has, or both.
        """
        own = [] if self.person_data is None else [str(name) for name in self.person_data.columns]
        there = [str(name) for name in frame.columns]
        for name in self.named:
            if name not in there and name not in own:
                near = few(nearest_first(name, [*own, *there]), 20)
                raise DataError(f"there is no column {name!r}; name one of the columns there are: {near}.")
            if name in there and name in own:
                raise DataError(f"{name!r} is a column of the responses and of person_data; rename one of them.")
        return [name for name in self.named if name in there]

    def of_persons(
        self, taken: pd.DataFrame, persons: Sequence[Label], notes: Notes
    ) -> tuple[pd.DataFrame | None, NDArray[np.float64] | None]:
        """Covariates and weights of the persons.

        Parameters
        ----------
        taken : DataFrame
            Named columns of the responses' own table, a row for each person.
        persons : sequence of str or int
            Labels of the persons.
        notes : Notes
            Told the groups, and the reference level of each categorical covariate.
        """
        columns = {str(name): taken[name] for name in taken.columns}
        if self.person_data is not None:
            rows = in_order("person", with_labels("person", self.person_data, persons), persons)
            wanted = rows.columns if self.covariates is None else [c for c in rows.columns if c in self.named]
            columns |= {str(name): rows[name] for name in wanted}
        weights = None if self.weights is None else _numbers(columns.pop(self.weights), persons)
        if not columns:
            return None, weights
        table = covariates("person", _as_covariates(columns), persons, self.group)
        _say_references(table, notes, self.group)
        return table, weights

    def of_items(self, items: Sequence[str], notes: Notes) -> pd.DataFrame | None:
        """Covariates of the items."""
        if self.item_data is None:
            return None
        rows = in_order("item", with_labels("item", self.item_data, items), items)
        table = covariates("item", _as_covariates({str(name): rows[name] for name in rows.columns}), items)
        _say_references(table, notes)
        return table

    def added_to(self, responses: Responses) -> Responses:
        """Responses with the covariates of `person_data` and `item_data`, and with the groups.

        Raises
        ------
        DataError
            A named column that neither `person_data` nor the responses have.
        """
        if not self.named and self.person_data is None and self.item_data is None:
            return responses
        notes, known = Notes(), responses.person_data
        taken = pd.DataFrame(index=range(responses.n_persons)) if known is None else known
        self.taken_from(taken)
        of_persons, weights = self.of_persons(taken, responses.persons, notes)
        of_items = self.of_items(responses.items, notes)
        return replace(
            responses,
            values=responses.stored,
            person_data=of_persons,
            item_data=responses.item_data if of_items is None else of_items,
            group=self.group or responses.group,
            weights=responses.weights if weights is None else weights,
            notes=tuple(dict.fromkeys([*responses.notes, *notes.texts])),
        )


def read_table(what: str, source: TableSource, notes: Notes) -> pd.DataFrame | None:
    """Covariates of persons or items from a DataFrame, a file or a named data set, not yet matched."""
    if source is None:
        return None
    if isinstance(source, str) and is_dataset(source):
        return dataset_table(source, what)
    if isinstance(source, pd.DataFrame):
        return source.rename(columns=lambda name: str(as_label(name)))
    if not isinstance(source, (str, PathLike)):
        raise DataError(f"{what}_data must be a DataFrame or the path of a file, not {type(source).__name__}.")
    return read_source(source, True, (), notes)[0]


def with_labels(what: str, table: pd.DataFrame, wanted: Sequence[Label]) -> pd.DataFrame:
    """A table with its labels as index: a column called so, or the first one, where the index only counts."""
    if table.index.name is not None or not is_integer_dtype(table.index.dtype):
        return table
    called = [c for c in table.columns if (is_person_name(c) if what == "person" else c.casefold() in ITEM_COLUMNS)]
    first = [table.columns[0]] if _has_labels(table, wanted) else []
    for column in [*called, *first]:
        return table.drop(columns=column).set_axis(pd.Index(table[column].tolist(), name=column), axis=0)
    if isinstance(table.index, pd.RangeIndex) and len(table) == len(wanted):
        return table.reset_index(drop=True)
    return table


def _has_labels(table: pd.DataFrame, wanted: Sequence[Label]) -> bool:
    """Whether the first column has labels that are wanted, each once."""
    if not table.shape[1] or is_float_dtype(table.dtypes.iloc[0]) or not isinstance(table.index, pd.RangeIndex):
        return False
    given = [str(as_label(cell)) for cell in table.iloc[:, 0]]
    return len(set(given)) == len(given) and not set(given).isdisjoint(map(str, wanted))


def _say_references(table: pd.DataFrame, notes: Notes, group: str | None = None) -> None:
    for name, column in table.select_dtypes("category").items():
        levels = column.cat.categories.tolist()
        if name == group:
            counts = column.value_counts()
            sizes = ", ".join(f"{level} ({counts[level]})" for level in levels)
            notes.say(f"groups by {name!r}, the first one the reference: {sizes}.")
        else:
            notes.say(f"covariate {name!r} is categorical: {few(levels)}; the first one is the reference.")


def _as_covariates(columns: Mapping[str, pd.Series[Any]]) -> pd.DataFrame:
    return pd.DataFrame({name: _as_covariate(column).array for name, column in columns.items()})


def _as_covariate(column: pd.Series[Any]) -> pd.Series[Any]:
    """Text that says numbers as numbers, empty cells as missing, levels that nobody has left out."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.cat.remove_unused_categories()
    if is_numeric_dtype(column.dtype):
        return column
    texts = pd.Series([canonical(cell) for cell in column.tolist()], index=column.index, dtype=object)
    seen = ~texts.isin(MISSING_TEXTS) & column.notna()
    numbers = pd.to_numeric(texts.where(seen), errors="coerce")
    if numbers[seen].notna().all():
        return numbers
    stripped = [cell.strip() if isinstance(cell, str) else cell for cell in column.tolist()]
    return pd.Series(stripped, index=column.index, dtype=object).where(seen)


def _numbers(column: pd.Series[Any], persons: Sequence[Label]) -> NDArray[np.float64]:
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    if len(wrong := np.flatnonzero(np.isnan(numbers))):
        raise DataError(
            f"weights: column {column.name!r} has {column.tolist()[wrong[0]]!r} for person {persons[wrong[0]]!r}; it "
            "must have a whole number, 1 or greater, for each."
        )
    return numbers
