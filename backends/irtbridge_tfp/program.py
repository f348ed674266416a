"""The TFP program: a model's density, and what runs on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from irtbridge.plugin import Draws, Program, Progress, Stackable, silent
from irtbridge_tfp.density import TfpDensity
from irtbridge_tfp.sampling import nuts, resume_nuts, vi
from irtbridge_tfp.stacking import TfpStack

if TYPE_CHECKING:
    from irtbridge import NutsSettings, ViSettings

Array = NDArray[np.float64]


class TfpProgram(TfpDensity, Stackable):
    """A TFP program with TFP's samplers."""

    def nuts(self, settings: NutsSettings, seed: int, progress: Progress = silent) -> Draws:
        return nuts(self, self.data, settings, [seed], progress)[0]

    def resume_nuts(
        self, settings: NutsSettings, adaptation: Mapping[str, Array], seed: int, progress: Progress = silent
    ) -> Draws:
        return resume_nuts(self, settings, adaptation, seed, progress)

    def vi(self, settings: ViSettings, seed: int, progress: Progress = silent) -> Draws:
        return vi(self, self.data, settings, [seed], progress)[0]

    def stack(self, programs: Sequence[Program]) -> TfpStack:
        return TfpStack([program for program in programs if isinstance(program, TfpProgram)])
