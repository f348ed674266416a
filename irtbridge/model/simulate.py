"""True parameters and response matrices from a spec and a seed, in NumPy alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from irtbridge.data.kinds import CATEGORIES, MISSING
from irtbridge.data.labels import aligned, listed
from irtbridge.data.responses import Responses
from irtbridge.errors import DataError, SpecError
from irtbridge.model.layout import Layout
from irtbridge.model.priors import MAX_TRIES, increasing
from irtbridge.model.spec import ModelSpec

Array = NDArray[np.float64]
Seed = int | np.random.SeedSequence | np.random.Generator


def empty_responses(
    n_persons: int, n_categories: ArrayLike, items: Sequence[str] | None = None, kind: str = CATEGORIES
) -> Responses:
    """Responses that are all missing: the shape of a test before anybody has taken it.

    Parameters
    ----------
    n_persons : int
        Number of persons.
    n_categories : array_like of int, shape (item,)
        Number of categories of each item; 1 where responses are no categories.
    items : sequence of str, optional
        Labels, as a spec has them whose Q-matrix is labelled.
    kind : str
        ``categories``, ``fractions`` or ``counts``.
    """
    counts = np.asarray(n_categories, dtype=np.int64)
    fewest = 2 if kind == CATEGORIES else 1
    if n_persons < 1 or counts.ndim != 1 or counts.size == 0 or counts.min() < fewest:
        raise DataError(f"cannot simulate {n_persons} persons on items with categories {counts.tolist()}.")
    if items is not None and len(items) != counts.size:
        raise DataError(f"n_categories has {counts.size} items, the Q-matrix {len(items)}: {listed(items)}.")
    nothing = np.full((n_persons, counts.size), MISSING)
    if kind == CATEGORIES:
        return Responses.from_codes(nothing, n_categories=counts, items=items)
    return Responses.from_numbers(nothing, kind, items=items)


def simulate_parameters(spec: ModelSpec, n_persons: int, n_categories: ArrayLike, seed: Seed) -> dict[str, Array]:
    """Draw every variable of a spec from its prior.

    Parameters
    ----------
    spec : ModelSpec
        The model.
    n_persons : int
        Number of persons.
    n_categories : array_like of int, shape (item,)
        Number of categories of each item.
    seed : int, SeedSequence or Generator
        Source of randomness.

    Returns
    -------
    dict of str to ndarray
        Full arrays, dims as in the spec; 0 where an element is fixed, NaN where an item lacks the category.
    """
    layout = Layout.of(spec, empty_responses(n_persons, n_categories, spec.items, spec.family.kind))
    return draw_from_prior(layout, np.random.default_rng(seed))


def draw_from_prior(layout: Layout, rng: np.random.Generator) -> dict[str, Array]:
    """Draw full parameter arrays from the prior over a layout, exactly.

    Raises
    ------
    SpecError
        Hardly any draw lies on the support: the arguments of an ordered prior do not increase.
    """
    for _ in range(MAX_TRIES):
        params = _draw(layout, rng)
        if params is not None:
            return params
    ordered = "; ".join(str(v) for v in layout.spec.variables if v.prior.support == "ordered")
    raise SpecError(
        f"of {MAX_TRIES} draws from the prior of model {layout.spec.name!r} none has increasing vectors ({ordered}); "
        "take a smaller scale, or numbers in place of the variables in its arguments."
    )


def _draw(layout: Layout, rng: np.random.Generator) -> dict[str, Array] | None:
    """One draw; None where a vector does not increase whose prior has the density of plain normals."""
    params: dict[str, Array] = {}
    for name in layout.spec.names:
        if name in layout.derived:
            params[name] = layout.derive(name, params)
        if name not in layout.slots:
            continue
        slot = layout.slots[name]
        prior, arguments = slot.variable.prior, layout.arguments(name, params)
        if slot.basis is not None:
            params[name] = slot.to_full(prior.sample(rng, slot.site_shape, **arguments))
            continue
        ordered = prior.support == "ordered"
        if ordered and slot.exists is not None:  # an item's thresholds are as many as it has
            arguments["loc"] = np.where(slot.exists, arguments["loc"], np.nan)
        draw = prior.sample(rng, slot.shape, **arguments)
        if ordered and not increasing(prior.direction * draw).all():
            return None
        params[name] = draw if slot.free is None else slot.to_full(slot.to_site(draw))
    return params


def simulate_responses(
    spec: ModelSpec, params: Mapping[str, ArrayLike], n_categories: ArrayLike, seed: Seed, missing: float = 0.0
) -> Responses:
    """Draw one response matrix given true parameters.

    Parameters
    ----------
    spec : ModelSpec
        The model.
    params : mapping of str to array_like
        Full arrays of every variable of the spec. Labelled ones (pandas, xarray) are matched with the items of a
        spec that has them, and with its traits; all others are taken by position.
    n_categories : array_like of int, shape (item,)
        Number of categories of each item.
    seed : int, SeedSequence or Generator
        Source of randomness.
    missing : float
        Probability that a response is missing, completely at random.

    Returns
    -------
    Responses
        Of the family's kind. Codes are 0..K-1; a category may stay unobserved, the number of categories is as asked.
        Items have the labels that the spec has.
    """
    if not 0 <= missing <= 1:
        raise DataError(f"missing={missing!r} must be a probability, from 0 to 1.")
    rng = np.random.default_rng(seed)
    missed = [name for name in spec.names if name not in params]
    if missed:
        raise SpecError(f"model {spec.name!r} needs values of {', '.join(missed)}; simulate_parameters draws them.")
    values = {name: _in_order(spec, name, value) for name, value in params.items()}
    like = empty_responses(len(values[spec.family.ability]), n_categories, spec.items, spec.family.kind)
    return _answered(spec, values, like, rng, missing)


def simulate_parameters_like(spec: ModelSpec, like: Responses, seed: Seed) -> dict[str, Array]:
    """Draw every variable of a spec from its prior, for persons and items that have covariates or groups.

    Parameters
    ----------
    spec : ModelSpec
        The model.
    like : Responses
        The persons and items, with all that is known of them; its responses do not matter.
    seed : int, SeedSequence or Generator
        Source of randomness.

    Returns
    -------
    dict of str to ndarray
        As `simulate_parameters`.
    """
    return draw_from_prior(Layout.of(spec, like), np.random.default_rng(seed))


def simulate_responses_like(
    spec: ModelSpec, params: Mapping[str, Array], like: Responses, seed: Seed, missing: float = 0.0
) -> Responses:
    """Draw one response matrix given true parameters, for persons and items that have covariates or groups.

    Parameters
    ----------
    spec : ModelSpec
        The model.
    params : mapping of str to ndarray
        Full arrays of every variable that is estimated, in the order of the persons and items.
    like : Responses
        The persons and items, with all that is known of them; its responses do not matter, but an item that was split
        by group is answered by its group alone.
    seed, missing
        As in `simulate_responses`.
    """
    return _answered(spec, params, like, np.random.default_rng(seed), missing)


def _answered(
    spec: ModelSpec, params: Mapping[str, Array], like: Responses, rng: np.random.Generator, missing: float
) -> Responses:
    layout = Layout.of(spec, like)
    drawn = layout.spec.family.draw(rng, layout.complete(params), layout.spec.dims, layout.exists)
    drawn = np.where(rng.uniform(size=drawn.shape) < missing, MISSING, drawn)
    return replace(like, values=np.where(like.administered, drawn, MISSING))


def _in_order(spec: ModelSpec, name: str, value: Any) -> Array:
    """Values of a variable as an array; what pandas or xarray label is matched with the spec's items and traits."""
    table = value.to_pandas() if isinstance(value, xr.DataArray) else value
    wanted = {"item": spec.items, "trait": spec.traits if len(spec.traits) > 1 else None}
    for axis, dim in enumerate(spec.dims.get(name, ())):
        table = aligned(f"{dim} labels of {name!r}", table, wanted.get(dim), axis)
    return np.asarray(table, dtype=float)
