"""Simulation-based calibration: is the truth where the posterior says, as often as it says?

Parameters are drawn from the prior, responses from the parameters; over many such data sets the rank of the true value
among the posterior's draws is uniform if, and only if, simulation, prior, likelihood and sampler are of one model
(Talts et al. 2018). Each data set gives one number for each variable, so that a variable's numbers are
independent:

- of a variable the rank of a weighted mean over its elements, first over the categories of each item, then over the
  items, so that an item counts the same whatever its number of categories: what moves all elements the same way adds
  up. The weights are drawn anew for each data set, so that an exchange of elements shows too. Where traits are
  exchangeable their order means nothing, and their sum takes the place of each;
- the rank of the log likelihood, which depends on the data as well: it shows a posterior that left some out, which no
  rank of a parameter can (Modrák et al. 2023).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from irtbridge.data.kinds import CATEGORIES
from irtbridge.data.responses import Responses
from irtbridge.errors import ConfigError
from irtbridge.fitting.fitted import Fit
from irtbridge.inference.importance import K_HAT_LIMIT
from irtbridge.many import fit_many, seed_of
from irtbridge.model import catalogue as models
from irtbridge.model.density import log_likelihood
from irtbridge.model.layout import Layout
from irtbridge.model.simulate import simulate_parameters, simulate_responses
from irtbridge.model.spec import ModelSpec
from irtbridge.plugin.program import Progress, silent
from irtbridge.results.inference_data import reported
from irtbridge.testing.cases import Case

Array = NDArray[np.float64]
Fits = Callable[[Sequence[Responses], ModelSpec, int], Iterable[Fit]]
LIKELIHOOD = "log likelihood"
RANKED = 25  # draws, so few that they are nearly independent, whatever the method; a finer rank tells hardly more
FALSE_ALARM = 1e-3
EVENNESS = 4.0  # of Dirichlet weights: a mean of n elements is as good as one of 4/5 n with equal weights

FEW_NODES = 21  # enough for so few responses of categories; of counts one alone may tell as much as a long test
BINARY, UNEQUAL, EQUAL, NUMBERS = (2, 2, 2), (2, 2, 5), (4, 4, 4), (1, 1, 1)
TESTLETS = (0, 0, 1, 1)
TWO_TRAITS = ((1, 0), (1, 0), (0, 1), (0, 1))
CALIBRATED: dict[str, Case] = {
    case.name: case
    for case in (
        Case("1pl", models.one_pl, BINARY),
        Case("2pl", models.two_pl, BINARY),
        Case("3pl", models.three_pl, BINARY),
        Case("4pl", models.four_pl, BINARY),
        Case("m2pl", models.m2pl, (2,) * 4),
        Case("lfm", lambda: models.lfm(discrimination="LogNormal(0, 0.5)"), (2,) * 4),  # else a sign is open
        Case("m2pl-correlated", lambda: models.m2pl(q_matrix=TWO_TRAITS, correlated=True), (2,) * 4),
        Case("grm", models.graded, UNEQUAL),
        Case("pcm", models.partial_credit, UNEQUAL),
        Case("gpcm", models.generalized_partial_credit, UNEQUAL),
        Case("rsm", models.rating_scale, EQUAL),
        Case("nominal", models.nominal, UNEQUAL),
        Case("sequential", models.sequential, UNEQUAL),
        Case("beta", models.beta_irt, NUMBERS),
        Case("ordered_beta", models.ordered_beta, NUMBERS),
        Case("poisson", lambda: models.poisson_counts(difficulty="Normal(0, 1)"), NUMBERS),
        Case("bifactor", lambda: models.bifactor(groups=TESTLETS), (2,) * 4),
        Case("testlet", lambda: models.testlet(groups=TESTLETS), (2,) * 4),
    )
}


def calibrate(case: Case, backend: str, *, sets: int = 48, persons: int = 6, seed: int = 1) -> pd.DataFrame:
    """The short form, for a test: seconds for each model.

    With few persons the prior weighs as much as the data, and a fault in either shows soonest.

    Parameters
    ----------
    case : Case
        One of `CALIBRATED`, or of your own.
    backend : str
        Its name.
    sets, persons : int
        Data sets, and persons in each.
    seed : int
        Of all.

    Returns
    -------
    DataFrame
        Of `verdict`; over all of `CALIBRATED` together the probability of a false alarm is `FALSE_ALARM` at most.
    """
    found = ranks(case, range(sets), quick_fits(backend), persons=persons, seed=seed)
    return verdict(found, FALSE_ALARM / len(CALIBRATED))


def simulated(case: Case, persons: int, seed: int, number: int) -> tuple[dict[str, Array], Responses]:
    """Parameters drawn from a case's prior, and responses from them: data set `number`."""
    rng = np.random.default_rng([seed, number, _code(case.name)])
    params = simulate_parameters(case.spec, persons, case.n_categories, rng)
    return params, simulate_responses(case.spec, params, case.n_categories, rng, case.missing)


def _code(name: str) -> int:
    """A number for a name, so that two models do not get the same random numbers."""
    return zlib.crc32(name.encode())


def ranks(case: Case, numbers: Sequence[int], fits: Fits, *, persons: int, seed: int = 1) -> pd.DataFrame:
    """Rank of the truth among the draws, for each data set and variable.

    Parameters
    ----------
    case : Case
        A model, the categories of its items, and how much is missing.
    numbers : sequence of int
        Numbers of the data sets; each number and `seed` give one data set.
    fits : callable
        Of the data sets, the spec and a seed: `quick_fits`, or one that calls `irtbridge.fit_many`.
    persons : int
        In each data set.
    seed : int
        Of data sets and fits.

    Returns
    -------
    DataFrame
        Columns model, set, variable, and u: (rank + a uniform number) / (draws + 1), uniform on (0, 1) if calibrated.
    """
    spec = case.spec
    truths, data = zip(*(simulated(case, persons, seed, number) for number in numbers), strict=True)
    rows = []
    for number, truth, fit in zip(numbers, truths, fits(data, spec, seed_of(seed, numbers[0])), strict=True):
        rng = np.random.default_rng([seed, number, _code(case.name), 1])
        rows += [
            {"model": case.name, "set": number, "variable": variable, "u": _rank(values, rng)}
            for variable, values in _quantities(fit, truth, rng).items()
        ]
    return pd.DataFrame(rows)


def quick_fits(backend: str, progress: Progress = silent) -> Fits:
    """Draws that are exact up to Monte Carlo error, as soon as possible: just enough of them for a rank.

    `laplace` where its k-hat vouches for the weights, else a short chain of `nuts_collapsed`. No data set is left out:
    those with a high k-hat are not like the others.
    """

    def fits(data: Sequence[Responses], spec: ModelSpec, seed: int) -> list[Fit]:
        nodes = FEW_NODES if spec.family.kind == CATEGORIES else 0
        how: dict[str, Any] = {"backend": backend, "seed": seed, "n_nodes": nodes}
        done = list(fit_many(data, spec, method="laplace", draws=200, fallback="none", progress=progress, **how))
        doubtful = [i for i, fit in enumerate(done) if not fit.pareto_k <= K_HAT_LIMIT]
        chains: dict[str, Any] = {"chains": 1, "warmup": 50, "draws": 2 * RANKED}
        again = fit_many([data[i] for i in doubtful], spec, method="nuts_collapsed", **chains, **how)
        for i, fit in zip(doubtful, again, strict=True):
            done[i] = fit
        return done

    return fits


def verdict(ranks: pd.DataFrame, false_alarm: float = FALSE_ALARM) -> pd.DataFrame:
    """Whether ranks are uniform: a row for each model and variable.

    The normal scores of u are standard normal if calibrated. Their mean says whether the posterior lies too low or too
    high, their sum of squares whether it is too narrow or too wide.

    Parameters
    ----------
    ranks : DataFrame
        Of `ranks`, several models one below the other.
    false_alarm : float
        Probability that any row at all is called uncalibrated although all are calibrated, at most (Bonferroni).

    Returns
    -------
    DataFrame
        Columns model, variable, sets; the mean of u, below 1/2 where the posterior lies too high; ``z of mean`` and
        ``z of spread``, positive where the posterior is too narrow; p of both; calibrated.
    """
    groups = ranks.groupby(["model", "variable"], sort=False)["u"]
    rows = [{"model": model, "variable": variable, **_uniformity(u.to_numpy())} for (model, variable), u in groups]
    return pd.DataFrame(rows).assign(calibrated=lambda table: table["p"] >= false_alarm / len(table))


def _uniformity(u: Array) -> dict[str, float]:
    scores = stats.norm.ppf(u)
    mean, squares = float(np.sqrt(len(u)) * scores.mean()), float(np.sum(scores**2))
    lower, upper = stats.chi2.cdf(squares, len(u)), stats.chi2.sf(squares, len(u))
    spread = float(stats.norm.isf(upper) if upper < lower else stats.norm.ppf(lower))
    p = min(1.0, 2 * 2 * float(stats.norm.sf(max(abs(mean), abs(spread)))))
    return {"sets": len(u), "mean of u": float(u.mean()), "z of mean": mean, "z of spread": spread, "p": p}


def _quantities(fit: Fit, truth: Mapping[str, Array], rng: np.random.Generator) -> dict[str, Array]:
    """Each variable's number (1 + draw,): at the truth first, then at each of some draws."""
    spec, draws = fit.spec, _some_draws(fit)
    layout = Layout.of(spec, fit.responses)
    params, numbers = {}, {}
    for name, (dims, true) in reported(layout, truth).items():
        params[name] = np.concatenate([true[None], draws[name]])
        numbers[name] = _weighted_mean(params[name], [_exchangeable(spec, dim) for dim in dims], rng)
    each = ({name: value[i] for name, value in params.items()} for i in range(1 + RANKED))
    likelihoods = [log_likelihood(layout, point, fit.responses).sum() for point in each]
    return numbers | {LIKELIHOOD: np.array(likelihoods)}


def _some_draws(fit: Fit) -> dict[str, Array]:
    """Draws (draw, ...) of each variable, at even distances in all chains."""
    posterior = fit.idata.posterior.stack(sample=("chain", "draw")).transpose("sample", ...)
    count = posterior.sizes["sample"]
    if count < RANKED:
        raise ConfigError(f"{count} draws are too few for a rank; at least {RANKED}, and no point estimate.")
    chosen = np.linspace(0, count - 1, RANKED).astype(int)
    return {str(name): value.values for name, value in posterior.isel(sample=chosen).data_vars.items()}


def _weighted_mean(values: Array, even: Sequence[bool], rng: np.random.Generator) -> Array:
    """Means (n,) of arrays (n, ...), one axis after another from the last, NaN left out.

    Weights are random, Dirichlet, but the same in all n; equal along the axes that are `even`.
    """
    for same in reversed(even):
        size = values.shape[-1]
        weights = np.ones(size) if same else rng.dirichlet(np.full(size, EVENNESS))
        values = np.nansum(weights * values, axis=-1) / np.sum(weights * ~np.isnan(values), axis=-1)
    return values


def _exchangeable(spec: ModelSpec, dim: str) -> bool:
    """Whether nothing but their order tells the elements of a dim apart: traits that all load on all items."""
    slope = spec.family.discrimination
    return dim.startswith("trait") and slope is not None and spec[slope].free is None


def _rank(values: Array, rng: np.random.Generator) -> float:
    """Position of the first value among the others, anywhere among those that equal it."""
    true, draws = values[0], values[1:]
    below, tied = np.sum(draws < true), np.sum(draws == true)
    return float((below + rng.uniform() * (tied + 1)) / (len(draws) + 1))
