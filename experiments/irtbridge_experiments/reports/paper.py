"""What the paper reports beside what was measured here: one row for each number or phrase."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console

from irtbridge.data.files import read_json, write_text
from irtbridge.errors import ResultsError
from irtbridge.results.accuracy import mcse
from irtbridge_experiments.config.studies import STUDIES
from irtbridge_experiments.records.fits import FITS, read_fits
from irtbridge_experiments.records.selection import chosen_fits
from irtbridge_experiments.reports.study import simulated_conditions, write_study
from irtbridge_experiments.tables.recovery import blocks_of
from irtbridge_experiments.tables.reference import read_reference_file
from irtbridge_experiments.tables.render import print_table, to_latex, to_markdown

TITLE = "Reported and measured"
CAPTION = (
    "Reported: Luo, Han, He, Zhang & Ji (2026). Ours: mean over replications, their SD, and MCSE = SD / sqrt(n), with "
    "the designs in docs/studies.md, some of which are inferred or chosen; seconds are of one fit on the machine that "
    "the records name."
)
COLUMNS = {"MSE": "mse", "bias": "bias", "coverage": "coverage"}


def write_paper(results: Path, console: Console) -> pd.DataFrame:
    """Rebuild every study's tables and figures, and write ``paper`` (csv, Markdown, LaTeX) to ``results/paper``.

    Parameters
    ----------
    results : Path
        The folder that holds the studies' folders; studies that were not run are left out.
    console : Console
        Where the table is printed.

    Raises
    ------
    ResultsError
        No study is there.
    """
    there = [study for study in STUDIES if (results / study / "study.json").exists()]
    if not there:
        raise ResultsError(f"no study in {results}; run one first: irtbridge run study=basic.")
    for study in there:
        write_study(results / study, Console(quiet=True))
    table = paper_table(read_reference_file("paper"), {study: _fits(results / study) for study in there})
    write_text(results / "paper" / "paper.csv", table.to_csv(index=False, float_format="%.6g"))
    page = f"# {TITLE}\n\n{to_markdown(table, decimals=4)}\n{CAPTION}\n\n{figure_pages(results)}"
    write_text(results / "paper" / "paper.md", page)
    write_text(results / "paper" / "paper.tex", to_latex(table, CAPTION, decimals=4))
    print_table(table.drop(columns="study"), console, TITLE, decimals=4)
    console.print(CAPTION, style="dim")
    console.print(f"written: {results}/paper; tables and figures of {', '.join(there)}")
    return table


def figure_pages(results: Path) -> str:
    """The paper's figures by number, each with ours of the same, as Markdown; what was not run says so."""
    parts = []
    for row in read_reference_file("paper_figures").to_dict("records"):
        ours = f"{row['study']}/{row['figure']}.png"
        drawn = (results / ours).exists()
        picture = f"![{row['shows']}](../{ours})" if drawn else f"Not run: `irtbridge run study={row['study']}`."
        parts.append(f"## {row['place']}: {row['shows']}\n\n{picture}\n")
    return "\n".join(parts)


def paper_table(reported: pd.DataFrame, fits: dict[str, pd.DataFrame | None]) -> pd.DataFrame:
    """The reported values with our mean, SD, MCSE and number of replications; NaN where the cell was not run.

    Parameters
    ----------
    reported : DataFrame
        From `read_reference_file`; the condition or parameter ``*`` is each of the study's.
    fits : dict of str to DataFrame
        Replications by study.
    """
    rows = [whole for row in reported.to_dict("records") for whole in _expanded(row, fits.get(row["study"]))]
    return pd.DataFrame([row | _measured(fits.get(row["study"]), row) for row in rows])


def _expanded(row: dict[Any, str], fits: pd.DataFrame | None) -> list[dict[Any, str]]:
    """A row for each condition, and each block of item parameters that it has, where the row has ``*``."""
    if fits is None:
        return [row]
    conditions = _conditions(fits) if row["condition"] == "*" else [row["condition"]]
    rows = []
    for condition in conditions:
        blocks = [row["parameter"]]
        if blocks == ["*"]:
            blocks = [block for block in blocks_of(fits[fits["condition"] == condition]) if block != "ability"]
        rows += [row | {"condition": condition, "parameter": block} for block in blocks]
    return rows


def _measured(fits: pd.DataFrame | None, row: dict[Any, str]) -> dict[str, float]:
    values = pd.Series(dtype=float)
    if fits is not None:
        cell = fits[
            (fits[["condition", "backend", "method"]] == [row[k] for k in ("condition", "backend", "method")]).all(
                axis=1
            )
        ]
        column = "total_seconds" if row["statistic"] == "seconds" else f"{row['parameter']} {COLUMNS[row['statistic']]}"
        values = cell[column].dropna() if column in cell else values
    return {"ours": values.mean(), "SD": values.std(), "MCSE": mcse(values), "done": len(values)}


def _fits(folder: Path) -> pd.DataFrame | None:
    """Replications of a study; None where it has only real data."""
    study = read_json(folder / "study.json")
    simulated = simulated_conditions(study)
    return chosen_fits(study, read_fits(folder / FITS, simulated)) if simulated else None


def _conditions(fits: pd.DataFrame) -> list[str]:
    return [str(name) for name in fits["condition"].cat.categories]
