"""Items that tell little first, those that tell most last."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from irtbridge.adaptive.pool import Pool
from irtbridge.adaptive.selection.base import Selection
from irtbridge.adaptive.state import Ints, State
from irtbridge.errors import ConfigError
from irtbridge.plugin.options import check_positive

FAR = 1e6  # added to the distance for each stratum between: only an empty stratum is left for another


@dataclass(frozen=True)
class AStratified(Selection):
    """Closest location within a stratum of the bank; a test's stages take the strata in the order of discrimination.

    Chang & Ying (1999); with ``blocked`` every stratum has the same locations (Chang, Qian & Ying 2001). What counts as
    discrimination and location are the height and centre of `irtbridge.adaptive.kernels.Kernels`, which of a 2PL are
    proportional to a^2 and equal to b; so any family of one trait serves.

    Parameters
    ----------
    strata : int
        As many as a test has stages, of equal length.
    blocked : bool
        Whether strata are formed within blocks of like location.
    """

    name: ClassVar[str] = "a_stratified"
    strata: int = 4
    blocked: bool = False

    def __post_init__(self) -> None:
        check_positive(self, "strata")

    def check(self, pool: Pool) -> None:
        if pool.n_traits > 1:
            raise ConfigError("a_stratified is for one trait; use max_info, mpwi or thompson.")
        pool.constraints.need_length("a_stratified")

    def scores(self, pool: Pool, state: State) -> NDArray[Any]:
        mean = state.posterior() @ pool.nodes[:, 0]
        stage = state.n_given * self.strata // pool.constraints.need_length("a_stratified")
        away = np.abs(np.subtract.outer(mean, pool.kernels.centre))
        return np.asarray(-away - FAR * np.abs(np.subtract.outer(stage, self.stratum(pool))))

    def stratum(self, pool: Pool) -> Ints:
        """The stratum of each item, 0 with the least discrimination, (item,)."""
        height, location = pool.kernels.height, pool.kernels.centre
        if not self.blocked:
            return _rank(height) * self.strata // pool.n_items
        block = _rank(location) // self.strata
        place = np.empty(pool.n_items, dtype=np.int64)
        place[np.lexsort((height, block))] = np.arange(pool.n_items)
        return place % self.strata


def _rank(values: NDArray[Any]) -> Ints:
    return np.asarray(np.argsort(np.argsort(values, kind="stable")), dtype=np.int64)
