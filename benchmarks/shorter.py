"""What a shorter benchmark loses: ``python -m benchmarks.shorter data=wins.csv``.

With ``model=2pl``, ``splits=10``, ``backend=pyro``, ``seed=0``, ``picture=`` (a file to draw the table to). Half of the
persons (AI models, say), drawn at random, calibrate the items; the other half are scored by some items and by all of
them. The items are those that tell most about the first half, or any.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

import irtbridge as irt
from benchmarks.words import print_study

DEFAULTS: dict[str, Any] = {
    "data": "verbagg", "model": "2pl", "splits": 10, "backend": "pyro", "seed": 0, "picture": "",
}  # fmt: skip
SIZES = (10, 20, 50, 100, 200, 400)


def most_informative(fit: irt.Fit) -> list[str]:
    """Items by their Fisher information, averaged over the persons, the largest first."""
    abilities = np.sort(fit.persons()["ability"]["mean"].to_numpy())
    curves = fit.curves("information", ability=abilities)
    return list(curves.groupby("item")["at_mean"].mean().sort_values(ascending=False).index)


def scored(fit: irt.Fit, new: irt.Responses, seed: int) -> Iterator[dict[str, Any]]:
    """A row for each number of items and way to choose them: how far scores are from those by all items."""
    frame, ordered, rng = new.to_frame(), most_informative(fit), np.random.default_rng(seed)
    by_all = fit.scores(frame, items="mean")["score"]
    for number in (n for n in SIZES if n < len(ordered)):
        ways = {"informative": ordered[:number], "random": list(rng.choice(ordered, number, replace=False))}
        for way, items in ways.items():
            scores = fit.scores(frame[items], items="mean")
            yield {
                "items": number,
                "chosen": way,
                "RMSE": float(np.sqrt(np.mean((scores["score"] - by_all) ** 2))),
                "SE": float(scores["se"].mean()),
                "correlation": float(np.corrcoef(scores["score"], by_all)[0, 1]),
                "Kendall's tau": float(scores["score"].corr(by_all, method="kendall")),
            }


def study(settings: Mapping[str, Any]) -> pd.DataFrame:
    """Means over splits, a row for each number of items and way to choose them."""
    warnings.filterwarnings("ignore", "nobody has a response", irt.errors.IRTBridgeWarning)
    data, rows = irt.load_responses(settings["data"], allow_constant=True), []
    for split in range(settings["splits"]):
        order = np.random.default_rng([settings["seed"], split]).permutation(data.n_persons)
        known, new = np.split(order, [data.n_persons // 2])
        how = {"method": "map", "backend": settings["backend"], "standard_errors": False}
        fit = irt.fit(data.select(known), settings["model"], **how)
        rows += list(scored(fit, data.select(new), settings["seed"] + split))
    table = pd.DataFrame(rows).groupby(["items", "chosen"]).mean()
    if settings["picture"]:
        draw(table, settings["picture"])
    return table


def draw(table: pd.DataFrame, path: str) -> None:
    """Error and stated standard error by number of items."""
    from irtbridge.assess.plots.style import COLOURS, axes_of, root_of, styled

    @styled
    def picture() -> None:
        axis = axes_of(None)
        for colour, (way, rows) in zip(COLOURS, table.reset_index().groupby("chosen"), strict=False):
            axis.plot(rows["items"], rows["RMSE"], "o-", color=colour, label=f"{way}: distance from all items")
            axis.plot(rows["items"], rows["SE"], "--", color=colour, label=f"{way}: stated standard error")
        axis.set_xscale("log")
        axis.set_xticks(list(SIZES), [str(size) for size in SIZES])
        axis.minorticks_off()
        axis.set_ylim(bottom=0)
        axis.set_xlabel("questions")
        axis.set_ylabel("ability (SD of the prior)")
        axis.legend()
        root_of(axis).savefig(path, dpi=160, bbox_inches="tight")

    picture()


def main(words: Sequence[str]) -> int:
    """Run the study and print its table."""
    return print_study(study, words, DEFAULTS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
