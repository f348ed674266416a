"""The scale of abilities, which a likelihood leaves open: mean 0 and, where slopes are free, SD 1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from irtbridge.errors import SpecError
from irtbridge.model.layout import Layout
from irtbridge.model.slot import Slot

Array = NDArray[np.float64]


def check_recentrable(layout: Layout) -> None:
    """Raise `SpecError` where items cannot move along with the abilities of one trait."""
    family, spec = layout.spec.family, layout.spec
    if spec[family.ability].dims != ("person",):
        raise SpecError(
            f"model {spec.name!r}: of several traits a likelihood without priors has no maximum that is finite and "
            "unique; use priors=true."
        )
    if any(role == "deviation" for role, _ in family.roles()):
        raise SpecError(f"model {spec.name!r}: its items do not move along with the abilities; use priors=true.")
    integrated = layout.collapse is not None
    abilities = () if integrated else (family.ability,)
    for name in (*abilities, *family.location, *([family.discrimination] if family.discrimination else [])):
        if name not in layout.slots or _some_known(layout.slots[name]):
            raise SpecError(
                f"model {spec.name!r}: {name} is known for some items or persons, which fixes the scale; "
                "use priors=true, or method=map."
            )


def _some_known(slot: Slot) -> bool:
    there = True if slot.exists is None else slot.exists
    return bool(np.any(there & ~slot.estimated)) or slot.ties is not None


@dataclass(frozen=True, eq=False)
class Convention:
    """Abilities held to mean 0 and SD 1 while they move, so that items, and bounds on them, are meant on that scale.

    Attributes
    ----------
    places : ndarray of int, optional
        Coordinates of the abilities that are held to it; by default none.
    scaled : bool
        Whether their SD is.
    """

    places: NDArray[np.intp] | None = None
    scaled: bool = False

    @classmethod
    def of(cls, layout: Layout, persons: NDArray[np.bool_]) -> Convention:
        """That of a model, for some persons."""
        return cls(layout.places[layout.spec.family.ability][persons], layout.spec.family.discrimination is not None)

    def held(self, z: Array) -> Array:
        """Coordinates (dim,) whose abilities are moved to the convention."""
        if self.places is None:
            return z
        ability, out = z[self.places], z.copy()
        out[self.places] = (ability - ability.mean()) / (ability.std() if self.scaled else 1.0)
        return out

    def pulled_back(self, z: Array, gradient: Array) -> Array:
        """The gradient by the coordinates before they are held, of a function of those after."""
        if self.places is None:
            return gradient
        own, ability, out = gradient[self.places], self.held(z)[self.places], gradient.copy()
        out[self.places] = own - own.mean()
        if self.scaled:
            out[self.places] = (out[self.places] - ability * np.mean(own * ability)) / z[self.places].std()
        return out


def recentred(layout: Layout, params: Mapping[str, Array]) -> dict[str, Array]:
    """Parameters (full arrays) with the same likelihood whose abilities have mean 0 and, with free slopes, SD 1.

    Parameters
    ----------
    layout : Layout
        The model over the data's shape; see `check_recentrable`.
    params : mapping of str to ndarray
        Full arrays.
    """
    family, dims = layout.spec.family, layout.spec.dims
    ability, name = np.asarray(params[family.ability]), family.discrimination
    centre, spread = ability.mean(), 1.0 if name is None else ability.std()
    moved = {**params, family.ability: (ability - centre) / spread}
    if name is not None:
        moved[name] = params[name] * spread
    main = next(location for location in family.location if "item" in dims[location])
    if family.scales_locations(dims):
        moved |= {location: params[location] / spread for location in family.location}
        moved[main] = (params[main] - centre) / spread
    else:
        slope = 1.0 if name is None else np.asarray(params[name]).reshape(-1, *(1,) * (len(dims[main]) - 1))
        moved[main] = params[main] + family.scaling * slope * centre
    return moved
