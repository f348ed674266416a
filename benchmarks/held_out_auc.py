"""Held-out responses of dichotomous data, irtbridge beside py-irt: ``python -m benchmarks.held_out_auc data=FILE``.

With ``seeds=10``, ``share=0.2``, ``epochs=1000``, ``seed=1`` (of the first mask). Responses are masked at random; the
2PL by its posterior mode, py-irt's 2PL with its vague priors and the additive logit predict them from the others. A row
for each: mean AUC and log loss over the seeds, and by how much the 2PL's AUC is larger, with the standard error of that
mean over seeds.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.words import print_study
from irtbridge.assess.prediction.metrics import category_metrics
from irtbridge.data.hold_out import HoldOut, hold_out
from irtbridge.fitting.generalization import evaluate

KEPT = ("auc", "log_loss", "seconds")
DEFAULTS: dict[str, Any] = {"data": "", "seeds": 10, "share": 0.2, "epochs": 1000, "seed": 1}


def by_py_irt(held: HoldOut, epochs: int, seed: int) -> dict[str, float]:
    """AUC and log loss of py-irt's 2PL at the means of its guide."""
    import pyro
    import torch
    from py_irt.models.two_param_logistic import TwoParamLog

    pyro.set_rng_seed(seed)
    entries = held.train.entries.tocoo()
    person, item = (torch.tensor(places.astype(np.int64)) for places in entries.coords)
    model = TwoParamLog("vague", "cpu", *entries.shape[::-1])
    model.fit(person, item, torch.tensor(entries.data, dtype=torch.float), epochs)
    slope, ability, difficulty = (
        pyro.param(name).detach().numpy().astype(float) for name in ("loc_slope", "loc_ability", "loc_diff")
    )
    right = 1 / (1 + np.exp(-slope * (ability[:, None] - difficulty)))[held.test]
    return category_metrics(held.whole.values[held.test], np.stack([1 - right, right], axis=-1))


def compare(settings: dict[str, Any]) -> pd.DataFrame:
    """The table."""
    rows = []
    for seed in range(settings["seed"], settings["seed"] + settings["seeds"]):
        held = hold_out(settings["data"], "entries", share=settings["share"], seed=seed)
        start = time.process_time()
        found = evaluate(held, "2pl", seed=seed).loc[["2pl", "additive logit"]].T.to_dict()
        found["2pl"]["seconds"] = time.process_time() - start
        start = time.process_time()
        found["py-irt"] = by_py_irt(held, settings["epochs"], seed)
        found["py-irt"]["seconds"] = time.process_time() - start
        rows.append(
            {name: {k: each.get(k, np.nan) for k in ("auc", "log_loss", "seconds")} for name, each in found.items()}
        )
        print(seed, rows[-1], file=sys.stderr, flush=True)
    table = pd.DataFrame({name: pd.DataFrame([row[name] for row in rows]).mean() for name in rows[0]}).T
    gains = {name: np.array([row["2pl"]["auc"] - row[name]["auc"] for row in rows]) for name in table.index}
    table["auc_gain"] = [gain.mean() for gain in gains.values()]
    table["se"] = [gain.std(ddof=1) / np.sqrt(len(gain)) for gain in gains.values()]
    return table


def main(words: Sequence[str]) -> int:
    """Compare and print."""
    return print_study(compare, words, DEFAULTS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
