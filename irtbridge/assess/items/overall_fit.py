"""Does the model fit as a whole? M2* and C2 of limited information, with RMSEA, SRMSR, CFI and TLI."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import linalg, optimize, stats

from irtbridge.assess.items.limited_information import MODES, Moments, covariance, expected_moments, jacobian
from irtbridge.assess.items.s_x2 import complete_rows, rmsea
from irtbridge.assess.posterior import Posterior
from irtbridge.errors import StatisticError, UnknownName

Array = NDArray[np.float64]
MOST_MOMENTS = 10_000  # their covariance matrix takes 0.8 GB
# Singular values below this share of the largest are rounding of central differences (1e-9), not directions.
RANK = 1e-7


def overall_fit(posterior: Posterior, statistic: str = "C2") -> pd.DataFrame:
    """Limited-information fit at the posterior mean, over the persons who answered every item.

    A statistic of the first and second moments of the responses (Maydeu-Olivares & Joe 2006): its reference
    distribution is chi-square for any estimate that is consistent, so at a posterior mean too. Where the abilities'
    distribution differs by group, it is the sum over groups, which share parameters.

    Parameters
    ----------
    posterior : Posterior
        Of a fit.
    statistic : str
        ``C2`` (Cai & Monroe 2014): proportions of categories, and mean products of two items' codes. ``M2*`` (Cai &
        Hansen 2013): mean codes and mean products. Both are M2 where all items have two categories.

    Returns
    -------
    DataFrame
        One row, called as the statistic. Columns:

        ``statistic``, ``df``, ``p``
            Of the chi-square test.
        ``rmsea``, ``rmsea_lower``, ``rmsea_upper``
            With its 90 % interval by the noncentral chi-square.
        ``srmsr``
            Root mean square of observed less expected correlations of codes.
        ``cfi``, ``tli``
            Against the model of independent items.
        ``n``
            Persons who answered every item: the others have no part in it.

    Raises
    ------
    StatisticError
        Responses are no categories, nobody answered every item, abilities depend on covariates, there are too many
        items, or as many parameters as moments.
    UnknownName
        There is no such statistic.
    """
    if statistic not in MODES:
        raise UnknownName("statistic of overall fit", statistic, MODES)
    posterior.check_categories(statistic, "local_dependence()")
    rows = complete_rows(posterior, statistic)
    _check(posterior, statistic)
    at = posterior.at_mean
    parts = [_of_population(posterior, at, own, statistic) for own in _populations(posterior, rows)]
    number, moments = sum(part.number for part in parts), sum(len(part.standard) for part in parts)
    x2, rank = quadratic_form(np.concatenate([part.standard for part in parts]))
    df = moments - rank
    if df < 1:
        instead = "overall_fit(statistic='C2')" if statistic == "M2*" else "local_dependence()"
        raise StatisticError(
            f"{statistic}: the {posterior.responses.n_items} items have {moments} moments and the model "
            f"{rank} parameters that they tell, which leaves no degree of freedom; use {instead}."
        )
    lower, upper = rmsea_interval(x2, df, number)
    null = sum(part.number * np.nansum(part.observed**2) for part in parts)
    null_df = sum(np.sum(~np.isnan(part.observed)) for part in parts)
    away = [np.nanmean((part.observed - part.expected) ** 2) for part in parts]
    binary = posterior.layout.n_categories.max() == 2
    row = {
        "statistic": x2,
        "df": df,
        "p": float(stats.chi2.sf(x2, df)),
        "rmsea": float(rmsea(np.asarray(x2), np.asarray(df), number)),
        "rmsea_lower": lower,
        "rmsea_upper": upper,
        "srmsr": float(np.sqrt(np.average(away, weights=[part.number for part in parts]))),
        "cfi": comparative_fit(x2, df, float(null), int(null_df)),
        "tli": float((null / null_df - x2 / df) / (null / null_df - 1)),
        "n": int(number),
    }
    return pd.DataFrame(row, index=pd.Index(["M2" if binary else statistic], name="fit"))


class Part(NamedTuple):
    """Of the persons of one population.

    Attributes
    ----------
    standard : ndarray, shape (moment, 1 + coordinate)
        Observed less expected moments and their derivatives, in standard errors.
    observed, expected : ndarray, shape (pair,)
        Correlations of codes.
    number : float
        Persons.
    """

    standard: Array
    observed: Array
    expected: Array
    number: float


def _populations(posterior: Posterior, rows: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    """Those of the persons who have one prior: all, or by group."""
    if not posterior.layout.by_person:
        return [rows]
    codes = posterior.responses.group_codes[rows]
    return [rows[codes == code] for code in np.unique(codes)]


def _of_population(posterior: Posterior, at: Posterior, rows: NDArray[np.intp], statistic: str) -> Part:
    """Moments of some persons, all of the first one's population."""
    codes, weights = posterior.responses.values[rows], posterior.weights[rows]
    # Of groups: the model over one person of the group, whose prior is that of the others.
    own = at.of_rows(slice(rows[0], rows[0] + 1)) if at.layout.by_person else at
    expected, number = expected_moments(own, statistic), float(weights.sum())
    away = _observed(codes, weights / number, expected) - expected.values
    standard = _standardised(expected, np.column_stack([away, jacobian(own, expected)])) * np.sqrt(number)
    below = np.tril_indices(codes.shape[1], -1)
    return Part(standard, _correlations(codes, weights)[below], expected.correlations[below], number)


def _standardised(expected: Moments, columns: Array) -> Array:
    """Columns of moments of one person in the units of their covariance matrix's factor."""
    try:
        factor = np.linalg.cholesky(covariance(expected))
    except np.linalg.LinAlgError:
        raise StatisticError(
            "the moments of these responses depend on one another: a category that hardly anybody is expected in; "
            "use local_dependence() or join categories."
        ) from None
    return np.asarray(linalg.solve_triangular(factor, columns, lower=True))


def quadratic_form(standard: Array) -> tuple[float, int]:
    """The statistic, and the rank of the Jacobian (Maydeu-Olivares & Joe 2006, eq. 2.11).

    ``N e' (W - W J (J' W J)^-1 J' W) e`` with ``W`` the inverse of the moments' covariance matrix: what of the
    standardised residuals is orthogonal to the directions in which the parameters move the moments. Of several groups
    the sum of the first terms, with one projection, as they share parameters.

    Parameters
    ----------
    standard : ndarray, shape (moment, 1 + coordinate)
        The residuals, then the directions, of all groups; see `Part`.
    """
    residual, directions = standard[:, 0], standard[:, 1:]
    directions = directions / np.maximum(np.linalg.norm(directions, axis=0), np.finfo(float).tiny)
    basis, sizes, _ = np.linalg.svd(directions, full_matrices=False)
    rank = int(np.sum(sizes > RANK * sizes[0]))
    return float(residual @ residual - np.sum((basis[:, :rank].T @ residual) ** 2)), rank


def comparative_fit(x2: float, df: int, null: float, null_df: int) -> float:
    """CFI (Bentler 1990): 1 less the noncentrality over that of the model of independent items; 1 where both are 0."""
    excess = max(x2 - df, 0.0)
    return 1.0 if excess == 0 else 1 - excess / max(excess, null - null_df)


def rmsea_interval(x2: float, df: int, number: float, level: float = 0.9) -> tuple[float, float]:
    """Interval of the RMSEA: noncentralities under which the statistic is as far out in either tail (Steiger 1990)."""

    def bound(tail: float) -> float:
        def excess(noncentrality: float) -> float:
            return float(stats.ncx2.cdf(x2, df, noncentrality)) - tail

        if stats.chi2.cdf(x2, df) < tail:
            return 0.0
        top = x2 + 10 * np.sqrt(x2 + df) + 10
        return float(np.sqrt(optimize.brentq(excess, 1e-12, top, xtol=1e-10) / (df * (number - 1))))

    return bound((1 + level) / 2), bound((1 - level) / 2)


def _check(posterior: Posterior, statistic: str) -> None:
    n = posterior.responses.n_items
    moments = n * (n - 1) // 2 + int(posterior.layout.n_categories.sum()) - n
    if n < 2 or moments > MOST_MOMENTS:
        raise StatisticError(
            f"{statistic} of {n} items needs the covariance of {moments:,} moments, and takes at most {MOST_MOMENTS:,} "
            "of two items or more; use local_dependence() or item_fit()."
        )
    if _regressed(posterior):
        raise StatisticError(
            f"{statistic} compares the moments of populations; in model {posterior.spec.name!r} the abilities' prior "
            "differs from person to person (regression). Fit groups, or use local_dependence()."
        )


def _regressed(posterior: Posterior) -> bool:
    """Whether the abilities' prior differs between persons of a group."""
    prior, dims = posterior.spec[posterior.ability].prior, posterior.spec.dims
    return bool(prior.predictors()) or any("person" in dims[name] for name in prior.references().values())


def _observed(codes: NDArray[np.int64], share: Array, like: Moments) -> Array:
    """The data's moments, in the order of the expected ones."""
    first = share @ np.column_stack([like.function(codes[:, owner], number) for number, owner in enumerate(like.owner)])
    products = (share[:, None] * codes).T @ codes
    return np.concatenate([first, products[like.pairs]])


def _correlations(codes: NDArray[np.int64], weights: Array) -> Array:
    """Of the items' codes; NaN with an item that everybody answered alike."""
    covariances = np.cov(codes.T, aweights=weights, ddof=0)
    spread = np.sqrt(np.diag(covariances))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(covariances / np.multiply.outer(spread, spread))
