"""Tables as text: for the terminal, Markdown and LaTeX."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pandas as pd
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
    "elements": 0,
    "pairs": 0,
    "faster": 1,
}
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
    """A GitHub table."""
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
    """Print a table in the terminal."""
    cells = formatted(table, decimals)
    grid = Table(title=title or None, title_justify="left", header_style="bold")
    for column in cells.columns:
        text = _is_text(table[column])
        grid.add_column(str(column), justify="left" if text else "right", no_wrap=text)
    for row in cells.itertuples(index=False):
        grid.add_row(*row)
    console.print(grid)


def _is_text(column: pd.Series) -> bool:
    return bool(column.map(lambda value: isinstance(value, str)).any())
