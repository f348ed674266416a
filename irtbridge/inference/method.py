"""What a method says of itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from irtbridge.model.spec import ModelSpec
from irtbridge.plugin.program import Program, Progress
from irtbridge.results.draws import Draws

# Chosen: seconds for a fit, and enough draws for every table and figure to have something to show.
SHORT_CHAIN = {"chains": 1, "warmup": 50, "draws": 50}


def as_it_is(spec: ModelSpec) -> ModelSpec:
    """The model as it is."""
    return spec


@dataclass(frozen=True)
class Method:
    """A way to get from a program to draws, as its own module says it.

    Attributes
    ----------
    name : str
        What users call it.
    settings : type
        Dataclass of its settings.
    run : callable
        Of (program, settings, seed, progress).
    summary : str
        What it does, in one line.
    colour : str
        Of what it fitted, in every figure.
    smoke : mapping of str to int
        What ``preset=smoke`` allows of its settings at most.
    native : bool
        Whether it is the library's own, which a backend must declare; the others serve every backend.
    resume : callable, optional
        Of (program, settings, the draws before, number of further draws of each chain, seed, progress): the further
        ones. None where there are no draws to add to.
    gradients : bool
        Whether it needs gradients of the program, which a backend must have.
    priors : bool
        Whether the priors count. Where they do, an item that all or none solved has an estimate, too.
    stacks : bool
        Whether several data sets are sooner done in one run (see `irtbridge.many`).
    distribution : bool
        Whether it has a distribution of abilities, whose mean and standard deviation can be estimated.
    adapt : callable
        Of a spec: the model as the method fits it, or a `SpecError` where it cannot.
    scale : str
        What fixes the scale of the abilities, where it is not their prior: printed beside the estimates.
    """

    name: str
    settings: type
    run: Callable[[Program, Any, int, Progress], Draws]
    summary: str
    colour: str
    smoke: Mapping[str, int] = field(default_factory=dict)
    native: bool = False
    gradients: bool = True
    priors: bool = True
    stacks: bool = False
    distribution: bool = True
    resume: Callable[[Program, Any, Draws, int, int, Progress], Draws] | None = None
    adapt: Callable[[ModelSpec], ModelSpec] = as_it_is
    scale: str = ""
