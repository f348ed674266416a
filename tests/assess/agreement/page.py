"""The page: its text from all rows."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

from . import curves, items, maxima, persons, scores, standard_errors
from .rows import ROUNDING, Row

PAGE = Path(__file__).parents[3] / "docs" / "agreement.md"
QUESTIONS: tuple[ModuleType, ...] = (maxima, standard_errors, scores, items, persons, curves)
HEADER = ("quantity", "data", "model", "package", "theirs", "ours", "difference", "why")
INTRODUCTION = f"""# Do the numbers agree with those of the established packages?

Each row has a quantity as another package gives it and as irtbridge does; of many numbers the smallest and the largest,
how many there are, and the largest difference of two that belong together. Numbers have four digits after the point,
and a difference above {ROUNDING:g} has its reason beside it. The page is built by `tests/assess/test_agreement.py`
from files of numbers that R computed, and cannot be out of date where they are at hand.

| data | |
| --- | --- |
| LSAT 6, LSAT 7 | 1,000 persons, 5 items each (Bock & Lieberman 1970) |
| bfi N | 2,694 persons without a missing response, 5 items with 6 categories (psych, Revelle 2022) |
| VerbAgg | 316 persons, 24 items: "yes" or "perhaps" against "no" (De Boeck & Wilson 2004) |
| raschdat1 | 100 persons, 30 items (eRm, Mair & Hatzinger 2007) |
"""


def table(rows: list[Row]) -> str:
    """In Markdown; without the column of reasons where no row has one."""
    width = len(HEADER) if any(row.why for row in rows) else len(HEADER) - 1
    lines = [HEADER, ("---",) * len(HEADER), *(row.cells() for row in rows)]
    return "".join(f"| {' | '.join(line[:width])} |\n" for line in lines)


def sections() -> dict[ModuleType, list[Row]]:
    """The rows of each question."""
    return {question: list(question.rows()) for question in QUESTIONS}


def written(sections: dict[ModuleType, list[Row]]) -> str:
    """The page's text."""
    parts = [f"\n## {question.TITLE}\n\n{question.TEXT}\n\n{table(rows)}" for question, rows in sections.items()]
    return INTRODUCTION + "".join(parts)
