"""Maximum information at the posterior mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from irtbridge.adaptive.pool import Pool
from irtbridge.adaptive.selection.base import Selection
from irtbridge.adaptive.selection.criterion import check_criterion, gain
from irtbridge.adaptive.state import State


@dataclass(frozen=True)
class MaxInfo(Selection):
    """Largest Fisher information at the posterior mean (Lord 1980).

    Parameters
    ----------
    criterion : str
        With several traits: ``D`` or ``A``, see `irtbridge.adaptive.selection.criterion.gain`.
    """

    name: ClassVar[str] = "max_info"
    portable: ClassVar[bool] = True
    criterion: str = "D"

    def __post_init__(self) -> None:
        check_criterion(self.criterion)

    def scores(self, pool: Pool, state: State) -> Any:
        mean = pool.expected(state.posterior(), pool.nodes)
        return gain(pool, state, pool.information_at(mean), self.criterion)
