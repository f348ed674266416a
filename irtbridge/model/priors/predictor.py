"""A linear predictor of covariates, as an argument of a prior."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from irtbridge.errors import SpecError

TABLES = {"item_data": "item", "person_data": "person"}


@dataclass(frozen=True)
class Predictor:
    """A design matrix times weights: ``item_data[behaviour + mode] @ weights``.

    Parameters
    ----------
    table : str
        ``item_data`` or ``person_data`` of the responses.
    formula : str
        Right side of a formula over the columns of the table, as R and formulaic read it; categories are coded by
        treatment contrasts.
    weights : str
        The variable with one weight for each column of the design. Its one dim is its own, named ``*_covariate``.

    Raises
    ------
    SpecError
        No such table.
    """

    table: str
    formula: str
    weights: str

    def __post_init__(self) -> None:
        if self.table not in TABLES:
            raise SpecError(f"linear predictor of {self.table!r}: covariates are in {' or '.join(TABLES)}.")

    @property
    def dim(self) -> str:
        """``item`` or ``person``: what the rows of the design are."""
        return TABLES[self.table]

    @property
    def intercept(self) -> bool:
        """Whether the design has a column of ones: items' has; persons' would be confounded with the items'."""
        return self.dim == "item"

    def __str__(self) -> str:
        return f"{self.table}[{self.formula}] @ {self.weights}"

    @classmethod
    def read(cls, text: str) -> Predictor:
        """Read ``table[formula] @ weights``; the formula may stand in quotes.

        Raises
        ------
        SpecError
            The text reads otherwise.
        """
        head, at, weights = text.rpartition("@")
        table, bracket, formula = head.strip().partition("[")
        if not (at and bracket and formula.endswith("]") and weights.strip().isidentifier()):
            raise SpecError(
                f"cannot read the linear predictor {text!r}; write it as 'item_data[mode + type] @ weights'."
            )
        return cls(table.strip(), formula[:-1].strip().strip("'\""), weights.strip())


def predictor_of(node: ast.expr) -> Predictor | None:
    """The predictor that a part of an expression says, or None."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
        return Predictor.read(ast.unparse(node))
    return None
