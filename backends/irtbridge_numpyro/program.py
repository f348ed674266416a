"""The NumPyro program: a model's density, and what runs on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from irtbridge.plugin import Draws, Program, Progress, Stackable, silent
from irtbridge_numpyro.density import NumpyroDensity
from irtbridge_numpyro.stacking import NumpyroStack

if TYPE_CHECKING:
    from irtbridge import NutsSettings, ViSettings


class NumpyroProgram(NumpyroDensity, Stackable):
    """A NumPyro program with NumPyro's samplers."""

    def nuts(self, settings: NutsSettings, seed: int, progress: Progress = silent) -> Draws:
        return NumpyroStack([self]).nuts(settings, [seed], progress)[0]

    def resume_nuts(
        self,
        settings: NutsSettings,
        adaptation: Mapping[str, NDArray[np.float64]],
        seed: int,
        progress: Progress = silent,
    ) -> Draws:
        return NumpyroStack([self]).nuts(settings, [seed], progress, adaptation)[0]

    def vi(self, settings: ViSettings, seed: int, progress: Progress = silent) -> Draws:
        return NumpyroStack([self]).vi(settings, [seed], progress)[0]

    def stack(self, programs: Sequence[Program]) -> NumpyroStack:
        return NumpyroStack([program for program in programs if isinstance(program, NumpyroDensity)])
