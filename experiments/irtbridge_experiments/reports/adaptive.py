"""What simulated adaptive tests of one bank leave in a folder: tables and figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from rich.console import Console

from irtbridge.adaptive.simulate import Simulation
from irtbridge.data.files import write_text
from irtbridge_experiments.study.adaptive import Outcome
from irtbridge_experiments.study.locks import writing
from irtbridge_experiments.tables import adaptive as tables
from irtbridge_experiments.tables.render import markdown, print_table, to_markdown


def write_simulations(folder: Path, outcomes: Sequence[Outcome], title: str, console: Console) -> None:
    """Write and print the table of all rules; write those by ability, length and item, and the figures.

    Parameters
    ----------
    folder : Path
    outcomes : sequence of Outcome
        Of one bank.
    title : str
    console : Console
    """
    table = tables.summary(outcomes)
    ability = tables.stacked(outcomes, Simulation.by_ability)
    length = tables.stacked(outcomes, Simulation.by_length)
    items = tables.by_item(outcomes)
    shown = tables.readable(table)
    with writing(folder):
        for name, each in {"table": table, "by_ability": ability, "by_length": length}.items():
            write_text(folder / f"{name}.csv", each.to_csv(index=False, float_format="%.6g"))
        write_text(folder / "exposure.csv", items.to_csv(float_format="%.4g"))
        write_text(folder / "table.md", f"{markdown(title)}\n\n{to_markdown(shown)}\n{tables.CAPTION}\n")
        _draw(folder, table, ability, length, items, title)
    print_table(shown, console, title)
    console.print(tables.CAPTION, style="dim")
    console.print(
        f"written: {folder}/table (csv, md), by_ability.csv, by_length.csv, exposure.csv, "
        "figures accuracy, exposure, ability, length (png, svg)"
    )


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
