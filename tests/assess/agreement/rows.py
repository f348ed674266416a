"""What a row of the page is, and where the other packages' numbers are read."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

REFERENCE = Path(__file__).parents[4] / "shared" / "reference"
ROUNDING = 1e-4
"""Numbers are shown with four digits after the point; a difference above this one needs a reason."""


class Row(NamedTuple):
    """A quantity, one number or many, as another package has it and as ours.

    Attributes
    ----------
    quantity, data, model, source : str
        What it is, of what, by which package and version.
    theirs, ours : array_like
        The numbers, in the same order.
    within : float
        What no difference exceeds; shown as it stands here, so that the page is the same on every machine.
    why : str
        The reason of a difference above `ROUNDING`; then the largest difference is shown.
    """

    quantity: str
    data: str
    model: str
    source: str
    theirs: ArrayLike
    ours: ArrayLike
    within: float = ROUNDING
    why: str = ""

    @property
    def difference(self) -> float:
        """The largest of all differences; NaN and infinities are to be the same."""
        theirs, ours = (np.asarray(x, dtype=float) for x in (self.theirs, self.ours))
        if theirs.shape != ours.shape:
            raise ValueError(f"{self.quantity}: {theirs.shape} numbers of theirs and {ours.shape} of ours.")
        same = (theirs == ours) | (np.isnan(theirs) & np.isnan(ours))
        apart = np.abs(np.where(same, 0.0, theirs) - np.where(same, 0.0, ours))
        return float(np.max(apart, initial=0.0))

    @property
    def fault(self) -> str:
        """What is wrong with the row; empty where nothing is."""
        title = f"{self.quantity}, {self.data}, {self.model}"
        if self.why:
            return "" if not self.difference <= ROUNDING else f"{title}: {self.difference:.1e} needs no reason"
        limit = min(self.within, ROUNDING)
        return "" if self.difference <= limit else f"{title}: {self.difference:.1e} is above {limit:.0e}"

    def cells(self) -> tuple[str, ...]:
        """The row as it is written, but for its reason."""
        difference = f"{self.difference:.2g}" if self.why else f"< {self.within:.0e}".replace("e-0", "e-")
        numbers = (self.quantity, self.data, self.model, self.source, shown(self.theirs), shown(self.ours))
        return (*numbers, difference)


def shown(numbers: ArrayLike) -> str:
    """One number, or the smallest and the largest of several."""
    values = np.asarray(numbers, dtype=float)
    if values.ndim == 0:
        return f"{values:.4f}"
    finite = values[np.isfinite(values)]
    return f"{finite.min():.4f} to {finite.max():.4f} ({values.size})"


@cache
def file(name: str) -> pd.DataFrame:
    """A file of reference numbers."""
    return pd.read_csv(REFERENCE / name, dtype={"item": str}, keep_default_na=False, na_values=["NA"])


class Anchors:
    """Numbers of one package, read from a file of ../shared/reference.

    Parameters
    ----------
    name : str
        The file.
    dataset, model : str
        As the file has them.
    """

    def __init__(self, name: str, dataset: str, model: str) -> None:
        table = file(name)
        self.table = table[(table["dataset"] == dataset) & (table["model"] == model)]
        if self.table.empty:
            raise LookupError(f"{name} has no {model!r} of {dataset!r}.")

    def has(self, quantity: str) -> bool:
        """Whether the file has the quantity."""
        return bool((self.table["quantity"] == quantity).any())

    def series(self, quantity: str) -> pd.Series[Any]:
        """The numbers of one quantity, by item (or person, pattern, ability: what the file has there)."""
        rows = self.table[self.table["quantity"] == quantity]
        if rows.empty:
            raise LookupError(f"no {quantity!r}; there are {sorted(set(self.table['quantity']))}.")
        return pd.Series(rows["value"].to_numpy(dtype=float), index=rows["item"])

    def each(self, *quantities: str) -> NDArray[np.float64]:
        """Several quantities, shape (item, quantity)."""
        return np.column_stack([self.series(quantity) for quantity in quantities])

    def number(self, quantity: str) -> float:
        """The quantity that is one number."""
        (value,) = self.series(quantity)
        return float(value)
