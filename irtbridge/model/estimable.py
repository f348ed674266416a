"""Which items a conditional likelihood has finite estimates of."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from irtbridge.model.elementary_symmetric import informative

Codes = NDArray[np.int64]


def unestimable(values: Codes, n_categories: Codes) -> NDArray[np.bool_]:
    """Items whose conditional estimates are not finite, whatever the others are (Fischer 1981).

    The items must hang together: for any two of them a chain of persons leads from the one to the other and back, each
    of whom has points in the one item and lacks some in the next. Items outside the largest set that does are named.

    Parameters
    ----------
    values : ndarray, shape (person, item)
        Category codes, -1 where missing.
    n_categories : ndarray, shape (item,)
        Categories of each item.

    Returns
    -------
    ndarray of bool, shape (item,)
    """
    values = values[informative(values, n_categories)]
    got = (values > 0).astype(float)
    lacks = ((values >= 0) & (values < n_categories - 1)).astype(float)
    linked = got.T @ lacks
    np.fill_diagonal(linked, 0)
    _, part = sparse.csgraph.connected_components(sparse.csr_array(linked), directed=True, connection="strong")
    return np.asarray(part != np.bincount(part).argmax())


def unused(values: Codes, n_categories: Codes) -> NDArray[np.bool_]:
    """Which categories (item, category) nobody used whose score tells of the items; not those that an item lacks."""
    values = values[informative(values, n_categories)]
    codes = np.arange(int(n_categories.max()))
    given = (values[..., None] == codes).any(axis=0)
    return np.asarray(~given & (codes < n_categories[:, None]))
