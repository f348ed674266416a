"""A study's tables and figures, from its records alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from rich.console import Console

from irtbridge.data.files import read_json, write_json, write_text
from irtbridge.errors import IRTBridgeError, ResultsError
from irtbridge_experiments.records import Record
from irtbridge_experiments.records.fits import FITS, no_fits, provenance, read_fits, read_records, write_fits
from irtbridge_experiments.records.selection import chosen_fits, chosen_records, left_out
from irtbridge_experiments.records.study_fits import StudyFits
from irtbridge_experiments.study.locks import writing
from irtbridge_experiments.tables import registry as tables
from irtbridge_experiments.tables.reference import read_reference
from irtbridge_experiments.tables.render import markdown, print_table, to_latex, to_markdown

if TYPE_CHECKING:
    from irtbridge_experiments.figures.registry import Figure

HELD_OUT = {"mask", "calibration"}
REPLICATED = {"design", *HELD_OUT}
"""What a condition of study.json has that holds something out, and that has replications."""
ENDINGS = (".csv", ".md", ".tex", ".png", ".svg")


def write_study(folder: Path, console: Console) -> None:
    """Write a study's tables (csv, Markdown, LaTeX) and figures (png, svg), and print the tables.

    Simulated conditions give ``recovery`` and ``times``, real data ``table``. Only fits that have the definition of the
    study's latest run are shown.

    Raises
    ------
    ResultsError
        The folder has no study's fits.
    """
    from irtbridge_experiments.figures import registry as figures  # here, for Matplotlib takes a while to import

    if not (folder / "study.json").exists():
        raise ResultsError(f"{folder} is not a study's folder: irtbridge run study=NAME makes one.")
    with writing(folder):
        shown = _read_shown(folder, console)
        _remove(folder, {*tables.NAMES, *figures.NAMES})
        if len(shown.simulated):
            _write(folder, shown, tables.SIMULATED, figures.SIMULATED, f"{FITS}, figures (png, svg)", console)
        if len(shown.held_out):
            _write(folder, shown, tables.HELD_OUT, figures.HELD_OUT, f"{FITS}, figures (png, svg)", console)
        if len(shown.calibrated):
            _write(folder, shown, tables.CALIBRATED, figures.CALIBRATED, f"{FITS}, figures (png, svg)", console)
        if shown.real:
            _write(folder, shown, tables.REAL, figures.REAL, "figures (png, svg), records/", console)


def _read_shown(folder: Path, console: Console) -> StudyFits:
    """The fits of a study that are of what its latest run asked for; says how many others there are."""
    study = read_json(folder / "study.json")
    records = read_records(folder) if (folder / "records").is_dir() or not (folder / FITS).exists() else []
    fits = _all_fits(folder, study, records)
    every = _in_order(study, [r for r in records if r["condition"] not in replicated_conditions(study)])
    replicated, real = chosen_fits(study, fits), chosen_records(study, every)
    if replicated.empty and not real:
        raise ResultsError(f"no fit in {folder} is of what its latest run asked for: run the study to its end.")
    for word in filter(None, (left_out(fits, replicated), left_out(every, real))):
        console.print(word)
    grid = {name: condition.get("grid", {}) for name, condition in study["conditions"].items()}
    reference = read_reference(study["reference"]) if real and study["reference"] else None
    simulated = of_conditions(replicated, simulated_conditions(study))
    held_out, calibrated = (_labelled(study, replicated, kind) for kind in ("mask", "calibration"))
    return StudyFits(study["title"], simulated, held_out, calibrated, grid, real, reference)


def of_conditions(fits: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """The fits of some conditions."""
    left = fits[fits["condition"].isin(names)]
    return left.assign(condition=left["condition"].cat.remove_unused_categories())


def _labelled(study: dict[str, Any], fits: pd.DataFrame, kind: str) -> pd.DataFrame:
    """The fits of conditions that hold something out, by a mask or to calibrate it, with the labels of these."""
    labels = {name: each["labels"] for name, each in study["conditions"].items() if kind in each}
    held = of_conditions(fits, [*labels])
    keys = dict.fromkeys(key for own in labels.values() for key in own)
    return held.assign(**{key: [labels[str(name)][key] for name in held["condition"]] for key in keys})


def _in_order(study: dict[str, Any], records: Sequence[Record]) -> list[Record]:
    """Records with the conditions in the study's order; what it does not have is last."""
    places = {name: place for place, name in enumerate(study["conditions"])}
    return sorted(records, key=lambda record: places.get(record["condition"], len(places)))


def _remove(folder: Path, names: Iterable[str]) -> None:
    """Take away what an earlier run has written: what this one does not write again would be out of date."""
    for name in names:
        for ending in ENDINGS:
            (folder / name).with_suffix(ending).unlink(missing_ok=True)


def _all_fits(folder: Path, study: dict[str, Any], records: Sequence[Record]) -> pd.DataFrame:
    """A row for each replication, from the records and from the csv, which has what they have afterwards."""
    conditions = replicated_conditions(study)
    replicated = [record for record in records if record["condition"] in conditions]
    if replicated:
        write_json(folder / "provenance.json", _merged(folder / "provenance.json", provenance(replicated)))
        return write_fits(replicated, folder / FITS, conditions)
    return read_fits(folder / FITS, conditions) if (folder / FITS).exists() else no_fits()


def _merged(path: Path, new: dict[str, list[Record]]) -> dict[str, list[Record]]:
    """What a file says of each cell, and what is new."""
    cells: dict[str, list[Record]] = read_json(path) if path.exists() else {}
    for name, entries in new.items():
        known = cells.setdefault(name, [])
        known += [entry for entry in entries if entry not in known]
    return dict(sorted(cells.items()))


def simulated_conditions(study: dict[str, Any]) -> list[str]:
    """Names of a study's conditions whose truth is known, in its order."""
    return [name for name in replicated_conditions(study) if not HELD_OUT & {*study["conditions"][name]}]


def replicated_conditions(study: dict[str, Any]) -> list[str]:
    """Names of a study's conditions that have replications, in its order: of simulated data, or of parts of any."""
    return [name for name, condition in study["conditions"].items() if REPLICATED & {*condition}]


def _write(
    folder: Path,
    shown: StudyFits,
    parts: Sequence[tables.Table],
    figures: Sequence[Figure],
    more: str,
    console: Console,
) -> None:
    """Write tables and figures, print the tables, and say what was written."""
    written = [table for table in parts if _write_table(folder, shown, table, console)]
    for figure in figures:
        _draw(folder, shown, figure, console)
    whole = ", ".join(table.name for table in written if table.caption)
    plain = "".join(f"{table.name}.csv, " for table in written if not table.caption)
    console.print(f"written: {folder}/{whole} (csv, md, tex), {plain}{more}")


def _write_table(folder: Path, shown: StudyFits, table: tables.Table, console: Console) -> bool:
    """Whether a table has something to say; if so, it is written and, with a caption, printed."""
    with np.errstate(over="ignore", invalid="ignore"):
        frame = table.build(shown)
    if frame.empty:
        return False
    path = folder / table.name
    write_text(path.with_suffix(".csv"), frame.to_csv(index=False, float_format="%.6g"))
    if table.caption is not None:
        title, caption = shown.title, table.caption(shown)
        write_text(path.with_suffix(".md"), f"{markdown(title)}\n\n{to_markdown(frame, table.decimals)}\n{caption}\n")
        write_text(path.with_suffix(".tex"), to_latex(frame, f"{title}. {caption}", table.decimals))
        print_table(frame, console, title, table.decimals)
        console.print(caption, style="dim")
    return True


def _draw(folder: Path, shown: StudyFits, figure: Figure, console: Console) -> None:
    """Draw what can be drawn: the tables are there, and a figure that fails must not look as if the fits had."""
    try:
        figure.draw(shown, folder / figure.name)
    except IRTBridgeError:
        raise
    except Exception as error:
        console.print(f"a figure could not be drawn ({type(error).__name__}: {error}); the tables are whole.")
