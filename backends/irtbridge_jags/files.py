"""The files that JAGS reads and writes: data in R's dump format, draws as coda."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
NODE = re.compile(r"(?P<name>[^\[]+)(?:\[(?P<index>[\d,]+)\])?")


def dumped(values: Mapping[str, ArrayLike | str]) -> str:
    """Numbers, arrays and texts as R's ``dump`` writes them; NaN is NA."""
    return "".join(f'"{name}" <- {_expression(value)}\n' for name, value in values.items())


def _expression(value: ArrayLike | str) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    array = np.asarray(value)
    numbers = [_number(one) for one in array.ravel(order="F").tolist()]
    if array.ndim == 0:
        return numbers[0]
    vector = f"c({', '.join(numbers)})"
    return vector if array.ndim == 1 else f"structure({vector}, .Dim = c({', '.join(map(str, array.shape))}))"


def _number(value: Any) -> str:
    return "NA" if value != value else repr(int(value)) if value == int(value) and abs(value) < 1e9 else repr(value)


def read_coda(stem: Path, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Array]:
    """The draws of one chain.

    Parameters
    ----------
    stem : Path
        Of the files ``<stem>index.txt`` and ``<stem>chain1.txt``.
    shapes : mapping of str to tuple of int
        Of the arrays in the program, by name.

    Returns
    -------
    dict of str to ndarray, shape (draw, *shape)
        NaN for elements that the program lacks.
    """
    values = pd.read_csv(f"{stem}chain1.txt", sep=r"\s+", header=None, usecols=[1], engine="c")[1].to_numpy(float)
    found: dict[str, Array] = {}
    for line in Path(f"{stem}index.txt").read_text().splitlines():
        node, first, last = line.split()
        draws = values[int(first) - 1 : int(last)]
        if (match := NODE.fullmatch(node)) is None:
            raise ValueError(f"{node!r} is no node of a BUGS program.")
        name, shape = match["name"], shapes[match["name"]]
        array = found.setdefault(name, np.full((len(draws), int(np.prod(shape))), np.nan))
        place = [int(i) - 1 for i in match["index"].split(",")] if match["index"] else [0] * len(shape)
        array[:, np.ravel_multi_index(place, shape) if shape else 0] = draws
    return {name: array.reshape(-1, *shapes[name]) for name, array in found.items()}
