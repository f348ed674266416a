"""docs/agreement.md is what the numbers of other packages and ours give; a part of it wherever PyPI's mirt is."""

from __future__ import annotations

import pytest
from agreement import page, pypi
from agreement.rows import REFERENCE, ROUNDING, Row

BUILD = "rebuild it with PYTHONPATH=tests/assess python -m agreement"


@pytest.mark.long
def test_the_page_is_what_the_numbers_give() -> None:
    if not REFERENCE.is_dir():
        pytest.skip(f"the reference numbers are not at hand: {REFERENCE}")
    sections = page.sections()
    assert [row.fault for rows in sections.values() for row in rows if row.fault] == []
    assert page.written(sections) == page.PAGE.read_text(), BUILD


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        (Row("a", "", "", "", [1, 2], [1, 2 + 2 * ROUNDING]), "above 1e-04"),
        (Row("a", "", "", "", 1, 1 + 2e-5, within=1e-5), "above 1e-05"),
        (Row("a", "", "", "", 1, 1, why="no reason"), "needs no reason"),
        (Row("a", "", "", "", [1, float("nan")], [1, 2]), "nan is above"),
        (Row("a", "", "", "", [float("inf"), float("nan")], [float("inf"), float("nan")]), ""),
        (Row("a", "", "", "", 1, 1.1, why="another definition"), ""),
    ],
)
def test_a_difference_needs_a_reason_and_a_reason_a_difference(row: Row, fault: str) -> None:
    assert fault in row.fault if fault else not row.fault


def test_pypis_mirt_has_our_numbers() -> None:
    """What differs by definition does, and nothing else."""
    pytest.importorskip("mirt")
    assert [row.fault for row in pypi.rows() if row.fault] == []
