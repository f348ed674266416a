"""Adaptive tests that are simulated side by side: rules of selection, each with and without control of exposure."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from irtbridge.adaptive.selection import SELECTIONS, Bandit, SympsonHetter
from irtbridge.adaptive.simulate import Simulation, simulate_adaptive
from irtbridge.adaptive.simulation.metrics import max_exposure
from irtbridge.bank.item_bank import ItemBank
from irtbridge.calibration.vocabulary import vocabulary
from irtbridge.errors import ConfigError, ExposureNotMet


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
        """What controls the exposure, as text."""
        rule = self.simulation.test.selection
        lots, inner = isinstance(rule, SympsonHetter), rule.inner if isinstance(rule, SympsonHetter) else rule
        parts = [f"gamma={inner.gamma:.3g}"] if isinstance(inner, Bandit) else []
        return ", ".join(parts + ["lots"] * lots)


def trials(selection: Mapping[str, Mapping[str, Any]], exposures: Sequence[float]) -> list[Trial]:
    """Every rule at every target.

    Raises
    ------
    ConfigError
        A target that is no share.
    """
    for exposure in exposures:
        if isinstance(exposure, bool) or not isinstance(exposure, (int, float)) or not 0 <= exposure < 1:
            raise ConfigError(f"exposure={exposure!r} must be a share of persons below 1, or 0 for no control.")
    return [
        Trial(name, float(exposure), _changed(name, settings))
        for name, settings in selection.items()
        for exposure in sorted(exposures)
    ]


def _changed(name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a rule that are not its defaults: a target says what others are to be."""
    own = {field.name: field.default for field in fields(SELECTIONS[name])}
    return {key: value for key, value in settings.items() if value != own.get(key)}


def run_trials(
    bank: ItemBank, each: Sequence[Trial], refused: Callable[[Trial, ExposureNotMet], None], **how: Any
) -> Iterator[Outcome]:
    """Simulate one after another, the same persons in all.

    A target that a rule meets as it comes is left out.

    Parameters
    ----------
    bank : ItemBank
    each : sequence of Trial
    refused : callable
        Told of a target that cannot be met, with what says so; the others go on.
    **how
        As `irtbridge.simulate_adaptive` says.
    """
    free: dict[str, float] = {}
    for trial in each:
        if trial.exposure and free.get(trial.selection, 1.0) <= trial.exposure:
            continue
        start = time.perf_counter()
        target = trial.exposure or None
        try:
            simulation = simulate_adaptive(bank, trial.selection, exposure=target, **how, **trial.settings)
        except ExposureNotMet as error:
            refused(trial, error)
            continue
        if target is None:
            free[trial.selection] = max_exposure(simulation.sessions)
        yield Outcome(trial, simulation, time.perf_counter() - start)


def bank_of(test: Mapping[str, Any], seed: int) -> ItemBank:
    """The bank of a study's test: a file's, or of simulated words.

    Raises
    ------
    ConfigError
        Neither or both are named.
    """
    if (test["bank"] is None) == (test["vocabulary"] is None):
        raise ConfigError("a test needs one of bank (a file) and vocabulary (yes_no or in_context).")
    if test["bank"] is not None:
        return ItemBank.load(test["bank"])
    number = {} if test["n_items"] is None else {"n_items": test["n_items"]}
    return vocabulary(test["vocabulary"], **number, seed=seed).bank()
