"""The suite every backend passes: subclass, name your backend, run pytest.

Densities, gradients and coordinates are held to the NumPy reference (`irtbridge.model.density`), draws to a reference
posterior by quadrature (`irtbridge.testing.marginal`), over the models of `irtbridge.testing.cases`.
"""

from irtbridge.testing.conformance.arrays import WithoutModel
from irtbridge.testing.conformance.collapse import Collapse
from irtbridge.testing.conformance.contract import Contract
from irtbridge.testing.conformance.densities import Densities
from irtbridge.testing.conformance.samplers import Samplers
from irtbridge.testing.conformance.stacks import Stacks

__all__ = ["BackendConformance"]


class BackendConformance(Contract, Densities, Collapse, Stacks, WithoutModel, Samplers):
    """Tests of one backend.

    Set `backend` to the entry point's name, and `device` to test another than the processor. What the
    backend does not declare is left out (`priors`, `families`, `methods`, `gradients`, `dtypes`, `collapses`,
    `noncentres`, `has_arrays`, `stacks`); nothing else can be.
    """
