"""Items of a study that are calibrated with and without responses: the data, one replication, and how good it is."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from irtbridge.calibration.vocabulary import vocabulary
from irtbridge.data.hold_out import HoldOut
from irtbridge.data.responses import Responses
from irtbridge.results.provenance import environment
from irtbridge_experiments.records import Record
from irtbridge_experiments.study.predictors import PREDICTORS, Predicted, Seen, two_pl
from irtbridge_experiments.study.starts import Start

Array = NDArray[np.float64]
PARAMETERS = ("difficulty", "log_discrimination")
LEAST = 1e-6  # probability that a prediction is taken to have at least: one miss does not decide a log loss


@dataclass(frozen=True, eq=False)
class Calibrated:
    """One replication: its metrics, and what a record says besides."""

    metrics: dict[str, float]
    provenance: Record

    def record(self) -> Record:
        """Without the metrics."""
        return self.provenance


@dataclass(frozen=True, eq=False)
class Protocol:
    """A set of data and a start, for any predictor.

    Attributes
    ----------
    start : Start
    formula : str
        Of linear predictors.
    simulate : dict, optional
        Arguments of a simulated vocabulary test: ``vocabulary``, ``n_items``, ``n_persons``, ``per_person``; or
    data : Responses, optional
        real responses of two categories, with features of the items.
    leave_out : tuple of str
        Columns of the features that are not used.
    """

    start: Start
    formula: str
    simulate: Mapping[str, Any] | None = None
    data: Responses | None = None
    leave_out: tuple[str, ...] = ()

    @classmethod
    def of(cls, plain: Mapping[str, Any], data: Responses | None) -> Protocol:
        """From what a cell says."""
        start = Start(plain["start"], plain["parts"], plain["rounds"])
        return cls(start, plain["formula"], plain.get("simulate"), data, tuple(plain["leave_out"]))

    def run(self, seed: int, by: str, **settings: Any) -> Calibrated:
        """One replication of one of `PREDICTORS`; data and split are the same for all that have the seed."""
        whole, truth = self.responses(seed)
        assert whole.item_data is not None
        whole = replace(whole, item_data=whole.item_data.drop(columns=[*self.leave_out]))
        begin, tables = time.perf_counter(), []
        for held in self.start.held_out(whole, seed):
            found = PREDICTORS[by](Seen(held.second_stage, self.formula, seed), **settings)
            tables.append(judged(found, held, truth, self.start))
        seconds = time.perf_counter() - begin
        metrics = metrics_of(pd.concat(tables)) | {"seconds": seconds}
        return Calibrated(metrics, self._provenance(whole, seed, seconds, {"by": by} | settings))

    def responses(self, seed: int) -> tuple[Responses, pd.DataFrame]:
        """The responses of a replication, and true parameters; of real data, those of all responses."""
        if self.simulate is None:
            assert self.data is not None
            return self.data, self._full
        own = self.simulate
        test = vocabulary(own["vocabulary"], own["n_items"], seed)
        ability = np.random.default_rng([seed, 2]).standard_normal(own["n_persons"])
        truth = {"difficulty": test.difficulty, "log_discrimination": np.log(test.discrimination)}
        return test.grades(ability, seed, own["per_person"]), pd.DataFrame(truth, index=list(test.items))

    @cached_property
    def _full(self) -> pd.DataFrame:
        """What the 2PL says of the items with all of their responses."""
        assert self.data is not None
        return two_pl(Seen(self.data, self.formula, 0)).items[[*PARAMETERS]]

    def _provenance(self, whole: Responses, seed: int, seconds: float, settings: Mapping[str, Any]) -> Record:
        named = {"model": "2pl", "settings": dict(settings), "seed": seed, "data_fingerprint": whole.fingerprint}
        return environment({}) | named | {"device": "cpu", "dtype": "float64", "total_seconds": seconds}


def judged(found: Predicted, held: HoldOut, truth: pd.DataFrame, start: Start) -> pd.DataFrame:
    """A row for each item that is held out: grades and losses of its tested responses, parameters and the true ones."""
    new = np.flatnonzero(held.new_items)
    tested, right = held.test[:, new], held.whole.values[:, new]
    probs = np.clip(found.probs[:, new], LEAST, 1 - LEAST)
    loss = -np.log(np.where(right == 1, probs, 1 - probs))
    count = tested.sum(axis=0)
    table = pd.DataFrame(index=[held.whole.items[place] for place in new])
    table["responses"] = count
    table["loss"] = np.where(tested, loss, 0).sum(axis=0)
    table["grade"] = np.where(tested, right, 0).sum(axis=0) / count
    known = found.tells_apart or start.responses != 0
    table["predicted"] = np.where(tested, probs, 0).sum(axis=0) / count if known else np.nan
    own = found.items.loc[table.index]
    if not known:
        own = own.assign(**{name: np.nan for name in PARAMETERS if name in own})
    return table.join(own).join(truth.add_prefix("true_"))


def metrics_of(table: pd.DataFrame) -> dict[str, float]:
    """Over all items that were held out.

    ``log_loss`` of a response; ``grade_r``: correlation of mean grades with their predictions; of parameters ``_r`` and
    ``_rmse``, and ``_coverage``, the share of true ones in their 95 % intervals.
    """
    metrics = {"log_loss": float(table["loss"].sum() / table["responses"].sum())}
    metrics["grade_r"] = correlation(table["predicted"], table["grade"])
    for name in PARAMETERS:
        if name in table:
            true = table[f"true_{name}"]
            metrics[f"{name}_r"] = correlation(table[name], true)
            metrics[f"{name}_rmse"] = float(np.sqrt(np.mean((table[name] - true) ** 2)))
            metrics[f"{name}_coverage"] = float(true.between(table[f"{name}_low"], table[f"{name}_high"]).mean())
    return metrics


def correlation(one: pd.Series[float], other: pd.Series[float]) -> float:
    """Pearson's; NaN where one of them does not vary."""
    if one.isna().any() or one.std() == 0 or other.std() == 0:
        return float("nan")
    return float(np.corrcoef(one, other)[0, 1])
