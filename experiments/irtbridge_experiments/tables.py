"""Tables from records alone: accuracy beside runtime, one row per backend and method."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from irtbridge.errors import ResultsError
from irtbridge.files import read_json, write_text
from irtbridge_experiments.cell import Record

REFERENCE_FOLDER = "reference"
CAPTION = (
    "RMSE: root mean squared difference of the posterior means from the reference, over items. ESS and R-hat: over "
    "item parameters. Seconds: wall clock of one fit in its own process, imports left out; total = compile + warm-up "
    "(or optimisation) + sampling."
)


def read_records(folder: Path) -> list[Record]:
    """All records of a study, in the order of their file names.

    Raises
    ------
    ResultsError
        There are none.
    """
    records = [read_json(path) for path in sorted((folder / "records").glob("*.json"))]
    if not records:
        raise ResultsError(f"no records in {folder / 'records'}; run the study first: irtbridge run study=NAME.")
    return records


def read_reference(name: str) -> pd.DataFrame:
    """Reference posterior shipped in the package: columns item, parameter, mean, sd, mcse."""
    path = files("irtbridge_configs") / REFERENCE_FOLDER / f"{name}.csv"
    with path.open() as stream:
        return pd.read_csv(stream, comment="#")


def item_frame(records: Sequence[Record]) -> pd.DataFrame:
    """Posterior summaries of all records: backend, method, item, parameter, mean, sd, ..."""
    frames = [
        pd.DataFrame(r["items"]).assign(backend=r["backend"], method=r["method"]) for r in records if "items" in r
    ]
    if not frames:
        return pd.DataFrame(columns=["backend", "method", "item", "parameter", "mean"])
    return pd.concat(frames, ignore_index=True)


def agreement(record: Record, reference: pd.DataFrame) -> dict[str, float]:
    """RMSE of the posterior means from the reference's, by parameter.

    Parameters
    ----------
    record : dict
        A record with posterior summaries of items.
    reference : DataFrame
        Columns item, parameter, mean.
    """
    both = pd.DataFrame(record["items"]).merge(reference, on=["item", "parameter"], suffixes=("", "_reference"))
    squared = (both["mean"] - both["mean_reference"]) ** 2
    return {
        f"{name} RMSE": float(np.sqrt(part.mean())) for name, part in squared.groupby(both["parameter"], sort=False)
    }


def study_table(records: Sequence[Record], reference: pd.DataFrame | None = None) -> pd.DataFrame:
    """One row per record: agreement with the reference, diagnostics and seconds.

    Parameters
    ----------
    records : sequence of dict
        As `read_records` gives them; a failed one has its error in the column ``error``.
    reference : DataFrame, optional
        As `read_reference` gives it.
    """
    rows = []
    for record in records:
        row: dict[str, object] = {"backend": record["backend"], "method": record["method"]}
        if "error" in record:
            rows.append(row | {"error": record["error"]["message"]})
            continue
        if reference is not None:
            row |= agreement(record, reference)
        row |= {
            "min ESS": record["min_ess"],
            "k-hat": record.get("pareto_k"),
            "max R-hat": record["max_r_hat"],
            "divergences": record["divergences"],
            "compile s": record["compile_seconds"],
            "warm-up s": record["warmup_seconds"],
            "sample s": record["sampling_seconds"],
            "total s": record["total_seconds"],
        }
        rows.append(row)
    return pd.DataFrame(rows).dropna(axis="columns", how="all")


DECIMALS = {"ESS": 0, "R-hat": 3, "divergences": 0, "s": 1, "k-hat": 2}


def formatted(table: pd.DataFrame, decimals: int = 3) -> pd.DataFrame:
    """Every cell as text; what is not defined is a dash."""

    def text(value: object, column: str) -> str:
        if isinstance(value, str):
            return value
        if value is None or pd.isna(value):  # type: ignore[call-overload]
            return "-"
        return f"{value:.{DECIMALS.get(column.split()[-1], decimals)}f}"

    return pd.DataFrame({c: [text(v, str(c)) for v in table[c]] for c in table.columns})


def to_markdown(table: pd.DataFrame, decimals: int = 3) -> str:
    """A GitHub table."""
    cells = formatted(table, decimals)
    lines = ["| " + " | ".join(map(str, cells.columns)) + " |"]
    lines.append("|" + "|".join(" --- " if c in ("backend", "method") else " ---: " for c in cells.columns) + "|")
    lines += ["| " + " | ".join(row) + " |" for row in cells.itertuples(index=False)]
    return "\n".join(lines) + "\n"


def print_table(table: pd.DataFrame, console: Console, title: str = "", decimals: int = 3) -> None:
    """Print a table in the terminal."""
    cells = formatted(table, decimals)
    grid = Table(title=title or None, title_justify="left", header_style="bold")
    for column in cells.columns:
        numeric = not pd.api.types.is_string_dtype(table[column])
        grid.add_column(str(column), justify="right" if numeric else "left", no_wrap=not numeric)
    for row in cells.itertuples(index=False):
        grid.add_row(*row)
    console.print(grid)


def write_study(folder: Path, console: Console) -> pd.DataFrame:
    """Write a study's table (csv, Markdown) and figure (png, svg) from its records, and print the table."""
    from irtbridge_experiments.figures import draw_agreement

    study = read_json(folder / "study.json")
    records = read_records(folder)
    reference = read_reference(study["reference"]) if study["reference"] else None
    table = study_table(records, reference)
    write_text(folder / "table.csv", table.to_csv(index=False, float_format="%.6g"))
    write_text(folder / "table.md", f"{study['title']}\n\n{to_markdown(table)}\n{CAPTION}\n")
    items = item_frame(records)
    if len(items):
        draw_agreement(items, reference, study["title"], folder / "figure")
    print_table(table, console, study["title"])
    console.print(CAPTION, style="dim", highlight=False)
    console.print(f"written: {folder}/table.csv, table.md, figure.png, figure.svg, records/", highlight=False)
    return table


def side_by_side(records: Sequence[Record]) -> pd.DataFrame:
    """Item tables of several fits next to each other, one row per item and parameter.

    With two fits the last column is their difference in posterior means, in combined Monte Carlo standard errors.
    """
    frames = {
        f"{r['backend']} {r['method']}": pd.DataFrame(r["items"]).set_index(["item", "parameter"]) for r in records
    }
    columns = {
        "mean": "mean",
        "sd": "SD",
        "hdi_2.5%": "2.5%",
        "hdi_97.5%": "97.5%",
        "ess_bulk": "ESS",
        "r_hat": "R-hat",
    }
    parts = []
    for name, frame in frames.items():
        renamed = {old: f"{name} {new}" for old, new in columns.items()}
        parts.append(frame.dropna(subset="mean")[list(columns)].rename(columns=renamed))
    table = pd.concat(parts, axis=1)
    if len(frames) == 2:
        first, second = frames.values()
        table["diff / MCSE"] = (first["mean"] - second["mean"]) / np.hypot(first["mcse"], second["mcse"])
    return table.reset_index()


def compact(table: pd.DataFrame) -> pd.DataFrame:
    """A side-by-side table narrow enough for a terminal: the ends of each interval in one column."""
    out = table.copy()
    for low in [c for c in table.columns if str(c).endswith(" 2.5%")]:
        fit = low.removesuffix(" 2.5%")
        high = f"{fit} 97.5%"
        texts = ["-" if pd.isna(a) else f"{a:.2f} {b:.2f}" for a, b in zip(table[low], table[high], strict=True)]
        out.insert(list(out.columns).index(low), f"{fit} 95 % HDI", texts)
        out = out.drop(columns=[low, high])
    return out.dropna(axis="columns", how="all")
