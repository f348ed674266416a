"""Who answered oddly? Person fit by the likelihood of a response pattern and by its residuals."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from irtbridge.assess.items.residuals import cube_root_z
from irtbridge.assess.posterior import Posterior
from irtbridge.assess.predict import mid_p, one_by_one, predictive, slices
from irtbridge.data.kinds import CATEGORIES, MISSING
from irtbridge.model.density import category_log_probs
from irtbridge.plugin.options import check_share

Array = NDArray[np.float64]
Named = dict[str, Array]  # statistics by the name of their column
DRAWS = 100
# Of a central difference, whose own error is the square of the step, that of rounding 1e-16 over the step.
STEP = 1e-5


def person_fit(posterior: Posterior, draws: int = DRAWS, seed: int = 0, alpha: float = 0.05) -> pd.DataFrame:
    """Person fit, a row for each person.

    All but `ppp` is taken at the posterior means of parameters and abilities. Zh and lz* far below 0, and a small
    `ppp`, say that a pattern is less likely than the model expects of this ability.

    Parameters
    ----------
    posterior : Posterior
        Of a fit.
    draws : int
        Draws of the posterior predictive p-values, at even distances.
    seed : int
        Seed of their replicates.
    alpha : float
        Persons are flagged at this one-sided level.

    Returns
    -------
    DataFrame
        Index person; columns

        - ``n``: number of responses;
        - ``outfit``, ``outfit_z``, ``infit``, ``infit_z``: mean squares of residuals, 1 expected, and their normal
          deviates (Wright & Masters 1982, ch. 5), NaN of responses that are numbers;
        - ``zh``: standardised log likelihood (Drasgow, Levine & Williams 1985), as if the ability were known; of
          categories only;
        - ``lz_star``: the same, corrected for the estimated ability (Snijders 2001; Sinharay 2016); see `likelihoods`;
        - ``ppp``: posterior predictive p-value of the likelihood of the pattern (Glas & Meijer 2003);
        - ``flag``: whether lz* is below the normal quantile of `alpha`, or, where there is none, ppp below `alpha`;
        - ``note``: ``no response`` or ``one response``, of whom nothing can be said; ``lowest score`` and ``highest
          score``, whose responses have no order that could be odd.

    Raises
    ------
    ConfigError
        `alpha` is no probability, or there are no draws.
    """
    check_share("alpha", alpha)
    index = pd.Index(posterior.responses.persons, name="person")
    frame = pd.DataFrame(at_mean(posterior), index=index).assign(ppp=likelihood_p(posterior, draws, seed))
    frame[frame["n"] < 2] = np.nan
    p = np.where(frame["lz_star"].isna(), frame["ppp"], stats.norm.cdf(frame["lz_star"]))
    n = posterior.responses.observed.sum(axis=1)
    return frame.assign(n=n, flag=p < alpha, note=_notes(posterior, n))


def at_mean(posterior: Posterior) -> Named:
    """Statistics (person,) at the posterior mean of every parameter and ability, by name; see `person_fit`."""
    at, values, observed = posterior.at_mean, posterior.responses.values, posterior.responses.observed
    of = of_categories if posterior.spec.family.kind == CATEGORIES else of_numbers
    parts = [of(at, at.abilities[:, rows], values[rows], observed[rows]) for rows in slices(at)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def likelihood_p(posterior: Posterior, draws: int = DRAWS, seed: int = 0) -> Array:
    """Share of replicated patterns that are less likely than the observed one, shape (person,).

    Replicates have the abilities and parameters of each draw, and the missing responses of the data.
    """
    source = predictive(posterior, draws, seed, expand=False)
    rng, observed, values = np.random.default_rng([seed, 3]), source.responses.observed, source.responses.values
    family, dims, exists = source.spec.family, source.spec.dims, source.layout.exists
    below = np.zeros(len(values))
    for at in one_by_one(source):
        for rows in slices(source):
            params = at.with_abilities(at.abilities[:, rows])
            both = family.replicate(rng, values[rows], params, dims, exists)
            here, there = (np.sum(each[0], axis=1, where=observed[rows]) for each in both)
            below[rows] += mid_p(there, here[None])
    return below / source.n_draws


def of_categories(at: Posterior, abilities: Array, values: NDArray[np.int64], observed: NDArray[np.bool_]) -> Named:
    """Statistics of some persons whose responses are categories.

    Parameters
    ----------
    at : Posterior
        Of one draw.
    abilities : ndarray, shape (1, person) or (1, person, trait)
        Theirs.
    values, observed : ndarray, shape (person, item)
        Their responses, and where there are some.

    Returns
    -------
    dict of str to ndarray, shape (person,)
    """
    log_probs = _log_probs(at, abilities)
    probs, codes = np.exp(log_probs) * observed[..., None], np.arange(log_probs.shape[-1])
    mean = probs @ codes
    away = codes - mean[..., None]
    variance, fourth = np.sum(probs * away**2, axis=-1), np.sum(probs * away**4, axis=-1)
    squared = np.where(observed, (values - mean) ** 2, 0.0)
    return residuals(squared, variance, fourth, observed) | likelihoods(
        log_probs, _slopes(at, abilities), probs, np.where(observed, values, MISSING)
    )


def of_numbers(at: Posterior, abilities: Array, values: NDArray[np.float64], observed: NDArray[np.bool_]) -> Named:
    """As `of_categories`, of responses that are numbers: their residuals."""
    mean, variance = (each[0] for each in at.moments(abilities))
    squared = np.where(observed, (values - mean) ** 2, 0.0)
    none = np.full(len(values), np.nan)
    unknown = np.full(variance.shape, np.nan)
    return residuals(squared, np.where(observed, variance, 0.0), unknown, observed) | {"zh": none, "lz_star": none}


def residuals(squared: Array, variance: Array, fourth: Array, observed: NDArray[np.bool_]) -> Named:
    """Outfit and infit with their normal deviates (Wright & Masters 1982, ch. 5).

    Parameters
    ----------
    squared, variance, fourth : ndarray, shape (person, item)
        Squared residuals, and the second and fourth central moments of the responses; 0 where one is missing.
    observed : ndarray of bool, shape (person, item)
        Where there is a response.

    Returns
    -------
    dict of str to ndarray, shape (person,)
    """
    n = observed.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        one = np.where(observed, variance, 1.0)
        outfit = np.sum(squared / one, axis=1) / n
        infit = squared.sum(axis=1) / variance.sum(axis=1)
        q_outfit = np.sqrt(np.sum(fourth / one**2, axis=1) / n**2 - 1 / n)
        q_infit = np.sqrt(np.sum(fourth - variance**2, axis=1)) / variance.sum(axis=1)
        return {
            "n": n.astype(float),
            "outfit": outfit,
            "outfit_z": cube_root_z(outfit, q_outfit),
            "infit": infit,
            "infit_z": cube_root_z(infit, q_infit),
        }


def likelihoods(log_probs: Array, slopes: Array, probs: Array, values: NDArray[np.int64]) -> Named:
    """Zh and lz* (Snijders 2001; of several categories Sinharay 2016).

    The log likelihood W, minus what is expected at the ability, less its regression on the score S, the derivative of
    the log likelihood by the ability::

        lz* = (W - B' I^-1 S) / sqrt(Var W - B' I^-1 B),   B = Cov(W, S),   I = Var S

    It does not feel small errors of the ability, whatever estimate that is: of an estimate that solves S + r0 = 0 it is
    Snijders' W + c r0 over its standard deviation. Several traits have a vector S.

    Parameters
    ----------
    log_probs : ndarray, shape (person, item, category)
        Log probabilities at the abilities.
    slopes : ndarray, shape (person, item, category, trait)
        Their derivatives by each ability.
    probs : ndarray, shape (person, item, category)
        Probabilities; 0 where a response is missing.
    values : ndarray, shape (person, item)
        Codes of responses, -1 where missing.
    """
    shown = values[..., None] == np.arange(log_probs.shape[-1])
    log_probs = np.where(probs > 0, log_probs, 0.0)
    expected = np.sum(probs * log_probs, axis=-1)
    away = np.sum(log_probs, axis=(1, 2), where=shown) - expected.sum(axis=1)
    variance = np.sum(probs * log_probs**2, axis=(1, 2)) - np.sum(expected**2, axis=1)
    score = np.einsum("pik,pikt->pt", shown, slopes)
    weighted = probs[..., None] * slopes
    covariance = np.einsum("pik,pikt->pt", log_probs, weighted)
    information = np.einsum("piks,pikt->pst", slopes, weighted)
    regression = np.einsum("pst,pt->ps", np.linalg.pinv(information, hermitian=True), covariance)
    left = variance - np.sum(regression * covariance, axis=1)
    return {
        "zh": _ratio(away, variance),
        "lz_star": _ratio(away - np.sum(regression * score, axis=1), np.where(left > 1e-9 * variance, left, 0.0)),
    }


def _log_probs(at: Posterior, abilities: Array) -> Array:
    """Log probabilities (person, item, category) at abilities with a leading axis of length 1."""
    return np.asarray(category_log_probs(at.layout, at.with_abilities(abilities))[0])


def _slopes(at: Posterior, abilities: Array) -> Array:
    """Derivatives of the log probabilities by each ability, (person, item, category, trait); 0 where there are none."""
    steps = STEP * np.eye(len(at.traits)) if abilities.ndim == 3 else np.full((1,), STEP)
    above, below = (
        np.stack([np.where(at.layout.exists, _log_probs(at, abilities + sign * step), 0.0) for step in steps], axis=-1)
        for sign in (1, -1)
    )
    return np.asarray((above - below) / (2 * STEP))


def _ratio(statistic: Array, variance: Array) -> Array:
    """A statistic in its standard deviations; NaN where it cannot vary."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(variance > 0, statistic / np.sqrt(variance), np.nan))


def _notes(posterior: Posterior, n: NDArray[np.int64]) -> NDArray[np.object_]:
    """What is to be known of each person's numbers, shape (person,); mostly nothing."""
    values, observed = posterior.responses.values, posterior.responses.observed
    notes = np.full(len(n), "", dtype=object)
    if posterior.spec.family.kind == CATEGORIES:
        highest = posterior.responses.n_categories - 1
        notes[(~observed | (values == 0)).all(axis=1)] = "lowest score"
        notes[(~observed | (values == highest)).all(axis=1)] = "highest score"
    notes[n == 1] = "one response"
    notes[n == 0] = "no response"
    return notes
