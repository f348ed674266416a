"""A spec as a BUGS program: its text, its data and its initial values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from irtbridge.model.families import OrderedBeta
from irtbridge.plugin import Layout, Responses
from irtbridge_jags import families
from irtbridge_jags.bugs import printed
from irtbridge_jags.places import COUNTERS, own, written
from irtbridge_jags.variables import Part, derived, variable

Array = NDArray[np.float64]
Data = dict[str, NDArray[Any]]
ORDER = ["i", "j", *(counter for counter in COUNTERS.values() if counter not in "ij"), "c", "s", ""]  # outermost loops


@dataclass(frozen=True, eq=False)
class BugsModel:
    """A spec as a BUGS program.

    Attributes
    ----------
    layout : Layout
        The model over the data's shape.
    text : str
        The program.
    constants : dict of str to ndarray
        Its data but for the responses.
    parts : dict of str to Part
        What stands for each variable that is estimated.
    """

    layout: Layout
    text: str
    constants: Data
    parts: Mapping[str, Part]

    @classmethod
    def of(cls, layout: Layout, *, glm: bool) -> BugsModel:
        """Translate a spec; `glm` says whether the module is loaded."""
        parts = {name: variable(layout, slot) for name, slot in layout.slots.items()}
        others = [derived(layout, slot) for slot in layout.derived.values()]
        statements = families.response(layout, glm=glm)
        constants: Data = {"N": np.asarray(layout.sizes["person"]), "J": np.asarray(layout.sizes["item"])}
        for part in [*parts.values(), *others]:
            statements += part.statements
            constants |= part.data
        statements.sort(key=lambda statement: ORDER.index(statement.loops[0].counter if statement.loops else ""))
        text = printed(statements)
        if "K[" in text:
            constants["K"] = layout.n_categories
        return cls(layout, text, constants, parts)

    @property
    def nodes(self) -> dict[str, str]:
        """Name in the program of each variable that is estimated."""
        return {name: written(name) for name in self.parts}

    def data(self, responses: Responses) -> Data:
        """All data of the program."""
        family = self.layout.spec.family
        values = np.where(responses.observed, responses.values, np.nan)
        if family.kind == "categories" or isinstance(family, OrderedBeta):
            values = np.where(self.layout.n_categories > 1, values, np.nan)  # a single category tells nothing
        return {**self.constants, **families.data(family, values)}

    def initial(self, params: Mapping[str, Array]) -> Data:
        """Initial values of what is drawn, from full arrays."""
        slots = self.layout.slots
        return {
            part.drawn: np.where(own(slots[name]), np.asarray(params[name], dtype=float), np.nan)
            for name, part in self.parts.items()
        }
