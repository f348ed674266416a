"""What a record keeps of a posterior's shape when the draws are not kept: densities, and the traces of one item."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.stats import gaussian_kde

Array = NDArray[np.float64]
POINTS = 60
MAX_DRAWS = 1000
MAX_TRACE = 200
DIGITS = 5
MARGIN = 0.15
SMALLEST_WIDTH = 1e-100
"""Of draws that have a density: narrower, or wider than its inverse, and its numbers would not be finite."""


def densities(posterior: xr.Dataset) -> list[dict[str, Any]]:
    """Kernel density of each item parameter at evenly spaced points: item, parameter, low, high, density."""
    rows = []
    for item, parameter, draws in _of_items(posterior):
        flat = _thinned(draws.ravel(), MAX_DRAWS)
        width = float(np.ptp(flat)) if np.isfinite(flat).all() else 0.0
        if not SMALLEST_WIDTH < width < 1 / SMALLEST_WIDTH:
            continue
        # The kernel's variance is of draws between 0 and 1: it can neither overflow nor vanish.
        places = np.linspace(-MARGIN, 1 + MARGIN, POINTS)
        density = gaussian_kde((flat - flat.min()) / width)(places) / width
        low, high = flat.min() - MARGIN * width, flat.max() + MARGIN * width
        row = {"item": item, "parameter": parameter, "low": _short(low), "high": _short(high)}
        rows.append(row | {"density": [_short(value) for value in density]})
    return rows


def traces(posterior: xr.Dataset) -> list[dict[str, Any]]:
    """Thinned chains of the first item's parameters: item, parameter, chains."""
    first = posterior.isel(item=[0])
    return [
        {"item": item, "parameter": name, "chains": [[_short(v) for v in _thinned(c, MAX_TRACE)] for c in draws]}
        for item, name, draws in _of_items(first)
        if np.isfinite(draws).all() and np.ptp(draws) > 0
    ]


def _of_items(posterior: xr.Dataset) -> Iterator[tuple[str, str, Array]]:
    """Item, parameter as ``threshold[2]`` and draws (chain, draw) of each element that belongs to an item."""
    for name, values in posterior.data_vars.items():
        if "item" not in values.dims or "person" in values.dims:
            continue
        others = [dim for dim in values.dims if dim not in ("chain", "draw", "item")]
        ordered = values.transpose("chain", "draw", "item", *others)
        for i, *rest in np.ndindex(ordered.shape[2:]):
            labels = [str(values[dim].values[k]) for dim, k in zip(others, rest, strict=True)]
            suffix = f"[{', '.join(labels)}]" if labels else ""
            yield str(values["item"].values[i]), f"{name}{suffix}", ordered.values[(..., i, *rest)]


def _thinned(values: Array, most: int) -> Array:
    return values[:: -(-len(values) // most)]


def _short(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
