"""The likelihood of response patterns from a table, in torch (see `irtbridge.model.cumulants`)."""

# mypy: allow-untyped-calls, no-warn-return-any
from __future__ import annotations

import torch
from torch import Tensor

from irtbridge.model.cumulants import CumulantTable


class Tabulated:
    """A table that is made anew for each point of the parameters.

    It serves one trait, log odds that are lines in the ability, and complete patterns.

    Parameters
    ----------
    table : CumulantTable
        How fine it is.
    nodes : Tensor, shape (node,)
        Standardised abilities.
    exists : Tensor of bool, shape (item, category - 1)
        Which categories above the lowest each item has.
    """

    def __init__(self, table: CumulantTable, nodes: Tensor, exists: Tensor) -> None:
        self.table, self.nodes, self.exists = table, nodes, exists

    def log_prob(self, value: Tensor, log_odds: Tensor, base: Tensor) -> Tensor:
        """Log probability of each pattern: A + K(B).

        Parameters
        ----------
        value : Tensor, shape (pattern, column)
            Indicators of the patterns.
        log_odds : Tensor, shape (category - 1, node, item)
            Against the lowest category.
        base : Tensor, shape (node,)
            Log weight of each node and log probability of the lowest category of every item there.
        """
        level, slope = self._lines(log_odds)
        fixed, by_ability = torch.stack([level, slope]).flatten(1) @ value.T
        least, most = slope.amin(1).clamp(max=0).sum(), slope.amax(1).clamp(min=0).sum()
        step = (most - least) / self.table.cells + torch.finfo(value.dtype).tiny
        points = least + step * torch.arange(self.table.cells + 1, dtype=value.dtype, device=value.device)
        place = (by_ability - least) / step
        cell = place.floor().clamp(0, self.table.cells - 1)
        polynomials = self._polynomials(base, points, step)
        terms = polynomials.gather(1, cell.long().expand(8, -1)).unbind()
        total = terms[-1]
        for term in terms[-2::-1]:
            total = torch.addcmul(term, total, place - cell)
        return fixed + total

    def _lines(self, log_odds: Tensor) -> tuple[Tensor, Tensor]:
        """Log odds against the lowest category as lines in the ability: values at 0 and slopes (item, category - 1)."""
        at_low, at_high = (log_odds[:, node].T for node in (0, -1))
        slope = torch.where(self.exists, (at_high - at_low) / (self.nodes[-1] - self.nodes[0]), 0.0)
        return at_low - slope * self.nodes[0], slope

    def _polynomials(self, base: Tensor, points: Tensor, step: Tensor) -> Tensor:
        """Coefficients (power, cell) of K between neighbouring points, in units of their distance."""
        x = self.nodes
        by_node = base + points[:, None] * x
        value = by_node.logsumexp(-1)
        m1, m2, m3 = torch.stack([x, x**2, x**3]) @ (by_node - value[:, None]).exp().T
        cumulants = torch.stack([value, m1, m2 - m1**2, m3 - 3 * m1 * m2 + 2 * m1**3])
        scaled = cumulants * step ** torch.arange(4, device=step.device)[:, None]
        return x.new_tensor(self.table.hermite()) @ torch.cat([scaled[:, :-1], scaled[:, 1:]])
