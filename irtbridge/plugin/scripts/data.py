"""How a script reads its data: the lines, which are tried before they are given away."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from irtbridge.data.kinds import CATEGORIES
from irtbridge.data.responses import Responses
from irtbridge.errors import DataError
from irtbridge.model.layout import Layout
from irtbridge.model.priors import Predictor
from irtbridge.plugin.scripts.text import assigned, literal

LEVEL = re.compile(r"(.+)\[T\.(.*)\]")
PANDAS = "import pandas as pd"


@dataclass(frozen=True)
class DataSection:
    """The part of a script that reads the data.

    The lines define ``responses`` (person, item), NaN where missing: codes 0, 1, ... of categories, or numbers; and,
    where the model asks for them, ``group`` (person,), places of groups, and a design (person, column) for each
    linear predictor over persons, named ``<weights>_design``.

    Attributes
    ----------
    lines : tuple of str
        Of Python, over NumPy as ``np`` and pandas as ``pd``.
    table : DataFrame or None
        What has to be written to the csv that the lines read; None where it is there already.
    """

    lines: tuple[str, ...]
    table: pd.DataFrame | None = None

    @classmethod
    def of(cls, layout: Layout, responses: Responses, path: str, beside: str) -> DataSection:
        """Lines that read a csv if it gives the model these data, and else a table that is to be written beside it.

        Parameters
        ----------
        layout : Layout
            The model over the data.
        responses : Responses
            The data.
        path : str
            The csv that they are said to come from; empty where there is none.
        beside : str
            Where the table is to be written if need be.

        Raises
        ------
        DataError
            The lines do not read the data back, also from a table of their own.
        """
        plain = written(layout, responses)
        for columns in (expressions(layout), dict[str, list[str]]()) if Path(path).is_file() else ():
            section = cls(tuple(_lines(layout, responses, path, columns)))
            if section.gives(layout, responses):
                return section
        own = cls(tuple(_lines(layout, responses, beside, {})), plain)
        if not own.gives(layout, responses):
            raise DataError(f"the data {responses.name!r} cannot be written as a csv that a script reads back.")
        return own

    def gives(self, layout: Layout, responses: Responses) -> bool:
        """Whether the lines read these data."""
        found: dict[str, Any] = {"np": np, "pd": _Reader(self.table)}
        try:
            exec("\n".join(self.lines), found)
            return all(np.array_equal(found[k], v, equal_nan=True) for k, v in wanted(layout, responses).items())
        except Exception:  # whatever a strange file makes of them
            return False


class _Reader:
    """Pandas, but a csv that is not written yet is the table."""

    def __init__(self, table: pd.DataFrame | None) -> None:
        self.table = table

    def __getattr__(self, name: str) -> Any:
        return getattr(pd, name)

    def read_csv(self, path: str, **options: Any) -> Any:
        if self.table is None:
            return pd.read_csv(path, **options)
        from io import StringIO

        return pd.read_csv(StringIO(self.table.to_csv(index=False)), **options)


def wanted(layout: Layout, responses: Responses) -> dict[str, NDArray[Any]]:
    """The arrays that a data section defines, by name."""
    arrays: dict[str, NDArray[Any]] = {"responses": np.where(responses.observed, responses.values, np.nan)}
    if layout.membership is not None:
        arrays["group"] = layout.membership.argmax(axis=1)
    return arrays | {f"{p.weights}_design": layout.designs[dim].matrix for dim, p in _persons(layout).items()}


def written(layout: Layout, responses: Responses) -> pd.DataFrame:
    """A plain table of the data: persons, responses as they were, the group, and columns of designs."""
    columns: dict[str, Any] = {"person": list(responses.persons)}
    for j, item in enumerate(responses.items):
        values = np.where(responses.observed[:, j], responses.values[:, j], 0)
        original = np.asarray(responses.categories[j])[values] if responses.kind == CATEGORIES else values
        columns[item] = pd.Series(original).where(responses.observed[:, j])
    if layout.membership is not None:
        columns["group"] = [responses.groups[code] for code in responses.group_codes]
    for dim in _persons(layout):
        design = layout.designs[dim]
        columns |= {name: design.matrix[:, c] for c, name in enumerate(design.columns)}
    return pd.DataFrame(columns)


def expressions(layout: Layout) -> dict[str, list[str]]:
    """How each column of a design over persons follows from columns of the data, by dim."""
    return {dim: [_product(name) for name in layout.designs[dim].columns] for dim in _persons(layout)}


def _persons(layout: Layout) -> dict[str, Predictor]:
    return {dim: p for dim, p in layout.spec.designs.items() if p.dim == "person"}


def _product(column: str) -> str:
    return " * ".join(_factor(part) for part in column.split(":"))


def _factor(part: str) -> str:
    if (match := LEVEL.fullmatch(part)) is None:
        return f"table[{literal(part)}]"
    return f"(table[{literal(match[1])}].astype(str) == {literal(match[2])})"


def _lines(layout: Layout, responses: Responses, path: str, columns: dict[str, list[str]]) -> list[str]:
    lines = ["# Responses: a row for each person, a column for each item."]
    lines += assigned("ITEMS", list(responses.items))
    if responses.kind == CATEGORIES:
        lines += _categories(responses)
    grouped = layout.membership is not None
    name = responses.group if grouped and columns else "group"
    as_text = f", dtype={{{literal(name)}: str}}" if grouped else ""
    lines += [*assigned("DATA", path), f"table = pd.read_csv(DATA{as_text})", *_responses(responses)]
    if grouped:
        lines += ["", "# Each person's group, as its place among GROUPS.", *assigned("GROUPS", list(responses.groups))]
        lines += [f"group = pd.Categorical(table[{literal(name)}], GROUPS).codes.astype(int)"]
    for dim, predictor in _persons(layout).items():
        lines += ["", f"# Covariates of the persons: {predictor.formula}.", *_design(layout, dim, predictor, columns)]
    return lines


def _categories(responses: Responses) -> list[str]:
    """The categories of each item, in order: their codes are 0, 1, ..."""
    if len(set(responses.categories)) == 1:
        return assigned("CATEGORIES", list(responses.categories[0]))
    by_item = dict(zip(responses.items, map(list, responses.categories), strict=True))
    return assigned("CATEGORIES", by_item)


def _responses(responses: Responses) -> list[str]:
    if responses.kind != CATEGORIES:
        return ["responses = table[ITEMS].to_numpy(float)  # NaN where missing"]
    of_item = "CATEGORIES" if len(set(responses.categories)) == 1 else "CATEGORIES[item]"
    codes = f"codes = np.column_stack([pd.Categorical(table[item], {of_item}).codes for item in ITEMS])"
    return [codes, "responses = np.where(codes < 0, np.nan, codes)  # 0, 1, ...; NaN where missing"]


def _design(layout: Layout, dim: str, predictor: Predictor, columns: dict[str, list[str]]) -> list[str]:
    name = f"{predictor.weights}_design"
    if dim not in columns:
        names = assigned(f"{name}_columns", list(layout.designs[dim].columns))
        return [*names, f"{name} = table[{name}_columns].to_numpy(float)"]
    return [f"{name} = np.column_stack(", "    [", *(f"        {c}," for c in columns[dim]), "    ]", ").astype(float)"]
