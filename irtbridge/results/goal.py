"""What draws are to reach before they are enough: ``rhat<1.01, ess>400``."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from irtbridge.errors import ConfigError, UnknownName

# Column of `diagnostics`, and whether small values are good.
MEASURES = {
    "rhat": ("r_hat", True),
    "psrf": ("psrf", True),
    "psrf_upper": ("psrf_upper", True),
    "ess": ("ess_bulk", False),
    "ess_tail": ("ess_tail", False),
    "mcse_percent": ("mcse_percent", True),
}
CONDITION = re.compile(r"\s*(\w+)\s*([<>])\s*([0-9.eE+-]+)\s*")


@dataclass(frozen=True)
class Goal:
    """Limits that the worst parameter is to keep.

    Attributes
    ----------
    text : str
        As it was given.
    limits : mapping of str to float
        By a name of `MEASURES`.
    """

    text: str
    limits: dict[str, float]

    @classmethod
    def of(cls, text: str) -> Goal:
        """Read conditions with commas between them.

        Raises
        ------
        ConfigError
            One that cannot be read, of an unknown name, or whose sign stands the wrong way round.
        """
        if not isinstance(text, str) or not text.strip():
            raise ConfigError(f"until={text!r}: give conditions, as until='rhat<1.01, ess>400'.")
        return cls(text, dict(_condition(part) for part in text.split(",")))

    def worst(self, parameters: pd.DataFrame) -> dict[str, float]:
        """The worst value of each measure in a table of `diagnostics`.

        Raises
        ------
        ConfigError
            A measure that the draws do not have.
        """
        found = {name: _worst(parameters, name) for name in self.limits}
        for name, value in found.items():
            if np.isnan(value):
                there = [other for other in MEASURES if not np.isnan(_worst(parameters, other))]
                raise ConfigError(
                    f"until={self.text!r}: these draws have no {name}; they have {', '.join(there) or 'nothing'}. "
                    "R-hat and psrf need two chains or more, and draws that are independent have neither."
                )
        return found

    def met(self, parameters: pd.DataFrame) -> bool:
        """Whether every parameter in a table of `diagnostics` keeps every limit."""
        return all(_keeps(name, value, self.limits[name]) for name, value in self.worst(parameters).items())

    def lacking(self, parameters: pd.DataFrame) -> str:
        """Which limits are not kept, in words."""
        worst = self.worst(parameters)
        return ", ".join(
            f"{name} is {value:.4g}, not {'below' if MEASURES[name][1] else 'above'} {self.limits[name]:g}"
            for name, value in worst.items()
            if not _keeps(name, value, self.limits[name])
        )


def _condition(part: str) -> tuple[str, float]:
    found = CONDITION.fullmatch(part)
    if found is None:
        raise ConfigError(f"until: {part.strip()!r} is no condition; write one as rhat<1.01 or ess>400.")
    name, sign, limit = found.groups()
    if name not in MEASURES:
        raise UnknownName("measure of convergence", name, MEASURES)
    if (sign == "<") != MEASURES[name][1]:
        other = "<" if sign == ">" else ">"
        raise ConfigError(f"until: {part.strip()!r} asks for bad draws; write {name}{other}{limit}.")
    try:
        return name, float(limit)
    except ValueError:
        raise ConfigError(f"until: {limit!r} in {part.strip()!r} is no number.") from None


def _worst(parameters: pd.DataFrame, name: str) -> float:
    column, small = MEASURES[name]
    return float(parameters[column].max() if small else parameters[column].min())


def _keeps(name: str, value: float, limit: float) -> bool:
    return value < limit if MEASURES[name][1] else value > limit
