"""Would the model make data like mine? Replicated responses, and posterior predictive p-values of any statistic.

For other statistics that need a predictive reference::

    source = predictive(posterior, draws=200, seed=0)     # a Posterior to replicate from, each row one person
    observed = responses_of(source)                       # (person, item), NaN where missing: what a statistic takes
    for at, replicate in replicated(source, seed=0):      # at: a Posterior of one draw; replicate: as `observed`
        ...
    p = mid_p(observed_statistic, replicated_statistics)  # (...), (draw, ...) -> share of replicates above, ties halved

or all of it at once with ``predict(posterior, statistic)``, where a statistic maps responses (person, item), and if it
takes two arguments the Posterior of one draw, to an array. One draw at a time is in memory, and of what it takes to
draw it a slice of the persons.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from irtbridge.assess.posterior import Posterior, layout_of
from irtbridge.inference.abilities import draw_abilities
from irtbridge.plugin.options import check_number, check_seed

Array = NDArray[np.float64]
Statistic = Callable[..., ArrayLike]
DRAWS = 200
CELLS = 1 << 17  # persons times items times categories at once: 1 MiB of doubles
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


def predict(
    posterior: Posterior, statistic: Statistic, draws: int = DRAWS, seed: int = 0, *, expand: bool = True
) -> Predicted:
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
    expand : bool
        As in `predictive`.
    """
    source = predictive(posterior, draws, seed, expand=expand)
    data, both = responses_of(source), takes_parameters(statistic)

    def of(responses: Array, *at: Posterior) -> Array:
        return np.asarray(statistic(responses, *at), dtype=float)

    observed, there = [] if both else [of(data)], []
    for at, replicate in replicated(source, seed):
        observed += [of(data, at)] if both else []
        there.append(of(replicate, *([at] if both else [])))
    return Predicted(np.stack(observed), np.stack(there))


def predictive(posterior: Posterior, draws: int = DRAWS, seed: int = 0, *, expand: bool = True) -> Posterior:
    """A posterior to replicate data from.

    Of a point estimate the abilities are drawn at it from their conditional distribution, so that predictive p-values
    condition on the item parameters alone.

    Parameters
    ----------
    posterior : Posterior
        Of a fit.
    draws : int
        Draws at even distances; of a point estimate, draws of the abilities.
    seed : int
        Seed of abilities that are drawn anew.
    expand : bool
        Whether a row that stands for several persons becomes as many, each with an ability of its own.

    Raises
    ------
    ConfigError
        There are no draws, or the seed is none.
    """
    check_number("draws", draws)
    check_seed(seed)
    responses = posterior.responses.expanded() if expand else posterior.responses
    if responses is posterior.responses and not posterior.point:
        return posterior.thinned(draws)
    posterior.check_integrable("prediction from a point estimate or for weighted rows", "method='nuts' and long data")
    layout = layout_of(posterior.spec, responses)
    at = np.zeros(draws, dtype=int) if posterior.point else np.arange(posterior.thinned(draws).n_draws)
    params = {name: value[at] for name, value in posterior.thinned(draws).params.items()}
    abilities = draw_abilities(layout, {name: value[None] for name, value in params.items()}, responses, seed)
    return Posterior(layout, responses, params, abilities[0])


def replicated(source: Posterior, seed: int = 0) -> Iterator[tuple[Posterior, Array]]:
    """For each draw, the draw and responses (person, item) drawn from it; NaN where the data are missing."""
    rng, missing = np.random.default_rng([seed, 2]), ~source.responses.observed
    family, dims, exists = source.spec.family, source.spec.dims, source.layout.exists
    for at in one_by_one(source):
        drawn = np.empty(missing.shape)
        for rows in slices(source):
            drawn[rows] = family.draw(rng, at.with_abilities(at.abilities[:, rows]), dims, exists)[0]
        drawn[missing] = np.nan
        yield at, drawn


def slices(source: Posterior) -> list[slice]:
    """Persons in order, so many at a time that an array (person, item, category) of them stays in a cache."""
    persons, cells = source.responses.n_persons, source.responses.n_items * source.layout.exists.shape[1]
    size = max(1, CELLS // cells)
    return [slice(start, start + size) for start in range(0, persons, size)]


def one_by_one(source: Posterior) -> Iterator[Posterior]:
    """Each draw as a posterior of one draw."""
    for row in range(source.n_draws):
        yield source.at_draws(np.array([row]))


def responses_of(source: Posterior) -> Array:
    """Responses (person, item) as numbers, categories by their codes; NaN where missing."""
    return np.where(source.responses.observed, source.responses.values, np.nan)


def mid_p(observed: ArrayLike, replicates: ArrayLike) -> Array:
    """Share of replicates (draw, ...) above the observed (...), ties halved; NaN where either is not defined."""
    above = np.asarray(replicates) - np.asarray(observed)
    return np.asarray(((np.sign(above) + 1) / 2).mean(axis=0))


def takes_parameters(statistic: Statistic) -> bool:
    """Whether it is a discrepancy, a function of responses and parameters: it needs two arguments."""
    arguments = inspect.signature(statistic).parameters.values()
    return sum(a.default is a.empty and a.kind in (a.POSITIONAL_ONLY, a.POSITIONAL_OR_KEYWORD) for a in arguments) > 1
