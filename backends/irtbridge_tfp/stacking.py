"""TFP programs over several data sets, for the library's own methods on all of them at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import tensorflow as tf

from irtbridge.plugin.program import Stack, silent
from irtbridge.results.draws import Draws
from irtbridge_tfp.program import TfpProgram
from irtbridge_tfp.sampling import nuts, vi

if TYPE_CHECKING:
    from irtbridge import NutsSettings, ViSettings


class TfpStack(Stack):
    """One model at a point of each data set, the data with a leading axis.

    Parameters
    ----------
    programs : sequence of TfpProgram
        Bound from one, abilities and all.
    """

    def __init__(self, programs: Sequence[TfpProgram]) -> None:
        self.program = programs[-1]
        masked = any(len(program.data) > 1 for program in programs)
        with self.program.on_device():
            parts = zip(*(program.with_mask() if masked else program.data for program in programs), strict=True)
            self.data = tuple(map(tf.stack, parts))

    def nuts(self, settings: NutsSettings, seeds: Sequence[int]) -> list[Draws]:
        return nuts(self.program, self.data, settings, seeds, silent)

    def vi(self, settings: ViSettings, seeds: Sequence[int]) -> list[Draws]:
        return vi(self.program, self.data, settings, seeds, silent)
