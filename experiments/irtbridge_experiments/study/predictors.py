"""What items are calibrated by: AutoIRT, and what it is held against.

Each takes the responses that are seen, the features of all items, and a seed, and gives draws of all items' parameters.
The two-parameter models are one model with one prior, that of `irtbridge.calibration.residual`, whose mean is the same
for all items (`two_pl`), linear in features (`explanatory`), or what a grader says (`calibrate`): rows of a table
differ in nothing else.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from formulaic import model_matrix
from numpy.typing import NDArray
from scipy.special import expit

import irtbridge as irt
from irtbridge.bank.item_bank import ItemBank
from irtbridge.calibration.abilities import Grid
from irtbridge.calibration.answers import Answers
from irtbridge.calibration.calibrate import calibrate
from irtbridge.calibration.curves import Curves
from irtbridge.calibration.kept import kept
from irtbridge.calibration.mcem import BURN, FIRST
from irtbridge.calibration.residual import Sampler
from irtbridge.data.responses import Responses
from irtbridge.errors import ConfigError, IRTBridgeWarning

Array = NDArray[np.float64]
DRAWS = 200
WORTH = 2.0  # responses that the mean grade of all items counts for, in an item's own


@dataclass(frozen=True, eq=False)
class Seen:
    """What a predictor may know.

    Attributes
    ----------
    responses : Responses
        Of all persons and items; what is to be predicted is missing.
    formula : str
        Which features are linear predictors, and how.
    seed : int
    """

    responses: Responses
    formula: str
    seed: int

    @property
    def features(self) -> pd.DataFrame:
        """Of the items."""
        assert self.responses.item_data is not None
        return self.responses.item_data

    @property
    def answers(self) -> Answers:
        """The responses as a list."""
        return Answers.of(self.responses, self.responses.items)


@dataclass(frozen=True, eq=False)
class Predicted:
    """What a predictor says.

    Attributes
    ----------
    probs : ndarray, shape (person, item)
        Probability of the upper category.
    items : DataFrame
        A row for each item: ``difficulty``, ``log_discrimination``, and ends of their 95 % intervals, ``_low`` and
        ``_high``; no columns of a predictor without a model.
    tells_apart : bool
        Whether items without responses differ in what is predicted of them.
    """

    probs: Array
    items: pd.DataFrame
    tells_apart: bool = True


def mean(seen: Seen) -> Predicted:
    """The mean grade of an item's responses, with that of all for a few more."""
    answers = seen.answers
    right = np.bincount(answers.item, answers.code, minlength=answers.n_items)
    grade = (right + WORTH * answers.code.mean()) / (answers.per_item + WORTH)
    probs = np.broadcast_to(grade, seen.responses.observed.shape)
    return Predicted(probs, pd.DataFrame(index=list(seen.responses.items)), tells_apart=False)


def two_pl(seen: Seen) -> Predicted:
    """The 2PL, items drawn from one normal distribution, which is estimated."""
    found = _sampled(seen, np.ones((seen.responses.n_items, 1)))
    return Predicted(found.probs, found.items, tells_apart=False)


def explanatory(seen: Seen) -> Predicted:
    """The 2PL whose difficulties and log discriminations are linear in the features, with residuals."""
    return _sampled(seen, design(seen.formula, seen.features))


def explanatory_fit(seen: Seen, method: str = "nuts", **settings: Any) -> Predicted:
    """The same in the language's own words, as `irtbridge.fit` says and fits it, with the catalogue's priors."""
    options = {"difficulty_on": seen.formula, "discrimination_on": seen.formula}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", IRTBridgeWarning)
        fit = irt.fit(seen.responses, "2pl", method=method, model_options=options, seed=seen.seed, **settings)
    return of_bank(ItemBank.of(fit.posterior), seen)


def autoirt(seen: Seen, **settings: Any) -> Predicted:
    """`irtbridge.calibrate` with these settings."""
    bank = calibrate(seen.responses, None, "2pl", start="jump", seed=seen.seed, **settings)
    return of_bank(bank, seen)


PREDICTORS: Mapping[str, Callable[..., Predicted]] = {
    each.__name__: each for each in (mean, two_pl, explanatory, explanatory_fit, autoirt)
}


def design(formula: str, features: pd.DataFrame) -> Array:
    """Columns of a formula, (item, column), the first of ones, the others standardised.

    Raises
    ------
    ConfigError
        A column that is not there, or that is the same for all items, or no column of ones.
    """
    try:
        columns = np.asarray(model_matrix(formula, features), dtype=float)
    except Exception as error:
        raise ConfigError(f"formula {formula!r} over features {', '.join(map(str, features))}: {error}") from error
    spread = columns[:, 1:].std(axis=0)
    if not np.all(columns[:, :1] == 1) or not np.all(spread > 0):
        raise ConfigError(f"formula {formula!r}: its first column must be 1 of every item, and each other one vary.")
    return np.column_stack([np.ones(len(columns)), ((columns[:, 1:] - columns[:, 1:].mean(axis=0)) / spread)])


def of_bank(bank: ItemBank, seen: Seen) -> Predicted:
    """What a bank's draws say: mean curves of the items, and persons' posteriors under these."""
    return _predicted(np.asarray(bank.params["discrimination"]), np.asarray(bank.params["difficulty"]), seen)


def _sampled(seen: Seen, predictors: Array) -> Predicted:
    """From the posterior of items whose prior means are linear in predictors."""
    rng, sampler = np.random.default_rng(seen.seed), Sampler(seen.answers, Curves(), predictors)
    state = sampler.begin()
    for settled in sampler.sweeps(state, FIRST + BURN, rng, adapt=True):
        state = settled
    states = kept(sampler, state, DRAWS, rng)
    known = seen.answers.per_item > 0
    items = np.where(known[:, None], np.stack([each.items for each in states]), sampler.predicted(states, rng))
    a, b, _ = Curves().natural(Curves().clipped(items))
    return _predicted(a, b[..., 0], seen)


def _predicted(a: Array, b: Array, seen: Seen) -> Predicted:
    """Of draws (draw, item) of discriminations and difficulties."""
    grid = Grid.normal()
    curves = np.mean([_curves(*draw, grid.nodes) for draw in zip(a, b, strict=True)], axis=0)
    probs = grid.posterior(seen.answers, np.log(curves)) @ curves[..., 1]
    named = {"difficulty": b, "log_discrimination": np.log(a)}
    columns = {name: draws.mean(axis=0) for name, draws in named.items()}
    for name, draws in named.items():
        columns[f"{name}_low"], columns[f"{name}_high"] = ends(draws)
    return Predicted(probs, pd.DataFrame(columns, index=list(seen.responses.items)))


def ends(draws: Array) -> Array:
    """Lower and upper end of 95 % intervals, (end, item), of draws (draw, item).

    Order statistic k of n draws has k / (n + 1) of the distribution below it, on average (Weibull 1939): of 200 draws
    NumPy's default quantiles would hold 94 %.
    """
    return np.asarray(np.quantile(draws, [0.025, 0.975], axis=0, method="weibull"))


def _curves(a: Array, b: Array, nodes: Array) -> Array:
    """Probability of each of two categories, (node, item, category)."""
    x = a * (nodes[:, None] - b)
    return np.stack([expit(-x), expit(x)], axis=-1)
