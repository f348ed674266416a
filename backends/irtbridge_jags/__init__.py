"""The JAGS backend. It calls the command line ``jags``; there is no library to import."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from irtbridge.model.priors import PRIORS
from irtbridge.plugin import Backend, Layout, Responses
from irtbridge.plugin.options import check_number

if TYPE_CHECKING:
    from irtbridge_jags.program import JagsProgram


@dataclass(frozen=True)
class JagsOptions:
    """Options of the JAGS backend.

    Parameters
    ----------
    glm : bool
        Load JAGS's module ``glm``: normal variables that are linear in a logit or probit are drawn in blocks, and the
        graded model is written with ``dordered.logit``, which needs the module, instead of ``dcat``.
    processes : int
        How many chains run at a time, each in a process of its own; 0: as many as there are processors. The draws are
        the same.
    """

    glm: bool = True
    processes: int = 0

    def __post_init__(self) -> None:
        check_number("processes", self.processes, least=0)


class JagsBackend(Backend):
    """JAGS (Plummer 2003): Gibbs sampling of models in the BUGS language."""

    name: ClassVar[str] = "jags"
    description: ClassVar[str] = "JAGS: Gibbs sampling of a BUGS program, on the CPU."
    install: ClassVar[str] = (
        "apt-get install jags (Debian, Ubuntu), brew install jags (macOS), or the installer for Windows from "
        "https://sourceforge.net/projects/mcmc-jags/files/JAGS"
    )
    methods: ClassVar[tuple[str, ...]] = ("gibbs",)
    gradients: ClassVar[bool] = False
    dtypes: ClassVar[tuple[str, ...]] = ("float64",)
    # BUGS has no distribution of correlation matrices.
    priors: ClassVar[tuple[str, ...]] = tuple(name for name in PRIORS if name != "LKJCholesky")
    options_class: ClassVar[type] = JagsOptions

    def build(self, layout: Layout, responses: Responses, device: str, dtype: str) -> JagsProgram:
        from irtbridge_jags.program import JagsProgram

        return JagsProgram(layout, responses, device, dtype, self.options)

    @classmethod
    def versions(cls) -> dict[str, str | None]:
        """Version of the program ``jags``; None where it is not on the path."""
        from irtbridge_jags.running import version

        return {"jags": None if shutil.which("jags") is None else version()}
