"""A compiled model over data of one shape, as a backend gives it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from irtbridge.data.responses import Responses
from irtbridge.errors import DataError, Unsupported
from irtbridge.model.layout import Layout
from irtbridge.model.spec import ModelSpec
from irtbridge.results.draws import Draws

if TYPE_CHECKING:
    from irtbridge.inference.nuts import NutsSettings
    from irtbridge.inference.vi import ViSettings

Array = NDArray[np.float64]
Progress = Callable[[str, int, int], None]


def silent(stage: str, done: int, total: int) -> None:
    """Progress callback that shows nothing: (stage, steps done, steps in all; 0 where unknown)."""


class Program(ABC):
    """A model compiled for one shape of data by one backend.

    `native` is the library's own object (a Pyro model function, a TFP joint distribution): take it and walk away.
    Every array in and out is NumPy, float64, whatever the backend computes in. Leading axes are batches.
    """

    spec: ModelSpec
    layout: Layout
    responses: Responses
    native: Any
    device: str
    dtype: str
    compile_seconds: float = 0.0

    @property
    def dim(self) -> int:
        """Number of unconstrained coordinates."""
        return self.layout.dim

    @abstractmethod
    def log_density(self, params: Mapping[str, Array]) -> Array:
        """Log joint density at constrained values: full arrays (batch, *shape) to (batch,); no batch gives ()."""

    @abstractmethod
    def value_and_grad(self, z: Array, *, jacobian: bool = True) -> tuple[Array, Array]:
        """Log density at unconstrained coordinates, and its gradient.

        Parameters
        ----------
        z : ndarray, shape (dim,) or (batch, dim)
        jacobian : bool
            Whether the density is that of the coordinates (True), or of the constrained parameters at that point.

        Returns
        -------
        value : ndarray, shape () or (batch,)
        gradient : ndarray, shape of `z`
        """

    def value(self, z: Array) -> Array:
        """The value of `value_and_grad` alone, which a backend may have cheaper."""
        return self.value_and_grad(z)[0]

    def for_chains(self) -> Program:
        """The same program, for thousands of gradients one after another, on which a backend may compile longer."""
        return self

    @abstractmethod
    def constrain(self, z: Array) -> dict[str, Array]:
        """Coordinates (..., dim) to full arrays (..., *shape) by variable name."""

    @abstractmethod
    def unconstrain(self, params: Mapping[str, Array]) -> Array:
        """Full arrays (..., *shape) to coordinates (..., dim); the inverse of `constrain`."""

    @abstractmethod
    def bind(self, responses: Responses) -> Program:
        """The same compiled program over other data of the same shape, without compiling again."""

    def starting_point(self, rng: np.random.Generator, radius: float) -> Array:
        """A point (dim,) where a method may begin: within `radius` of the origin in each coordinate, in convention."""
        return self.in_convention(rng.uniform(-radius, radius, self.dim))

    def in_convention(self, z: Array) -> Array:
        """Coordinates (dim,) with positive slopes, as a higher ability goes with higher categories.

        Where the prior lets a discrimination be negative it becomes ``exp(z)``, at most half its upper bound, and
        items of two categories are as difficult as the data say. From the origin each slope's sign would be a toss,
        each combination of signs has a mode of its own nearby, and a chain's first steps may lead from one to another.
        """
        name = self.spec.family.discrimination
        low, high = (0.0, 0.0) if name is None else self.spec[name].prior.bounds()
        if name is None or low >= 0:
            return z
        params, slot = self.constrain(z), self.layout.slots[name]
        positive = np.minimum(np.exp(z[self.layout.places[name]]), high / 2)
        slopes = slot.to_full(positive.reshape(slot.site_shape))
        return self.unconstrain({**params, name: slopes, **self._difficulties_of_data(slopes)})

    def _difficulties_of_data(self, slopes: Array) -> dict[str, Array]:
        """Where a person of mean ability gets items of two categories right as often as the persons of the data do."""
        family, location = self.spec.family, self.spec[self.spec.family.location[0]]
        if family.max_categories != 2 or location.dims != ("item",) or location.prior.support != "real":
            return {}
        right, observed = np.sum(self.responses.values == 1, axis=0), self.responses.observed.sum(axis=0)
        log_odds = np.log((right + 0.5) / (observed - right + 0.5))
        single = len(self.spec[family.ability].dims) == 1
        return {location.name: -log_odds / (family.scaling * slopes if single else 1.0)}

    def stack(self, programs: Sequence[Program]) -> Stack:
        """Programs that were bound to several data sets, itself among them, for one run of a native method."""
        raise Unsupported(type(self).__name__, "several data sets at once")

    def nuts(self, settings: NutsSettings, seed: int, progress: Progress = silent) -> Draws:
        """Draw from the posterior with the library's own NUTS."""
        raise Unsupported(type(self).__name__, "method 'nuts'")

    def vi(self, settings: ViSettings, seed: int, progress: Progress = silent) -> Draws:
        """Fit a mean-field normal guide with the library's own tools and draw from it."""
        raise Unsupported(type(self).__name__, "method 'vi'")

    def check_same_shape(self, responses: Responses) -> None:
        """Raise `DataError` unless `responses` have the shape this program was compiled for."""
        same_items = np.array_equal(responses.n_categories, self.layout.n_categories)
        if not same_items or responses.n_persons != self.layout.sizes["person"]:
            raise DataError(
                f"this program was compiled for {self.layout.sizes['person']} persons and categories "
                f"{self.layout.n_categories.tolist()}; got {responses.n_persons} and {responses.n_categories.tolist()}."
            )
        if self.layout.spec.items not in (None, responses.items):
            raise DataError(
                f"this program's Q-matrix stands for the items {', '.join(self.layout.spec.items or ())}, in this "
                f"order; got {', '.join(responses.items)}. Read all data with the same items=[...]."
            )


class Stack:
    """Programs of one model over several data sets, for native methods that run on all of them at once."""

    compile_seconds: float = 0.0

    def nuts(self, settings: NutsSettings, seeds: Sequence[int]) -> list[Draws]:
        """As `Program.nuts`, for each data set; the timings are those of all together."""
        raise Unsupported(type(self).__name__, "method 'nuts' on several data sets at once")

    def vi(self, settings: ViSettings, seeds: Sequence[int]) -> list[Draws]:
        """As `Program.vi`, for each data set; the timings are those of all together."""
        raise Unsupported(type(self).__name__, "method 'vi' on several data sets at once")
