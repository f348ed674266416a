"""What a process compiled last, kept for the next program that needs the same.

Compiling takes most of a small fit. The functions depend on the layout and on the shapes of the data, not on the data,
so that a second fit of one model in a process runs the very functions of the first and has the same numbers.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from irtbridge.model.observations import Shapes

T = TypeVar("T")
MOST = 8  # things kept
LARGEST = 2**18  # numbers of the data, 2 MiB of doubles, that a thing kept may hold on to


class Recent(Generic[T]):
    """The last few things made, by key."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, T] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], T], shapes: Shapes) -> T:
        """What was made for this key, or else is made now.

        Parameters
        ----------
        key : hashable
            Everything that what is made depends on.
        make : callable
            Makes it.
        shapes : tuple of shapes
            Of the data that it holds on to: of large ones it is not kept.
        """
        made = self._kept.pop(key, None)
        made = make() if made is None else made
        if sum(map(math.prod, shapes)) <= LARGEST:
            self._kept[key] = made
            while len(self._kept) > MOST:
                self._kept.popitem(last=False)
        return made
