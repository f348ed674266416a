"""Chains of a BUGS program, from coordinates to coordinates."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from irtbridge.model.slot import Slot
from irtbridge.plugin import Draws, Progress, SamplerProgram, Timings
from irtbridge_jags.files import dumped, read_coda
from irtbridge_jags.model import BugsModel
from irtbridge_jags.running import Schedule, run_chains, script, written

if TYPE_CHECKING:
    from irtbridge import GibbsSettings
    from irtbridge_jags import JagsOptions

Array = NDArray[np.float64]
GENERATOR = "base::Mersenne-Twister"
DEVIANCE = "deviance"
# Coda has six digits: what rounds to a bound, or to the threshold below it, is moved by so much of its size.
LAST_DIGIT = 5e-7


@dataclass(frozen=True, eq=False)
class Chains:
    """Chains over a BUGS program.

    Attributes
    ----------
    program : SamplerProgram
        Has the data and the coordinates.
    model : BugsModel
        The BUGS program.
    options : JagsOptions
        Of the backend.
    """

    program: SamplerProgram
    model: BugsModel
    options: JagsOptions

    def run(
        self, settings: GibbsSettings, starts: Sequence[Array], seed: int, burn_in: int, progress: Progress
    ) -> Draws:
        """Run a chain from each start (dim,), each with its own seed.

        ``stats`` has the deviance, minus twice the log likelihood, where there are responses.
        """
        schedule = Schedule(settings.adapt, burn_in, settings.draws * settings.thin, settings.thin)
        stems = [f"chain{number}" for number in range(1, len(starts) + 1)]
        begin = time.perf_counter()
        with TemporaryDirectory(prefix="irtbridge-jags-") as name:
            folder = Path(name)
            written(folder, self._files(schedule, dict(zip(stems, starts, strict=True)), seed))
            report = Report(schedule, dict.fromkeys(stems, 0), progress)
            ran = run_chains(folder, stems, schedule, self.options.processes, report)
            elapsed = time.perf_counter() - begin
            chains = [read_coda(folder / stem, self._shapes()) for stem in stems]
        z = np.stack([self.program.unconstrain(self._full(chain)) for chain in chains])
        stats = {DEVIANCE: np.stack([chain[DEVIANCE] for chain in chains])} if DEVIANCE in chains[0] else {}
        timings, last = _timings([each.seconds for each in ran], elapsed), {"last": z[:, -1].copy()}
        adapted = all(each.adapted for each in ran)
        return Draws(z, timings, stats, "processes", adaptation=last, adapted=adapted)

    def _files(self, schedule: Schedule, starts: Mapping[str, Array], seed: int) -> dict[str, str]:
        """The program, its data, and each chain's initial values and script."""
        model, seeds = self.model, np.random.SeedSequence(seed).generate_state(len(starts)) % (2**31 - 1)
        files = {"model.bug": model.text, "data.R": dumped(model.data(self.program.responses))}
        modules = [*(["glm"] if self.options.glm else []), "dic"]
        for (stem, start), own in zip(starts.items(), seeds.tolist(), strict=True):
            initial = model.initial(self.program.constrain(start))
            files[f"{stem}.inits.R"] = dumped({".RNG.name": GENERATOR, ".RNG.seed": own, **initial})
            files[f"{stem}.cmd"] = script(schedule, modules, [*model.nodes.values(), DEVIANCE], stem)
        return files

    def _shapes(self) -> dict[str, tuple[int, ...]]:
        slots = self.program.layout.slots
        return {DEVIANCE: ()} | {node: slots[name].shape for name, node in self.model.nodes.items()}

    def _full(self, chain: Mapping[str, Array]) -> dict[str, Array]:
        """Full arrays (draw, *shape) by variable, inside of their supports."""
        slots = self.program.layout.slots
        return {name: _inside(slots[name], chain[node]) for name, node in self.model.nodes.items()}


@dataclass(frozen=True)
class Report:
    """Progress of chains side by side: how far each is, by the stem of its files."""

    schedule: Schedule
    done: dict[str, int]
    progress: Progress

    def __call__(self, stem: str, iterations: int) -> None:
        self.done[stem] = iterations
        done, warming = sum(self.done.values()), self.schedule.total - self.schedule.keep
        stage = "warm-up" if done < len(self.done) * warming else "sampling"
        self.progress(stage, done, len(self.done) * self.schedule.total)


def _inside(slot: Slot, values: Array) -> Array:
    """Values inside of their support, also where their six digits are those of a bound or of each other."""
    prior = slot.variable.prior
    if prior.support == "ordered":
        values = prior.direction * values
        for k in range(1, values.shape[-1]):
            below = values[..., k - 1]
            values[..., k] = np.maximum(values[..., k], below + LAST_DIGIT * np.maximum(np.abs(below), 1.0))
        return prior.direction * values
    low, high = (np.float64(end) for end in prior.bounds())
    if np.isfinite(low):
        values = np.maximum(values, low + LAST_DIGIT * (high - low if np.isfinite(high) else LAST_DIGIT))
    if np.isfinite(high):
        values = np.minimum(values, high - LAST_DIGIT * (high - low if np.isfinite(low) else LAST_DIGIT))
    return values


def _timings(seconds: Sequence[tuple[float, float, float]], elapsed: float) -> Timings:
    """The wall clock, shared among the stages as all chains spent it together."""
    share = np.sum(seconds, axis=0) / np.sum(seconds)
    return Timings(*(elapsed * share).tolist())
