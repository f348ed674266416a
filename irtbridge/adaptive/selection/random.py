"""Items at random: the yardstick."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from irtbridge.adaptive.pool import Pool
from irtbridge.adaptive.selection.base import Selection
from irtbridge.adaptive.state import State


@dataclass(frozen=True)
class Random(Selection):
    """Every candidate with the same probability."""

    name: ClassVar[str] = "random"
    portable: ClassVar[bool] = True

    def scores(self, pool: Pool, state: State) -> Any:
        return pool.held(state.rng.random((state.n_persons, pool.n_items), dtype=np.float32))
