"""Tables of what fits predict of responses that were held out, beside predictions without a model of responses."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from irtbridge.results.accuracy import mcse
from irtbridge_experiments.records.fits import OWN

CONDITION = ["data", "mask"]
METRICS = {
    "auc": "AUC",
    "log_loss": "log loss",
    "brier": "Brier",
    "accuracy": "accuracy",
    "rmse": "RMSE",
    "slope": "slope",
    "intercept": "intercept",
    "person_coverage": "coverage of persons",
    "item_coverage": "coverage of items",
}
"""What a record calls a metric, and what a table does."""
COMPARED = {"auc": "AUC", "log_loss": "log loss", "rmse": "RMSE"}
BEST_BASELINE = "additive logit"
HELD_OUT_CAPTION = (
    "Predictions of responses that were held out, means over replications of the mask. Slope and intercept of "
    "calibration: 1 and 0 where predictions mean what they say. Coverage: of 95 % predictive intervals for the sums of "
    "a person's (an item's) held-out responses; baselines have none. AUC is of two categories."
)
GAIN_CAPTION = (
    f"Each fit less {BEST_BASELINE}, on the same held-out responses: differences of AUC (above 0 is better), log loss "
    "and RMSE (below 0 is better), averaged over replications of the mask, with SD / sqrt(replications). These are of "
    "one data set, so that this error is that of the mask, not of other persons and items."
)


def held_out_table(fits: pd.DataFrame) -> pd.DataFrame:
    """Mean metrics: a row for each data set, mask, and fit or baseline."""
    rows = [_row(*entry) for entry in predictors(fits)]
    return pd.DataFrame(rows).dropna(axis="columns", how="all")


def gain_table(fits: pd.DataFrame) -> pd.DataFrame:
    """How much better each fit predicts than the best baseline, paired by replication."""
    rows = []
    for names, cell in (pair for _, here in fits.groupby(CONDITION, sort=False) for pair in _cells(here)):
        row: dict[str, object] = {**names, "pairs": len(cell)}
        for metric, title in COMPARED.items():
            if f"{OWN} {metric}" in cell:
                difference = cell[f"{OWN} {metric}"] - cell[f"{BEST_BASELINE} {metric}"]
                row |= {f"difference of {title}": difference.mean(), f"MCSE of {title}": mcse(difference)}
        rows.append(row)
    return pd.DataFrame(rows).dropna(axis="columns", how="all")


def predictors(fits: pd.DataFrame) -> Iterator[tuple[dict[str, str], pd.DataFrame, int]]:
    """Names, metrics of each replication, and number of failures of each fit and each baseline.

    Baselines of one data set and mask are the same whatever is fitted; each is given once.
    """
    for (data, mask), here in fits.groupby(CONDITION, sort=False):
        for names, cell in _cells(here):
            failed = fits[_same(fits, names)]["error"].notna().sum()
            yield names, _metrics(cell, OWN), int(failed)
        done = here[here["error"].isna()].drop_duplicates("replication")
        for baseline in baselines_of(fits):
            names = {"data": str(data), "mask": str(mask), "model": baseline, "backend": "", "method": ""}
            yield names, _metrics(done, baseline), 0


def baselines_of(fits: pd.DataFrame) -> list[str]:
    """Names of the baselines that fits are held against."""
    names = [str(column).removesuffix(" rmse") for column in fits.columns if str(column).endswith(" rmse")]
    return [name for name in names if name != OWN]


def _cells(fits: pd.DataFrame) -> Iterator[tuple[dict[str, str], pd.DataFrame]]:
    """Names and successful replications of each fit."""
    keys = [*CONDITION, "model", "backend", "method"]
    for values, cell in fits.groupby(keys, sort=False, observed=True):
        yield dict(zip(keys, map(str, values), strict=True)), cell[cell["error"].isna()]


def _same(fits: pd.DataFrame, names: dict[str, str]) -> pd.Series:
    return (fits[[*names]].astype(str) == pd.Series(names)).all(axis=1)


def _metrics(cell: pd.DataFrame, predictor: str) -> pd.DataFrame:
    found = {metric: cell[f"{predictor} {metric}"] for metric in METRICS if f"{predictor} {metric}" in cell}
    return pd.DataFrame(found, index=cell.index)


def _row(names: dict[str, str], metrics: pd.DataFrame, failed: int) -> dict[str, object]:
    row: dict[str, object] = {**names, "done": len(metrics), "failed": failed}
    for metric, title in METRICS.items():
        values = metrics[metric] if metric in metrics else pd.Series(dtype=float)
        row[title] = values.mean()
        if metric in COMPARED:
            row[f"MCSE of {title}"] = mcse(values)
    return row
