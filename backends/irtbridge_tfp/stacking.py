"""TFP programs over several data sets, for the library's own methods on all of them at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from irtbridge.plugin import Draws, Stack, silent, stacked_arrays
from irtbridge_tfp.density import TfpDensity
from irtbridge_tfp.sampling import nuts, vi

if TYPE_CHECKING:
    from irtbridge import NutsSettings, ViSettings


class TfpStack(Stack):
    """One model at a point of each data set, the data with a leading axis.

    Parameters
    ----------
    programs : sequence of TfpDensity
        Bound from one, abilities and all.
    """

    def __init__(self, programs: Sequence[TfpDensity]) -> None:
        self.program = programs[-1]
        arrays = stacked_arrays([program.responses for program in programs])
        with self.program.on_device():
            self.data = tuple(self.program.tensor(part) for part in arrays)

    def nuts(self, settings: NutsSettings, seeds: Sequence[int]) -> list[Draws]:
        return nuts(self.program, self.data, settings, seeds, silent)

    def vi(self, settings: ViSettings, seeds: Sequence[int]) -> list[Draws]:
        return vi(self.program, self.data, settings, seeds, silent)
