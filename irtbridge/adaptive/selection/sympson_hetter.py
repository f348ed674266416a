"""Exposure held by lots: an item that is chosen is given with a probability of its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from irtbridge.adaptive.pool import Pool
from irtbridge.adaptive.selection.wrapping import Wrapping
from irtbridge.adaptive.state import State
from irtbridge.errors import ConfigError


@dataclass(frozen=True)
class SympsonHetter(Wrapping):
    """Another rule's choice, given with the item's own probability, else barred for the person (Sympson & Hetter 1985).

    The lots of all items are drawn before the first: whether an item that is chosen passes depends on nothing else.
    `irtbridge.adaptive.exposure.controlled` finds the probabilities.

    Parameters
    ----------
    rule : str or Selection
        That chooses.
    pass_probs : tuple of float
        By item, in the bank's order: the exposure control parameters.
    """

    name: ClassVar[str] = "sympson_hetter"
    portable: ClassVar[bool] = True
    pass_probs: tuple[float, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not all(0 < p <= 1 for p in self.pass_probs):
            raise ConfigError("pass_probs must lie above 0 and be at most 1.")

    def check(self, pool: Pool) -> None:
        super().check(pool)
        if len(self.pass_probs) != pool.n_items:
            raise ConfigError(
                f"sympson_hetter has {len(self.pass_probs)} pass_probs and the bank {pool.n_items} items; say "
                "exposure=.2 and the test finds them."
            )

    def admit(self, pool: Pool, state: State) -> None:
        super().admit(pool, state)
        passed = state.rng.random((state.n_persons, pool.n_items)) < np.array(self.pass_probs)
        state.eligible &= state.arrays.put(passed, "bool")
