"""How help is laid out: a word on the left, what it means on the right."""

from __future__ import annotations

import textwrap

WIDTH = 120
INDENT = 2


def entry(label: str, text: str, column: int = 25) -> str:
    """One entry of a help text; its explanation begins at a column, on a line of its own where the label is long.

    Parameters
    ----------
    label, text : str
        What one types, and what it means.
    column : int
        Where explanations begin.
    """
    first = f"{'':{INDENT}}{label}"
    if len(first) < column:
        return textwrap.fill(text, WIDTH, initial_indent=f"{first:{column}}", subsequent_indent=" " * column)
    return f"{first}\n{textwrap.fill(text, WIDTH, initial_indent=' ' * column, subsequent_indent=' ' * column)}"
