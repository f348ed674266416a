"""NumPyro programs over several data sets, for native methods on all of them at once; or over one."""

# mypy: allow-untyped-calls
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from irtbridge.plugin import Draws, Progress, Stack, silent, stacked_arrays
from irtbridge_numpyro.density import NumpyroDensity
from irtbridge_numpyro.sampling import nuts, vi

if TYPE_CHECKING:
    from irtbridge import NutsSettings, ViSettings


class NumpyroStack(Stack):
    """The data of programs on a leading axis.

    Parameters
    ----------
    programs : sequence of NumpyroDensity
        Bound from one; several with abilities and all.
    """

    def __init__(self, programs: Sequence[NumpyroDensity]) -> None:
        self.programs = programs
        with programs[0].running():
            if len(programs) == 1:
                self.data = tuple(part[None] for part in programs[0].data)
            else:
                self.data = tuple(jnp.asarray(part) for part in stacked_arrays([one.responses for one in programs]))

    def nuts(
        self,
        settings: NutsSettings,
        seeds: Sequence[int],
        progress: Progress = silent,
        adaptation: Mapping[str, NDArray[np.float64]] | None = None,
    ) -> list[Draws]:
        return nuts(self.programs, self.data, settings, seeds, progress, adaptation)

    def vi(self, settings: ViSettings, seeds: Sequence[int], progress: Progress = silent) -> list[Draws]:
        return vi(self.programs, self.data, settings, seeds, progress)
