"""Arrays of persons by nodes, where a program computes: NumPy's, or those of a library on its device.

Given draws of the item parameters, the posteriors of all persons' abilities are one matrix product, exponentials and
sums: the same few functions of every array library, so that the core says them once.
"""

from __future__ import annotations

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
        Has, by NumPy's names and with `axis` and `keepdims`: ``amax``, ``broadcast_to``, ``concatenate``, ``cumsum``,
        ``exp``, ``sum``. Its arrays have the operators.
    cells : int
        Numbers of persons by nodes by draws at once: 2 MiB in single precision, which a processor's cache holds.
    """

    xp: ModuleType = np
    cells: int = 1 << 19

    def __init__(self, dtype: str = "float32") -> None:
        self.dtype = dtype

    def put(self, array: NDArray[Any]) -> Any:
        """An array of the library, of numbers in its precision."""
        return np.asarray(array, dtype=self.dtype)

    def get(self, array: Any) -> NDArray[Any]:
        """A NumPy array of one of the library's."""
        return np.asarray(array)

    def product(self, left: Any, right: Any) -> Any:
        """Matrix product over the last two axes, in full precision."""
        return left @ right

    def exp(self, array: Any) -> Any:
        """Exponentials, perhaps in the array's own place: another one would not stay in the cache beside it."""
        return np.exp(array, out=array)

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
    (`get`); and gives a `product` that keeps single precision, where the library's own does not.
    """

    cells = 1 << 26  # a quarter of a GiB in single precision, and two or three times as much for what comes between

    def exp(self, array: Any) -> Any:
        return self.xp.exp(array)

    def choose(self, weights: Any, uniform: NDArray[np.float64]) -> NDArray[Any]:
        running = self.xp.cumsum(weights, axis=1)
        threshold = self.put(uniform)[:, None] * running[:, -1:]
        return self.get(self.xp.sum(running < threshold, axis=1))
