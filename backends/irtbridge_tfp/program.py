"""The TFP program: a model's density, and what runs on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from irtbridge.plugin import Draws, Program, Progress, Stackable, silent
from irtbridge_tfp.density import TfpDensity
from irtbridge_tfp.sampling import nuts, vi
from irtbridge_tfp.stacking import TfpStack

if TYPE_CHECKING:
    from irtbridge import NutsSettings, ViSettings


class TfpProgram(TfpDensity, Stackable):
    """A TFP program with TFP's samplers."""

    def nuts(self, settings: NutsSettings, seed: int, progress: Progress = silent) -> Draws:
        return nuts(self, self.data, settings, [seed], progress)[0]

    def vi(self, settings: ViSettings, seed: int, progress: Progress = silent) -> Draws:
        return vi(self, self.data, settings, [seed], progress)[0]

    def stack(self, programs: Sequence[Program]) -> TfpStack:
        return TfpStack([program for program in programs if isinstance(program, TfpProgram)])
