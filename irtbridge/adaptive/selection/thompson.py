"""The whole of Thompson sampling: abilities and item parameters drawn from their posteriors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from irtbridge.adaptive.pool import Pool
from irtbridge.adaptive.selection.abilities import drawn_nodes, mean_of_rows
from irtbridge.adaptive.selection.base import Selection
from irtbridge.adaptive.selection.criterion import check_criterion, gain
from irtbridge.adaptive.state import State
from irtbridge.plugin.options import check_number


@dataclass(frozen=True)
class Thompson(Selection):
    """Largest information at drawn abilities, of item parameters drawn from their posterior (Thompson 1933).

    For each person one of the bank's draws of all item parameters is taken, and abilities are drawn from the posterior
    on the grid; the score is the mean of the information over these. Any family serves, by its own information.

    Parameters
    ----------
    draws : int
        Abilities drawn at each step.
    criterion : str
        With several traits: ``D`` or ``A``, see `irtbridge.adaptive.selection.criterion.gain`.
    """

    name: ClassVar[str] = "thompson"
    portable: ClassVar[bool] = True
    draws: int = 4
    criterion: str = "D"

    def __post_init__(self) -> None:
        check_number("draws", self.draws)
        check_criterion(self.criterion)

    def scores(self, pool: Pool, state: State) -> Any:
        nodes, table = drawn_nodes(state, self.draws), pool.drawn_information
        draw = state.rng.integers(table.shape[0] // len(pool.nodes), size=state.n_persons)
        information = mean_of_rows(pool, table, draw[:, None] * len(pool.nodes) + nodes)
        return gain(pool, state, information, self.criterion)
