"""Optional: programs of one model over several data sets, computed together on a leading axis."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from irtbridge.errors import Unsupported
from irtbridge.plugin.program import Program
from irtbridge.results.draws import Draws

if TYPE_CHECKING:
    from irtbridge.inference.nuts import NutsSettings
    from irtbridge.inference.vi import ViSettings

Array = NDArray[np.float64]


class Stack(ABC):
    """Programs of one model over several data sets, computed together on a leading axis."""

    compile_seconds: float = 0.0

    @abstractmethod
    def value_and_grad(self, z: Array, jacobian: NDArray[np.bool_]) -> tuple[Array, Array]:
        """Log density of each data set at a point of its own, and its gradient.

        Parameters
        ----------
        z : ndarray, shape (set, dim)
        jacobian : ndarray of bool, shape (set,)
            As for `Program.value_and_grad`.

        Returns
        -------
        value : ndarray, shape (set,)
        gradient : ndarray, shape (set, dim)
        """

    def nuts(self, settings: NutsSettings, seeds: Sequence[int]) -> list[Draws]:
        """As `Program.nuts`, for each data set; the timings are those of all together."""
        raise Unsupported(type(self).__name__, "method 'nuts' on several data sets at once")

    def vi(self, settings: ViSettings, seeds: Sequence[int]) -> list[Draws]:
        """As `Program.vi`, for each data set; the timings are those of all together."""
        raise Unsupported(type(self).__name__, "method 'vi' on several data sets at once")


class Stackable(Program):
    """A program that can be computed together with others of its model; its backend says what in `Backend.stacks`."""

    @abstractmethod
    def stack(self, programs: Sequence[Program]) -> Stack:
        """Programs that were bound to several data sets, itself among them, to be computed together."""
