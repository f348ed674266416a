"""A study's tables and figures, from its records alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console

from irtbridge.errors import ResultsError
from irtbridge.files import read_json, write_json, write_text
from irtbridge_experiments.cell import Record
from irtbridge_experiments.recovery import (
    FITS,
    PAIRED_CAPTION,
    RECOVERY_CAPTION,
    TIMES_CAPTION,
    baseline_of,
    one_version,
    paired_table,
    provenance,
    read_fits,
    recovery_table,
    times_table,
    write_fits,
)
from irtbridge_experiments.render import print_table, to_latex, to_markdown
from irtbridge_experiments.tables import (
    CAPTION,
    ESTIMATES_CAPTION,
    RMSE_CAPTION,
    estimates,
    item_frame,
    read_records,
    read_reference,
    study_table,
)


def write_study(folder: Path, console: Console) -> None:
    """Write a study's tables (csv, Markdown, LaTeX) and figures (png, svg), and print the tables.

    Simulated conditions give ``recovery`` and ``times``, real data ``table``.

    Raises
    ------
    ResultsError
        The folder has no study's records.
    """
    if not (folder / "study.json").exists():
        raise ResultsError(f"{folder} is not a study's folder: irtbridge run study=NAME makes one.")
    study = read_json(folder / "study.json")
    simulated = simulated_conditions(study)
    packed = folder / FITS
    alone = packed.exists() and not (folder / "records").is_dir()
    records = [] if alone else read_records(folder)
    if alone:
        _write_simulated(folder, study, read_fits(packed, simulated), console)
    replicated = [record for record in records if record["condition"] in simulated]
    if replicated:
        write_json(folder / "provenance.json", _merged(folder / "provenance.json", provenance(replicated)))
        _write_simulated(folder, study, write_fits(replicated, packed, simulated), console)
    single = [record for record in records if record["condition"] in study["conditions"].keys() - simulated]
    if single:
        _write_single(folder, study, single, console)


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
    from irtbridge_experiments.figures_grid import draw_grid
    from irtbridge_experiments.figures_recovery import draw_recovery

    chosen = one_version(fits)
    if len(chosen) < len(fits):
        console.print(f"{len(fits) - len(chosen)} fits with other settings than most of their cell are left out")
    _write(folder / "recovery", recovery_table(chosen), study["title"], RECOVERY_CAPTION, console, decimals=4)
    _write(folder / "times", times_table(chosen), study["title"], TIMES_CAPTION, console)
    written = ["recovery", "times"]
    if len(paired := paired_table(chosen)):
        written.append("paired")
        caption = PAIRED_CAPTION.format(baseline=" ".join(baseline_of(chosen) or ()))
        _write(folder / "paired", paired, study["title"], caption, console, decimals=4)
    draw_recovery(chosen, study["title"], folder)
    draw_grid(chosen, {n: c.get("grid", {}) for n, c in study["conditions"].items()}, study["title"], folder)
    console.print(f"written: {folder}/{', '.join(written)} (csv, md, tex), {FITS}, figures (png, svg)", highlight=False)


def _write_single(folder: Path, study: dict[str, Any], records: Sequence[Record], console: Console) -> None:
    from irtbridge_experiments.figures import draw_agreement
    from irtbridge_experiments.figures_posterior import draw_densities, draw_traces

    reference = read_reference(study["reference"]) if study["reference"] else None
    items = item_frame(records)
    caption = CAPTION
    if reference is not None:
        caption = f"{RMSE_CAPTION.format(source=reference['source'].iloc[0])} {CAPTION}"
    _write(folder / "table", study_table(records, reference), study["title"], caption, console)
    if len(items):
        draw_agreement(items, reference, study["title"], folder / "figure")
        draw_densities(records, study["title"], folder / "densities")
        draw_traces(records, study["title"], folder / "traces")
        write_text(folder / "items.csv", items.to_csv(index=False, float_format="%.6g"))
        _write(folder / "estimates", estimates(records, reference), study["title"], ESTIMATES_CAPTION, console)
    console.print(
        f"written: {folder}/table, estimates (csv, md, tex), items.csv, figures (png, svg), records/", highlight=False
    )


def _write(path: Path, table: pd.DataFrame, title: str, caption: str, console: Console, decimals: int = 3) -> None:
    write_text(path.with_suffix(".csv"), table.to_csv(index=False, float_format="%.6g"))
    write_text(path.with_suffix(".md"), f"{title}\n\n{to_markdown(table, decimals)}\n{caption}\n")
    write_text(path.with_suffix(".tex"), to_latex(table, f"{title}. {caption}", decimals))
    print_table(table, console, title, decimals)
    console.print(caption, style="dim", highlight=False)
