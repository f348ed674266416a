"""Do responses depend on one another beyond the trait? Yen's Q3 and LD X2 for each pair of items."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from irtbridge.assess.items.population import population
from irtbridge.assess.items.residuals import residuals
from irtbridge.assess.posterior import Posterior
from irtbridge.assess.predict import one_by_one, predict, predictive, responses_of
from irtbridge.data.kinds import CATEGORIES
from irtbridge.errors import StatisticError

Array = NDArray[np.float64]
DRAWS = 40


def local_dependence(posterior: Posterior, draws: int = DRAWS, seed: int = 0) -> pd.DataFrame:
    """Q3 and LD X2 of each pair of items at the posterior mean, the worst pair first.

    Parameters
    ----------
    posterior : Posterior
        Of a fit.
    draws : int
        Draws of the predictive reference, at even distances.
    seed : int
        Seed of replicated responses.

    Returns
    -------
    DataFrame
        Index: the two items. Sorted by ``|q3_z|``. Columns:

        ``q3``, ``q3_predicted``, ``q3_z``, ``q3_ppp``
            Correlation of residuals at expected abilities (Yen 1984); its mean over replicated data, which is below 0;
            how many of its predictive standard deviations it lies from there; share of replicates above, near 0 where
            the items depend on each other, near 1 where they repel.
        ``ld_x2``, ``ld_df``, ``ld_z``, ``cramers_v``, ``ld_ppp``
            Pearson's X2 between the observed and expected table of the pair (Chen & Thissen 1997);
            ``(X2 - df) / sqrt(2 df)`` and Cramer's V with the sign of observed less expected correlation; share of
            replicates above. For responses in categories.

        Where abilities cannot be integrated out, residuals are at the abilities of the draws and `q3` is the mean.
        Pairs that nobody answered both items of have NaN.

    Raises
    ------
    StatisticError
        There is one item.
    """
    if posterior.responses.n_items < 2:
        raise StatisticError("local_dependence() is of pairs of items, and there is one item; use item_fit().")
    pairs = np.triu_indices(posterior.responses.n_items, 1)
    in_categories = posterior.spec.family.kind == CATEGORIES

    def statistics(responses: Array, at: Posterior) -> Array:
        of_q3 = q3(residuals(responses, at).residual)[pairs]
        return np.stack([of_q3, _ld_x2(*pair_tables(responses, at))[pairs]] if in_categories else [of_q3])

    reference = predict(posterior, statistics, draws, seed)
    at = next(one_by_one(predictive(posterior.at_mean, 1, seed)))
    judged_alike = posterior.layout.collapse is not None
    here = statistics(responses_of(at), at) if judged_alike else reference.observed.mean(axis=0)
    centre, spread = reference.replicated[:, 0].mean(axis=0), reference.replicated[:, 0].std(axis=0, ddof=1)
    columns = {"q3": here[0], "q3_predicted": centre, "q3_z": (here[0] - centre) / spread, "q3_ppp": reference.p[0]}
    if in_categories:
        columns |= _of_tables(at, pairs) | {"ld_ppp": reference.p[1]}
    names = np.asarray(posterior.responses.items)
    index = pd.MultiIndex.from_arrays([names[place] for place in pairs], names=["item", "with"])
    return pd.DataFrame(columns, index=index).sort_values("q3_z", key=np.abs, ascending=False, kind="stable")


def q3(residual: Array) -> Array:
    """Correlations (item, item) of residuals (person, item), over the persons who answered both."""
    answered = (~np.isnan(residual)).astype(float)
    if answered.all():
        return np.asarray(np.corrcoef(residual, rowvar=False))
    filled = np.nan_to_num(residual)
    number, sums, squares = answered.T @ answered, filled.T @ answered, (filled**2).T @ answered
    with np.errstate(invalid="ignore", divide="ignore"):
        covariance = filled.T @ filled - sums * sums.T / number
        spread = squares - sums**2 / number
        return np.asarray(covariance / np.sqrt(spread * spread.T))


def pair_tables(responses: Array, at: Posterior) -> tuple[Array, Array]:
    """Observed and expected counts of each pair of categories of each pair of items, of who answered both.

    Parameters
    ----------
    responses : ndarray, shape (person, item)
        NaN where missing.
    at : Posterior
        Of one draw.

    Returns
    -------
    observed, expected : ndarray, shape (item, item, category, category)
    """
    exists = at.layout.exists
    width = exists.shape[1]
    chosen = np.concatenate([responses == code for code in range(width)], axis=1).astype(np.float32)
    nodes, weights = population(at)
    by_node = at.category_probs(nodes)[0]
    # Counts up to 2**24 are exact in single precision; of more persons some at a time.
    parts = np.array_split(chosen, len(chosen) // 2**24 + 1)
    observed = np.sum([(part.T @ part).astype(float) for part in parts], axis=0)
    shape = (width, len(exists), width, len(exists))
    observed = observed.reshape(shape).transpose(1, 3, 0, 2)
    if at.layout.by_person:
        return observed, _expected_by_person(~np.isnan(responses), np.exp(at.nodes()[1][0]), by_node)
    probs = np.concatenate(np.moveaxis(by_node, -1, 0), axis=1)
    expected = (probs.T @ (weights[0][:, None] * probs)).reshape(shape).transpose(1, 3, 0, 2)
    return observed, observed.sum(axis=(2, 3), keepdims=True) * expected


def _expected_by_person(answered: NDArray[np.bool_], weights: Array, probs: Array) -> Array:
    """Expected tables where priors differ: who answered both items may be of another population than the rest.

    Parameters
    ----------
    answered : ndarray of bool, shape (person, item)
    weights : ndarray, shape (person, node)
        Prior of each person at the nodes.
    probs : ndarray, shape (node, item, category)
    """
    _, first, of_person = np.unique(np.packbits(answered, axis=1), axis=0, return_index=True, return_inverse=True)
    alike = sparse.csr_array((np.ones(len(answered)), (of_person.ravel(), np.arange(len(answered)))))
    patterns, persons = answered[first].astype(np.float32), (alike @ weights).astype(np.float32)
    tables = np.zeros((probs.shape[1], probs.shape[1], probs.shape[2], probs.shape[2]))
    for at_node, here in zip(probs, persons.T, strict=True):
        both = patterns.T @ (here[:, None] * patterns)
        tables += both[..., None, None] * np.multiply.outer(at_node, at_node).swapaxes(1, 2)
    return tables


def _ld_x2(observed: Array, expected: Array) -> Array:
    """Pearson's X2 of each pair of items; NaN where nobody answered both."""
    with np.errstate(invalid="ignore", divide="ignore"):
        x2 = np.nansum((observed - expected) ** 2 / expected, axis=(2, 3))
    return np.where(observed.any(axis=(2, 3)), x2, np.nan)


def _of_tables(at: Posterior, pairs: tuple[NDArray[np.intp], NDArray[np.intp]]) -> dict[str, Array]:
    observed, expected = pair_tables(responses_of(at), at)
    x2 = _ld_x2(observed, expected)[pairs]
    sign = np.sign(_correlation(observed) - _correlation(expected))[pairs]
    above = at.layout.n_categories - 1
    df = np.multiply.outer(above, above)[pairs]
    number = observed.sum(axis=(2, 3))[pairs]
    fewest = np.minimum.outer(above, above)[pairs]
    with np.errstate(invalid="ignore", divide="ignore"):
        v = sign * np.sqrt(x2 / (number * fewest))
    return {"ld_x2": x2, "ld_df": df, "ld_z": sign * (x2 - df) / np.sqrt(2 * df), "cramers_v": v}


def _correlation(tables: Array) -> Array:
    """Correlation of the codes in tables (..., category, category)."""
    codes = np.arange(tables.shape[-1])
    number = tables.sum(axis=(-2, -1))
    rows, columns = tables.sum(axis=-1), tables.sum(axis=-2)
    with np.errstate(invalid="ignore", divide="ignore"):
        x, y = rows @ codes / number, columns @ codes / number
        spread = (rows @ codes**2 / number - x**2) * (columns @ codes**2 / number - y**2)
        covariance = np.einsum("...kl,k,l->...", tables, codes, codes) / number - x * y
        return np.asarray(covariance / np.sqrt(spread))
