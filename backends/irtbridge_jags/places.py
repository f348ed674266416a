"""Where the elements of a variable stand in a BUGS program: loops, and what to write into brackets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from irtbridge.model.slot import Slot
from irtbridge.plugin import Layout
from irtbridge_jags.bugs import Loop, element

COUNTERS = {"person": "i", "item": "j", "category": "k", "trait": "t", "group": "g"}
BOUNDS = {"person": "N", "item": "J"}
# What a program has besides the variables of the spec, and words of the language.
TAKEN = {*COUNTERS.values(), *BOUNDS.values(), "c", "s", "K", "T", "I", "data", "model", "var", "in", "for"}
TAKEN |= {"p", "above", "prob", "score", "weight", "pass", "reach", "mu", "cut", "rate", "part", "eta"}


@dataclass(frozen=True)
class Place:
    """Some elements of an array.

    Attributes
    ----------
    loops : tuple of Loop
        That go over them.
    index : mapping of str to str
        Inside of the loops the element's place along each dim.
    data : mapping of str to ndarray
        What they need of data.
    """

    loops: tuple[Loop, ...]
    index: Mapping[str, str]
    data: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)

    def span(self, layout: Layout, dim: str, less: int = 0) -> str:
        """The range of one dim more, of categories that of the item's; `less` at its end are left out."""
        if dim == "category" and "item" in self.index:
            return f"1:(K[{self.index['item']}] - {1 + less})"
        if dim in BOUNDS:
            return f"1:({BOUNDS[dim]} - {less})" if less else f"1:{BOUNDS[dim]}"
        return f"1:{layout.sizes[dim] - less}"

    def along(self, layout: Layout, dim: str, less: int = 0) -> Place:
        """With one dim more."""
        counter = COUNTERS.get(dim, "c")
        loop = Loop(counter, self.span(layout, dim, less))
        return Place((*self.loops, loop), {**self.index, dim: counter}, self.data)


def everywhere(layout: Layout, dims: Sequence[str]) -> Place:
    """All elements of an array of these dims; of categories those that an item has."""
    place = Place((), {})
    for dim in dims:
        place = place.along(layout, dim)
    return place


def listed(name: str, dims: Sequence[str], places: NDArray[np.int64]) -> Place:
    """Elements whose places (element, dim) are data, from 0."""
    loop = Loop("s", f"1:{len(places)}")
    if len(dims) == 1:
        return Place((loop,), {dims[0]: f"{name}[s]"}, {name: places[:, 0] + 1})
    return Place((loop,), {dim: f"{name}[s, {axis}]" for axis, dim in enumerate(dims, 1)}, {name: places + 1})


def at(name: str, place: Place, *more: str) -> str:
    """An element of a variable, in the order of the place's dims."""
    return element(name, *place.index.values(), *more)


def written(name: str) -> str:
    """A variable's name in the program: its own, unless that is taken or no name in BUGS.

    Letters that BUGS lacks are their code points: names that differ there must differ in the program.
    """
    ascii_only = "".join(letter if letter.isascii() else f".{ord(letter):x}" for letter in name)
    plain = ascii_only if ascii_only[:1].isalpha() else f"v{ascii_only}"
    return f"{plain}." if plain in TAKEN else plain


def own(slot: Slot) -> NDArray[np.bool_]:
    """Which elements of the full array are parameters of their own."""
    if slot.index is None:
        return np.ones(slot.shape, dtype=bool)
    mask = np.zeros(slot.shape, dtype=bool)
    mask.ravel()[slot.index] = True
    return mask
