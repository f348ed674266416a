"""The BUGS language: statements in loops, and how they are printed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

INDENT = "  "


@dataclass(frozen=True)
class Loop:
    """``for (counter in range)``."""

    counter: str
    range: str


@dataclass(frozen=True)
class Statement:
    """A relation, ``x ~ distribution`` or ``x <- expression``, inside of loops, the outermost first."""

    loops: tuple[Loop, ...]
    text: str


def printed(statements: Iterable[Statement]) -> str:
    """The program; statements that follow one another in the same loop share it."""
    return "\n".join(["model {", *_lines(statements, 0), "}", ""])


def _lines(statements: Iterable[Statement], depth: int) -> Iterator[str]:
    indent = INDENT * (depth + 1)
    for loop, inside in groupby(statements, lambda s: s.loops[depth] if len(s.loops) > depth else None):
        if loop is None:
            yield from (indent + statement.text for statement in inside)
        else:
            yield f"{indent}for ({loop.counter} in {loop.range}) {{"
            yield from _lines(inside, depth + 1)
            yield indent + "}"


def number(value: float) -> str:
    """A number as one would write it; reading it back gives the same."""
    return f"{value:g}" if float(f"{value:g}") == value else repr(float(value))


def element(name: str, *index: str) -> str:
    """``name[i, j]``, or the name alone."""
    return f"{name}[{', '.join(index)}]" if index else name
