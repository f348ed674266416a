"""A study's tables and figures, from its records alone."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console

from irtbridge.data.files import read_json, write_json, write_text
from irtbridge.errors import IRTBridgeError, ResultsError
from irtbridge_experiments.records import Record
from irtbridge_experiments.records.fits import FITS, no_fits, provenance, read_fits, read_records, write_fits
from irtbridge_experiments.records.selection import chosen_fits, chosen_records, left_out
from irtbridge_experiments.study.locks import writing
from irtbridge_experiments.tables.real_data import (
    CAPTION,
    ESTIMATES_CAPTION,
    RMSE_CAPTION,
    estimates,
    item_frame,
    study_table,
)
from irtbridge_experiments.tables.recovery import (
    PAIRED_CAPTION,
    RECOVERY_CAPTION,
    TIMES_CAPTION,
    baseline_of,
    paired_table,
    recovery_table,
    times_table,
)
from irtbridge_experiments.tables.reference import read_reference
from irtbridge_experiments.tables.render import markdown, print_table, to_latex, to_markdown

OUTPUTS = (
    "recovery", "times", "paired", "spread", "pareto", "grid_mse", "grid_bias", "grid_coverage",
    "table", "estimates", "items", "figure", "densities", "traces",
)  # fmt: skip


def write_study(folder: Path, console: Console) -> None:
    """Write a study's tables (csv, Markdown, LaTeX) and figures (png, svg), and print the tables.

    Simulated conditions give ``recovery`` and ``times``, real data ``table``. Only fits that have the definition of the
    study's latest run are shown.

    Raises
    ------
    ResultsError
        The folder has no study's fits.
    """
    if not (folder / "study.json").exists():
        raise ResultsError(f"{folder} is not a study's folder: irtbridge run study=NAME makes one.")
    with writing(folder):
        study = read_json(folder / "study.json")
        records = read_records(folder) if (folder / "records").is_dir() or not (folder / FITS).exists() else []
        fits = _all_fits(folder, study, records)
        every = _in_order(study, [r for r in records if r["condition"] not in simulated_conditions(study)])
        chosen, single = chosen_fits(study, fits), chosen_records(study, every)
        if chosen.empty and not single:
            raise ResultsError(f"no fit in {folder} is of what its latest run asked for: run the study to its end.")
        for word in filter(None, (left_out(fits, chosen), left_out(every, single))):
            console.print(word)
        _remove_outputs(folder)
        if len(chosen):
            _write_simulated(folder, study, chosen, console)
        if single:
            _write_single(folder, study, single, console)


def _in_order(study: dict[str, Any], records: Sequence[Record]) -> list[Record]:
    """Records with the conditions in the study's order; what it does not have is last."""
    places = {name: place for place, name in enumerate(study["conditions"])}
    return sorted(records, key=lambda record: places.get(record["condition"], len(places)))


def _remove_outputs(folder: Path) -> None:
    """Take away what an earlier run has written: what this one does not write again would be out of date."""
    for name, ending in itertools.product(OUTPUTS, (".csv", ".md", ".tex", ".png", ".svg")):
        (folder / name).with_suffix(ending).unlink(missing_ok=True)


def _all_fits(folder: Path, study: dict[str, Any], records: Sequence[Record]) -> pd.DataFrame:
    """A row for each fit of simulated data, from the records and from the csv, which has what they have afterwards."""
    simulated = simulated_conditions(study)
    replicated = [record for record in records if record["condition"] in simulated]
    if replicated:
        write_json(folder / "provenance.json", _merged(folder / "provenance.json", provenance(replicated)))
        return write_fits(replicated, folder / FITS, simulated)
    return read_fits(folder / FITS, simulated) if (folder / FITS).exists() else no_fits()


def _merged(path: Path, new: dict[str, list[Record]]) -> dict[str, list[Record]]:
    """What a file says of each cell, and what is new."""
    cells: dict[str, list[Record]] = read_json(path) if path.exists() else {}
    for name, entries in new.items():
        known = cells.setdefault(name, [])
        known += [entry for entry in entries if entry not in known]
    return dict(sorted(cells.items()))


def simulated_conditions(study: dict[str, Any]) -> list[str]:
    """Names of a study's conditions whose truth is known, in its order."""
    return [name for name, condition in study["conditions"].items() if "design" in condition]


def _write_simulated(folder: Path, study: dict[str, Any], fits: pd.DataFrame, console: Console) -> None:
    from irtbridge_experiments.figures.grid import draw_grid
    from irtbridge_experiments.figures.recovery import draw_recovery

    title = study["title"]
    with np.errstate(over="ignore", invalid="ignore"):
        recovery, paired = recovery_table(fits), paired_table(fits)
    _write(folder / "recovery", recovery, title, RECOVERY_CAPTION, console, decimals=4)
    _write(folder / "times", times_table(fits), title, TIMES_CAPTION, console)
    written = ["recovery", "times"]
    if len(paired):
        written.append("paired")
        caption = PAIRED_CAPTION.format(baseline=" ".join(baseline_of(fits) or ()))
        _write(folder / "paired", paired, title, caption, console, decimals=4)
    grid = {name: condition.get("grid", {}) for name, condition in study["conditions"].items()}
    _draw(console, lambda: draw_recovery(fits, title, folder), lambda: draw_grid(fits, grid, title, folder))
    console.print(f"written: {folder}/{', '.join(written)} (csv, md, tex), {FITS}, figures (png, svg)")


def _write_single(folder: Path, study: dict[str, Any], records: Sequence[Record], console: Console) -> None:
    from irtbridge_experiments.figures.posterior import draw_densities, draw_traces
    from irtbridge_experiments.figures.style import draw_agreement

    reference = read_reference(study["reference"]) if study["reference"] else None
    items, title, caption = item_frame(records), study["title"], CAPTION
    if reference is not None:
        caption = f"{RMSE_CAPTION.format(source=reference['source'].iloc[0])} {CAPTION}"
    _write(folder / "table", study_table(records, reference), title, caption, console)
    if len(items):
        write_text(folder / "items.csv", items.to_csv(index=False, float_format="%.6g"))
        _write(folder / "estimates", estimates(records, reference), title, ESTIMATES_CAPTION, console)
        _draw(
            console,
            lambda: draw_agreement(items, reference, title, folder / "figure"),
            lambda: draw_densities(records, title, folder / "densities"),
            lambda: draw_traces(records, title, folder / "traces"),
        )
    console.print(f"written: {folder}/table, estimates (csv, md, tex), items.csv, figures (png, svg), records/")


def _draw(console: Console, *figures: Callable[[], None]) -> None:
    """Draw what can be drawn: the tables are there, and a figure that fails must not look as if the fits had."""
    for figure in figures:
        try:
            figure()
        except IRTBridgeError:
            raise
        except Exception as error:
            console.print(f"a figure could not be drawn ({type(error).__name__}: {error}); the tables are whole.")


def _write(path: Path, table: pd.DataFrame, title: str, caption: str, console: Console, decimals: int = 3) -> None:
    write_text(path.with_suffix(".csv"), table.to_csv(index=False, float_format="%.6g"))
    write_text(path.with_suffix(".md"), f"{markdown(title)}\n\n{to_markdown(table, decimals)}\n{caption}\n")
    write_text(path.with_suffix(".tex"), to_latex(table, f"{title}. {caption}", decimals))
    print_table(table, console, title, decimals)
    console.print(caption, style="dim")
