"""Tables of simulated adaptive tests: what each rule is worth, by ability, by length and by item."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from irtbridge.adaptive.simulate import Simulation
from irtbridge_experiments.study.adaptive import Outcome

ERROR = "MCSE of "
SHARE = "max share %"
DECIMALS = {"items": 1, "chi-square": 1, "max share": 4, SHARE: 2}
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


def with_errors(table: pd.DataFrame) -> pd.DataFrame:
    """Values and errors in one column: 0.290 +- 0.003."""
    columns = {
        str(name): table[name] if f"{ERROR}{name}" not in table else _paired(table, str(name))
        for name in table.columns
        if not str(name).startswith(ERROR)
    }
    return pd.DataFrame(columns)


def _paired(table: pd.DataFrame, name: str) -> list[str]:
    decimals = DECIMALS.get(name, 3)
    pairs = zip(table[name], table[f"{ERROR}{name}"], strict=True)
    return [_text(value, error, decimals) for value, error in pairs]


def _text(value: Any, error: Any, decimals: int) -> str:
    if isinstance(value, str):
        return value
    return "-" if pd.isna(value) else f"{value:.{decimals}f} ± {error:.{decimals}f}"


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


COMPARED_CAPTION = (
    "Ours: simulated words, RR of two sessions, correlation with the true ability; +- 1 Monte Carlo standard error. "
    "Reported: Sharpnack et al. (2024), real persons, private data, score correlation with the total score, lowest "
    "to highest group: not the same quantities on the same data. max share: largest of an item in all "
    "administrations."
)


def compared(tests: Mapping[str, pd.DataFrame], averages: pd.DataFrame, reported: pd.DataFrame) -> pd.DataFrame:
    """What a paper reports of its tests and, below, what was measured of ours.

    Parameters
    ----------
    tests : mapping of str to DataFrame
        Of `summary`, by name of the test.
    averages : DataFrame
        ``rule``, and ``RR`` of the mean of all tests' scores with its ``MCSE``.
    reported : DataFrame
        ``irtbridge_configs/reference/banditcat.csv``.
    """
    rows = [_reported(row) for row in reported.to_dict("records")]
    rows += [_measured(name, row) for name, table in tests.items() for row in table.to_dict("records")]
    rows += [
        {"test": "both", "rule": row["rule"], "source": "ours", "RR": row["RR"], f"{ERROR}RR": row["MCSE"]}
        for row in averages.to_dict("records")
    ]
    return pd.DataFrame(rows)


def _measured(test: str, own: Mapping[Any, Any]) -> dict[str, object]:
    rule = own["selection"] if pd.isna(own["exposure"]) else f"{own['selection']} {own['exposure']:g}"
    row: dict[str, object] = {"test": test, "rule": rule, "source": "ours", "setting": own["setting"]}
    for name in ("items", "RR", "correlation", "max share", "RMSE"):
        called, scale = (SHARE, 100) if name == "max share" else (name, 1)
        row |= {called: scale * own[name], f"{ERROR}{called}": scale * own[f"{ERROR}{name}"]}
    return row


def _reported(row: Mapping[Any, Any]) -> dict[str, object]:
    """As ranges over several groups."""
    found = {"test": row["test"], "rule": row["rule"], "source": "reported", "items": str(row["items"])}
    for name, ours, scale in (("RR", "RR", 1), ("correlation", "correlation", 1), ("share", SHARE, 100)):
        low, high = scale * row[f"{name} low"], scale * row[f"{name} high"]
        found[ours] = None if pd.isna(low) else f"{low:.3g}" if low == high else f"{low:.3g} to {high:.3g}"
    return found
