"""Design matrices: formulas over covariates, as R and formulaic write them, with treatment contrasts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from irtbridge.data.labels import few
from irtbridge.errors import DataError, nearest_first

Array = NDArray[np.float64]
# A column is constant, or a sum of others, where less than this share of its length is its own: rounding is far less.
OWN_SHARE = 1e-9
GRAMMAR = "write names of covariates with + between them, * for interactions, `quotes` around names with spaces"


@dataclass(frozen=True, eq=False)
class Design:
    """A design matrix.

    Attributes
    ----------
    matrix : ndarray, shape (row, column)
        A row per person or item.
    columns : tuple of str
        What each column is: ``anger``, ``gender[T.M]``, ``anger:gender[T.M]``; ``Intercept`` is the first, where asked
        for.
    references : dict of str to str
        Reference level by categorical variable: the level without a column.
    """

    matrix: Array
    columns: tuple[str, ...]
    references: dict[str, str]

    def select(self, rows: slice | Sequence[int] | NDArray[np.intp]) -> Design:
        """Some rows."""
        return replace(self, matrix=self.matrix[rows])


def design_matrix(table: pd.DataFrame | None, formula: str, *, intercept: bool, what: str) -> Design:
    """The design matrix of a formula.

    Parameters
    ----------
    table : DataFrame, optional
        Covariates, a row per person or item; the first level of a Categorical is its reference.
    formula : str
        As ``anger * gender``, without a left side; see formulaic's grammar.
    intercept : bool
        Whether the matrix has a column of ones. Contrasts lack the reference level in either case.
    what : {"person", "item"}
        What the rows are, for messages.

    Raises
    ------
    DataError
        The formula cannot be read, names a column that is not there, or gives a column that is missing, constant or a
        sum of others.
    """
    if table is None:
        raise DataError(f"the formula {formula!r} needs covariates of the {what}s; give them as {what}_data=.")
    _check_names(table, formula, what)
    made = _made(table, formula, what)
    matrix, columns = np.asarray(made, dtype=np.float64), [str(column) for column in made.columns]
    _check_finite(table, matrix, columns, formula, what)
    _check_rank(matrix, columns, formula, what)
    kept = slice(None) if intercept else slice(1, None)
    return Design(matrix[:, kept], tuple(columns[kept]), _references(made))


def design_of_others(
    table: pd.DataFrame | None, others: pd.DataFrame | None, formula: str, *, intercept: bool, what: str
) -> Design:
    """Rows of the same design for others: the columns, contrasts and transformations are those of `table`.

    Parameters
    ----------
    table, others : DataFrame, optional
        Covariates that the design was made of, and those of the others, with the same levels.
    formula, intercept, what
        As in `design_matrix`.

    Raises
    ------
    DataError
        As `design_matrix`, but columns may be constant, or sums of others.
    """
    own = design_matrix(table, formula, intercept=intercept, what=what)
    if table is None or others is None:
        raise DataError(f"the formula {formula!r} needs covariates of the {what}s; give them as {what}_data=.")
    _check_names(others, formula, what)
    made = _made(table, formula, what).model_spec.get_model_matrix(others, context={}, na_action="ignore")
    matrix = np.asarray(made, dtype=np.float64)[:, -len(own.columns) :]
    _check_finite(others, matrix, own.columns, formula, what)
    return replace(own, matrix=matrix)


def names_in(formula: str) -> list[str]:
    """Names of the covariates that a formula, which can be read, needs."""
    from formulaic import Formula

    parsed: Any = Formula(formula)
    return sorted(map(str, parsed.required_variables))


def _check_names(table: pd.DataFrame, formula: str, what: str) -> None:
    """Refuse a formula that cannot be read, or that names no covariate, or one that is not there."""
    from formulaic import Formula
    from formulaic.errors import FormulaicError

    try:
        parsed: Any = Formula(formula)
        names, terms = sorted(map(str, parsed.required_variables)), [str(term) for term in parsed]
    except (FormulaicError, SyntaxError, TypeError, ValueError) as error:
        raise DataError(f"the formula {formula!r} cannot be read ({_first_line(error)}); {GRAMMAR}.") from None
    for name in names:
        if name not in table:
            raise DataError(f"the formula {formula!r} names {name!r}; {_there(table, name, what)}.")
    if "1" not in terms or len(terms) == 1:
        raise DataError(f"the formula {formula!r} must name a covariate and not take the intercept out; {GRAMMAR}.")


def _made(table: pd.DataFrame, formula: str, what: str) -> Any:
    """Formulaic's matrix, whose columns are named."""
    from formulaic import model_matrix
    from formulaic.errors import FormulaicError

    try:
        return model_matrix(formula, table, context={}, na_action="ignore")
    except FormulaicError as error:
        there = _there(table, formula, what)
        raise DataError(f"the formula {formula!r} cannot be worked out ({_first_line(error)}); {there}.") from None


def _there(table: pd.DataFrame, near: str, what: str) -> str:
    return f"{what}_data has: {', '.join(nearest_first(near, map(str, table.columns)))}"


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0].rstrip(".")


def _check_finite(table: pd.DataFrame, matrix: Array, columns: Sequence[str], formula: str, what: str) -> None:
    rows, places = np.nonzero(~np.isfinite(matrix))
    if len(rows):
        who = few(repr(label) for label in table.index[np.unique(rows)])
        raise DataError(
            f"the formula {formula!r}: {columns[places[0]]!r} has no value for {what} {who}; fill it in or leave out "
            f"the {what}."
        )


def _check_rank(matrix: Array, columns: Sequence[str], formula: str, what: str) -> None:
    """Refuse columns that are constant, or sums of those before them, once scaled to length 1."""
    constant = [
        name for name, column in zip(columns, matrix.T, strict=True) if np.ptp(column) == 0 and name != columns[0]
    ]
    if constant:
        raise DataError(
            f"the formula {formula!r}: {few(map(repr, constant))} is the same for every {what} and tells nothing; take "
            "it out of the formula."
        )
    scaled = matrix / np.linalg.norm(matrix, axis=0)
    own = np.abs(np.diag(np.linalg.qr(np.pad(scaled, [(0, len(columns)), (0, 0)]), mode="r")))
    for place in np.flatnonzero(own < OWN_SHARE)[:1]:
        weights, *_ = np.linalg.lstsq(scaled[:, :place], scaled[:, place], rcond=None)
        others = [name for name, weight in zip(columns, weights, strict=False) if abs(weight) > OWN_SHARE]
        raise DataError(
            f"the formula {formula!r}: {columns[place]!r} is a sum of multiples of {few(map(repr, others))}, so that "
            "their effects cannot be told apart; take one of them out of the formula."
        )


def _references(made: Any) -> dict[str, str]:
    """The level that treatment contrasts leave out, by variable."""
    references = {}
    for factor, state in made.model_spec.factor_contrasts.items():
        if hasattr(state.contrasts, "base"):
            variables = [str(name) for name in factor.required_variables]
            base = state.contrasts.base
            name = variables[0] if len(variables) == 1 else str(factor)
            references[name] = str(base if base in state.levels else state.levels[0])
    return references
