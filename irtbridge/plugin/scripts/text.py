"""Lines of Python as ruff formats them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby, pairwise
from typing import Any

import numpy as np

WIDTH = 120
INDENT = "    "
DEFINITION = ("def ", "class ", "@", "if __name__")


def literal(value: Any) -> str:
    """Numbers, texts, and lists and tables of them, as Python writes them."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{literal(k)}: {literal(v)}' for k, v in value.items())}}}"
    if isinstance(value, (list, tuple, np.ndarray)):
        return f"[{', '.join(literal(v) for v in value)}]"
    if isinstance(value, str):
        text = repr(value)
        return f'"{text[1:-1]}"' if text[0] == "'" and '"' not in text else text
    value = value.item() if isinstance(value, np.generic) else value
    return repr(value) if value == value and abs(value) != np.inf else f"np.{value}"


def assigned(name: str, value: Any, wrap: str = "", more: str = "", note: str = "") -> list[str]:
    """``name = wrap(value, more)``, broken between the elements where it is long."""
    opening, closing = (f"{wrap}(", f"{more})") if wrap else ("", "")
    line = f"{name} = {opening}{literal(value)}{closing}" + (f"  # {note}" if note else "")
    if len(line) <= WIDTH:
        return [line]
    first, last = ("{", "}") if isinstance(value, dict) else ("[", "]")
    pairs = (
        [f"{literal(k)}: {literal(v)}" for k, v in value.items()] if isinstance(value, dict) else map(literal, value)
    )
    body = indented(_filled(list(pairs)))
    comment = [f"# {note[:1].upper()}{note[1:]}."] if note else []
    return [*comment, f"{name} = {opening}{first}", *body, f"{last}{closing}  # fmt: skip"]


def _filled(parts: Sequence[str]) -> list[str]:
    """Parts with commas between them, as many on a line as fit."""
    rows = [""]
    for part in parts:
        if rows[-1] and len(rows[-1]) + len(part) > WIDTH - 8:
            rows.append("")
        rows[-1] += f"{part}, "
    return [row.rstrip() for row in rows]


def indented(lines: Iterable[str], depth: int = 1) -> list[str]:
    """Lines, further to the right."""
    return [INDENT * depth + line if line else line for line in lines]


def nested(statements: Sequence[tuple[str, str]]) -> list[str]:
    """Statements with the head of the block that each stands in (empty: none); neighbours share a block."""
    lines: list[str] = []
    for head, inside in groupby(statements, lambda statement: statement[0]):
        body = [line for _, line in inside]
        lines += [head, *indented(body)] if head else body
    return lines


def call(function: str, *arguments: str, **named: str) -> str:
    """``function(argument, name=argument)``; arguments that are empty are left out."""
    given = [*(a for a in arguments if a), *(f"{k}={v}" for k, v in named.items() if v)]
    return f"{function}({', '.join(given)})"


def document(*sections: Iterable[str]) -> str:
    """Sections with empty lines between them: two where one is a definition, as PEP 8 has it."""
    blocks = [text for text in ("\n".join(lines).strip("\n") for lines in sections) if text]
    text = blocks[0]
    for before, block in pairwise(blocks):
        alone = block.startswith(DEFINITION) or _last_block(before).startswith(DEFINITION)
        text += ("\n\n\n" if alone else "\n\n") + block
    return text + "\n"


def _last_block(text: str) -> str:
    """From the last line that is not indented, or a decorator above it, on."""
    return next((line for line in reversed(text.splitlines()) if line and line[0] not in " )]}"), "")


def broken(text: str) -> str:
    """Statements that are too long, broken inside of their last brackets: as one line, or a line for each argument."""
    return "\n".join(row for line in text.split("\n") for row in _broken(line))


def _broken(line: str, end: str = "") -> list[str]:
    if len(line + end) <= WIDTH or line.lstrip().startswith("#") or line[-1] not in ")]":
        return [line + end]
    start, indent = _opening(line), line[: len(line) - len(line.lstrip())]
    inside, deeper = line[start + 1 : -1], indent + INDENT
    if len(deeper + inside) <= WIDTH:
        return [line[: start + 1], deeper + inside, indent + line[-1] + end]
    arguments = [row for part in _arguments(inside) for row in _broken(deeper + part, ",")]
    return [line[: start + 1], *arguments, indent + line[-1] + end]


def _opening(line: str) -> int:
    """Where the bracket opens that closes at the end of a line."""
    depth = 0
    for place in range(len(line) - 1, -1, -1):
        depth += (line[place] in ")]}") - (line[place] in "([{")
        if depth == 0:
            return place
    raise ValueError(line)


def _arguments(text: str) -> list[str]:
    """Arguments between commas that are in no bracket."""
    parts, depth = [""], 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts]
