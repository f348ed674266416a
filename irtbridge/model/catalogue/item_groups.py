"""Models of items in groups: bifactor and testlet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from irtbridge.errors import UnknownName
from irtbridge.model.catalogue import parts
from irtbridge.model.catalogue.binary import m2pl
from irtbridge.model.catalogue.polytomous import generalized_partial_credit, graded
from irtbridge.model.item_groups import Groups, q_matrix_of
from irtbridge.model.priors import as_prior
from irtbridge.model.spec import ModelSpec
from irtbridge.model.variable import Variable

WITH_TRAITS: dict[str, Callable[..., ModelSpec]] = {"2pl": m2pl, "grm": graded, "gpcm": generalized_partial_credit}
LOCATIONS = {"2pl": "difficulty", "grm": "threshold", "gpcm": "step"}


def bifactor(
    *,
    groups: Groups | None = None,
    item_model: str = "2pl",
    ability: parts.PriorLike = parts.ABILITY,
    discrimination: parts.PriorLike = parts.DISCRIMINATION,
    difficulty: parts.PriorLike = parts.DIFFICULTY,
    threshold: parts.PriorLike = parts.THRESHOLD,
    step: parts.PriorLike = parts.STEP,
    scaling: float = 1.0,
) -> ModelSpec:
    """Bifactor (Gibbons & Hedeker 1992): ``D (a_0 theta_0 + a_s theta_s) - b``, s being the item's group.

    All items load on a general trait, those of a group on a specific trait too; all traits are independent (Holzinger &
    Swineford 1937). The abilities are integrated out in two dimensions, whatever the number of groups (see
    `irtbridge.model.reduction`).

    Parameters
    ----------
    groups : sequence, mapping or Series
        The group of each item, as numbers or labels; None or -1 for an item that has only the general trait. With keys
        or an index that name the items, they are matched with the data's by label.
    item_model : str
        How responses depend on the traits: ``2pl``, ``grm`` or ``gpcm``.
    ability, discrimination : Prior or str
        Priors, as in `m2pl`.
    difficulty, threshold, step : Prior or str
        Prior of the location b of a ``2pl``, ``grm`` or ``gpcm``.
    scaling : float
        D.

    Raises
    ------
    SpecError
        No groups, or one with a single item.
    """
    locations = {"difficulty": difficulty, "threshold": threshold, "step": step}
    spec = _with_item_groups(
        groups, item_model, locations, ability=ability, discrimination=discrimination, scaling=scaling
    )
    return replace(spec, name="bifactor")


def testlet(
    *,
    groups: Groups | None = None,
    item_model: str = "2pl",
    trait_sd: parts.PriorLike = parts.TRAIT_SD,
    ability: parts.PriorLike = parts.TESTLET_ABILITY,
    discrimination: parts.PriorLike = parts.DISCRIMINATION,
    difficulty: parts.PriorLike = parts.DIFFICULTY,
    threshold: parts.PriorLike = parts.THRESHOLD,
    step: parts.PriorLike = parts.STEP,
    scaling: float = 1.0,
) -> ModelSpec:
    """Testlet (Bradlow, Wainer & Wang 1999): ``D a (theta + gamma_s) - b``, gamma_s ~ N(0, sd_s^2) of testlet s.

    A bifactor model in which an item's loading on its specific trait, the testlet's effect, is that on the general one
    (Li, Bolt & Fu 2006). The general trait's standard deviation is 1, those of the testlets' effects are estimated.

    Parameters
    ----------
    groups, item_model, discrimination, difficulty, threshold, step, scaling
        As in `bifactor`; the groups are the testlets.
    trait_sd : Prior or str
        Prior of the effects' standard deviations.
    ability : Prior or str
        Prior of all traits; it refers to `trait_sd`.

    Raises
    ------
    SpecError
        No groups, or one with a single item.
    """
    locations = {"difficulty": difficulty, "threshold": threshold, "step": step}
    spec = _with_item_groups(groups, item_model, locations, discrimination=discrimination, scaling=scaling)
    people, loadings, location = spec.variables
    spread = Variable("trait_sd", ("trait",), as_prior(trait_sd), reference=1.0)
    people, loadings = replace(people, prior=as_prior(ability)), replace(loadings, equal="trait")
    return replace(spec, name="testlet", variables=(spread, people, loadings, location))


def _with_item_groups(
    groups: Groups | None, item_model: str, locations: Mapping[str, parts.PriorLike], **options: Any
) -> ModelSpec:
    """A model in which all items load on a general trait, and those of a group on one more."""
    if item_model not in LOCATIONS:
        raise UnknownName("item_model", item_model, LOCATIONS)
    q_matrix, traits = q_matrix_of(groups)
    location = LOCATIONS[item_model]
    return WITH_TRAITS[item_model](traits=traits, q_matrix=q_matrix, **{location: locations[location]}, **options)
