"""One of the best items, at random."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from irtbridge.adaptive.pool import Pool
from irtbridge.adaptive.selection.wrapping import Wrapping
from irtbridge.adaptive.state import NONE, Ints, State
from irtbridge.plugin.options import check_positive


@dataclass(frozen=True)
class Randomesque(Wrapping):
    """One of the best few of another rule, each with the same probability (Kingsbury & Zara 1989).

    Parameters
    ----------
    rule : str or Selection
        That scores the items.
    size : int
        How many are the best few.
    """

    name: ClassVar[str] = "randomesque"
    size: int = 5

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(self, "size")

    def best(self, pool: Pool, state: State, scores: NDArray[Any]) -> Ints:
        left, rows = np.where(state.candidates(pool), scores, -np.inf), np.arange(state.n_persons)
        places = np.empty((state.n_persons, min(self.size, pool.n_items)), dtype=np.int64)
        for rank in range(places.shape[1]):
            best = left.argmax(axis=1)
            places[:, rank] = np.where(left[rows, best] > -np.inf, best, NONE)
            left[rows, best] = -np.inf
        among = np.maximum((places != NONE).sum(axis=1), 1)
        return np.asarray(places[rows, state.rng.integers(among)])
