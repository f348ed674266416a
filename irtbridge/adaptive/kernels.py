"""Short descriptions of how much items tell of one trait: logistic curves, and kernels that match their information."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from irtbridge.bank.item_bank import ItemBank
from irtbridge.model.families.binary import Binary

Array = NDArray[np.float64]
# Where moments are integrated: abilities centre + spread sinh(x), dense in the middle and some hundred units wide.
SINH_REACH, SINH_NODES = 6.0, 601
LEAST_SLOPE = 1e-6  # of an item that tells nothing: its location is any


@dataclass(frozen=True, eq=False)
class Curves:
    """Logistic curves ``sigma(slope (theta - location))``.

    Attributes
    ----------
    slope, location : ndarray of float32, shape (item,)
    """

    slope: NDArray[np.float32]
    location: NDArray[np.float32]

    @classmethod
    def of(cls, bank: ItemBank) -> Curves | None:
        """Of a bank at its mean parameters; None where items are no logistic curves of one trait."""
        family = bank.spec.family
        if not isinstance(family, Binary) or not family.linear or len(bank.traits) > 1:
            return None
        at_zero, at_one = bank.at_mean.exponential([0.0, 1.0]).natural[0, :, :, 0]
        slope = np.maximum(at_one - at_zero, LEAST_SLOPE)
        return cls(slope.astype(np.float32), (-at_zero / slope).astype(np.float32))


@dataclass(frozen=True, eq=False)
class Kernels:
    """Gaussian kernels ``height exp(-(theta - centre)^2 / (2 width^2))`` with the moments of items' information.

    Attributes
    ----------
    height, centre, width : ndarray of float32, shape (item,)
    """

    height: NDArray[np.float32]
    centre: NDArray[np.float32]
    width: NDArray[np.float32]

    @classmethod
    def of(cls, bank: ItemBank) -> Kernels:
        """By moment matching: the same integral, mean and variance over the ability as the item's information has.

        Of one trait; the integral is a trapezoid rule in x with ``theta = mean + SD sinh(x)``.
        """
        spread = float(np.sqrt(bank.covariance[0, 0]))
        x = np.linspace(-SINH_REACH, SINH_REACH, SINH_NODES)
        ability = bank.mean[0] + spread * np.sinh(x)
        weights = spread * np.cosh(x) * (x[1] - x[0])
        information = bank.at_mean.information(ability)[0]
        mass = weights @ information
        shares = np.divide(weights[:, None] * information, mass, out=np.zeros_like(information), where=mass > 0)
        centre = ability @ shares
        width = np.sqrt(np.maximum((ability**2) @ shares - centre**2, np.finfo(float).tiny))
        return cls(*(part.astype(np.float32) for part in (mass / (width * np.sqrt(2 * np.pi)), centre, width)))

    def shape(self, ability: ArrayLike) -> NDArray[np.float32]:
        """The kernels without their heights, (node, item)."""
        away = np.subtract.outer(np.asarray(ability, dtype=np.float32), self.centre) / self.width
        return np.asarray(np.exp(-0.5 * away**2), dtype=np.float32)
