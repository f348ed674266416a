"""Traits that the model cannot tell apart: their order and signs, fixed on the draws by one rule.

Where no Q-matrix and no prior distinguishes traits, the posterior is the same for every order of them; where slopes and
abilities may have either sign and their priors are symmetric, for every sign too. Chains then wander between the
labelings, or settle on different ones. The rule:

1. Each draw takes the order and the signs whose discriminations agree best with the mean over draws (sum over traits
   of the products), again and again until nothing changes: the relabeling of Stephens (2000), by the assignment that
   Papastamoulis & Ntzoufras (2022) use.
2. Then the traits stand in the order of their sums of squared mean discriminations, the largest first, and each trait
   has the sign that makes the largest of its mean discriminations, in size, positive: `sign_items` names that item.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from irtbridge.model.layout import Layout
from irtbridge.model.spec import ModelSpec
from irtbridge.model.variable import Variable
from irtbridge.plugin.program import Program
from irtbridge.results.draws import Draws

Array = NDArray[np.float64]
MOST_ROUNDS = 20  # each raises the agreement with the mean; it settles after two or three


@dataclass(frozen=True, eq=False)
class Symmetry:
    """Which relabelings of its traits leave a model what it is.

    Attributes
    ----------
    spec : ModelSpec
        The model.
    alike : ndarray of bool, shape (trait, trait)
        Which traits may change places.
    flips : ndarray of bool, shape (trait,)
        Which traits may change their sign.
    """

    spec: ModelSpec
    alike: NDArray[np.bool_]
    flips: NDArray[np.bool_]

    @classmethod
    def of(cls, layout: Layout) -> Symmetry | None:
        """The symmetry of a model; None where every trait has its place and sign."""
        spec, n_traits = layout.spec, len(layout.spec.traits)
        if spec.family.discrimination is None:
            return None
        alike = np.array([[_exchangeable(spec, t, u) for u in range(n_traits)] for t in range(n_traits)])
        flips = np.array([_reversible(spec, t) for t in range(n_traits)])
        return cls(spec, alike, flips) if flips.any() or alike.sum() > n_traits else None

    def aligned(self, program: Program, z: Array, like: Array | None = None) -> Array:
        """Draws (chain, draw, dim) with traits in the order and with the signs of the rule, or of other draws."""
        params = _flat(program, z)
        loadings = self.loadings(params)
        if like is None:
            orders, signs = self.relabeling(loadings)
        else:
            orders, signs = self._assigned(loadings, self.loadings(_flat(program, like)).mean(axis=0))
        if (orders == np.arange(orders.shape[1])).all() and (signs > 0).all():
            return z
        return program.unconstrain(self.relabelled(params, orders, signs)).reshape(z.shape)

    def relabeling(self, loadings: Array) -> tuple[NDArray[np.intp], Array]:
        """Orders and signs (draw, trait) for discriminations (draw, item, trait)."""
        count, _, n_traits = loadings.shape
        orders, signs = np.tile(np.arange(n_traits), (count, 1)), np.ones((count, n_traits))
        pivot = loadings[0]
        for _ in range(MOST_ROUNDS):
            before = orders, signs
            orders, signs = self._assigned(loadings, pivot)
            pivot = _taken(loadings, orders, signs).mean(axis=0)
            if all(np.array_equal(old, new) for old, new in zip(before, (orders, signs), strict=True)):
                break
        last, turned = self._standard(pivot)
        return orders[:, last], signs[:, last] * turned

    def relabelled(self, params: Mapping[str, Array], orders: NDArray[np.intp], signs: Array) -> dict[str, Array]:
        """Full arrays (draw, ...) in other orders and with other signs."""
        return {name: self._moved(self.spec[name], value, orders, signs) for name, value in params.items()}

    def loadings(self, params: Mapping[str, Array]) -> Array:
        """Discriminations (draw, row, trait); a row is an item or, where each has its own, a category of an item."""
        name = self.spec.family.discrimination or ""
        value = np.nan_to_num(params[name])  # an item may lack a category
        return value if "trait" in self.spec[name].dims else value.reshape(len(value), -1, 1)

    def _assigned(self, loadings: Array, pivot: Array) -> tuple[NDArray[np.intp], Array]:
        """For each draw the relabeling that agrees best with the pivot (item, trait)."""
        products = np.einsum("it,siu->stu", pivot, loadings)
        gain = np.where(self.alike, np.where(self.flips, np.abs(products), products), -np.inf)
        bounded = np.nan_to_num(gain, neginf=-1e3 * (1 + np.abs(products).max()))
        orders = np.array([linear_sum_assignment(one, maximize=True)[1] for one in bounded])
        chosen = np.take_along_axis(products, orders[:, :, None], axis=2)[..., 0]
        return orders, np.where(self.flips & (chosen < 0), -1.0, 1.0)

    def _standard(self, pivot: Array) -> tuple[NDArray[np.intp], Array]:
        """Order and signs of the mean discriminations (item, trait)."""
        order, size = np.arange(pivot.shape[1]), np.sum(pivot**2, axis=0)
        for group in {tuple(np.flatnonzero(row)) for row in self.alike}:
            order[list(group)] = sorted(group, key=lambda trait: -size[trait])
        largest = np.take_along_axis(pivot, np.abs(pivot).argmax(axis=0)[None], axis=0)[0]
        return order, np.where(self.flips & (largest[order] < 0), -1.0, 1.0)

    def _moved(self, variable: Variable, value: Array, orders: NDArray[np.intp], signs: Array) -> Array:
        if variable.prior.support == "cholesky":
            matrix = value @ np.swapaxes(value, -1, -2)
            moved = np.stack([m[np.ix_(o, o)] * np.outer(s, s) for m, o, s in zip(matrix, orders, signs, strict=True)])
            return np.linalg.cholesky(moved)
        turns = variable.name in _turning(self.spec)
        if variable.dims[-1:] == ("trait",):
            middle = value.reshape(len(value), -1, value.shape[-1])
            return _taken(middle, orders, signs if turns else np.ones_like(signs)).reshape(value.shape)
        return np.asarray(value * signs[:, 0].reshape(-1, *(1,) * (value.ndim - 1))) if turns else value


def rotates(spec: ModelSpec) -> bool:
    """Whether traits can be rotated: all slopes are free and normal with one SD around 0, and so are the abilities.

    The posterior is then the same for every rotation, so that slopes and abilities have no standard errors.
    """
    name, ability = spec.family.discrimination, spec[spec.family.ability]
    if name is None or len(spec.traits) < 2:
        return False
    slopes = spec[name]
    masked = slopes.free is not None or slopes.values is not None or slopes.reference is not None
    return not masked and all(v.dims[-1:] == ("trait",) and v.prior.isotropic for v in (slopes, ability))


def align(program: Program, draws: Draws) -> Draws:
    """Draws with the traits in the order and with the signs of the rule, where the model leaves them open."""
    symmetry = Symmetry.of(program.layout)
    return draws if symmetry is None else replace(draws, z=symmetry.aligned(program, draws.z))


def align_to(program: Program, draws: Draws, before: Draws) -> Draws:
    """Further draws with the traits in the order and with the signs of those before."""
    symmetry = Symmetry.of(program.layout)
    return draws if symmetry is None else replace(draws, z=symmetry.aligned(program, draws.z, before.z))


def sign_items(program: Program, draws: Draws) -> dict[str, str]:
    """For each trait whose sign the model leaves open the item that has fixed it, where its slope is positive."""
    symmetry = Symmetry.of(program.layout)
    if symmetry is None or not symmetry.flips.any():
        return {}
    loadings = symmetry.loadings(_flat(program, draws.z))
    size, items = np.abs(loadings.mean(axis=0)), program.responses.items
    largest = size.argmax(axis=0) * len(items) // len(size)  # an item may have several rows, or all items one
    chosen = zip(program.spec.traits, largest, symmetry.flips, strict=True)
    return {trait: items[item] for trait, item, flips in chosen if flips}


def _flat(program: Program, z: Array) -> dict[str, Array]:
    """Full arrays (draw, *shape) of all chains' draws (chain, draw, dim)."""
    return {name: value.reshape(-1, *value.shape[2:]) for name, value in program.constrain(z).items()}


def _taken(loadings: Array, orders: NDArray[np.intp], signs: Array) -> Array:
    """Each draw's columns in its order, with its signs."""
    return np.asarray(np.take_along_axis(loadings, orders[:, None], axis=2) * signs[:, None])


def _exchangeable(spec: ModelSpec, t: int, u: int) -> bool:
    """Whether two traits may change places."""
    return all(_same_columns(variable, len(spec.traits), t, u) for variable in spec.variables)


def _same_columns(variable: Variable, n_traits: int, t: int, u: int) -> bool:
    if "trait" not in variable.dims or variable.prior.support == "cholesky":
        return True
    if variable.dims[-1] != "trait" or variable.values is not None or variable.reference is not None:
        return t == u
    if variable.free is not None:
        mask = np.asarray(variable.free)
        if not np.array_equal(mask[..., t], mask[..., u]):
            return False
    numbers = {k: v for k, v in variable.prior.arguments().items() if not isinstance(v, str)}
    if (factor := numbers.pop("scale_tril", None)) is not None:
        swapped, covariance = np.arange(n_traits), np.asarray(factor) @ np.asarray(factor).T
        swapped[[t, u]] = u, t
        if not np.allclose(covariance, covariance[np.ix_(swapped, swapped)]):
            return False
    return all(np.array_equal(_column(v, n_traits, t), _column(v, n_traits, u)) for v in numbers.values())


def _column(value: object, n_traits: int, t: int) -> Array:
    array = np.asarray(value, dtype=float)
    return array if array.ndim == 0 else np.broadcast_to(array, (*array.shape[:-1], n_traits))[..., t]


def _reversible(spec: ModelSpec, t: int) -> bool:
    """Whether a trait may change its sign: the priors of all that turns with it are symmetric about 0."""
    turning = [spec[name] for name in _turning(spec)]
    used = {name for variable in spec.variables for name in variable.prior.references().values()}
    return not used & {v.name for v in turning} and all(
        v.values is None and v.prior.symmetric(t if v.dims[-1:] == ("trait",) else None) for v in turning
    )


def _turning(spec: ModelSpec) -> tuple[str, ...]:
    """What changes its sign with a trait: abilities, discriminations, and locations where these multiply them."""
    family = spec.family
    slopes = () if family.discrimination is None else (family.discrimination,)
    return (family.ability, *slopes, *(family.location if family.scales_locations(spec.dims) else ()))
