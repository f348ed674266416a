"""The population that persons come from, as nodes with weights: what expected counts and moments are summed over."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import special
from scipy.stats import qmc

from irtbridge.assess.posterior import Posterior
from irtbridge.errors import StatisticError
from irtbridge.model.noncentred import ability_at

Array = NDArray[np.float64]
SOBOL = 12  # 4,096 points: expected proportions to 1e-4, where there is no product grid (bifactor, many traits)


def population(posterior: Posterior, rows: NDArray[np.intp] | None = None) -> tuple[Array, Array]:
    """Abilities at nodes and the share of the population at each, for each draw.

    On the grid of the quadrature; of a model that has no grid of all its traits together, 4,096 points of a scrambled
    Sobol sequence. Where the abilities' prior differs by person (groups, regression), the population is the mixture of
    the persons' priors.

    Parameters
    ----------
    posterior : Posterior
        Of a fit.
    rows : ndarray of int, optional
        The persons of the mixture; by default all.

    Returns
    -------
    nodes : ndarray, shape (draw, node) or (draw, node, trait)
    weights : ndarray, shape (draw, node)
        They sum to one.

    Raises
    ------
    StatisticError
        The abilities are not normal, or differ by person where there is no grid.
    """
    layout = posterior.layout
    if layout.collapse is None or layout.reduction is not None:
        return _points(posterior)
    nodes, log_weights = posterior.nodes()
    if not layout.by_person:
        return nodes, np.exp(log_weights)
    rows = np.arange(posterior.responses.n_persons) if rows is None else rows
    counts = posterior.weights[rows]
    return nodes, np.einsum("p,dpt->dt", counts / counts.sum(), np.exp(log_weights[:, rows]))


def _points(posterior: Posterior) -> tuple[Array, Array]:
    """Sobol points in place of a grid."""
    posterior.check_normal("expected counts", "item_fit(statistics='infit')")
    if posterior.layout.by_person:
        raise StatisticError(
            f"expected counts: in model {posterior.spec.name!r} the abilities' prior differs by person, and its traits "
            "have no grid; use item_fit(statistics='infit'), which compares each response with its expectation."
        )
    uniform = qmc.Sobol(len(posterior.traits), seed=0).random_base2(SOBOL)
    standard = np.asarray(special.ndtri(uniform))
    rows = [{name: value[row] for name, value in posterior.params.items()} for row in range(posterior.n_draws)]
    nodes = np.stack([ability_at(posterior.layout, standard, row) for row in rows])
    return nodes, np.full(nodes.shape[:2], 1 / len(standard))
