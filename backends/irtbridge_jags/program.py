"""The JAGS program: a model as BUGS text, and what runs on it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from irtbridge.plugin import Draws, Layout, Progress, Responses, SamplerProgram, silent, starting_point
from irtbridge_jags.model import BugsModel
from irtbridge_jags.sampling import Chains

if TYPE_CHECKING:
    from irtbridge import GibbsSettings
    from irtbridge_jags import JagsOptions

Array = NDArray[np.float64]


class JagsProgram(SamplerProgram):
    """A BUGS program; ``native`` is its text.

    Parameters
    ----------
    layout, responses, device, dtype
        As of every program.
    options : JagsOptions
        Of the backend.
    model : BugsModel, optional
        Of the layout, where it is there already.
    """

    def __init__(
        self,
        layout: Layout,
        responses: Responses,
        device: str,
        dtype: str,
        options: JagsOptions,
        model: BugsModel | None = None,
    ) -> None:
        super().__init__(layout, responses, device, dtype)
        begin = time.perf_counter()
        self.options = options
        self.model = BugsModel.of(layout, glm=options.glm) if model is None else model
        self.native = self.model.text
        self.compile_seconds = time.perf_counter() - begin if model is None else 0.0

    def with_data(self, responses: Responses) -> JagsProgram:
        return JagsProgram(self.layout, responses, self.device, self.dtype, self.options, self.model)

    def gibbs(self, settings: GibbsSettings, seed: int, progress: Progress = silent) -> Draws:
        seeds = np.random.SeedSequence(seed).spawn(settings.chains)
        starts = [starting_point(self, np.random.default_rng(each), settings.init_radius) for each in seeds]
        return self._chains.run(settings, starts, seed, settings.warmup, progress)

    def resume_gibbs(
        self, settings: GibbsSettings, adaptation: Mapping[str, Array], seed: int, progress: Progress = silent
    ) -> Draws:
        """Each chain from its last draw, with another seed; its samplers adapt again, in iterations left out."""
        return self._chains.run(settings, list(adaptation["last"]), seed, 0, progress)

    @property
    def _chains(self) -> Chains:
        return Chains(self, self.model, self.options)
