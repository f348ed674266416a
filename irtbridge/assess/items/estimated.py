"""What of a model is estimated, so far as the responses see it: counts for degrees of freedom, and directions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from irtbridge.assess.posterior import Posterior
from irtbridge.model.layout import Layout
from irtbridge.model.slot import Slot

Array = NDArray[np.float64]
STEP = 1e-5  # of a central difference: its own error and that of rounding are then both near 1e-10
MOST = 2**22  # numbers that the models moved at once may have, 32 MiB of doubles


def parameters_by_item(layout: Layout) -> NDArray[np.int64]:
    """Estimated parameters that the curves of each item rest on, shape (item,).

    Its own, and those that items share (a common slope, the steps of a rating scale). A location that follows from a
    design counts as one. Hyperparameters of priors do not count, nor do means, spreads and weights of the abilities'
    distribution: all items tell of these, and one item's table hardly moves with them. That holds of a common slope
    too, but it counts, so that S-X2 is that of R's mirt, which counts the variance of a Rasch model for each item.
    """
    counts = np.zeros(layout.sizes["item"], dtype=np.int64)
    for name in _of_curves(layout):
        if name in layout.slots:
            counts += _by_item(layout.slots[name])
        elif layout.spec[name].prior.references():
            counts += 1
    return counts


def moved(posterior: Posterior, size: int) -> Iterator[Posterior]:
    """The model moved along each estimated coordinate that responses rest on, some coordinates at a time.

    Parameters
    ----------
    posterior : Posterior
        Of one draw.
    size : int
        Numbers that are taken of each model: the more, the fewer coordinates at a time.

    Yields
    ------
    Posterior
        As draws, `STEP` up along each of some coordinates, then `STEP` down along each.
    """
    layout, at_once = posterior.layout, max(1, MOST // (2 * size))
    here = {name: value for name, value in posterior.params.items() if name in layout.slots}
    for name in _directions(layout):
        directions = _tangents(layout.slots[name], here[name][0])
        for start in range(0, len(directions), at_once):
            some = STEP * directions[start : start + at_once]
            steps = here[name] + np.concatenate([some, -some])
            own = {key: np.repeat(value, len(steps), axis=0) for key, value in here.items()} | {name: steps}
            abilities = np.repeat(posterior.abilities, len(steps), axis=0)
            yield replace(posterior, params=layout.complete(own), kept=abilities)


def _of_curves(layout: Layout) -> list[str]:
    """Variables that play a role in the family, the abilities apart."""
    family = layout.spec.family
    return [name for _, name in family.roles() if name != family.ability]


def _of_abilities(layout: Layout) -> list[str]:
    """Variables in the abilities' prior."""
    return list(layout.spec[layout.spec.family.ability].prior.references().values())


def _directions(layout: Layout) -> list[str]:
    """Estimated variables that responses rest on, also through what is derived from them."""
    names = _of_curves(layout) + _of_abilities(layout)
    behind = [r for name in names if name in layout.derived for r in layout.spec[name].prior.references().values()]
    return [name for name in layout.slots if name in {*names, *behind}]


def _by_item(slot: Slot) -> NDArray[np.int64] | int:
    if slot.variable.dims[:1] != ("item",):
        return slot.size
    estimated = slot.estimated if slot.exists is None else slot.estimated & slot.exists
    return np.asarray(estimated.reshape(len(estimated), -1).sum(axis=1), dtype=np.int64)


def _tangents(slot: Slot, here: Array) -> Array:
    """A step along each unconstrained coordinate, as full arrays (coordinate, *shape)."""
    zero = np.zeros(slot.site_shape)
    units = np.eye(zero.size)[slot.variable.prior.free(slot.site_shape).ravel()].reshape(-1, *slot.site_shape)
    steps = np.nan_to_num(np.stack([slot.to_full(unit) - slot.to_full(zero) for unit in units]))
    if slot.variable.prior.support == "cholesky":  # rows keep their length: variances stay 1
        steps -= np.sum(steps * here, axis=-1, keepdims=True) * here
    return np.asarray(steps)
