"""One trait and linear log odds: the likelihood of a pattern is a smooth function of one number, so it is tabulated.

Where the log odds against the lowest category are linear in the ability (2PL, partial credit) and no response is
missing, the abilities x of a person's response pattern enter its likelihood through one weighted sum B of the responses
(Andersen 1977). With A the part of the log odds that does not depend on the ability::

    log P(pattern) = A + K(B),    K(s) = log sum_q exp(c_q + s x_q)

c_q being the log weight of node q and the log probability of the lowest category of every item there. K is a cumulant
generating function: its derivatives are the cumulants of the ability of a person with B = s. A table has K and three of
them at even points; between these it is the polynomial of degree 7 that has them at both ends (Hermite interpolation).
The error is the eighth cumulant times ``(h / 2)^8 / 8!``, h being the distance of the points. As the likelihood is
log-concave, the ability's variance given the responses never exceeds its prior's (Brascamp & Lieb 1976), and the
cumulant stays small: at slopes about 1 the error is 1e-11 a person, and where steep slopes make it larger, that of the
quadrature is far larger still.

A person so costs eight products, in place of an exponential at each node.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import interpolate

from irtbridge.data.kinds import CATEGORIES

if TYPE_CHECKING:
    from irtbridge.model.layout import Layout

Array = NDArray[np.float64]
CELLS_PER_STEP, FEWEST_CELLS = 2, 32
ROWS_PER_CELL = 4
GRADIENT_ROWS = 2**19  # times nodes; for less, compiling the table's derivatives takes longer than it saves


@dataclass(frozen=True)
class CumulantTable:
    """A table of K for the patterns of some data, as a backend is to make it.

    Attributes
    ----------
    cells : int
        Intervals between neighbouring points, all of one length.
    """

    cells: int

    @classmethod
    def for_values(cls, layout: Layout, shape: tuple[int, ...]) -> CumulantTable | None:
        """The table for log densities of many points; None where none can serve, or none would pay.

        Parameters
        ----------
        layout : Layout
            The model over the data's shape.
        shape : tuple of int
            Of the indicators: (pattern, column), see `irtbridge.model.patterns.Patterns.statistics`.
        """
        steps = int(layout.exists[:, 1:].sum())
        table = cls(max(FEWEST_CELLS, int(CELLS_PER_STEP * steps)))
        family = layout.spec.family
        one_line = layout.collapse is not None and family.linear and len(layout.spec.traits) == 1
        bounded = family.kind == CATEGORIES  # the least and the largest weighted sum B are those of the categories
        complete = shape[1] == layout.n_columns and not layout.by_person
        return table if one_line and bounded and complete and shape[0] >= ROWS_PER_CELL * table.cells else None

    @classmethod
    def for_gradients(cls, layout: Layout, shape: tuple[int, ...]) -> CumulantTable | None:
        """The same for gradients, with the same parameters."""
        enough = layout.collapse is not None and shape[0] >= GRADIENT_ROWS // layout.collapse.n_nodes
        return cls.for_values(layout, shape) if enough else None

    @staticmethod
    def hermite() -> Array:
        """From a function's values and derivatives to the coefficients of its polynomial on [0, 1].

        Returns
        -------
        ndarray, shape (8, 8)
            Row k times (f(0), f'(0), f''(0), f'''(0), f(1), f'(1), f''(1), f'''(1)) is the coefficient of u^k.
        """
        unit = np.eye(8)  # each condition alone
        polynomials = interpolate.BPoly.from_derivatives([0, 1], [unit[:4], unit[4:]])
        return np.ascontiguousarray(interpolate.PPoly.from_bernstein_basis(polynomials).c[::-1, 0])
