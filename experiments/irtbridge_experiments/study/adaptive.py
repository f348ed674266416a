"""Adaptive tests that are simulated side by side: rules of selection, each with and without control of exposure."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from irtbridge.adaptive.selection import build_selection
from irtbridge.adaptive.simulate import Simulation, simulate_adaptive
from irtbridge.adaptive.simulation.tuning import has_control
from irtbridge.bank.item_bank import ItemBank
from irtbridge.errors import ConfigError


@dataclass(frozen=True)
class Trial:
    """A rule and what it is held to.

    Attributes
    ----------
    selection : str
        Name of the rule.
    exposure : float
        Largest share of persons that may be given the same item; 0 for no control.
    settings : dict
        Of the rule.
    """

    selection: str
    exposure: float = 0.0
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """As tables and figures call it."""
        return f"{self.selection} {self.exposure:g}" if self.exposure else self.selection


@dataclass(frozen=True, eq=False)
class Outcome:
    """A trial and its sessions.

    Attributes
    ----------
    trial : Trial
    simulation : Simulation
    seconds : float
        Tuning included.
    """

    trial: Trial
    simulation: Simulation
    seconds: float

    @property
    def setting(self) -> str:
        """The setting that exposure is evened out by, as text; empty where a rule has none."""
        rule = self.simulation.test.selection
        return "" if rule.evened_by is None else f"{rule.evened_by}={getattr(rule, rule.evened_by):.3g}"


def trials(selection: Mapping[str, Mapping[str, Any]], exposures: Sequence[float]) -> list[Trial]:
    """Every rule at every target; a rule without control once, without.

    Raises
    ------
    ConfigError
        A target that is no share, or targets alone for rules that have no control.
    """
    for exposure in exposures:
        if isinstance(exposure, bool) or not isinstance(exposure, (int, float)) or not 0 <= exposure < 1:
            raise ConfigError(f"exposure={exposure!r} must be a share of persons below 1, or 0 for no control.")
    return [
        Trial(name, float(exposure), settings)
        for name, settings in selection.items()
        for exposure in (exposures if has_control(build_selection(name, **settings)) else [0.0])
    ]


def run_trials(bank: ItemBank, each: Sequence[Trial], **how: Any) -> Iterator[Outcome]:
    """Simulate one after another, the same persons in all; how, `irtbridge.simulate_adaptive` says."""
    for trial in each:
        start = time.perf_counter()
        target = trial.exposure or None
        simulation = simulate_adaptive(bank, trial.selection, exposure=target, **how, **trial.settings)
        yield Outcome(trial, simulation, time.perf_counter() - start)
