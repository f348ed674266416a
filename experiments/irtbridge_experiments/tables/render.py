"""Tables as text: for the terminal, Markdown and LaTeX."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import pandas as pd
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

DECIMALS = {
    "ESS": 0,
    "R-hat": 3,
    "divergences": 0,
    "s": 1,
    "k-hat": 2,
    "load": 1,
    "done": 0,
    "failed": 0,
    "flagged": 0,
    "elements": 0,
    "pairs": 0,
    "faster": 1,
}
FRAME = 3  # letters between two columns
LARGEST_PLAIN = 1e6
"""From here on a number is written with an exponent."""
MARKDOWN = re.compile(r"[\\|*`<$\[]|(?<!\w)_|_(?!\w)")
"""What Markdown would read as markup; an underscore within a word is none."""
LATEX = {
    "\\": r"\textbackslash{}",
    "^": r"\textasciicircum{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
}


def formatted(table: pd.DataFrame, decimals: int = 3) -> pd.DataFrame:
    """Every cell as text; what is not defined is a dash."""

    def text(value: object, column: str) -> str:
        if isinstance(value, str):
            return value
        if value is None or pd.isna(value):  # type: ignore[call-overload]
            return "-"
        if abs(value) >= LARGEST_PLAIN:  # type: ignore[arg-type]
            return f"{value:.3g}"
        return f"{value:.{DECIMALS.get(column.split()[-1], decimals)}f}"

    return pd.DataFrame({c: [text(v, str(c)) for v in table[c]] for c in table.columns})


def to_markdown(table: pd.DataFrame, decimals: int = 3) -> str:
    """A table as GitHub's Markdown."""
    cells = formatted(table, decimals)
    lines = [_markdown_row(cells.columns)]
    lines.append("|" + "|".join(" --- " if _is_text(table[c]) else " ---: " for c in table.columns) + "|")
    lines += [_markdown_row(row) for row in cells.itertuples(index=False)]
    return "\n".join(lines) + "\n"


def markdown(text: str) -> str:
    """Text as Markdown shows it as it is, on one line."""
    return MARKDOWN.sub(r"\\\g<0>", " ".join(text.split()))


def latex(text: str) -> str:
    """Text as LaTeX shows it as it is, on one line."""
    return "".join(LATEX.get(letter, letter) for letter in " ".join(text.split()))


def _markdown_row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(map(markdown, cells)) + " |"


def to_latex(table: pd.DataFrame, caption: str, decimals: int = 3) -> str:
    """A table for the package booktabs."""
    cells = formatted(table, decimals)
    columns = "".join("l" if _is_text(table[c]) else "r" for c in table.columns)
    rows = [" & ".join(map(latex, row)) + r" \\" for row in ([*cells.columns], *cells.itertuples(index=False))]
    begin = [r"\begin{table}", r"\centering", rf"\caption{{{latex(caption)}}}", rf"\begin{{tabular}}{{{columns}}}"]
    lines = [*begin, r"\toprule", rows[0], r"\midrule", *rows[1:], r"\bottomrule", r"\end{tabular}", r"\end{table}"]
    return "\n".join(lines) + "\n"


def print_table(table: pd.DataFrame, console: Console, title: str = "", decimals: int = 3) -> None:
    """Print a table in the terminal; one that is too wide in parts, each beginning with the columns that name a row."""
    cells = formatted(table, decimals)
    text = {str(column): _is_text(table[column]) for column in table.columns}
    widths = {c: _width(c, cells[c], console.width // 3 if text[c] else 0) for c in text}
    for number, columns in enumerate(_parts(widths, _names(text), console.width)):
        grid = Table(title=title if title and number == 0 else None, title_justify="left", header_style="bold")
        for column in columns:
            justify: Literal["left", "right"] = "left" if text[column] else "right"
            grid.add_column(column, justify=justify, width=widths[column], overflow="fold")
        for row in cells[columns].itertuples(index=False):
            grid.add_row(*row)
        console.print(grid)


def _width(column: str, cells: pd.Series, most: int) -> int:
    """Letters that a column needs, at most so many where it is text; the header of numbers is broken between words."""
    header = column.splitlines() if most else column.split()
    longest = max(map(cell_len, [*header, *(line for cell in cells for line in cell.splitlines())]), default=1)
    return min(longest, most) if most else longest


def _names(text: Mapping[str, bool]) -> list[str]:
    """The columns that name a row: the first ones, as long as they are text with a header of one line."""
    return list(itertools.takewhile(lambda column: text[column] and "\n" not in column, text))


def _parts(widths: Mapping[str, int], names: Sequence[str], room: int) -> list[list[str]]:
    """The columns of each part."""
    parts: list[list[str]] = []
    for column in [column for column in widths if column not in names] or [""]:
        taken = sum(widths[name] + FRAME for name in (parts[-1] if parts else names)) + 1
        if not parts or taken + widths.get(column, 0) + FRAME > room:
            parts.append([*names])
        parts[-1] += [column] if column else []
    return parts


def _is_text(column: pd.Series) -> bool:
    return bool(column.map(lambda value: isinstance(value, str)).any())
