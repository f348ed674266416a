"""How many factors: those with more variance than factors of unrelated items have (Horn 1965)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import linalg

from irtbridge.data.load import load_responses
from irtbridge.data.responses import Responses
from irtbridge.errors import StatisticError
from irtbridge.inference.spectral_start import standardised
from irtbridge.plugin.options import check_number, check_seed, check_share

Array = NDArray[np.float64]
DENSE = 400  # persons or items, up to which all singular values are had sooner than some


def parallel_analysis(
    data: Any, *, most: int = 8, replications: int = 50, level: float = 0.95, seed: int = 0
) -> pd.DataFrame:
    """Eigenvalues of the items' correlations beside those of the same responses, shuffled within each item.

    Correlations are those of the codes (phi, of items of two categories), so that a factor of difficulty may show
    where items differ much in it. Shuffled responses keep each item's distribution and who answered it. What is missing
    counts as the item's mean, in the data and shuffled alike.

    Parameters
    ----------
    data : Responses, DataFrame, path or name of a data set
        As of `irtbridge.fit`.
    most : int
        Factors looked at.
    replications : int
        How often the responses are shuffled.
    level : float
        Quantile of the shuffled eigenvalues that a factor must exceed (Glorfeld 1995; Horn took their mean).
    seed : int
        Of the shuffles.

    Returns
    -------
    DataFrame
        Index ``factor``, 1, 2, ...; columns ``eigenvalue``, ``shuffled_mean``, ``shuffled_limit`` and ``retained``:
        whether it and all factors before it exceed the limit. The number of factors is the sum of ``retained``.

    Raises
    ------
    StatisticError
        As many factors as items or persons.
    ConfigError
        Numbers out of range.
    """
    check_seed(seed)
    check_number("most", most)
    check_number("replications", replications)
    check_share("level", level)
    responses = load_responses(data).expanded()
    if most >= min(responses.values.shape):
        raise StatisticError(f"most={most}: fewer factors than items and persons ({min(responses.values.shape)}).")
    rng = np.random.default_rng(seed)
    found = _eigenvalues(responses, most)
    shuffled = np.array([_eigenvalues(_shuffled(responses, rng), most) for _ in range(replications)])
    limit = np.quantile(shuffled, level, axis=0)
    retained = np.logical_and.accumulate(found > limit)
    columns = {"eigenvalue": found, "shuffled_mean": shuffled.mean(axis=0), "shuffled_limit": limit}
    return pd.DataFrame(columns | {"retained": retained}, index=pd.RangeIndex(1, most + 1, name="factor"))


def _eigenvalues(responses: Responses, most: int) -> Array:
    """The largest eigenvalues of the correlations, largest first."""
    scores = standardised(responses) / np.sqrt(responses.n_persons)
    if min(scores.shape) <= DENSE:
        small = scores.toarray() if scores.shape[0] >= scores.shape[1] else scores.toarray().T
        return np.asarray(np.linalg.eigvalsh(small.T @ small)[::-1][:most])
    return np.sort(linalg.svds(scores, most, return_singular_vectors=False, random_state=0))[::-1] ** 2


def _shuffled(responses: Responses, rng: np.random.Generator) -> Responses:
    """Each item's responses among those who answered it, in another order."""
    values = responses.values.copy()
    for item, observed in enumerate(responses.observed.T):
        values[observed, item] = rng.permutation(values[observed, item])
    return responses.with_values(values)
