"""Maximum posterior-weighted information."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from irtbridge.adaptive.pool import Pool
from irtbridge.adaptive.selection.base import Selection
from irtbridge.adaptive.selection.criterion import check_criterion, gain
from irtbridge.adaptive.state import State


@dataclass(frozen=True)
class PosteriorWeighted(Selection):
    """Largest expectation of the Fisher information over the posterior (van der Linden 1998).

    Parameters
    ----------
    criterion : str
        With several traits: ``D`` or ``A``, see `irtbridge.adaptive.selection.criterion.gain`.
    """

    name: ClassVar[str] = "mpwi"
    portable: ClassVar[bool] = True
    criterion: str = "D"

    def __post_init__(self) -> None:
        check_criterion(self.criterion)

    def scores(self, pool: Pool, state: State) -> Any:
        xp = pool.arrays.xp
        posterior = xp.asarray(state.posterior(), dtype=xp.float32)
        return gain(pool, state, pool.arrays.product(posterior, pool.held_information), self.criterion)
