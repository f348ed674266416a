"""Text that is a regular table of integers and labels, read at once by pandas' parser in C.

It is read so only where nothing is lost: where the cells, written as text again, are as long as the text was. No text
of an integer is shorter than the integer itself, so that none of them was 01, +1 or 1.0.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from typing import Any

import pandas as pd
from pandas.api.types import is_bool_dtype, is_integer_dtype, is_string_dtype


def regular_table(lines: Sequence[str], separator: str, width: int) -> pd.DataFrame | None:
    """Rows of equally many cells, integers where a column has nothing else, or None where they are not regular.

    Parameters
    ----------
    lines : sequence of str
        The rows.
    separator : str
        Between the cells.
    width : int
        Cells of a row.
    """
    end = next((place for place in range(len(lines), 0, -1) if lines[place - 1]), 0)
    if not end:
        return None
    text = "\n".join(lines[:end])
    blank_end = not text[text.rfind("\n") + 1 :].replace(separator, "")
    spaced = " " in text and any(mark in text for mark in (f"{separator} ", "\n ", " \n"))
    if blank_end or spaced or text[0] == " " or '"' in text or "\0" in text:
        return None
    how = {"header": None, "names": range(width), "index_col": False, "na_filter": False, "low_memory": False}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            table: pd.DataFrame = pd.read_csv(io.StringIO(text), sep=separator, skip_blank_lines=False, **how)  # type: ignore[call-overload]
    except (ValueError, pd.errors.ParserWarning):
        return None
    columns = [table.iloc[:, place] for place in range(width)]
    if not all(is_integer_dtype(c) or (is_string_dtype(c) and not is_bool_dtype(c)) for c in columns):
        return None
    between = len(table) * width - 1
    return table if sum(map(_length, columns)) + between == len(text) else None


def _length(column: pd.Series[Any]) -> int:
    """Characters of all cells."""
    if not is_integer_dtype(column):
        return int(column.str.len().sum())
    least, most = column.min(), column.max()
    if least >= 0 and len(str(least)) == len(str(most)):
        return len(column) * len(str(most))
    counts = column.value_counts()
    return sum(len(str(value)) * count for value, count in zip(counts.index.tolist(), counts.tolist(), strict=True))
