"""A layout over other persons, or over some: what is known of the items stays, what is of the persons is theirs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from irtbridge.data.designs import names_in
from irtbridge.data.responses import Responses
from irtbridge.model.layout import Layout, membership_of
from irtbridge.model.spec import ModelSpec


def needed_of_persons(spec: ModelSpec, responses: Responses) -> list[str]:
    """Columns of ``person_data`` that the persons' abilities depend on, or that items are split by."""
    by_group = bool(spec.split) or any("group" in variable.dims for variable in spec.variables)
    group = [responses.group] if by_group and responses.group else []
    formulas = [predictor.formula for predictor in spec.designs.values() if predictor.dim == "person"]
    return list(dict.fromkeys([*group, *(name for formula in formulas for name in names_in(formula))]))


def layout_of_others(layout: Layout, known: Responses, others: Responses) -> Layout:
    """The layout of a model over persons that it was not fitted to.

    Parameters
    ----------
    layout : Layout
        The model over the data that were fitted.
    known : Responses
        These data.
    others : Responses
        The same items and categories, other persons.

    Raises
    ------
    DataError
        The others have no such covariates.
    """
    made = {
        dim: known.person_design_of(others, predictor.formula, intercept=predictor.intercept)
        for dim, predictor in layout.spec.designs.items()
        if predictor.dim == "person"
    }
    return replace(
        layout,
        sizes=layout.sizes | {"person": others.n_persons},
        designs=layout.designs | made,
        membership=None if layout.membership is None else membership_of(layout.spec, others),
    )


def layout_of_rows(layout: Layout, rows: slice) -> Layout:
    """The layout over some of its persons."""
    of_persons = [dim for dim, predictor in layout.spec.designs.items() if predictor.dim == "person"]
    return replace(
        layout,
        sizes=layout.sizes | {"person": len(range(*rows.indices(layout.sizes["person"])))},
        designs=layout.designs | {dim: layout.designs[dim].select(rows) for dim in of_persons},
        membership=None if layout.membership is None else layout.membership[rows],
    )


def prior_of_persons(
    layout: Layout, params: dict[str, NDArray[np.float64]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and precision of each person's abilities under their prior.

    Parameters
    ----------
    layout : Layout
        Over the persons; the abilities' prior is normal.
    params : mapping of str to ndarray
        Full arrays, no leading axes.

    Returns
    -------
    mean : ndarray, shape (person, trait)
    precision : ndarray, shape (person, trait, trait)
    """
    name, persons, traits = layout.spec.family.ability, layout.sizes["person"], len(layout.spec.traits)
    arguments = layout.arguments(name, params)
    dims = (persons,) if layout.spec[name].dims == ("person",) else (persons, traits)
    mean = np.broadcast_to(arguments["loc"], dims).reshape(persons, traits)
    if "scale_tril" in arguments:
        inverse = np.linalg.inv(arguments["scale_tril"])
        return mean, np.broadcast_to(inverse.T @ inverse, (persons, traits, traits))
    scale = np.broadcast_to(arguments["scale"], dims).reshape(persons, traits)
    return mean, np.eye(traits) / scale[:, :, None] ** 2
