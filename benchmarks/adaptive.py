"""Adaptive tests against others' and against each other: ``python -m benchmarks.adaptive``.

With ``case=all`` (or ``simulation``, ``bandit``, ``mean_score``), ``persons=0`` (each case's own number),
``repeats=3``, ``seed=1``.

``simulation``: 5,000 persons, 20 items of a bank of 500, 2PL, maximum information, EAP on 61 nodes; Python mirt's CAT
engine, compiled and in NumPy, and catsim where they are installed. ``bandit``: 10,000 persons, 18 items of 3,290, a
simulated vocabulary test, beside our own maximum information; the largest exposure is tuned to .45 (tuning is not
timed). ``mean_score``: banks of 100 3PL items, 50 items at most, a test that would end at a standard error of .1: how
far the predicted mean score on the whole bank is from the true one, by number of items, beside items at random.
Processor seconds are the least of the repeats, on one thread if ``OMP_NUM_THREADS`` and ``RAYON_NUM_THREADS`` say so;
errors behind +- are one Monte Carlo standard error.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import irtbridge as irt
from benchmarks.words import with_defaults
from irtbridge.adaptive.selection import Bandit, MaxInfo, Random
from irtbridge.adaptive.simulation.metrics import max_exposure
from irtbridge.bank.item_bank import ItemBank
from irtbridge.calibration.vocabulary import vocabulary
from irtbridge.errors import IRTBridgeError, UnknownName
from irtbridge.results.accuracy import mcse

Array = NDArray[np.float64]
DEFAULTS: dict[str, Any] = {"case": "all", "persons": 0, "repeats": 3, "seed": 1}
NODES = 61
ITEMS = 20
TARGET = 0.45  # largest exposure, under half of what maximum information has: everybody's first item
CHUNKS, CHUNK, LENGTHS = 5, 100, (10, 20, 30, 40, 50)
CATSIM_PERSONS = 100  # at 16 ms or more each

Timed = tuple[float, Any]


def bank_of(model: str, **params: Array) -> ItemBank:
    """A bank of known parameters; abilities are standard normal."""
    table = pd.DataFrame(params, index=pd.Index([f"q{i + 1}" for i in range(len(params["difficulty"]))], name="item"))
    return ItemBank.load(table.reset_index(), model)


def drawn(n_items: int, seed: int, model: str = "2pl") -> ItemBank:
    """Items with discriminations LogNormal(0, .3) and standard normal difficulties; guessing Beta(5, 17) of a 3PL."""
    rng = np.random.default_rng([seed, n_items])
    params = {"discrimination": rng.lognormal(0, 0.3, n_items), "difficulty": rng.normal(size=n_items)}
    return bank_of(model, **params, **({"lower": rng.beta(5, 17, n_items)} if model == "3pl" else {}))


def least(run: Callable[[], Any], repeats: int) -> Timed:
    """The least processor seconds of several runs, and what the last one gave."""
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        found = run()
        seconds.append(time.process_time() - start)
    return min(seconds), found


def error(estimate: Array, truth: Array) -> tuple[float, float]:
    """RMSE and its Monte Carlo error."""
    squared = (estimate - truth) ** 2
    rmse = float(np.sqrt(squared.mean()))
    return rmse, mcse(squared) / (2 * rmse)


def simulation(persons: int, repeats: int, seed: int) -> pd.DataFrame:
    """Seconds and RMSE, a row for each contestant."""
    bank, ability = drawn(500, seed), np.random.default_rng([seed, 2]).normal(size=persons or 5000)
    contestants: dict[str, tuple[str, Callable[[], Array], Array]] = {
        "irtbridge": ("", lambda: ours(bank, ability, seed), ability),
        "mirt, compiled": ("mirt", lambda: mirts(bank, ability, seed, True), ability),
        "mirt, NumPy": ("mirt", lambda: mirts(bank, ability, seed, False), ability),
        "catsim": ("catsim", lambda: catsims(bank, ability[:CATSIM_PERSONS]), ability[:CATSIM_PERSONS]),
    }
    rows: dict[str, dict[str, Any]] = {}
    for name, (library, run, truth) in contestants.items():
        if library and find_spec(library) is None:
            rows[name] = {"note": f"not installed: {library}"}
            continue
        seconds, estimate = least(run, repeats)
        rmse, wrong = error(estimate, truth)
        rows[name] = {"persons": len(truth), "s for 5,000": seconds * 5000 / len(truth), "RMSE": rmse, "+-": wrong}
    table = pd.DataFrame.from_dict(rows, orient="index")
    table.insert(2, "ratio", table["s for 5,000"] / table.loc["irtbridge", "s for 5,000"])
    return table.fillna({"note": ""}) if "note" in table else table


def ours(bank: ItemBank, ability: Array, seed: int) -> Array:
    """Estimates; the grid and the tables of the bank are made anew."""
    found = irt.simulate_adaptive(bank, stop=f"items={ITEMS}", abilities=ability, nodes=NODES, seed=seed)
    return found.sessions.estimate[:, 0]


def mirts(bank: ItemBank, ability: Array, seed: int, compiled: bool) -> Array:
    """Estimates of mirt's CAT engine."""
    from mirt.cat import CATEngine
    from mirt.models import TwoParameterLogistic

    model = TwoParameterLogistic(bank.n_items)
    model.set_parameters(**{name: value[0] for name, value in bank.at_mean.params.items()})
    model._is_fitted = True
    how = {"se_threshold": 1e-6, "max_items": ITEMS, "n_quadpts": NODES, "seed": seed}
    found = CATEngine(model, "MFI", "SE", **how).run_batch_simulation(ability, use_rust=compiled)
    return np.array([each.theta for each in found])


def catsims(bank: ItemBank, ability: Array) -> Array:
    """Estimates of catsim's simulator (0.21)."""
    from catsim import ItemBank as Items
    from catsim.estimation import NumericalSearchEstimator
    from catsim.initialization import FixedPointInitializer
    from catsim.selection import MaxInfoSelector
    from catsim.simulation import Simulator
    from catsim.stopping import TestLengthStopper

    known = {name: value[0] for name, value in bank.at_mean.params.items()}
    ends = np.zeros(bank.n_items), np.ones(bank.n_items)
    run = Simulator(Items(np.column_stack([known["discrimination"], known["difficulty"], *ends])), ability)
    stop = TestLengthStopper(max_items=ITEMS)
    run.simulate(FixedPointInitializer(0), MaxInfoSelector(), NumericalSearchEstimator(), stop)
    return np.array([each[-1] for each in run.estimations])


def bandit(persons: int, repeats: int, seed: int) -> pd.DataFrame:
    """Seconds, largest exposure and RMSE of the bandit and of maximum information on a simulated vocabulary test."""
    bank, number = vocabulary("yes_no", 3290, seed).bank(), persons or 10_000
    rules: dict[str, tuple[Any, float | None]] = {
        "max_info": (MaxInfo(), None),
        "bandit": (Bandit(), TARGET),
        "bandit, gamma alone": (Bandit(lots=False), TARGET),
        "random": (Random(), None),
    }
    rows = {}
    for name, (rule, target) in rules.items():
        own = irt.AdaptiveTest(bank, rule, stop="items=18", exposure=target).selection
        how = {"persons": number, "stop": "items=18", "seed": seed}
        seconds, found = least(lambda own=own, how=how: irt.simulate_adaptive(bank, own, **how), repeats)
        sessions = found.sessions
        rmse, wrong = error(sessions.estimate[:, 0], sessions.truth[:, 0])
        gamma = getattr(getattr(own, "inner", own), "gamma", np.nan)
        rows[name] = {"gamma": gamma, "s": seconds, "RMSE": rmse, "+-": wrong, "max exposure": max_exposure(sessions)}
    table = pd.DataFrame.from_dict(rows, orient="index")
    for column in ("s", "RMSE"):
        table[f"{column} ratio"] = table[column] / table.loc["max_info", column]
    return table


def mean_score(persons: int, repeats: int, seed: int) -> pd.DataFrame:
    """Mean absolute error of the predicted mean score on a chunk, by number of items, over all chunks."""
    number, errors = persons or 2000, {}
    for rule in ("max_info", "random"):
        parts = []
        for chunk in range(CHUNKS):
            bank = drawn(CHUNK, seed + chunk, "3pl")
            found = irt.simulate_adaptive(
                bank, rule, persons=number, stop=f"se<.1 or items={max(LENGTHS)}", seed=seed + chunk
            )
            true = bank.moments(found.sessions.truth[:, 0])[0][0].mean(axis=1)
            parts.append(np.abs(found.sessions.scores[:, np.array(LENGTHS) - 1] - true[:, None]))
        errors[rule] = np.concatenate(parts)
    gain = errors["random"] - errors["max_info"]
    columns = {rule: each.mean(axis=0) for rule, each in errors.items()}
    columns |= {"gain": gain.mean(axis=0), "+-": np.array([mcse(each) for each in gain.T])}
    return pd.DataFrame(columns, index=pd.Index(LENGTHS, name="items"))


CASES: dict[str, Callable[[int, int, int], pd.DataFrame]] = {
    "simulation": simulation,
    "bandit": bandit,
    "mean_score": mean_score,
}


def main(words: Sequence[str]) -> int:
    """Run the cases asked for and print their tables."""
    try:
        settings: Mapping[str, Any] = with_defaults(words, DEFAULTS)
        case = settings["case"]
        if case not in ("all", *CASES):
            raise UnknownName("case", case, ("all", *CASES))
        for name in CASES if case == "all" else [case]:
            table = CASES[name](settings["persons"], settings["repeats"], settings["seed"])
            print(f"{name}\n{table.to_string(float_format='%.4f')}\n", flush=True)
    except IRTBridgeError as wrong:
        print(f"benchmarks: error: {wrong}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
