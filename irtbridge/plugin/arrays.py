"""Arrays of persons by nodes and by items: NumPy's, or those of a library on its device.

Given draws of the item parameters, the posteriors of all persons' abilities are one matrix product, exponentials and
sums, and a step of simulated adaptive tests is little more: the same few functions of every array library, so that the
core says them once.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Arrays:
    """NumPy's arrays, in the processor's memory.

    Parameters
    ----------
    dtype : str
        Precision of the numbers that it holds: single suffices for a draw.

    Attributes
    ----------
    xp : module
        Has, by NumPy's names and with `axis` and `keepdims`: ``amax``, ``any``, ``argmax``, ``asarray``,
        ``broadcast_to``, ``concatenate``, ``cumsum``, ``exp``, ``float32``, ``multiply``, ``sum``, ``swapaxes``,
        ``take``, ``tanh``, ``where``, ``zeros_like``. Its arrays have the operators.
    cells : int
        Numbers of persons by nodes by draws at once: 2 MiB in single precision, which a processor's cache holds.
    """

    xp: ModuleType = np
    cells: int = 1 << 19

    def __init__(self, dtype: str = "float32") -> None:
        self.dtype = dtype

    def running(self) -> AbstractContextManager[Any]:
        """Context in which the library computes on its device, in this precision."""
        return nullcontext()

    def put(self, array: NDArray[Any], dtype: str = "") -> Any:
        """An array of the library, of numbers in its precision; or of another type by NumPy's name, as ``bool``."""
        return np.asarray(array, dtype=dtype or self.dtype)

    def get(self, array: Any) -> NDArray[Any]:
        """A NumPy array of one of the library's."""
        return np.asarray(array)

    def product(self, left: Any, right: Any) -> Any:
        """Matrix product over the last two axes, in full precision."""
        return left @ right

    def exp(self, array: Any) -> Any:
        """Exponentials, perhaps in the array's own place: another one would not stay in the cache beside it."""
        return np.exp(array, out=array)

    def tanh(self, array: Any) -> Any:
        """Hyperbolic tangents, perhaps in the array's own place."""
        return np.tanh(array, out=array)

    def multiply(self, left: Any, right: Any, spare: Any) -> Any:
        """Products of two arrays, perhaps in the place of a third that is not needed: new memory costs as much."""
        return np.multiply(left, right, out=spare)

    def rows(self, array: Any, places: slice | NDArray[Any]) -> Any:
        """Rows of an array: of a slice, views where the library has them; of places or of flags, copies."""
        return array[places]

    def cleared(self, flags: Any, rows: NDArray[Any], columns: NDArray[Any]) -> Any:
        """Flags (row, column) with False at these places; where the library can, in their own place."""
        flags[rows, columns] = False
        return flags

    def best(self, scores: Any, allowed: Any) -> NDArray[np.int64]:
        """The allowed column with the largest score in each row, the first of equals; -1 where none is allowed."""
        places = np.where(allowed, scores, -np.inf).argmax(axis=1)
        return np.where(allowed[np.arange(len(places)), places], places, -1)

    def draw(self, weights: Any, uniform: NDArray[np.float64]) -> NDArray[np.int64]:
        """Columns of each row, drawn by the inverse distribution function.

        Parameters
        ----------
        weights : array, shape (row, column)
            Not negative, and not all nil.
        uniform : ndarray, shape (row, draw)
            Random numbers from 0 to below 1.
        """
        below = np.cumsum(weights, axis=1)
        below /= below[:, -1:]
        # All rows in one search: each one's distribution function is raised by its number.
        number = np.arange(len(below))[:, None]
        found = np.searchsorted((below + number).ravel(), (uniform + number).ravel(), side="right")
        return np.asarray(np.minimum(found.reshape(uniform.shape) - number * below.shape[1], below.shape[1] - 1))

    def choose(self, weights: Any, uniform: NDArray[np.float64]) -> NDArray[Any]:
        """For each person the node at which the running sum of the weights reaches a fraction of their sum.

        Parameters
        ----------
        weights : array, shape (draw, node, person)
            Not negative, and not all nil.
        uniform : ndarray, shape (draw, person)
            Fractions: above 0, or a node before the first weight would do; 1 at most.
        """
        # Node by node: a cumulative sum along this axis is several times slower. The total is summed in the same order,
        # so that rounding puts no threshold above the last running sum.
        total, running = np.zeros((2, *uniform.shape), dtype=weights.dtype)
        for node in range(weights.shape[1]):
            total += weights[:, node]
        threshold = uniform.astype(weights.dtype) * total
        chosen = np.zeros(uniform.shape, dtype=np.min_scalar_type(weights.shape[1]))
        for node in range(weights.shape[1] - 1):
            running += weights[:, node]
            chosen += (running < threshold).view(np.uint8)
        return chosen


class DeviceArrays(Arrays):
    """Arrays of another library, on its device.

    A subclass says what the library is (`xp`), how arrays get there (`put`) and, where NumPy cannot read them, back
    (`get`); and gives a `product` that keeps single precision, where the library's own does not, `running`, where the
    library must be told where and in which precision to compute, and whatever of the others it does better.
    """

    cells = 1 << 26  # a quarter of a GiB in single precision, and two or three times as much for what comes between

    def exp(self, array: Any) -> Any:
        return self.xp.exp(array)

    def tanh(self, array: Any) -> Any:
        return self.xp.tanh(array)

    def multiply(self, left: Any, right: Any, spare: Any) -> Any:
        return left * right

    def rows(self, array: Any, places: slice | NDArray[Any]) -> Any:
        if isinstance(places, slice):
            return array[places]
        return self.xp.take(array, np.flatnonzero(places) if places.dtype == bool else places, axis=0)

    def cleared(self, flags: Any, rows: NDArray[Any], columns: NDArray[Any]) -> Any:
        kept = np.ones(flags.shape, dtype=bool)
        kept[rows, columns] = False
        return flags & self.put(kept, "bool")

    def best(self, scores: Any, allowed: Any) -> NDArray[np.int64]:
        left = self.xp.where(allowed, scores, -np.inf)
        places = self.get(self.xp.argmax(left, axis=1))
        return np.where(self.get(self.xp.any(allowed, axis=1)), places, -1)

    def draw(self, weights: Any, uniform: NDArray[np.float64]) -> NDArray[np.int64]:
        fractions = np.maximum(uniform.T, np.finfo(np.float32).tiny)
        return self.choose(self.xp.swapaxes(weights, 0, 1)[None], fractions).T

    def choose(self, weights: Any, uniform: NDArray[np.float64]) -> NDArray[Any]:
        running = self.xp.cumsum(weights, axis=1)
        threshold = self.put(uniform)[:, None] * running[:, -1:]
        return self.get(self.xp.sum(running < threshold, axis=1))
