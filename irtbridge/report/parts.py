"""What a page is made of: sections of texts, tables and pictures."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from irtbridge.errors import IRTBridgeError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Text:
    """A paragraph; a strong one stands out."""

    words: str
    strong: bool = False
    kind: str = "text"


@dataclass(frozen=True)
class Listing:
    """Lines that are printed as they are: a formula, a model, a command."""

    words: str
    kind: str = "listing"


@dataclass(frozen=True)
class Table:
    """A table; rows that deserve a look are marked.

    Attributes
    ----------
    caption : str
        What it shows.
    header : tuple of str
        Names of the columns; the first column names the row.
    rows : tuple of tuple of str
        Cells as text.
    marked : tuple of bool
        Which rows stand out.
    """

    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    marked: tuple[bool, ...] = ()
    kind: str = "table"

    @classmethod
    def of(cls, frame: pd.DataFrame, caption: str, *, decimals: int = 2, marked: Sequence[bool] = ()) -> Table:
        """From a DataFrame, whose index names the rows; whole numbers have no decimals, p-values three."""
        header = (str(frame.index.name or ""), *map(str, frame.columns))
        columns = [_column(frame.iloc[:, j], decimals) for j in range(frame.shape[1])]
        rows = tuple((str(label), *(column[i] for column in columns)) for i, label in enumerate(frame.index))
        return cls(caption, header, rows, tuple(bool(m) for m in marked) or (False,) * len(rows))


@dataclass(frozen=True)
class Picture:
    """A figure as SVG.

    Attributes
    ----------
    caption : str
        What it shows, below it.
    alt : str
        What one sees in it, for those who do not see it.
    svg : str
        The drawing.
    """

    caption: str
    alt: str
    svg: str
    kind: str = "picture"

    @classmethod
    def of(cls, axes: Axes | np.ndarray[Any, Any], caption: str, alt: str) -> Picture:
        """From the Axes that a plot returns; closes their figure."""
        import matplotlib.pyplot as plt

        figure: Figure = np.ravel(np.asarray(axes, dtype=object))[0].figure
        drawn = io.StringIO()
        # Names that are not random and no date: the same fit gives the same page.
        with plt.rc_context({"svg.hashsalt": "irtbridge", "svg.fonttype": "none"}):
            figure.savefig(drawn, format="svg", metadata={"Date": None}, bbox_inches="tight")
        plt.close(figure)
        return cls(caption, alt, _inline(drawn.getvalue()))


Block = Text | Listing | Table | Picture


@dataclass(frozen=True)
class Section:
    """A part of the page under a heading of its own."""

    title: str
    blocks: tuple[Block, ...]

    @property
    def anchor(self) -> str:
        """Its name in links."""
        return re.sub(r"[^a-z]+", "-", self.title.lower()).strip("-")


def reported(make: Callable[[Any], Sequence[Block]], fit: Any) -> Sequence[Block]:
    """What is made of a fit; where the model or the data do not admit it, the reason in its place."""
    try:
        return make(fit)
    except IRTBridgeError as error:
        return (Text(f"Not reported: {error}"),)


def cell(value: object, decimals: int = 2) -> str:
    """A value as a cell shows it: numbers rounded, nothing where there is none."""
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else ""
    if isinstance(value, (int, np.integer)):
        return str(value)
    if isinstance(value, (float, np.floating)):
        return "" if np.isnan(value) else f"{value:.{decimals}f}".replace("-", "\N{MINUS SIGN}")
    return "" if value is None else str(value)


def _column(values: pd.Series[Any], decimals: int) -> list[str]:
    """The cells of a column."""
    if str(values.name).split()[-1:] == ["p"]:
        return ["< .001" if isinstance(p, float) and p < 0.0005 else cell(p, 3) for p in values]
    numbers = [v for v in values if isinstance(v, float) and np.isfinite(v)]
    whole = bool(numbers) and all(v == round(v) for v in numbers) and any(abs(v) > 1 for v in numbers)
    return [cell(v, 0 if whole else decimals) for v in values]


def _inline(svg: str) -> str:
    """A drawing as a part of a page: without the file's head, with names that no other drawing has."""
    svg = svg[svg.index("<svg") :]
    prefix = f"p{hashlib.sha256(svg.encode()).hexdigest()[:8]}-"
    svg = re.sub(r'\bid="', f'id="{prefix}', svg)
    svg = re.sub(r'href="#', f'href="#{prefix}', svg)
    svg = re.sub(r"url\(#", f"url(#{prefix}", svg)
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    return re.sub(
        r'<svg [^>]*?viewBox="([^"]*)"[^>]*>', r'<svg viewBox="\1" aria-hidden="true" focusable="false">', svg, count=1
    )
