"""The Pyro program: a model's density, and what runs on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from irtbridge.plugin import Draws, Program, Progress, Stackable, silent
from irtbridge_pyro.density import PyroDensity
from irtbridge_pyro.sampling import fit_guides, nuts
from irtbridge_pyro.stacking import PyroStack

if TYPE_CHECKING:
    from irtbridge import NutsSettings, ViSettings

Array = NDArray[np.float64]


class PyroProgram(PyroDensity, Stackable):
    """A Pyro program with Pyro's samplers."""

    def nuts(self, settings: NutsSettings, seed: int, progress: Progress = silent) -> Draws:
        return nuts(self, settings, seed, progress)

    def resume_nuts(
        self, settings: NutsSettings, adaptation: Mapping[str, Array], seed: int, progress: Progress = silent
    ) -> Draws:
        return nuts(self, settings, seed, progress, adaptation)

    def vi(self, settings: ViSettings, seed: int, progress: Progress = silent) -> Draws:
        def gradient(z: Tensor) -> tuple[Tensor, Tensor]:
            gradient, value = self.gradient_and_value(z[0])
            return gradient[None], value[None]

        return fit_guides(self, gradient, settings, [seed], progress)[0]

    def stack(self, programs: Sequence[Program]) -> PyroStack:
        return PyroStack([program for program in programs if isinstance(program, PyroProgram)])
