"""Maximum information at the posterior mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from irtbridge.adaptive.pool import Pool, Single
from irtbridge.adaptive.selection.base import Selection
from irtbridge.adaptive.state import State


@dataclass(frozen=True)
class MaxInfo(Selection):
    """Largest Fisher information at the posterior mean (Lord 1980)."""

    name: ClassVar[str] = "max_info"

    def scores(self, pool: Pool, state: State) -> Single:
        return pool.information_at(state.posterior() @ pool.nodes)
