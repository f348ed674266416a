"""Responses of which few were observed, held at their observed entries alone: what was not asked takes no memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from irtbridge.data.kinds import CATEGORIES, MISSING, as_values
from irtbridge.data.responses import Responses
from irtbridge.errors import DataError

# The whole matrix is made where it has no more cells: as double-precision numbers 0.5 GiB.
MOST_CELLS = 2**26
# A larger table of the long form stays sparse if no more than this share was observed.
MOST_OBSERVED = 0.25


@dataclass(frozen=True, eq=False, repr=False)
class SparseResponses(Responses):
    """Category codes of a sparse matrix; all else as `Responses` has it.

    Parameters
    ----------
    values : scipy.sparse.csr_array, shape (person, item)
        Codes ``0 .. K_i - 1`` at the observed entries, zeros stored.

    Raises
    ------
    DataError
        As `Responses`; and where the whole matrix, `values` or `observed`, is asked for and has more than `MOST_CELLS`.
    """

    @property  # type: ignore[misc]
    def values(self) -> NDArray[Any]:
        """The whole matrix, -1 where missing, as long as it is small."""
        entries = self.stored
        if np.prod(entries.shape) > MOST_CELLS:
            raise DataError(_too_large(entries))
        whole = np.full(entries.shape, MISSING, dtype=entries.dtype)
        rows = np.repeat(np.arange(entries.shape[0]), np.diff(entries.indptr))
        whole[rows, entries.indices] = entries.data
        return whole

    @values.setter
    def values(self, given: Any) -> None:
        self.__dict__["_entries"] = given

    @property
    def stored(self) -> sparse.csr_array:
        held: sparse.csr_array = self.__dict__["_entries"]
        return held

    entries = stored

    @property
    def answered(self) -> dict[str, NDArray[np.int64]]:
        entries = self.stored
        counts = np.bincount(entries.indices, minlength=entries.shape[1])
        return {"person": np.diff(entries.indptr).astype(np.int64), "item": counts.astype(np.int64)}

    def __repr__(self) -> str:
        entries = self.stored
        return f"SparseResponses({self.name!r}, {entries.nnz:,} responses, persons by items {entries.shape})"

    def blank(self) -> Responses:
        return self.with_values(sparse.csr_array(self.stored.shape, dtype=self.stored.dtype))

    def only(self, kept: NDArray[np.bool_]) -> Responses:
        entries = self.stored
        ends = np.append(0, np.cumsum(kept))[entries.indptr].astype(entries.indptr.dtype)
        return self.with_values(sparse.csr_array((entries.data[kept], entries.indices[kept], ends), entries.shape))

    def _as_values(self) -> sparse.csr_array:
        given = self.stored
        if not isinstance(given, sparse.csr_array) or self.kind != CATEGORIES:
            raise DataError(
                "sparse responses are category codes in a scipy.sparse.csr_array; load_responses() makes it."
            )
        if not given.nnz:
            raise DataError("sparse responses need at least one observed response.")
        given = given.sorted_indices()
        codes = as_values(CATEGORIES, given.data[None])[0]
        return sparse.csr_array((codes, given.indices.astype(np.int32), given.indptr), shape=given.shape)

    def _by_item(self) -> Iterator[NDArray[Any]]:
        by_item = self.stored.tocsc()
        return iter(np.split(by_item.data, by_item.indptr[1:-1]))

    def _parts(self) -> tuple[NDArray[Any], ...]:
        return self.stored.indptr, self.stored.indices, self.stored.data


def _too_large(entries: sparse.csr_array) -> str:
    persons, items = entries.shape
    share, gib = entries.nnz / (persons * items), 8 * persons * items / 2**30
    return (
        f"{persons:,} persons by {items:,} items, of which {share:.0%} were observed, would take {gib:.1f} GiB as a "
        "whole matrix of numbers; method=jmle with priors=true (of 1pl, 2pl, lfm, and m2pl with normal slopes) takes "
        "the observed responses alone; else take fewer persons or items, by select and select_items."
    )
