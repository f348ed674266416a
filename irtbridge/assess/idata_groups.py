"""Groups of an InferenceData that are made on demand: log likelihoods, and responses replicated from the posterior."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from irtbridge.assess.person_likelihood import person_log_likelihood
from irtbridge.assess.posterior import Posterior
from irtbridge.assess.predict import predictive, replicated, slices
from irtbridge.errors import UnknownName

Array = NDArray[np.float64]
KINDS = ("response", "person")


def log_likelihood(posterior: Posterior, labels: xr.Dataset, kinds: Sequence[str] = KINDS) -> xr.Dataset:
    """The group ``log_likelihood``.

    Parameters
    ----------
    posterior : Posterior
        Of a fit.
    labels : Dataset
        Its group ``posterior``.
    kinds : sequence of str
        ``response``: of each response at the draws' abilities, variable ``response`` (chain, draw, person, item), 0
        where it is missing. ``person``: of all responses of a person, the abilities integrated out, variable
        ``person_marginal`` (chain, draw, person); a row that stands for several persons has that of one of them.

    Raises
    ------
    UnknownName
        No such kind.
    StatisticError
        ``person``: the abilities of this model cannot be integrated out.
    """
    for kind in kinds:
        if kind not in KINDS:
            raise UnknownName("kind of log likelihood", kind, KINDS)
    variables: dict[str, tuple[tuple[str, ...], Array]] = {}
    if "person" in kinds:
        variables["person_marginal"] = (("person",), person_log_likelihood(posterior))
    if "response" in kinds:
        variables["response"] = (("person", "item"), response_log_likelihood(posterior))
    return _labelled(variables, labels)


def response_log_likelihood(posterior: Posterior) -> Array:
    """Log probability, or density, of each response at each draw, shape (draw, person, item); 0 where it is missing."""
    responses, family, exists = posterior.responses, posterior.spec.family, posterior.layout.exists
    result = np.empty((posterior.n_draws, *responses.values.shape))
    for row in range(posterior.n_draws):
        at = {name: value[row] for name, value in posterior.params.items()}
        for rows in slices(posterior):
            here = {**at, posterior.ability: posterior.abilities[row, rows]}
            result[row, rows] = family.log_density(responses.values[rows], here, posterior.spec.dims, exists)
    return np.where(responses.observed, result, 0.0)


def posterior_predictive(posterior: Posterior, labels: xr.Dataset, seed: int = 0) -> xr.Dataset:
    """The group ``posterior_predictive``: ``response`` (chain, draw, person, item), drawn at each posterior draw.

    Parameters
    ----------
    posterior : Posterior
        Of a fit.
    labels : Dataset
        Its group ``posterior``.
    seed : int
        Of the replication.

    Returns
    -------
    Dataset
        Categories by their codes, as in ``observed_data``; NaN where the data are missing. A row that stands for
        several persons has the responses of one of them.
    """
    source = predictive(posterior, posterior.n_draws, seed, expand=False)
    drawn = np.stack([replicate for _, replicate in replicated(source, seed)])
    return _labelled({"response": (("person", "item"), drawn)}, labels)


def _labelled(variables: dict[str, tuple[tuple[str, ...], Array]], labels: xr.Dataset) -> xr.Dataset:
    """Arrays (chain x draw, ...) with the coordinates of the posterior."""
    shape = labels.sizes["chain"], labels.sizes["draw"]
    arrays = {
        name: (("chain", "draw", *dims), value.reshape(*shape, *value.shape[1:]))
        for name, (dims, value) in variables.items()
    }
    coords = {dim: labels.coords[dim] for dim in ("chain", "draw", "person", "item") if dim in labels.coords}
    used = {dim for dims, _ in arrays.values() for dim in dims}
    return xr.Dataset(arrays, coords={dim: value for dim, value in coords.items() if dim in used})
