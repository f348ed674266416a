"""The page: its text from all rows."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

from . import conditional, curves, fairness, items, maxima, persons, pypi, scores, standard_errors
from .rows import ROUNDING, Row

PAGE = Path(__file__).parents[3] / "docs" / "agreement.md"
QUESTIONS: tuple[ModuleType, ...] = (
    maxima, standard_errors, scores, items, persons, curves, fairness, conditional, pypi,
)  # fmt: skip
HEADER = ("quantity", "data", "model", "package", "theirs", "ours", "difference")
INTRODUCTION = f"""# Do the numbers agree with those of the established packages?

Each row has a quantity as another package gives it and as irtbridge does; of many numbers the smallest and the largest,
how many there are, and the largest difference of two that belong together. Numbers have four digits after the point,
and a difference above {ROUNDING:g} has its reason below the table. `tests/assess/test_agreement.py` builds the page
from files of numbers that R computed, and fails where it is out of date.

| data | |
| --- | --- |
| LSAT 6, LSAT 7 | 1,000 persons, 5 items each (Bock & Lieberman 1970) |
| bfi N | 2,694 persons without a missing response, 5 items with 6 categories (psych, Revelle 2022) |
| VerbAgg | 316 persons, 24 items: "yes" or "perhaps" against "no"; or all three (De Boeck & Wilson 2004) |
| raschdat1 | 100 persons, 30 items (eRm, Mair & Hatzinger 2007) |
"""


def table(rows: list[Row]) -> str:
    """In Markdown, the reasons below it."""
    reasons = [*dict.fromkeys(row.why for row in rows if row.why)]
    marks = {"": "", **{why: f" ({place})" for place, why in enumerate(reasons, 1)}}
    marked = [(*row.cells()[:-1], row.cells()[-1] + marks[row.why]) for row in rows]
    lines = [HEADER, ("---",) * len(HEADER), *marked]
    notes = "".join(f"\n({place}) Why: {why}.\n" for place, why in enumerate(reasons, 1))
    return "".join(f"| {' | '.join(line)} |\n" for line in lines) + notes


def sections() -> dict[ModuleType, list[Row]]:
    """The rows of each question."""
    return {question: list(question.rows()) for question in QUESTIONS}


def written(sections: dict[ModuleType, list[Row]]) -> str:
    """The page's text."""
    parts = [f"\n## {question.TITLE}\n\n{question.TEXT}\n\n{table(rows)}" for question, rows in sections.items()]
    return INTRODUCTION + "".join(parts)
