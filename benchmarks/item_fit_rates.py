"""How often item fit raises an alarm, false or true: ``python -m benchmarks.item_fit_rates``.

With ``sets=200``, ``persons=1000``, ``items=20``, ``categories=2`` (2PL; more are GRM), ``draws=40``, ``backend=pyro``,
``method=laplace``, ``seed=1``. Each set is drawn from the model; then one item, of a = 2 and b = 1, is guessed right by
one in four who would fail it (a lower asymptote; with two categories alone); or of two items the second repeats the
first for three persons in ten.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
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
from irtbridge.model.spec import ModelSpec

DEFAULTS: dict[str, Any] = {
    "sets": 200,
    "persons": 1000,
    "items": 20,
    "categories": 2,
    "draws": 40,
    "backend": "pyro",
    "method": "laplace",
    "seed": 1,
}
LEVEL, GUESSED, REPEATED = 0.05, 0.25, 0.3
GUESSED_ITEM = 2.0, 1.0  # its discrimination and difficulty
PRIORS = {"discrimination": "LogNormal(0, 0.3)", "difficulty": "Normal(0, 1)", "threshold": "OrderedNormal(0, 1)"}
FAR = float(stats.norm.ppf(1 - LEVEL / 2))
Array = NDArray[np.float64]
Planted = tuple[Responses, list[int]]


def item_alarms(fit: Fit, draws: int) -> pd.DataFrame:
    """Whether each item is beyond the level by each statistic; NaN where it has none."""
    table = fit.item_fit(draws=draws)
    p = {name: below(table[f"{name}_p"]) for name in ("s_x2", "pv_q1")}
    z = {f"{name}_z": (table[f"{name}_z"].abs() > FAR).astype(float) for name in ("infit", "outfit")}
    ppp = {f"{name}_ppp": two_sided(table[f"{name}_ppp"]) for name in ("infit", "outfit")}
    groups = fit.item_residuals(draws=draws).xs(1, level="group")
    return pd.DataFrame(p | z | ppp | {"lowest score group": two_sided(groups["ppp"])})


def pair_alarms(fit: Fit, draws: int) -> pd.DataFrame:
    """Whether each pair of items is beyond the level by each statistic."""
    table = fit.local_dependence(draws=draws).sort_index()
    chi_square = pd.Series(stats.chi2.sf(table["ld_x2"], table["ld_df"]), index=table.index)
    return pd.DataFrame(
        {
            "q3_z": (table["q3_z"].abs() > FAR).astype(float),
            "q3_ppp": two_sided(table["q3_ppp"]),
            "ld_ppp": below(table["ld_ppp"]),
            "ld_x2 by chi-square": below(chi_square),
        }
    )


def below(p: pd.Series[float]) -> pd.Series[float]:
    """1 where p is below the level; NaN where it is."""
    return (p < LEVEL).astype(float).where(p.notna())


def two_sided(p: pd.Series[float]) -> pd.Series[float]:
    """1 where a share of replicates above is in either tail."""
    return ((p < LEVEL / 2) | (p > 1 - LEVEL / 2)).astype(float)


def from_model(spec: ModelSpec, settings: Mapping[str, Any], seed: int) -> Planted:
    """Responses drawn from the model, and no item that misfits."""
    params, categories = drawn(spec, settings, seed)
    return simulate_responses(spec, params, categories, seed + 1), []


def with_guessing(spec: ModelSpec, settings: Mapping[str, Any], seed: int) -> Planted:
    """The same, of which the first item is steep, hard and guessed right by one in four who would fail it."""
    params, categories = drawn(spec, settings, seed)
    params["discrimination"][0], params["difficulty"][0] = GUESSED_ITEM
    data = simulate_responses(spec, params, categories, seed + 1)
    rng, values = np.random.default_rng(seed), data.values.copy()
    values[(values[:, 0] == 0) & (rng.uniform(size=data.n_persons) < GUESSED), 0] = 1
    return replace(data, values=values), [0]


def with_dependence(spec: ModelSpec, settings: Mapping[str, Any], seed: int) -> Planted:
    """The same, of which the item of middle mean repeats the next easier one for some, and the places of both."""
    data, _ = from_model(spec, settings, seed)
    rng, values = np.random.default_rng(seed), data.values.copy()
    order = values.mean(axis=0).argsort(kind="stable")
    second, first = (int(place) for place in order[data.n_items // 2 : data.n_items // 2 + 2])
    repeats = rng.uniform(size=data.n_persons) < REPEATED
    values[repeats, second] = values[repeats, first]
    return replace(data, values=values), [first, second]


def drawn(spec: ModelSpec, settings: Mapping[str, Any], seed: int) -> tuple[dict[str, Array], list[int]]:
    """True parameters, and the number of categories of each item."""
    categories = [settings["categories"]] * settings["items"]
    return simulate_parameters(spec, settings["persons"], categories, seed), categories


def study(settings: Mapping[str, Any]) -> pd.DataFrame:
    """Rates, a row for each condition and statistic, with their standard errors over data sets."""
    binary = settings["categories"] == 2
    name = "2pl" if binary else "grm"
    spec = build_model(name)
    spec = build_model(name, **{prior: PRIORS[prior] for prior in spec.names if prior in PRIORS})
    how = {key: settings[key] for key in ("backend", "method", "seed")}
    conditions = {"true model": from_model, "dependent pair": with_dependence}
    rates: dict[tuple[str, str, str], list[float]] = {}
    for condition, planted in (conditions | ({"guessed item": with_guessing} if binary else {})).items():
        seeds = [seed_of(settings["seed"], number) for number in range(settings["sets"])]
        fits = fit_many((planted(spec, settings, seed)[0] for seed in seeds), spec, **how)
        for seed, fit in zip(seeds, fits, strict=True):
            _, places = planted(spec, settings, seed)
            for key, rate in of_fit(fit, places, settings["draws"]).items():
                rates.setdefault((condition, *key), []).append(rate)
    return summary(rates)


def of_fit(fit: Fit, places: Sequence[int], draws: int) -> dict[tuple[str, str], float]:
    """Shares of alarms among planted and other items and pairs, by whom and statistic."""
    items, pairs = item_alarms(fit, draws), pair_alarms(fit, draws)
    labels = [fit.responses.items[place] for place in places]
    odd_items = items.index.isin(labels)
    in_pair = np.array([sum(label in labels for label in pair) for pair in pairs.index])
    odd_pairs = in_pair == 2 if len(labels) == 2 else np.zeros(len(pairs), dtype=bool)
    found: dict[tuple[str, str], float] = {("all", "m2"): float(fit.overall_fit()["p"].iloc[0] < LEVEL)}
    for table, odd in ((items, odd_items), (pairs, odd_pairs)):
        found |= shares("planted", table[odd]) | shares("others", table[~odd])
    return found


def shares(who: str, alarms: pd.DataFrame) -> dict[tuple[str, str], float]:
    """Share of alarms by each statistic, where there is anybody."""
    return {(who, str(name)): float(rate) for name, rate in alarms.mean().items()} if len(alarms) else {}


def summary(rates: Mapping[tuple[str, str, str], Sequence[float]]) -> pd.DataFrame:
    """Means over the data sets and their standard errors."""
    rows: dict[tuple[str, str, str], dict[str, float]] = {}
    for key, each in rates.items():
        known: Array = np.array(each)[~np.isnan(each)]
        rows[key] = {"rate": known.mean(), "se": known.std(ddof=1) / np.sqrt(len(known)), "sets": len(known)}
    frame = pd.DataFrame.from_dict(rows, orient="index")
    frame.index = pd.MultiIndex.from_tuples(rows, names=["condition", "items", "statistic"])
    return frame


def main(words: Sequence[str]) -> int:
    """Run the study and print its table."""
    return print_study(study, words, DEFAULTS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
