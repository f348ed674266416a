"""Optional: native methods that run on several data sets at once."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

from irtbridge.errors import Unsupported
from irtbridge.plugin.program import Program
from irtbridge.results.draws import Draws

if TYPE_CHECKING:
    from irtbridge.inference.nuts import NutsSettings
    from irtbridge.inference.vi import ViSettings


class Stack:
    """Programs of one model over several data sets, for native methods that run on all of them at once."""

    compile_seconds: float = 0.0

    def nuts(self, settings: NutsSettings, seeds: Sequence[int]) -> list[Draws]:
        """As `Program.nuts`, for each data set; the timings are those of all together."""
        raise Unsupported(type(self).__name__, "method 'nuts' on several data sets at once")

    def vi(self, settings: ViSettings, seeds: Sequence[int]) -> list[Draws]:
        """As `Program.vi`, for each data set; the timings are those of all together."""
        raise Unsupported(type(self).__name__, "method 'vi' on several data sets at once")


class Stackable(Program):
    """A program whose native methods, those in `Backend.stacks`, run on several data sets at once."""

    @abstractmethod
    def stack(self, programs: Sequence[Program]) -> Stack:
        """Programs that were bound to several data sets, itself among them, for one run of a native method."""
