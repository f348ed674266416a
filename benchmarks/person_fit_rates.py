"""How often person fit and predictive checks raise an alarm, false or true: ``python -m benchmarks.person_fit_rates``.

With ``sets=200``, ``persons=500``, ``items=30``, ``categories=2`` (2PL; more are GRM), ``draws=100``, ``backend=pyro``,
``method=laplace``, ``seed=1``. Each set is drawn from the model; then one person of twenty responds at random; or the
hardest item is guessed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from benchmarks.words import print_study
from irtbridge.data.responses import Responses
from irtbridge.fitting.fitted import Fit
from irtbridge.many import fit_many, seed_of
from irtbridge.model.catalogue import build_model
from irtbridge.model.simulate import simulate_parameters, simulate_responses

Array = NDArray[np.float64]
DEFAULTS: dict[str, Any] = {
    "sets": 200,
    "persons": 500,
    "items": 30,
    "categories": 2,
    "draws": 100,
    "backend": "pyro",
    "method": "laplace",
    "seed": 1,
}
LEVEL, RANDOM, GUESSED = 0.05, 0.05, 0.25
SIGNS = {"zh": -1, "lz_star": -1, "infit_z": 1, "outfit_z": 1}
PRIORS = {"discrimination": "LogNormal(0, 0.3)", "difficulty": "Normal(0, 1)", "threshold": "OrderedNormal(0, 1)"}


def alarms(fit: Fit, draws: int) -> pd.DataFrame:
    """Whether each person is beyond the level by each statistic, the side of misfit alone."""
    table = fit.person_fit(draws=draws)
    each = {name: sign * table[name] > stats.norm.ppf(1 - LEVEL) for name, sign in SIGNS.items()}
    return pd.DataFrame(each | {"ppp": table["ppp"] < LEVEL})


def item_alarms(fit: Fit, draws: int) -> pd.DataFrame:
    """Whether each item is flagged by its sum, and by its mean among those who are low on the other items."""
    each = {"item_sum": "item_sum", "mean of low scorers": low_scorers}
    return pd.DataFrame({n: fit.predictive_check(t, by="item", draws=draws)["flag"] for n, t in each.items()})


def low_scorers(responses: Array) -> Array:
    """Mean of each item over the persons of the lowest fifth, or so, by the sum of the other items."""
    others = responses.sum(axis=1, keepdims=True) - responses
    low = others <= np.quantile(others, 0.2, axis=0)
    return np.asarray(responses.mean(axis=0, where=low))


def with_random(data: Responses, seed: int) -> tuple[Responses, NDArray[np.int64]]:
    """The data, of which some persons respond at random, and who they are."""
    rng, values = np.random.default_rng(seed), data.values.copy()
    who = rng.permutation(data.n_persons)[: round(RANDOM * data.n_persons)]
    values[who] = rng.integers(0, data.n_categories, (len(who), data.n_items))
    return replace(data, values=values), who


def with_guessing(data: Responses, seed: int) -> tuple[Responses, int]:
    """The data, of which the hardest item is guessed right by one in four who failed it, and which item it is."""
    rng, values = np.random.default_rng(seed), data.values.copy()
    item = int(values.mean(axis=0).argmin())
    guessed = (values[:, item] == 0) & (rng.uniform(size=data.n_persons) < GUESSED)
    values[guessed, item] = data.n_categories[item] - 1
    return replace(data, values=values), item


def study(settings: Mapping[str, Any]) -> pd.DataFrame:
    """Rates, a row for each statistic, a column for each condition; their standard errors over data sets beside."""
    model = "2pl" if settings["categories"] == 2 else "grm"
    spec = build_model(model)
    spec = build_model(model, **{name: PRIORS[name] for name in spec.names if name in PRIORS})
    categories = [settings["categories"]] * settings["items"]
    how = {name: settings[name] for name in ("backend", "method", "seed")}

    def simulated() -> Iterator[tuple[int, Responses]]:
        for number in range(settings["sets"]):
            seed = seed_of(settings["seed"], number)
            params = simulate_parameters(spec, settings["persons"], categories, seed)
            yield seed, simulate_responses(spec, params, categories, seed + 1)

    draws, rows = settings["draws"], []
    true = fit_many((data for _, data in simulated()), spec, **how)
    planted = fit_many((with_random(data, seed)[0] for seed, data in simulated()), spec, **how)
    guessed = fit_many((with_guessing(data, seed)[0] for seed, data in simulated()), spec, **how)
    for (seed, data), right, odd, item in zip(simulated(), true, planted, guessed, strict=True):
        who, which = with_random(data, seed)[1], with_guessing(data, seed)[1]
        flags, of_items = alarms(odd, draws), item_alarms(item, draws)
        parts = {
            "true model": alarms(right, draws),
            "random responders": flags.iloc[who],
            "the others": flags.drop(index=flags.index[who]),
            "true model, items": item_alarms(right, draws),
            "guessed item": of_items.iloc[[which]],
        }
        rows.append({(part, name): share for part, flag in parts.items() for name, share in flag.mean().items()})
    return summary(pd.DataFrame(rows))


def summary(rates: pd.DataFrame) -> pd.DataFrame:
    """Means over the data sets and their standard errors: a row for each statistic and condition."""
    frame = pd.DataFrame({"rate": rates.mean(), "se": rates.std() / np.sqrt(len(rates))})
    frame.index = pd.MultiIndex.from_tuples(rates.columns, names=["condition", "statistic"])
    return frame


def main(words: Sequence[str]) -> int:
    """Run the study and print its table."""
    return print_study(study, words, DEFAULTS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
