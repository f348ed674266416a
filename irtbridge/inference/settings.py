"""Settings that several methods share."""

from __future__ import annotations

from dataclasses import dataclass, fields

from irtbridge.model.quadrature import Quadrature
from irtbridge.plugin.options import check_positive

CHOSEN_AT_ZERO = ("n_nodes", "block")


@dataclass(frozen=True)
class CollapsedSettings:
    """What all methods share that integrate abilities out.

    Parameters
    ----------
    n_nodes : int
        Quadrature nodes for each trait; 0 chooses (`irtbridge.model.quadrature.Quadrature`).
    max_iterations : int
        Of L-BFGS on the way to the mode.
    block : int
        Persons in a block, where large data are streamed; 0 chooses, and leaves small data whole.
    """

    n_nodes: int = 0
    max_iterations: int = 1000
    block: int = 0

    def __post_init__(self) -> None:
        positive = [f.name for f in fields(self) if f.type in ("int", "float") and f.name not in CHOSEN_AT_ZERO]
        check_positive(self, *positive, *[name for name in CHOSEN_AT_ZERO if getattr(self, name)])

    @property
    def collapse(self) -> Quadrature:
        """The quadrature over which abilities are integrated out."""
        return Quadrature(self.n_nodes)
