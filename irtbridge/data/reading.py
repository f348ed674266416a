"""Any source of responses becomes a table with named columns, and a name."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Sequence
from os import PathLike
from pathlib import Path
from string import ascii_lowercase
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_hashable, is_integer_dtype, is_object_dtype

from irtbridge.data.cells import MISSING_TEXTS, canonical, texts_in
from irtbridge.data.labels import as_label, is_person_name, item_names
from irtbridge.data.named import dataset_names, is_dataset, read_dataset
from irtbridge.data.notes import Notes
from irtbridge.data.text import TEXT_ENDINGS, read_text
from irtbridge.errors import DataError, DataNotFound, nearest_first

ENDINGS = (".csv", ".tsv", ".parquet", *TEXT_ENDINGS[2:])
COMPRESSED = (".gz", ".bz2", ".xz", ".zip")
# How pandas renames a column that occurs twice: q, q.1, q.2.
RENAMED = re.compile(r"(.*)\.\d+")
# A shorter run of numbers may well be a person's responses.
SHORTEST_RUN = 3
# So many rows have the values with which a header is compared.
COMPARED = 1000


def read_source(
    source: object, header: bool, known: Collection[str], notes: Notes, beside: Collection[str] = ()
) -> tuple[pd.DataFrame, str]:
    """Read a path, named data set, DataFrame or array.

    Parameters
    ----------
    source : path, name of a data set, DataFrame, or array_like of shape (person, item)
        See `irtbridge.data.load_responses`.
    header : bool
        Whether the first row of a text file has the names of the columns.
    known : collection of str
        Names of columns: a header that has one of them is a header.
    notes : Notes
        Told what was guessed.
    beside : collection of str
        Covariates that are wanted of a named data set's persons.

    Returns
    -------
    frame : DataFrame
        Columns are text; the index is 1, 2, ... where the source has no row names.
    name : str
        What the data are called.

    Raises
    ------
    DataNotFound
        There is no such file or data set.
    DataError
        It cannot be read, or its first row seems to be a person's responses.
    """
    if isinstance(source, str) and is_dataset(source):
        frame, name = read_dataset(source, beside), source
    elif isinstance(source, (str, PathLike)):
        path = _existing(source)
        if _ending(path) in TEXT_ENDINGS:
            return _from_text(path, header, known, notes), _stem(path)
        frame, name = _number_rows(_read_parquet(path)), _stem(path)
    elif isinstance(source, pd.DataFrame):
        frame, name = source, "data"
    else:
        frame, name = _read_array(source), "data"
    if not header:
        raise DataError(f"{name}: header=False is for text files; a DataFrame is read with pandas' header=None.")
    _check_plain(frame)
    _check_header(_before_pandas(frame.columns.tolist()), frame, known, "read the file with pandas' header=None", notes)
    return frame.set_axis([None if pd.isna(c) else str(as_label(c)) for c in frame.columns], axis=1), name


def _existing(source: str | PathLike[str]) -> Path:
    path = Path(source).expanduser()
    if not os.path.exists(path) and isinstance(source, str):
        names = ", ".join(nearest_first(source, dataset_names()))
        raise DataNotFound(f"{source!r} is neither a file nor a data set; check the path, or name one of: {names}.")
    if not os.path.exists(path):
        raise DataNotFound(f"no such file: {path}; check the path (relative to {Path.cwd()}).")
    if _ending(path) not in ENDINGS:
        raise DataError(f"cannot read {path}: its ending must be one of {', '.join(ENDINGS)}; save it as .csv.")
    if path.is_dir():
        raise DataError(f"{path} is not a readable {path.suffix} file but a folder.")
    return path


def _ending(path: Path) -> str:
    inner, outer = Path(path.stem).suffix.lower(), path.suffix.lower()
    return (inner or ".csv") if outer in COMPRESSED else outer


def _stem(path: Path) -> str:
    inner = path.with_suffix("") if path.suffix.lower() in COMPRESSED else path
    return inner.stem


def _from_text(path: Path, header: bool, known: Collection[str], notes: Notes) -> pd.DataFrame:
    table = read_text(path, header, notes, integers=True)
    if header:
        _check_header([str(c) for c in table.cells.columns], table.cells, known, "read it with header=false", notes)
    columns = [_plain_integers(table.cells.iloc[:, place]) for place in range(table.cells.shape[1])]
    frame = pd.concat(columns, axis=1).set_axis([str(c) or None for c in table.cells.columns], axis=1)
    if table.row_names:
        return frame.iloc[:, 1:].set_axis(pd.Index(frame.iloc[:, 0].tolist(), name="row names"), axis=0)
    return _number_rows(frame)


def _plain_integers(column: pd.Series[Any]) -> pd.Series[Any]:
    if is_integer_dtype(column) or _as_numbers(column.iloc[:1]) is None:
        return column
    places, cells = pd.factorize(column)
    numbers = _as_numbers(pd.Series(cells, dtype=object))
    return column if numbers is None else pd.Series(numbers.to_numpy()[places], column.index)


def _as_numbers(cells: pd.Series[Any]) -> pd.Series[Any] | None:
    """Cells as numbers, if all are written as these are."""
    numbers = pd.to_numeric(cells, errors="coerce")
    return numbers if (numbers.astype(str) == cells).all() else None


def _number_rows(frame: pd.DataFrame) -> pd.DataFrame:
    unlabelled = frame.index.equals(pd.RangeIndex(len(frame)))
    return frame.set_axis(range(1, len(frame) + 1), axis=0) if unlabelled else frame


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except ImportError:
        raise DataError(f"reading {path} needs pyarrow: pip install pyarrow") from None
    except (ValueError, OSError) as error:
        raise DataError(f"{path} is not a readable .parquet file ({error}); save it anew, or as .csv.") from None


def _read_array(source: object) -> pd.DataFrame:
    if isinstance(source, np.ma.MaskedArray):
        source = np.ma.filled(source.astype(np.float64), np.nan)
    values = np.asarray(source, dtype=None if hasattr(source, "__array__") else object)
    if values.ndim != 2:
        raise DataError(f"an array needs shape (person, item), not {values.shape}; are all rows equally long?")
    return _number_rows(pd.DataFrame(values, columns=item_names(values.shape[1])))


def _check_plain(frame: pd.DataFrame) -> None:
    """Refuse labels of several levels, and cells of several values."""
    for axis, way_out in (
        ("columns", "df.columns = ['_'.join(map(str, c)) for c in df.columns]"),
        ("index", "df = df.reset_index()"),
    ):
        levels = getattr(frame, axis).nlevels
        if levels > 1:
            raise DataError(f"the table has {levels} levels of {axis} (a MultiIndex); make them one: {way_out}.")
    for place, name in enumerate(frame.columns):
        if not all(map(is_hashable, frame.iloc[:, place] if is_object_dtype(frame.dtypes.iloc[place]) else ())):
            raise DataError(f"column {name!r} has cells that hold several values; a response is one value.")


def _before_pandas(columns: Sequence[object]) -> list[str]:
    """Names as they stood in a file, if all are text: pandas makes 1, 1.1, 1.2 of 1, 1, 1."""
    names = [c for c in columns if isinstance(c, str)]
    if len(names) < len(columns):
        return []
    matches = [RENAMED.fullmatch(name) for name in names]
    return [m[1] if m and m[1] in names else name for m, name in zip(matches, names, strict=True)]


def _check_header(names: Sequence[str], body: pd.DataFrame, known: Collection[str], way_out: str, notes: Notes) -> None:
    """Refuse a header that seems to be a person's responses, as numbers and words that the rows below have too."""
    cells = [canonical(name) for name in names]
    if not names or not len(body) or set(names) & set(known) or any(map(is_person_name, names)):
        return
    given = {text for _, column in body.head(COMPARED).items() for text in texts_in(column)}
    labelled = body.iloc[:, 0].is_unique and len(cells) > 1
    for part in (cells, cells[1:] if labelled else cells):
        seen = [cell for cell in part if cell not in MISSING_TEXTS]
        responses = set(seen) <= given or (len(set(seen)) < len(seen) and all(_is_number(cell) for cell in seen))
        if seen and responses and not _runs_on(seen):
            raise DataError(
                f"the first row ({', '.join(names[:8])}) seems to be a person's responses, not the names of the items: "
                f"{way_out}, or give every column a name."
            )
        if seen and set(seen) <= given:
            notes.doubt(f"the first row ({', '.join(names[:8])}) was read as names; if it has responses, {way_out}.")
            return


def _runs_on(cells: Sequence[str]) -> bool:
    """Whether cells count the items, as no responses do: 1, 2, 3, ... or 0, 1, 2, ... or a, b, c, ..."""
    numbers = [float(cell) if _is_number(cell) else np.nan for cell in cells]
    counts = any(numbers == [*range(k, k + len(cells))] for k in (0, 1))
    return len(cells) >= SHORTEST_RUN and (counts or list(cells) == list(ascii_lowercase[: len(cells)]))


def _is_number(text: str) -> bool:
    return bool(pd.notna(pd.to_numeric(text, errors="coerce")))
