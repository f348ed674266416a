"""Would the model make data like mine? Replicated responses, and posterior predictive p-values of any statistic.

For other statistics that need a predictive reference::

    source = predictive(posterior, draws=200, seed=0)   # a Posterior to replicate from, each row one person
    observed = responses_of(source)                     # (person, item), NaN where missing: what a statistic takes
    for at, replicate in replicated(source, seed=0):    # at: a Posterior of one draw; replicate: as `observed`
        ...
    p = mid_p(observed_statistic, replicated_statistics)  # (...), (draw, ...) -> share of replicates above, ties halved

or all of it at once with ``predict(posterior, statistic)``, where a statistic maps responses (person, item), and if it
takes two arguments the Posterior of one draw, to an array. One draw at a time is in memory.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from irtbridge.assess.posterior import Posterior, layout_of
from irtbridge.inference.abilities import draw_abilities

Array = NDArray[np.float64]
Statistic = Callable[..., ArrayLike]
DRAWS = 200
# A predictive p-value beyond these says poor fit (McClure 2023).
POOR = (0.10, 0.90)
INTERVAL = (0.025, 0.975)


@dataclass(frozen=True, eq=False)
class Predicted:
    """A statistic of the data and of replicated data.

    Attributes
    ----------
    observed : ndarray, shape (1, ...) or (draw, ...)
        Of the data; at each draw, where the statistic depends on parameters.
    replicated : ndarray, shape (draw, ...)
        Of the replicated data.
    """

    observed: Array
    replicated: Array

    @property
    def p(self) -> Array:
        """Posterior predictive p-values (...): the share of replicates above the observed, ties halved."""
        return mid_p(self.observed, self.replicated)

    def table(self, index: pd.Index | None = None) -> pd.DataFrame:
        """Columns observed, predicted, lower, upper (95 % of replicates), ppp and flag; a row for each element.

        A statistic that is not defined, of the data or of a replicate, has p NaN and no flag.
        """
        lower, upper = np.quantile(self.replicated, INTERVAL, axis=0)
        columns = {
            "observed": self.observed.mean(axis=0),
            "predicted": self.replicated.mean(axis=0),
            "lower": lower,
            "upper": upper,
            "ppp": self.p,
        }
        frame = pd.DataFrame({name: np.ravel(value) for name, value in columns.items()}, index=index)
        return frame.assign(flag=(frame["ppp"] < POOR[0]) | (frame["ppp"] > POOR[1]))


def predict(posterior: Posterior, statistic: Statistic, draws: int = DRAWS, seed: int = 0) -> Predicted:
    """A statistic of the data and of data replicated from the posterior (Rubin 1984; Gelman, Meng & Stern 1996).

    Parameters
    ----------
    posterior : Posterior
        Of a fit.
    statistic : callable
        ``T(responses)``, or a discrepancy ``T(responses, at)``, with responses (person, item), NaN where missing, and
        `at` the `Posterior` of one draw.
    draws : int
        Draws to replicate from, at even distances.
    seed : int
        Seed of the replication.
    """
    source = predictive(posterior, draws, seed)
    of = _with_parameters(statistic)
    data = responses_of(source)
    fixed = None if takes_parameters(statistic) else of(data, source)
    pairs = [
        (of(data, at) if fixed is None else fixed, of(replicate, at)) for at, replicate in replicated(source, seed)
    ]
    observed = [here for here, _ in pairs] if fixed is None else [fixed]
    return Predicted(np.stack(observed), np.stack([there for _, there in pairs]))


def predictive(posterior: Posterior, draws: int = DRAWS, seed: int = 0) -> Posterior:
    """A posterior to replicate data from: thinned, each row one person.

    A row that stands for several persons becomes as many, each with an ability of its own. Of a point estimate the
    abilities are drawn at it from their conditional distribution: predictive p-values condition on the item parameters.
    """
    if posterior.responses.weights is None and not posterior.point:
        return posterior.thinned(draws)
    if posterior.point:
        params = {name: np.repeat(value, draws, axis=0) for name, value in posterior.params.items()}
    else:
        params = dict(posterior.thinned(draws).params)
    posterior.check_integrable("prediction from a point estimate or for weighted rows", "method='nuts' and long data")
    responses = posterior.responses.expanded()
    layout = layout_of(posterior.spec, responses)
    by_chain = {name: value[None] for name, value in params.items()}
    return Posterior(layout, responses, params, draw_abilities(layout, by_chain, responses, seed)[0])


def replicated(source: Posterior, seed: int = 0) -> Iterator[tuple[Posterior, Array]]:
    """For each draw, the draw and responses (person, item) drawn from it; NaN where the data are missing."""
    rng = np.random.default_rng([seed, 2])
    family, dims, exists = source.spec.family, source.spec.dims, source.layout.exists
    missing = ~source.responses.observed
    for at in one_by_one(source):
        drawn = family.draw(rng, at.with_abilities(at.abilities), dims, exists)[0].astype(float)
        drawn[missing] = np.nan
        yield at, drawn


def one_by_one(source: Posterior) -> Iterator[Posterior]:
    """Each draw as a posterior of one draw."""
    for row in range(source.n_draws):
        params = {name: value[row : row + 1] for name, value in source.params.items()}
        yield replace(source, params=params, abilities=source.abilities[row : row + 1])


def responses_of(source: Posterior) -> Array:
    """Responses (person, item) as numbers, categories by their codes; NaN where missing."""
    return np.where(source.responses.observed, source.responses.values, np.nan)


def mid_p(observed: ArrayLike, replicates: ArrayLike) -> Array:
    """Share of replicates (draw, ...) above the observed (...), ties halved; NaN where either is not defined."""
    above = np.asarray(replicates) - np.asarray(observed)
    return np.asarray(((np.sign(above) + 1) / 2).mean(axis=0))


def takes_parameters(statistic: Statistic) -> bool:
    """Whether it is a discrepancy, a statistic of responses and parameters."""
    return len(inspect.signature(statistic).parameters) > 1


def _with_parameters(statistic: Statistic) -> Callable[[Array, Posterior], Array]:
    both = takes_parameters(statistic)

    def of(responses: Array, at: Posterior) -> Array:
        value: Any = statistic(responses, at) if both else statistic(responses)
        return np.asarray(value, dtype=float)

    return of
