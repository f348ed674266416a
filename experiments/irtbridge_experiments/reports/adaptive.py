"""What simulated adaptive tests leave in a folder: records as csv files, and tables and figures of these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from irtbridge.adaptive.simulate import Simulation
from irtbridge.adaptive.simulation.metrics import mean_reliability
from irtbridge.data.files import check_writable, read_json, write_json, write_text
from irtbridge.errors import ExposureNotMet
from irtbridge.results.provenance import environment
from irtbridge_experiments.study.adaptive import Outcome, Trial, bank_of, run_trials, trials
from irtbridge_experiments.study.locks import writing
from irtbridge_experiments.tables import adaptive as tables
from irtbridge_experiments.tables.reference import read_reference
from irtbridge_experiments.tables.render import markdown, print_table, to_markdown

PROVENANCE, EXPOSURE = "provenance.json", "exposure.csv"
TESTS, AVERAGES = "tests.json", "averages.csv"
"""Of a study of several tests: its title, reference and tests; reliability of the mean of all tests' scores."""


def run_tests(config: DictConfig, console: Console) -> int:
    """Simulate the tests of a study; write those of each to a folder of its own, and all beside what is reported.

    Parameters
    ----------
    config : DictConfig
        A composed ``run`` configuration that has `tests`.
    console : Console
    """
    folder = Path(config.results) / config.folder
    check_writable(folder)
    written: Mapping[str, dict[str, Any]] = OmegaConf.to_container(config.tests, resolve=True)  # type: ignore[assignment]
    tests: dict[str, list[Outcome]] = {}
    unmet = Unmet(console)
    for name, test in written.items():
        bank, each = bank_of(test, config.seed), trials(test["selection"], test["exposure"])
        how = {"persons": test["persons"], "stop": test["stop"], "content": test["content"], "retest": True}
        tests[name] = []
        for outcome in run_trials(bank, each, unmet, seed=config.seed, **how):
            console.print(f"{name}, {outcome.trial.title}: {outcome.seconds:.1f} s", style="dim")
            tests[name].append(outcome)
        unmet.check(tests[name])
        title = f"{name}: {bank.n_items} items, {test['persons']} persons, stop {test['stop']}"
        record_simulations(folder / name, tests[name], title, {**test, "seed": config.seed})
    write_json(folder / TESTS, {"title": config.title, "reference": config.reference, "tests": [*tests]})
    write_text(folder / AVERAGES, _averages(tests).to_csv(index=False, float_format="%.6g"))
    write_tests(folder, console)
    return int(bool(unmet.errors))


class Unmet:
    """Tells of targets that cannot be met, and keeps what says so.

    Parameters
    ----------
    console : Console
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self.errors: list[ExposureNotMet] = []

    def __call__(self, trial: Trial, error: ExposureNotMet) -> None:
        self.errors.append(error)
        self.console.print(f"{trial.title}: left out: {error}", style="red")

    def check(self, outcomes: Sequence[Outcome]) -> None:
        """Raise what says so if it leaves nothing."""
        if not outcomes:
            raise self.errors[-1]


def _averages(tests: Mapping[str, Sequence[Outcome]]) -> pd.DataFrame:
    """Reliability of the mean of all tests' scores, and its error: by rule, without and with the strictest targets.

    Of each test that is the lowest one that the rule kept.
    """
    found = {}
    for rule in dict.fromkeys(each.trial.selection for outcomes in tests.values() for each in outcomes):
        own = [[each for each in outcomes if each.trial.selection == rule] for outcomes in tests.values()]
        for place in range(min(2, *map(len, own))):
            chosen = [each[place] for each in own]
            targets = ", ".join(f"{each.trial.exposure:g}" for each in chosen if each.trial.exposure)
            title = f"{rule}, targets {targets}" if targets else rule
            found[title] = mean_reliability([each.simulation.sessions for each in chosen])
    return pd.DataFrame([{"rule": rule, "RR": value, "MCSE": error} for rule, (value, error) in found.items()])


def record_simulations(folder: Path, outcomes: Sequence[Outcome], title: str, asked: Mapping[str, Any]) -> None:
    """Write what was simulated: the metrics of all rules, by ability, by length, the exposure of items, the provenance.

    Parameters
    ----------
    folder : Path
    outcomes : sequence of Outcome
        Of one bank.
    title : str
    asked : mapping
        What was asked for, as plain data.
    """
    records = {
        "table": tables.summary(outcomes),
        "by_ability": tables.stacked(outcomes, Simulation.by_ability),
        "by_length": tables.stacked(outcomes, Simulation.by_length),
    }
    with writing(folder):
        for name, each in records.items():
            write_text(folder / f"{name}.csv", each.to_csv(index=False, float_format="%.6g"))
        write_text(folder / EXPOSURE, tables.by_item(outcomes).to_csv(float_format="%.4g"))
        write_json(folder / PROVENANCE, {"title": title, "asked": asked, **environment({})})


def write_simulations(folder: Path, console: Console) -> pd.DataFrame:
    """Write and print the table of all rules, and write the figures, from the records in a folder.

    Returns
    -------
    DataFrame
        The metrics of all rules.
    """
    title = read_json(folder / PROVENANCE)["title"]
    table, ability, length = (_read(folder / f"{name}.csv") for name in ("table", "by_ability", "by_length"))
    shown = tables.with_errors(table)
    with writing(folder):
        _write_markdown(folder, shown, title, tables.CAPTION)
        _draw(folder, table, ability, length, pd.read_csv(folder / EXPOSURE, index_col=0), title)
    print_table(shown, console, title)
    console.print(tables.CAPTION, style="dim")
    console.print(
        f"written: {folder}/table (csv, md), by_ability.csv, by_length.csv, exposure.csv, "
        "figures accuracy, exposure, ability, length (png, svg)"
    )
    return table


def write_tests(folder: Path, console: Console) -> None:
    """Write and print the tables and figures of a study of several tests, from the records in its folder."""
    study = read_json(folder / TESTS)
    measured = {name: write_simulations(folder / name, console) for name in study["tests"]}
    table = tables.compared(measured, pd.read_csv(folder / AVERAGES), read_reference(study["reference"]))
    shown = tables.with_errors(table)
    write_text(folder / "table.csv", table.to_csv(index=False, float_format="%.6g"))
    _write_markdown(folder, shown, study["title"], tables.COMPARED_CAPTION)
    print_table(shown, console, study["title"])
    console.print(f"{tables.COMPARED_CAPTION}\nwritten: {folder}/table (csv, md)", style="dim")


def _read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, converters={"setting": str})


def _write_markdown(folder: Path, shown: pd.DataFrame, title: str, caption: str) -> None:
    write_text(folder / "table.md", f"{markdown(title)}\n\n{to_markdown(shown)}\n{caption}\n")


def _draw(
    folder: Path, table: pd.DataFrame, ability: pd.DataFrame, length: pd.DataFrame, items: pd.DataFrame, title: str
) -> None:
    from irtbridge_experiments.figures import adaptive as figures  # here, for Matplotlib takes a while to import

    figures.draw_accuracy(table, title, folder / "accuracy")
    figures.draw_exposure(items, title, folder / "exposure")
    labels = ("true ability", "conditional standard error")
    figures.draw_lines(ability, "ability", "SE", labels, title, folder / "ability")
    reliability = "RR" if "RR" in length else "correlation"
    labels = ("items given", "retest reliability" if reliability == "RR" else "correlation with true ability")
    figures.draw_lines(length, "items", reliability, labels, title, folder / "length")
