"""The table of program lengths in the docs is what the scripts have."""

from __future__ import annotations

from pathlib import Path

from benchmarks.program_length import count, markdown, model_part, table, without_docstrings

SCRIPT = '"""Says."""\n\nx = (\n    1\n)  # one\n\n\ndef model():\n    """Too."""\n    return x\n'


def test_the_docs_have_the_table() -> None:
    assert markdown(table()) in (Path(__file__).parents[2] / "docs" / "paper.md").read_text()


def test_comments_and_docstrings_do_not_count() -> None:
    assert count(without_docstrings(SCRIPT)) == (5, 12)
    assert model_part(without_docstrings(SCRIPT)).split() == ["def", "model():", "return", "x"]
