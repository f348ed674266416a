"""What an author writes second: a compiled model over data of one shape."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from irtbridge.data.responses import Responses
from irtbridge.errors import Unsupported
from irtbridge.model.layout import Layout
from irtbridge.model.spec import ModelSpec
from irtbridge.plugin.arrays import Arrays
from irtbridge.results.draws import Draws

if TYPE_CHECKING:
    from irtbridge.inference.gibbs import GibbsSettings
    from irtbridge.inference.nuts import NutsSettings
    from irtbridge.inference.vi import ViSettings

Array = NDArray[np.float64]
Progress = Callable[[str, int, int], None]


def silent(stage: str, done: int, total: int) -> None:
    """Progress callback that shows nothing: (stage, steps done, steps in all; 0 where unknown)."""


class Program(ABC):
    """A model compiled for one shape of data by one backend.

    Every array in and out is NumPy, float64, whatever the backend computes in. Leading axes are batches. A program
    chooses its own unconstrained coordinates, in which samplers move.

    Parameters
    ----------
    layout : Layout
        The model over the data's shape.
    responses : Responses
        The data.
    device, dtype : str
        Where and in which precision it computes.

    Attributes
    ----------
    native : object
        The library's own (a Pyro model function, a TFP joint distribution): take it and walk away.
    compile_seconds : float
        What compiling took, imports apart.
    """

    spec: ModelSpec
    layout: Layout
    responses: Responses
    device: str
    dtype: str
    native: Any = None
    compile_seconds: float = 0.0

    def __init__(self, layout: Layout, responses: Responses, device: str, dtype: str) -> None:
        self.spec, self.layout, self.responses = layout.spec, layout, responses
        self.device, self.dtype = device, dtype

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

    @abstractmethod
    def constrain(self, z: Array) -> dict[str, Array]:
        """Coordinates (..., dim) to full arrays (..., *shape) by variable name."""

    @abstractmethod
    def unconstrain(self, params: Mapping[str, Array]) -> Array:
        """Full arrays (..., *shape) to coordinates (..., dim); the inverse of `constrain`."""

    @abstractmethod
    def with_data(self, responses: Responses) -> Program:
        """The same compiled program over other data, which `bind` has found to be of the same shape."""

    def nuts(self, settings: NutsSettings, seed: int, progress: Progress = silent) -> Draws:
        """Draw from the posterior with the library's own NUTS, if the backend declares it."""
        raise Unsupported(type(self).__name__, "method 'nuts'")

    def vi(self, settings: ViSettings, seed: int, progress: Progress = silent) -> Draws:
        """Fit a mean-field normal guide with the library's own tools and draw from it, if the backend declares it."""
        raise Unsupported(type(self).__name__, "method 'vi'")

    def gibbs(self, settings: GibbsSettings, seed: int, progress: Progress = silent) -> Draws:
        """Draw from the posterior with the library's own Gibbs sampler, if the backend declares it."""
        raise Unsupported(type(self).__name__, "method 'gibbs'")

    # What follows needs no attention; the first six may be overridden where the library can do better.

    def prepare(self) -> Program:
        """The same program, compiled for gradients, which it may have put off; `compile_seconds` has what that took.

        Called where gradients are to come; without it they are compiled for when the first is asked for.
        """
        return self

    @property
    def arrays(self) -> Arrays:
        """Where the posteriors of persons over nodes of ability are computed, once abilities have been integrated out.

        NumPy's, on the processor; a library with a GPU gives its own there.
        """
        return Arrays()

    def resume_nuts(
        self, settings: NutsSettings, adaptation: Mapping[str, Array], seed: int, progress: Progress = silent
    ) -> Draws:
        """Go on with the chains of `nuts`: ``settings.draws`` further draws of each, without another warm-up.

        Parameters
        ----------
        settings : NutsSettings
            Those of the chains but for the number of draws.
        adaptation : mapping of str to ndarray
            What `nuts` put into ``Draws.adaptation``: where the chains are, and their step sizes and metrics.
        seed, progress
            As in `nuts`.

        Raises
        ------
        Unsupported
            The backend does not keep what its chains have adapted to.
        """
        raise Unsupported(type(self).__name__, "going on with chains of method 'nuts'")

    def resume_gibbs(
        self, settings: GibbsSettings, adaptation: Mapping[str, Array], seed: int, progress: Progress = silent
    ) -> Draws:
        """Go on with the chains of `gibbs`, as `resume_nuts` does with those of `nuts`."""
        raise Unsupported(type(self).__name__, "going on with chains of method 'gibbs'")

    def value(self, z: Array) -> Array:
        """The value of `value_and_grad` without the gradient, shape () or (batch,)."""
        return self.value_and_grad(z)[0]

    def for_chains(self) -> Program:
        """The same program, for thousands of gradients one after another, on which a backend may compile longer."""
        return self

    def bind(self, responses: Responses) -> Program:
        """The same compiled program over other data of the same shape, without compiling again.

        Raises
        ------
        DataError
            The shape is another.
        """
        self.layout.check_same_shape(responses)
        return self.with_data(responses)

    @property
    def dim(self) -> int:
        """Number of unconstrained coordinates."""
        return self.layout.dim
