"""Settings of mean-field variational inference by the backend's own library."""

from __future__ import annotations

from dataclasses import dataclass

from irtbridge.inference.guides import resume_guide
from irtbridge.inference.method import Method
from irtbridge.plugin.options import check_positive


@dataclass(frozen=True)
class ViSettings:
    """Settings of mean-field variational inference with Adam (Kucukelbir et al. 2017; Kingma & Ba 2015).

    Parameters
    ----------
    learning_rate : float
        Adam's step size.
    steps : int
        Number of optimisation steps.
    particles : int
        Draws of the guide for each estimate of the ELBO.
    draws : int
        Draws taken from the fitted guide.
    init_scale : float
        Standard deviation of the guide at the start, in unconstrained coordinates.
    """

    learning_rate: float = 0.03
    steps: int = 4000
    particles: int = 1
    draws: int = 1000
    init_scale: float = 0.1

    def __post_init__(self) -> None:
        check_positive(self, "learning_rate", "steps", "particles", "draws", "init_scale")


METHOD = Method(
    "vi",
    ViSettings,
    lambda program, *how: program.vi(*how),
    summary="mean-field normal guide on the unconstrained coordinates, fitted by Adam on the ELBO; draws from the "
    "guide stand for the posterior",
    colour="#E69F00",
    smoke={"steps": 300, "draws": 200},
    native=True,
    stacks=True,
    resume=resume_guide,
)
