"""Ability on log compute from few questions: ``python -m benchmarks.scaling``.

With ``model=beta`` (or ``ordered_beta``), ``checkpoints=40``, ``whole=400`` (questions of the whole benchmark),
``missing=0`` (share of the scores that are missing), ``replications=20``, ``method=map``, ``backend=pyro``, ``seed=0``,
``picture=`` (a file to draw the table to). Checkpoints at even distances along log compute have abilities that rise by
a slope and scatter around it with a standard deviation of 1. A few of the questions, drawn at random, estimate the
slope, say which of two checkpoints does better on all of them, and predict what the largest checkpoints would score on
each question from the smaller ones alone.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

import irtbridge as irt
from benchmarks.words import print_study
from irtbridge.model.simulate import empty_responses

DEFAULTS: dict[str, Any] = {
    "model": "beta", "checkpoints": 40, "whole": 400, "missing": 0.0, "replications": 20, "method": "map",
    "backend": "pyro", "seed": 0, "picture": "",
}  # fmt: skip
SIZES = (5, 10, 20, 50)
DECADES = (-2.0, 2.0)  # log10 of compute, from the middle of the series: 1e18 to 1e22 floating-point operations, say
LARGE = 1.0  # checkpoints above it are those to come
ON_COMPUTE = {"ability_on": ["log_flop"]}
# Scores of one question scatter widely: precision 2.7 is a standard deviation of .26 where the mean is .5.
TRUE = {"effect": "Normal(1, 0.3)", "difficulty": "Normal(0, 1)", "precision": "LogNormal(1, 0.5)"}
ENDS = {"cutpoint": "OrderedNormal([-2.5, 2.5], 0.3)"}  # of ordered_beta: a few scores in a hundred are 0 or 1


def simulated(model: str, checkpoints: int, whole: int, missing: float, seed: int) -> tuple[irt.Responses, float]:
    """Scores of checkpoints along compute on all questions, with the covariate ``log_flop``; and the true slope."""
    spec = irt.build_model(model, **ON_COMPUTE, **TRUE, **(ENDS if model == "ordered_beta" else {}))
    like = empty_responses(checkpoints, [1] * whole, kind=spec.family.kind)
    compute = pd.DataFrame({"log_flop": np.linspace(*DECADES, checkpoints)}, index=list(like.persons))
    like = replace(like, person_data=compute)
    truth = irt.simulate_parameters_like(spec, like, np.random.default_rng([seed, 0]))
    scores = irt.simulate_responses_like(spec, truth, like, np.random.default_rng([seed, 1]), missing)
    return scores, float(truth["ability_effect"][0])


def decision_accuracy(estimate: ArrayLike, score: ArrayLike) -> float:
    """Share of all pairs whose order by an estimate is that by the score on the whole benchmark; ties count half."""
    first, second = np.triu_indices(len(np.asarray(score)), 1)
    signs = [np.sign(np.asarray(values)[first] - np.asarray(values)[second]) for values in (estimate, score)]
    return float((1 + signs[0] * signs[1]).mean() / 2)


def means(scores: irt.Responses) -> np.ndarray[Any, Any]:
    """Mean score of each checkpoint over what it was asked."""
    return scores.to_frame().mean(axis=1).to_numpy()


def predicted(scores: irt.Responses, settings: Mapping[str, Any]) -> dict[str, float]:
    """How far predictions of the largest checkpoints' scores are from them; these checkpoints answered nothing."""
    held = irt.hold_out(scores, "time", date="log_flop", since=LARGE, exposed=0)
    how = {name: settings[name] for name in ("method", "backend", "seed")}
    with_compute = irt.evaluate(held, settings["model"], model_options=ON_COMPUTE, **how)["rmse"]
    without = irt.evaluate(held, settings["model"], **how)["rmse"]
    return {
        "RMSE on compute": float(with_compute.iloc[0]),
        "RMSE without": float(without.iloc[0]),
        "RMSE question's mean": float(with_compute["item mean"]),
    }


def row(few: irt.Responses, score: ArrayLike, slope: float, settings: Mapping[str, Any]) -> dict[str, float]:
    """What some questions tell of slope, decisions and scores to come."""
    how = {name: settings[name] for name in ("method", "backend", "seed")}
    fit = irt.fit(few, settings["model"], model_options=ON_COMPUTE, **how)
    found = fit.shared().loc["ability_effect[log_flop]"]
    assert few.person_data is not None
    return {
        "squared error": (found["mean"] - slope) ** 2,
        "SE of slope": found["sd"],
        "covered": float(abs(found["mean"] - slope) < 1.96 * found["sd"]),
        "decisions": decision_accuracy(fit.persons()["ability"]["mean"], score),
        "by mean score": decision_accuracy(means(few), score),
        "by compute": decision_accuracy(few.person_data["log_flop"], score),
        **predicted(few, settings),
    }


def study(settings: Mapping[str, Any]) -> pd.DataFrame:
    """Means over replications, a row for each number of questions."""
    rows = []
    for replication in range(settings["replications"]):
        seed = settings["seed"] + replication
        shape = (settings[name] for name in ("model", "checkpoints", "whole", "missing"))
        scores, slope = simulated(*shape, seed)
        order = np.random.default_rng([seed, 2]).permutation(scores.n_items)
        for number in SIZES:
            few = scores.select_items(np.sort(order[:number]))
            rows.append({"questions": number, **row(few, means(scores), slope, settings)})
    table = pd.DataFrame(rows).groupby("questions").mean()
    table.insert(0, "RMSE of slope", np.sqrt(table.pop("squared error")))
    if settings["picture"]:
        draw(table, settings["picture"])
    return table


def draw(table: pd.DataFrame, path: str) -> None:
    """Error of the slope, and decision accuracy, by number of questions."""
    import matplotlib.pyplot as plt

    from irtbridge.assess.plots.style import COLOURS, styled

    panels = {
        "slope per decade": {"RMSE of slope": "error", "SE of slope": "stated standard error"},
        "decision accuracy": {"decisions": "ability", "by mean score": "mean score", "by compute": "compute alone"},
        "error of larger checkpoints' scores": {
            "RMSE on compute": "ability on compute",
            "RMSE without": "ability alone",
            "RMSE question's mean": "question's mean",
        },
    }

    @styled
    def picture() -> None:
        figure, axes = plt.subplots(1, len(panels), figsize=(11, 3.4), layout="constrained")
        for axis, (title, lines) in zip(axes, panels.items(), strict=True):
            for colour, (column, label) in zip(COLOURS, lines.items(), strict=False):
                axis.plot(table.index, table[column], "o-", color=colour, label=label)
            axis.set_xscale("log")
            axis.set_xticks(list(SIZES), [str(size) for size in SIZES])
            axis.minorticks_off()
            axis.set_xlabel("questions")
            axis.set_ylabel(title)
            axis.set_ylim(*((0.5, 1) if title == "decision accuracy" else (0, None)))
            axis.legend()
        figure.savefig(path, dpi=160)
        plt.close(figure)

    picture()


def main(words: Sequence[str]) -> int:
    """Run the study and print its table."""
    return print_study(study, words, DEFAULTS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
