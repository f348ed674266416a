"""What every model takes besides its own options: groups, and covariates of persons and items."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from irtbridge.data.responses import Responses
from irtbridge.errors import SpecError
from irtbridge.model.groups import GROUP_MEAN, GROUP_SD, with_ability, with_groups
from irtbridge.model.priors import Prior
from irtbridge.model.regression import EFFECT, RESIDUAL, with_ability_on, with_difficulty_on, with_discrimination_on
from irtbridge.model.spec import EVERY_ITEM, ModelSpec

Formula = str | Sequence[str]


def designed(
    spec: ModelSpec,
    *,
    invariance: str | None = None,
    free: str | Sequence[str] = (),
    free_in: str = "both",
    ability_mean: Prior | str | None = None,
    ability_sd: Prior | str | None = None,
    ability_on: Formula | None = None,
    difficulty_on: Formula | None = None,
    discrimination_on: Formula | None = None,
    residual: Prior | str | None = RESIDUAL,
    effect: Prior | str = EFFECT,
) -> ModelSpec:
    """A model with groups of persons, and with parameters that depend on covariates.

    Parameters
    ----------
    spec : ModelSpec
        The model without them.
    invariance, free, free_in
        As in `with_groups`; without them there are no groups.
    ability_mean, ability_sd : Prior or str, optional
        Priors of the abilities' mean and standard deviation: those of the groups but the first, or where there are no
        groups those of all persons, which are else what the ability's prior says.
    ability_on : str or sequence of str, optional
        Latent regression, as in `with_ability_on`.
    difficulty_on, discrimination_on : str or sequence of str, optional
        Item parameters explained by covariates, as in `with_difficulty_on`.
    residual : Prior, str or None
        Of difficulties and discriminations that are explained; ``none`` leaves none to difficulties.
    effect : Prior or str
        Of all weights.
    """
    left = None if residual is None or str(residual).lower() == "none" else residual
    if ability_on is not None:
        spec = with_ability_on(spec, ability_on, effect)
    if difficulty_on is not None:
        spec = with_difficulty_on(spec, difficulty_on, residual=left, effect=effect)
    if discrimination_on is not None:
        spec = with_discrimination_on(spec, discrimination_on, residual=left or RESIDUAL, effect=effect)
    chosen = (free,) if isinstance(free, str) else tuple(free)
    if invariance is None and not chosen:
        return with_ability(spec, mean=ability_mean, sd=ability_sd) if ability_mean or ability_sd else spec
    priors: dict[str, Any] = {"ability_mean": ability_mean or GROUP_MEAN, "ability_sd": ability_sd or GROUP_SD}
    return with_groups(spec, invariance or "scalar", free=chosen, free_in=free_in, **priors)


def split_for(spec: ModelSpec, responses: Responses, *, complete: bool = True) -> Responses:
    """Data in which the items stand once for each group that have parameters of their own there.

    Parameters
    ----------
    spec : ModelSpec
        The model.
    responses : Responses
        The data.
    complete : bool
        Refuse a group that gave no response in a category of an item that is free there.

    Raises
    ------
    SpecError
        The items that are to be free are not in the data.
    """
    if not spec.split or responses.origins is not None:
        return responses
    chosen = None if spec.split == EVERY_ITEM else list(spec.split)
    if chosen and (unknown := [item for item in chosen if item not in responses.items]):
        raise SpecError(f"free={unknown}: the data have no such items, only {', '.join(responses.items)}.")
    if chosen and set(chosen) == set(responses.items) and not any(spec[v].equal for v in spec.family.location):
        raise SpecError(
            f"free={chosen}: with the locations of every item free none puts the groups on one scale; leave items out, "
            "or use invariance='metric' or 'configural'."
        )
    return responses.split(chosen, complete=complete)
