"""A text file becomes rows and columns of text: encoding, separator, comments, header."""

from __future__ import annotations

import bz2
import codecs
import csv
import gzip
import itertools
import lzma
import re
import statistics
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from irtbridge.data.labels import item_names
from irtbridge.data.notes import Notes
from irtbridge.data.regular import regular_table
from irtbridge.errors import DataError

TEXT_ENDINGS = (".csv", ".tsv", ".txt", ".dat", ".tab")
# A byte order mark says the encoding; UTF-32's begins as UTF-16's does.
MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# In this order: where semicolons separate, commas are decimal marks; labels often hold spaces.
SEPARATORS = ("\t", ";", "|", ",", " ")
SEPARATOR_LINE = re.compile(r"sep=(.)", re.IGNORECASE)
# So many rows tell the separator.
SAMPLE = 100

Row = tuple[int, list[str]]


@dataclass(frozen=True)
class TextTable:
    """Cells as text.

    Attributes
    ----------
    cells : DataFrame of str, or of int where it was asked for
        Columns are the header's texts, or ``item1, item2, ...`` where the file has none.
    row_names : bool
        Whether the first column has row names, which have no header, as R and pandas write them.
    """

    cells: pd.DataFrame
    row_names: bool


def read_text(path: Path, header: bool, notes: Notes, *, integers: bool = False) -> TextTable:
    """Read a file of separated values.

    Parameters
    ----------
    path : Path
        May be compressed (.gz, .bz2, .xz, .zip).
    header : bool
        Whether the first row has the names of the columns.
    notes : Notes
        Told what was guessed.
    integers : bool
        Whether columns of integers may be read as such, not as text.

    Raises
    ------
    DataError
        No text, no rows, or rows of different lengths; the line is named.
    """
    text = _decoded(_content(path), path, notes)
    lines = (text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text).split("\n")
    separator, start = _preamble(lines)
    start = _after_comments(lines, separator, start, path, notes)
    separator = separator or _sniffed(lines[start:])
    if integers and header and start < len(lines) and (table := _regular(lines[start:], separator)) is not None:
        return TextTable(table, row_names=False)
    try:
        rows = list(_rows(lines[start:], separator))
    except csv.Error as error:
        raise DataError(f"{path} is not a readable {path.suffix} file ({error}); is a quotation mark open?") from None
    rows = _without_blanks([(start + line, row) for line, row in rows])
    if not rows:
        raise DataError(f"{path} is empty; it needs a header and a row per person or per response.")
    names, body = _rectangle(rows, header, path)
    cells = pd.DataFrame(body, columns=range(len(names)), dtype=object)
    kept = [i for i, name in enumerate(names) if name or (cells[i] != "").any()]
    table = cells[kept].set_axis([names[i] for i in kept], axis=1)
    return TextTable(table, row_names=bool(header and kept) and table.columns[0] == "")


def _regular(lines: Sequence[str], separator: str) -> pd.DataFrame | None:
    """A table below a header without gaps, if it is one that `regular_table` reads."""
    names = [cell.strip() for cell in lines[0].split(separator)]
    table = regular_table(lines[1:], separator, len(names)) if all(names) and '"' not in lines[0] else None
    return None if table is None else table.set_axis(names, axis=1)


def _content(path: Path) -> bytes:
    openers: dict[str, Callable[[Path], bytes]] = {
        ".gz": lambda p: gzip.decompress(p.read_bytes()),
        ".bz2": lambda p: bz2.decompress(p.read_bytes()),
        ".xz": lambda p: lzma.decompress(p.read_bytes()),
        ".zip": _unzipped,
    }
    ending = path.suffix.lower()
    try:
        return openers.get(ending, Path.read_bytes)(path)
    except (OSError, EOFError, RuntimeError, zlib.error, zipfile.BadZipFile, lzma.LZMAError) as error:
        raise DataError(f"{path} is not a readable {ending} file ({error}).") from None


def _unzipped(path: Path) -> bytes:
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if len(names) != 1:
            raise DataError(f"{path} holds {len(names)} files; give an archive of one, or unpack it.")
        return archive.read(names[0])


def _decoded(content: bytes, path: Path, notes: Notes) -> str:
    if content.startswith(b"PK\x03\x04") or content.startswith(b"\xd0\xcf\x11\xe0"):
        raise DataError(
            f"{path} is not a readable {path.suffix} file but an Excel file or archive; save the sheet as .csv."
        )
    marked = next((encoding for mark, encoding in MARKS.items() if content.startswith(mark)), None)
    binary = marked is None and b"\0" in content
    for encoding in [marked] if marked else [] if binary else ["utf-8", "cp1252", "latin-1"]:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if encoding in ("cp1252", "latin-1"):
            notes.doubt(f"{path.name} is not UTF-8 and was read as {encoding}; look at its labels.")
        return text
    raise DataError(f"{path} is not a readable {path.suffix} file: it is no text; save it anew as UTF-8 .csv.")


def _preamble(lines: Sequence[str]) -> tuple[str | None, int]:
    """The separator that a first line ``sep=;`` names, as Excel writes it, and where the rest begins."""
    named = SEPARATOR_LINE.fullmatch(lines[0].strip('" '))
    return (named[1], 1) if named else (None, 0)


def _after_comments(lines: Sequence[str], separator: str | None, start: int, path: Path, notes: Notes) -> int:
    """Where the table begins: after lines that begin with #, unless the last of them has the table's columns."""
    first = next((i for i in range(start, len(lines)) if lines[i].strip() and lines[i][0] != "#"), len(lines))
    comments = [i for i in range(start, first) if lines[i].strip()]
    if comments and first < len(lines):
        used = separator or _sniffed(lines[first:])
        if lines[comments[-1]].count(used) == lines[first].count(used) > 0:
            first = comments.pop()
    if comments:
        notes.say(f"{path.name}: lines at the top that begin with # and were left out: {len(comments)}.")
    return first


def _rows(lines: Sequence[str], separator: str) -> Iterator[Row]:
    reader = csv.reader((f"{line}\n" for line in lines), delimiter=separator, skipinitialspace=True, strict=True)
    return ((reader.line_num, row) for row in reader)


def _sniffed(lines: Sequence[str]) -> str:
    """The separator by which the rows have equally many values, else by which most have several."""
    widths = {separator: _widths(lines, separator) for separator in SEPARATORS}
    for separator, (header, *body) in widths.items():
        # R gives no header to row names, so that the header is one shorter
        if header > 1 and (not body or (len(set(body)) == 1 and body[0] - header in (0, 1))):
            return separator
    return next((s for s, w in widths.items() if statistics.median(w) > 1), ",")


def _widths(lines: Sequence[str], separator: str) -> list[int]:
    try:
        return [len(row) for _, row in itertools.islice(_rows(lines, separator), SAMPLE) if row] or [0]
    except csv.Error:
        return [0]


def _without_blanks(rows: list[Row]) -> list[Row]:
    """Without empty lines; in a table of one column, an empty line is an empty cell, except at the end."""
    while rows and not any(cell.strip() for cell in rows[-1][1]):
        rows.pop()
    single = max((len(row) for _, row in rows), default=0) == 1
    begin = next((i for i, (_, row) in enumerate(rows) if row), 0)
    return [(line, row or [""]) for line, row in rows[begin:] if row or single]


def _rectangle(rows: list[Row], header: bool, path: Path) -> tuple[list[str], list[list[str]]]:
    """Names of the columns, and rows of equally many cells."""
    names = [cell.strip() for cell in rows[0][1]]
    body = rows[1:] if header else rows
    width = len(names)
    if header and body and all(len(row) == width + 1 for _, row in body) and any(row[-1].strip() for _, row in body):
        names, width = ["", *names], width + 1
    for line, row in body:
        if len(row) > width and not any(cell.strip() for cell in row[width:]):
            del row[width:]
        if len(row) != width:
            raise DataError(
                f"{path} is not a readable table: line {line} has {len(row)} values, the first one has {width}; give "
                "every row the same number, and quotation marks to a text that holds the separator."
            )
    return (names if header else item_names(width)), [row for _, row in body]
