"""Which options of a model predict best? Each is fitted to all but a fold of the responses, and predicts this fold."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from irtbridge.assess.prediction.held_out import held_out_metrics
from irtbridge.data.hold_out import TEST, TRAIN, HoldOut, check_seen
from irtbridge.data.load import load_responses
from irtbridge.data.masks import Observed, folds_of
from irtbridge.data.responses import Responses
from irtbridge.errors import ConfigError
from irtbridge.fitting.fitter import Fitter
from irtbridge.fitting.generalization import fit_held_out, for_prediction
from irtbridge.plugin.options import check_seed

METRICS = ("log_loss", "auc", "rmse")


def cross_validate(
    data: Any,
    model: str = "2pl",
    *,
    folds: int = 5,
    backend: str = "pyro",
    method: str = "map",
    seed: int = 0,
    draws: int = 200,
    device: str = "auto",
    dtype: str = "float64",
    settings: Mapping[str, Any] | None = None,
    backend_options: Mapping[str, Any] | None = None,
    data_options: Mapping[str, Any] | None = None,
    **grid: Any,
) -> pd.DataFrame:
    """Mean log loss of held-out responses by options of a model.

    Parameters
    ----------
    data : DataFrame, array_like, path, name of a data set or Responses
        As `load_responses` takes it.
    model : str
        A model of the catalogue.
    folds : int
        The responses are dealt at random to so many parts, each person's to as many as there are; each part is held
        out once. All options have the same folds.
    backend, method, seed, device, dtype, backend_options, data_options
        As in `irtbridge.fit`.
    draws : int
        Draws to predict from.
    settings : mapping, optional
        Of the method.
    **grid
        Options of the model: a list is tried one after another, in every combination with the other lists; anything
        else is the same for all. Write a list that is one value within a list.

    Returns
    -------
    DataFrame
        A row for each combination: its options, log_loss, auc and rmse, means over folds, each with its standard error
        (``log_loss_se``: standard deviation over folds by the root of their number), and ``behind``: the mean
        difference of the log loss (of numbers the rmse) from the smallest one, with its own standard error, which is
        far smaller, as all have the same folds. The best has 0.

    Raises
    ------
    ConfigError
        Fewer than two folds.
    DataError
        A fold has all responses to an item.
    IRTBridgeError
        As `irtbridge.fit`.
    """
    check_seed(seed)
    if isinstance(folds, bool) or not isinstance(folds, int) or folds < 2:
        raise ConfigError(f"folds={folds!r} must be an integer, 2 or greater; 5 or 10 are usual.")
    options, how = dict(settings or {}), {"device": device, "dtype": dtype}
    combinations = [dict(zip(grid, values, strict=True)) for values in itertools.product(*map(_listed, grid.values()))]
    fitters = [
        for_prediction(Fitter.of(model, backend, method, options, chosen, backend_options, **how))
        for chosen in combinations
    ]
    whole = load_responses(data, **(fitters[0].data_options | dict(data_options or {}))).expanded()
    parts = list(parts_of(whole, folds, seed))
    losses = [pd.DataFrame([_of_fold(fitter, held, seed, draws) for held in parts]) for fitter in fitters]
    summary = pd.DataFrame([_over_folds(each) for each in losses])
    return pd.concat([pd.DataFrame(combinations), summary, _behind(losses)], axis=1)


def parts_of(whole: Responses, folds: int, seed: int) -> Iterator[HoldOut]:
    """The responses without each fold in turn.

    Raises
    ------
    DataError
        A fold has all responses to an item.
    """
    of = folds_of(Observed.of(whole.entries), folds, np.random.default_rng([seed, 6]))
    none = [np.zeros(n, dtype=bool) for n in (whole.n_persons, whole.n_items)]
    for fold in range(folds):
        held = HoldOut(whole, f"fold {fold + 1} of {folds}", np.where(of == fold, TEST, TRAIN), *none)
        check_seen(held)
        yield held


def _listed(value: Any) -> list[Any]:
    if value == []:
        raise ConfigError("an option has no values to try: []; give one at least, or leave the option out.")
    return value if isinstance(value, list) else [value]


def _over_folds(each: pd.DataFrame) -> dict[str, float]:
    """Means and standard errors over the folds that have the metric: one of responses all alike has no AUC."""
    row: dict[str, float] = {}
    for name in (metric for metric in METRICS if metric in each):
        row |= {name: float(each[name].mean()), f"{name}_se": _standard_error(each[name])}
    return row


def _behind(losses: list[pd.DataFrame]) -> pd.DataFrame:
    """By how much each predicts worse than the best, fold by fold."""
    name = next(metric for metric in ("log_loss", "rmse") if metric in losses[0])
    best = min((each[name] for each in losses), key=lambda loss: float(loss.mean()))
    differences = [each[name] - best for each in losses]
    rows = [(float(difference.mean()), _standard_error(difference)) for difference in differences]
    return pd.DataFrame(rows, columns=["behind", "behind_se"])


def _standard_error(folds: pd.Series[float]) -> float:
    return float(folds.std() / np.sqrt(folds.count()))


def _of_fold(fitter: Fitter, held: HoldOut, seed: int, draws: int) -> dict[str, float]:
    return held_out_metrics(fit_held_out(held, fitter, seed).posterior, held.tested, draws, seed)
