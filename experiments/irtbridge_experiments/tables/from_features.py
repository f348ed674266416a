"""Tables of items that were calibrated from their features, with none, few or most of their responses."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from irtbridge.results.accuracy import mcse
from irtbridge_experiments.tables.reference import read_reference_file

CONDITION = ["data", "start"]
METRICS = {
    "grade_r": "r of grades",
    "difficulty_r": "r of difficulties",
    "difficulty_rmse": "RMSE of difficulties",
    "difficulty_coverage": "coverage of difficulties",
    "log_discrimination_r": "r of log discriminations",
    "log_discrimination_rmse": "RMSE of log discriminations",
    "log_discrimination_coverage": "coverage of log discriminations",
    "log_loss": "log loss",
}
"""What a record calls a metric, and what a table does."""
COMPARED = ("grade_r", "difficulty_r", "log_loss")
OWN = "autoirt"
TABLE_CAPTION = (
    "Items that are held out, by how many of their responses are seen (0: a cold start; all: four fifths); means over "
    "replications, with SD / sqrt(replications). Grades: mean responses to an item, predicted and observed, of "
    "responses that were not seen; log loss is of these too. Parameters are held against the true ones of simulated "
    "data, else against those of all responses (2PL), which have errors of their own. Coverage: of 95 % intervals. "
    "Replications of real data differ in the items and responses that are seen, not in persons."
)
GAIN_CAPTION = (
    f"{OWN} less each of the others in the same replications: correlations (above 0 is better) and log loss (below 0 "
    "is better), means and SD / sqrt(replications)."
)
PAPER_CAPTION = (
    "Correlation of mean grades as reported for AutoIRT (arXiv 2409.08823), of other data, which are private: to be "
    "read for its pattern."
)


def start_table(fits: pd.DataFrame) -> pd.DataFrame:
    """Mean metrics: a row for each set of data, start and predictor."""
    rows = []
    for names, cell in predictors(fits):
        done = cell[cell["error"].isna()]
        row: dict[str, object] = {**names, "done": len(done), "failed": len(cell) - len(done)}
        for metric, title in METRICS.items():
            row[title] = done[metric].mean()
            if metric in (*COMPARED, "difficulty_coverage"):
                row[f"MCSE of {title}"] = mcse(done[metric])
        rows.append(row | {"s": done["seconds"].mean()})
    return pd.DataFrame(rows)


def gain_table(fits: pd.DataFrame) -> pd.DataFrame:
    """How much better AutoIRT is than each of the others, paired by replication."""
    rows = []
    for (data, start), here in _in_order(fits).groupby(CONDITION, sort=False):
        each = {names["predictor"]: cell.set_index("replication") for names, cell in predictors(here)}
        own = each.pop(OWN, None)
        if own is not None:
            rows += [{"data": data, "start": start, "less": name, **_gain(own, cell)} for name, cell in each.items()]
    return pd.DataFrame(rows)


def _gain(own: pd.DataFrame, other: pd.DataFrame) -> dict[str, object]:
    """Mean differences of what both have, and their errors."""
    row: dict[str, object] = {"pairs": len(own["log_loss"].sub(other["log_loss"]).dropna())}
    for metric in COMPARED:
        difference = own[metric] - other[metric]
        row |= {METRICS[metric]: difference.mean(), f"MCSE of {METRICS[metric]}": mcse(difference)}
    return row


def paper_table(fits: pd.DataFrame) -> pd.DataFrame:
    """What is reported of the paper's own data; nothing where nothing was calibrated."""
    return fits if fits.empty else read_reference_file("autoirt")


def predictors(fits: pd.DataFrame) -> Iterator[tuple[dict[str, str], pd.DataFrame]]:
    """Names and replications of each predictor, failures among them; predictors in the order of their cells."""
    for values, cell in _in_order(fits).groupby([*CONDITION, "method"], sort=False, observed=True):
        data, start, predictor = map(str, values)
        yield {"data": data, "start": start, "predictor": predictor}, cell


def _in_order(fits: pd.DataFrame) -> pd.DataFrame:
    """Data in the study's order, starts by number of responses, all last; predictors by name, AutoIRT's last."""
    data = pd.Categorical(fits["data"], list(dict.fromkeys(fits["data"])), ordered=True)
    number = pd.to_numeric(fits["start"], errors="coerce").fillna(float("inf"))
    own = fits["method"].astype(str).str.startswith(OWN)
    order = fits.assign(data=data, number=number, own=own)
    return order.sort_values(["data", "number", "own", "method", "replication"], kind="stable").assign(
        data=lambda table: table["data"].astype(str)
    )
