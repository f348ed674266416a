"""Tables of simulated adaptive tests: what each rule is worth, by ability, by length and by item."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd

from irtbridge.adaptive.simulate import Simulation
from irtbridge_experiments.study.adaptive import Outcome

ERROR = "MCSE of "
DECIMALS = 3
FEW = ("items", "chi-square")
CAPTION = (
    "RMSE, bias and correlation of estimates and true abilities; SD: posterior, root of its mean square; RR: "
    "correlation of two sessions of a person, SE = S_X sqrt(1 - RR); max exposure: largest share of persons given the "
    "same item, max share: of all administrations; chi-square: Chang & Ying (1999). +- 1 Monte Carlo standard error. "
    "exposure is the target, - none; s: seconds, tuning included."
)


def summary(outcomes: Sequence[Outcome]) -> pd.DataFrame:
    """A row for each rule and target: every metric, and its Monte Carlo error in a column behind it."""
    return pd.DataFrame([_row(outcome) for outcome in outcomes])


def _row(outcome: Outcome) -> dict[str, object]:
    row: dict[str, object] = {
        "selection": outcome.trial.selection,
        "exposure": outcome.trial.exposure or None,
        "setting": outcome.setting,
    }
    table, several = outcome.simulation.table(), len(outcome.simulation.test.bank.traits) > 1
    for metric, trait, value, error in table.reset_index().itertuples(index=False):
        name = f"{metric} {trait}" if several and trait else str(metric)
        row |= {name: value, f"{ERROR}{name}": error}
    return row | {"s": outcome.seconds}


def readable(table: pd.DataFrame) -> pd.DataFrame:
    """Values and errors in one column: 0.290 +- 0.003."""
    columns = {
        str(name): table[name] if f"{ERROR}{name}" not in table else _with_errors(table, str(name))
        for name in table.columns
        if not str(name).startswith(ERROR)
    }
    return pd.DataFrame(columns)


def _with_errors(table: pd.DataFrame, name: str) -> list[str]:
    decimals = 1 if name in FEW else DECIMALS
    pairs = zip(table[name], table[f"{ERROR}{name}"], strict=True)
    return ["-" if pd.isna(value) else f"{value:.{decimals}f} ± {error:.{decimals}f}" for value, error in pairs]


def stacked(outcomes: Sequence[Outcome], part: Callable[[Simulation], pd.DataFrame]) -> pd.DataFrame:
    """One table of each simulation below another, with the rule and its target before it."""
    parts = []
    for outcome in outcomes:
        table = part(outcome.simulation)
        table.insert(0, "selection", outcome.trial.selection)
        table.insert(1, "exposure", outcome.trial.exposure or None)
        parts.append(table)
    return pd.concat(parts, ignore_index=True)


def by_item(outcomes: Sequence[Outcome]) -> pd.DataFrame:
    """Exposure of each item, a column for each rule and target."""
    return pd.DataFrame({each.trial.title: each.simulation.exposure()["exposure"] for each in outcomes})
