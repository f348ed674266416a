"""Responses as a file for another process: NumPy's npz without pickle, in which labels of any text stay as they are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from irtbridge.data.files import write_atomic
from irtbridge.data.kinds import CATEGORIES, KINDS
from irtbridge.data.responses import Responses
from irtbridge.data.sparse_responses import SparseResponses

SPARSE = ("entries", "columns", "starts")


def write_responses(path: Path, responses: Responses) -> Path:
    """Write responses, with all that belongs to them, whole or not at all.

    Parameters
    ----------
    path : Path
        Ends in ``.npz``.
    responses : Responses
        What is written.

    Raises
    ------
    ResultsError
        The path cannot be written.
    """
    others = responses.described() | {"notes": list(responses.notes)}
    # NumPy's own text cuts zero characters off at the end.
    arrays: dict[str, Any] = arrays_of(responses) | {"others": np.frombuffer(json.dumps(others).encode(), np.uint8)}
    return write_atomic(path, lambda target: np.savez(target, **arrays))


def read_responses(path: Path) -> Responses:
    """Read responses from a file of `write_responses`."""
    with np.load(path, allow_pickle=False) as stored:
        return with_arrays(json.loads(stored["others"].tobytes()), stored)


def arrays_of(responses: Responses) -> dict[str, NDArray[Any]]:
    """The values as plain arrays by name, category codes in as few bytes as they need; of a sparse matrix three."""
    if isinstance(responses, SparseResponses):
        entries = responses.entries
        return {"entries": _small(responses, entries.data), "columns": entries.indices, "starts": entries.indptr}
    return {"values": _small(responses, responses.values)}


def with_arrays(described: Mapping[str, Any], arrays: Any) -> Responses:
    """Responses from `Responses.described` and a mapping with `arrays_of`."""
    if "values" in arrays:
        return Responses.from_dict({**described, "values": np.asarray(arrays["values"])})
    codes, columns, starts = (np.asarray(arrays[name]) for name in SPARSE)
    shape = (len(described["persons"]), len(described["items"]))
    values = sparse.csr_array((codes.astype(KINDS[CATEGORIES]), columns, starts), shape=shape)
    return SparseResponses.from_dict({**described, "values": values})


def _small(responses: Responses, values: NDArray[Any]) -> NDArray[Any]:
    smallest = np.min_scalar_type(-responses.max_categories) if responses.kind == CATEGORIES else values.dtype
    return values.astype(smallest)
