"""What the paper reports beside what was measured here: one row for each number or phrase."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pandas as pd
from rich.console import Console

from irtbridge.errors import ResultsError
from irtbridge.files import read_json, write_text
from irtbridge.metrics import mcse
from irtbridge_experiments.recovery import FITS, one_version, read_fits
from irtbridge_experiments.render import print_table, to_latex, to_markdown
from irtbridge_experiments.report import simulated_conditions, write_study
from irtbridge_experiments.tables import REFERENCE_FOLDER

TITLE = "Reported and measured"
CAPTION = (
    "Reported: Luo, Han, He, Zhang & Ji (2026). Ours: mean over replications, their SD, and MCSE = SD / sqrt(n), with "
    "the designs in docs/studies.md, some of which are inferred or chosen; seconds are of one fit on the machine that "
    "the records name."
)
COLUMNS = {"MSE": "mse", "bias": "bias", "coverage": "coverage"}
STUDIES = ("quickstart", "basic", "prior_sensitivity", "large_scale", "m2pl7", "bfi", "verbagg", "bfi5")


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
    table = paper_table(read_reported(), {study: _fits(results / study) for study in there})
    write_text(results / "paper" / "paper.csv", table.to_csv(index=False, float_format="%.6g"))
    write_text(results / "paper" / "paper.md", f"{TITLE}\n\n{to_markdown(table, decimals=4)}\n{CAPTION}\n")
    write_text(results / "paper" / "paper.tex", to_latex(table, CAPTION, decimals=4))
    print_table(table.drop(columns="study"), console, TITLE, decimals=4)
    console.print(CAPTION, style="dim", highlight=False)
    console.print(f"written: {results}/paper; tables and figures of {', '.join(there)}", highlight=False)
    return table


def read_reported() -> pd.DataFrame:
    """The numbers and phrases of the paper, as text."""
    path = files("irtbridge_configs") / REFERENCE_FOLDER / "paper.csv"
    with path.open() as stream:
        return pd.read_csv(stream, comment="#", dtype=str).fillna("")


def paper_table(reported: pd.DataFrame, fits: dict[str, pd.DataFrame | None]) -> pd.DataFrame:
    """The reported values with our mean, SD, MCSE and number of replications; NaN where the cell was not run.

    Parameters
    ----------
    reported : DataFrame
        From `read_reported`; the condition ``*`` is each of the study's.
    fits : dict of str to DataFrame
        Replications by study.
    """
    rows = []
    for row in reported.to_dict("records"):
        known = fits.get(row["study"])
        conditions = [row["condition"]] if row["condition"] != "*" or known is None else _conditions(known)
        rows += [row | {"condition": name} | _measured(known, row | {"condition": name}) for name in conditions]
    return pd.DataFrame(rows)


def _measured(fits: pd.DataFrame | None, row: dict[str, str]) -> dict[str, float]:
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
    simulated = simulated_conditions(read_json(folder / "study.json"))
    return one_version(read_fits(folder / FITS, simulated)) if simulated else None


def _conditions(fits: pd.DataFrame) -> list[str]:
    return [str(name) for name in fits["condition"].cat.categories]
