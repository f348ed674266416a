"""What calibration sees of items that are held out: nothing (a cold start), a few responses (jump), or most (warm)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from irtbridge.data.hold_out import HoldOut, part_of
from irtbridge.data.masks import Observed
from irtbridge.data.responses import Responses
from irtbridge.errors import ConfigError
from irtbridge.plugin.options import check_number

ALL = "all"
MOST = 0.8  # of an item's responses, where all are asked for: the others are to be predicted


@dataclass(frozen=True)
class Start:
    """Which items are held out, and what is seen of them.

    Attributes
    ----------
    responses : int or "all"
        How many of each held-out item's responses are seen, drawn at random; of ``all`` four fifths.
    parts : int
        Items are dealt at random into so many parts of equal size.
    rounds : int
        How many of the parts are held out, one after another: with as many as there are items, each is left out once.
    """

    responses: int | str
    parts: int = 4
    rounds: int = 1

    def __post_init__(self) -> None:
        if self.responses != ALL:
            check_number("starts", self.responses, 0)
        check_number("parts", self.parts, 2)
        check_number("rounds", self.rounds, 1)
        if self.rounds > self.parts:
            raise ConfigError(f"rounds={self.rounds}: there are {self.parts} parts, and each is held out once at most.")

    def held_out(self, whole: Responses, seed: int) -> Iterator[HoldOut]:
        """The data in training, exposed and tested responses, for each part that is held out.

        With one seed the responses that are seen of fewer are among those that are seen of more.
        """
        rng = np.random.default_rng([seed, 3])
        part = rng.permutation(whole.n_items) % min(self.parts, whole.n_items)
        observed = Observed.of(whole.entries)
        order, item = observed.drawn(lambda shape: rng.uniform(size=shape)), observed.columns
        shown = observed.transposed.places(order) < self._shown(observed.transposed.counts)[item]
        for number in range(min(self.rounds, whole.n_items)):
            new = part == number
            parts = part_of(new[item] & ~shown, new[item] & shown)
            yield HoldOut(whole, "columns", parts, np.zeros(whole.n_persons, dtype=bool), new)

    def _shown(self, count: NDArray[np.intp]) -> NDArray[np.int64]:
        """Of each item's responses; one at least is left to be predicted."""
        wanted = np.round(MOST * count) if isinstance(self.responses, str) else np.full(len(count), self.responses)
        return np.asarray(np.minimum(wanted, count - 1), dtype=np.int64)
