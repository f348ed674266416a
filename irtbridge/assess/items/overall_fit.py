"""Does the model fit as a whole? M2* and C2 of limited information, with RMSEA, SRMSR, CFI and TLI."""

from __future__ import annotations

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
    distribution is chi-square for any estimate that is consistent, so at a posterior mean too.

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
        Responses are no categories, nobody answered every item, abilities' priors differ by person, there are too many
        items, or as many parameters as moments.
    UnknownName
        There is no such statistic.
    """
    if statistic not in MODES:
        raise UnknownName("statistic of overall fit", statistic, MODES)
    posterior.check_categories(statistic, "local_dependence()")
    rows = complete_rows(posterior, statistic)
    _check(posterior, statistic)
    at, number = posterior.at_mean, float(posterior.weights[rows].sum())
    expected = expected_moments(at, statistic)
    codes = posterior.responses.values[rows]
    x2, rank = quadratic_form(expected, _observed(codes, posterior, rows, expected), jacobian(at, expected), number)
    df = len(expected.values) - rank
    if df < 1:
        instead = "overall_fit(statistic='C2')" if statistic == "M2*" else "local_dependence()"
        raise StatisticError(
            f"{statistic}: the {posterior.responses.n_items} items have {len(expected.values)} moments and the model "
            f"{rank} parameters that they tell, which leaves no degree of freedom; use {instead}."
        )
    below = np.tril_indices(posterior.responses.n_items, -1)
    here, there = _correlations(codes, posterior.weights[rows])[below], expected.correlations[below]
    lower, upper = rmsea_interval(x2, df, number)
    null, null_df = number * np.nansum(here**2), np.sum(~np.isnan(here))
    binary = posterior.layout.n_categories.max() == 2
    row = {
        "statistic": x2,
        "df": df,
        "p": float(stats.chi2.sf(x2, df)),
        "rmsea": float(rmsea(np.asarray(x2), np.asarray(df), number)),
        "rmsea_lower": lower,
        "rmsea_upper": upper,
        "srmsr": float(np.sqrt(np.nanmean((here - there) ** 2))),
        "cfi": comparative_fit(x2, df, float(null), int(null_df)),
        "tli": float((null / null_df - x2 / df) / (null / null_df - 1)),
        "n": int(number),
    }
    return pd.DataFrame(row, index=pd.Index(["M2" if binary else statistic], name="fit"))


def quadratic_form(expected: Moments, observed: Array, jacobian: Array, number: float) -> tuple[float, int]:
    """The statistic, and the rank of the Jacobian (Maydeu-Olivares & Joe 2006, eq. 2.11).

    ``N e' (W - W J (J' W J)^-1 J' W) e`` with ``W`` the inverse of the moments' covariance matrix: what of the
    standardised residuals is orthogonal to the directions in which the parameters move the moments.
    """
    try:
        factor = np.linalg.cholesky(covariance(expected))
    except np.linalg.LinAlgError:
        raise StatisticError(
            "the moments of these responses depend on one another: a category that hardly anybody is expected in; "
            "use local_dependence() or join categories."
        ) from None
    standard = linalg.solve_triangular(factor, np.column_stack([observed - expected.values, jacobian]), lower=True)
    residual, directions = standard[:, 0], standard[:, 1:]
    directions = directions / np.maximum(np.linalg.norm(directions, axis=0), np.finfo(float).tiny)
    basis, sizes, _ = np.linalg.svd(directions, full_matrices=False)
    rank = int(np.sum(sizes > RANK * sizes[0]))
    return number * float(residual @ residual - np.sum((basis[:, :rank].T @ residual) ** 2)), rank


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
    if posterior.layout.by_person:
        raise StatisticError(
            f"{statistic} compares the moments of one population; in model {posterior.spec.name!r} the abilities' "
            "prior differs by person (groups, regression). Fit one group, or use local_dependence()."
        )


def _observed(codes: NDArray[np.int64], posterior: Posterior, rows: NDArray[np.intp], like: Moments) -> Array:
    """The data's moments, in the order of the expected ones."""
    share = posterior.weights[rows] / posterior.weights[rows].sum()
    first = share @ np.column_stack([like.function(codes[:, owner], number) for number, owner in enumerate(like.owner)])
    products = (share[:, None] * codes).T @ codes
    return np.concatenate([first, products[like.pairs]])


def _correlations(codes: NDArray[np.int64], weights: Array) -> Array:
    """Of the items' codes; NaN with an item that everybody answered alike."""
    covariances = np.cov(codes.T, aweights=weights, ddof=0)
    spread = np.sqrt(np.diag(covariances))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(covariances / np.multiply.outer(spread, spread))
