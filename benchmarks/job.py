"""What one process of a benchmark does: plain data, so that it travels as JSON."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from irtbridge.data.responses import Responses
from irtbridge.model.spec import ModelSpec


@dataclass(frozen=True)
class Job:
    """One contestant at one suite's work.

    Attributes
    ----------
    suite, contestant : str
        Names.
    module : str
        Of `benchmarks.contestants`.
    imports : tuple of str
        Further modules to load before the clock starts.
    options : dict
        Of the contestant.
    model : str
        ``2pl``, ``m2pl``, ``grm`` or ``gpcm``; what the hand-written programs go by.
    a_scale, b_scale : float
        Priors: discriminations are LogNormal(0, a_scale), locations Normal(0, b_scale), abilities Normal(0, 1).
    spec, data : dict
        `ModelSpec.to_dict` and `Responses.to_dict`.
    truth : dict or None
        The simulated ``discrimination`` and ``location``.
    warmup, draws, seed, threads : int
    dtype : str
    """

    suite: str
    contestant: str
    module: str
    imports: tuple[str, ...]
    options: dict[str, Any]
    model: str
    a_scale: float
    b_scale: float
    spec: dict[str, Any]
    data: dict[str, Any]
    truth: dict[str, Any] | None
    warmup: int
    draws: int
    seed: int
    threads: int
    dtype: str = "float64"

    @cached_property
    def responses(self) -> Responses:
        """The data."""
        return Responses.from_dict(self.data)

    @cached_property
    def y(self) -> NDArray[np.int64]:
        """Category codes (person, item), none missing."""
        return self.responses.values

    @property
    def trait_of_item(self) -> NDArray[np.int64]:
        """Which trait each item loads on, where it loads on one of several."""
        return np.argmax(np.asarray(self.build_spec()["discrimination"].free), axis=1)

    @property
    def n_categories(self) -> int:
        """Categories of every item."""
        return self.responses.max_categories

    def build_spec(self) -> ModelSpec:
        """The model."""
        return ModelSpec.from_dict(self.spec)

    @property
    def hash(self) -> str:
        """First 16 hexadecimal digits of the SHA-256 of everything above."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:16]
