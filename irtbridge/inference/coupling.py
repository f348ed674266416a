"""What persons and items have in common, by its leading singular triplets.

In units in which each person's and each item's block of the joint information is the identity, the cross terms N are a
few smooth functions of both sides, with large singular values, and besides what single responses bring, whose singular
values fall with the size of the data. So the inverse of ``[[1, N], [N', 1]]`` needs no matrix of one side by itself:
with ``N = U S V' + E`` the persons' blocks of it are those of ``1 + N N' + U S^4 / (1 - S^2) U'``, up to terms of the
fourth order in E, and the items' likewise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Crossed = Callable[[], Iterator[tuple[slice, Array]]]
TRIPLETS = 12
PASSES, ROUGH = 3, 2  # over the cross terms, for standard errors (1 - S^2 needs all digits of S) and for units
OPEN = 1e-5  # least share of its information that a direction may keep, the others eliminated


@dataclass(frozen=True, eq=False)
class Coupling:
    """Cross terms in the units of the blocks.

    Attributes
    ----------
    roots : tuple of ndarray
        R of each person (person, trait, trait) and of each item (item, k, k): its block B becomes ``R B R' = 1``.
    crossed : callable
        Iterates over some persons at a time: which, and the cross terms (trait, k, person, item).
    left : ndarray, shape (person, trait, triplet)
        U.
    values : ndarray, shape (triplet,)
        S, the largest first.
    right : ndarray, shape (item, k, triplet)
        V.
    """

    roots: tuple[Array, Array]
    crossed: Crossed
    left: Array
    values: Array
    right: Array

    @classmethod
    def of(cls, persons: Array, items: Array, crossed: Crossed, passes: int) -> Coupling:
        """By subspace iteration from random directions (Halko, Martinsson & Tropp 2011)."""
        shape, size = (
            items.shape[:2],
            min(TRIPLETS, persons.shape[0] * persons.shape[1], items.shape[0] * items.shape[1]),
        )
        back = np.random.default_rng(0).standard_normal((*shape, size))
        for _ in range(passes):
            basis = np.linalg.qr(back.reshape(-1, size))[0].reshape(*shape, size)
            forth, back = _there_and_back(persons, items, crossed, basis)
        left, values, turn = np.linalg.svd(forth.reshape(-1, size), full_matrices=False)
        return cls((persons, items), crossed, left.reshape(forth.shape), values, basis @ turn.T)

    @classmethod
    def none(cls, persons: Array, items: Array) -> Coupling:
        """The blocks alone."""
        left, right = (np.zeros((*roots.shape[:2], 0)) for roots in (persons, items))
        return cls((persons, items), lambda: iter(()), left, np.zeros(0), right)

    @property
    def rest(self) -> float:
        """A bound of the singular values of E."""
        return float(self.values[-1])

    def spread(self, persons: Array, items: Array) -> tuple[Array, Array]:
        """Steps in units in which all but E is the identity, as steps of coordinates (person, trait), (item, k)."""
        steps = zip(self.roots, self._whitened(persons, items), strict=True)
        own, others = (np.einsum("ujk,uj->uk", root, x) for root, x in steps)
        return own, others

    def pull(self, persons: Array, items: Array) -> tuple[Array, Array]:
        """A gradient by coordinates as one by these units."""
        parts = zip(self.roots, (persons, items), strict=True)
        own, others = (np.einsum("ujk,uk->uj", root, x) for root, x in parts)
        return self._whitened(own, others)

    def _whitened(self, persons: Array, items: Array) -> tuple[Array, Array]:
        """The inverse root of ``[[1, N], [N', 1]]``, E left out, times a vector.

        Its eigenvectors are (U, V) and (U, -V) over the root of 2, with eigenvalues 1 + S and 1 - S.
        """
        own, others = (np.einsum("ukq,uk->q", u, x) for u, x in ((self.left, persons), (self.right, items)))
        more = ((1 + self.values) ** -0.5 - 1) * (own + others) / 2
        less = (np.maximum(1 - self.values, OPEN) ** -0.5 - 1) * (own - others) / 2
        return persons + self.left @ (more + less), items + self.right @ (more - less)

    def covariances(self) -> tuple[Array, Array]:
        """Blocks of the inverse of the information, persons' and items'.

        Raises
        ------
        LinAlgError
            It is singular.
        """
        left = 1 - self.values**2
        if not np.all(left > OPEN):
            raise np.linalg.LinAlgError("singular")
        squares, found = self._squares(), []
        for root, vectors, square in zip(self.roots, (self.left, self.right), squares, strict=True):
            turned = np.swapaxes(root, 1, 2)
            inside = root @ square @ turned + (vectors * (self.values**4 / left)) @ np.swapaxes(vectors, 1, 2)
            found.append(turned @ (np.eye(root.shape[1]) + inside) @ root)
        return found[0], found[1]

    def _squares(self) -> tuple[Array, Array]:
        """Blocks of the cross terms' squares through the other side: ``X inv(B) X'``."""
        persons, items = (np.swapaxes(root, 1, 2) @ root for root in self.roots)
        of_persons, of_items = np.zeros_like(persons), np.zeros_like(items)
        for rows, terms in self.crossed():
            for s, t in np.ndindex(terms.shape[0], terms.shape[0]):
                for k, m in np.ndindex(terms.shape[1], terms.shape[1]):
                    product = terms[s, k] * terms[t, m]
                    of_persons[rows, s, t] += product @ items[:, k, m]
                    of_items[:, k, m] += persons[rows, s, t] @ product
        return of_persons, of_items


def roots_of(blocks: Array) -> Array:
    """Inverses of the lower Cholesky factors of blocks (block, k, k).

    Raises
    ------
    LinAlgError
        One is not positive.
    """
    return np.asarray(np.linalg.inv(np.linalg.cholesky(blocks)))


def _there_and_back(persons: Array, items: Array, crossed: Crossed, basis: Array) -> tuple[Array, Array]:
    """N times a basis (item, k, q), and N' times that, in one pass over the cross terms."""
    inner = np.einsum("imk,imq->kiq", items, basis)
    forth, back = np.empty((*persons.shape[:2], basis.shape[2])), np.zeros_like(inner)
    for rows, terms in crossed():
        by_trait = [sum(term @ part for term, part in zip(each, inner, strict=True)) for each in terms]
        forth[rows] = persons[rows] @ np.stack(by_trait, axis=1)
        own = np.swapaxes(persons[rows], 1, 2) @ forth[rows]
        for trait, each in enumerate(terms):
            for k, term in enumerate(each):
                back[k] += term.T @ own[:, trait]
    return forth, np.einsum("imk,kiq->imq", items, back)
