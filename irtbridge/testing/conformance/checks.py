"""Checks of values, gradients and draws that several tests make."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from irtbridge.inference.ability_moments import ability_moments
from irtbridge.model import catalogue as models
from irtbridge.model.slot import Slot
from irtbridge.plugin.arrays import Arrays
from irtbridge.plugin.program import Program
from irtbridge.results.draws import Draws
from irtbridge.results.inference_data import to_inference_data
from irtbridge.results.quiet_arviz import az
from irtbridge.testing.conformance.prepared import small_reference, small_responses
from irtbridge.testing.marginal import reference_posterior

Array = NDArray[np.float64]


def means_are_the_references(program: Program, draws: Draws, limit: float) -> None:
    """Posterior means of the item parameters within `limit` standard errors of the reference's."""
    small = program.responses.fingerprint == small_responses().fingerprint
    reference = small_reference() if small else reference_posterior(models.two_pl(), program.responses, draws=8000)
    posterior = labelled(program, draws, {}).posterior
    for name in ("discrimination", "difficulty"):
        sd, mean = posterior[name].std(["chain", "draw"]).values, posterior[name].mean(["chain", "draw"]).values
        ess = draws.ess or az.ess(posterior[[name]], method="mean")[name].values
        z = (mean - reference.mean[name]) / np.hypot(sd / np.sqrt(ess), reference.mcse[name])
        assert np.abs(z).max() < limit, (name, z)


def rows_of(params: dict[str, Array]) -> list[dict[str, Array]]:
    """Parameters of one point each, of those that have points first."""
    count = len(next(iter(params.values())))
    return [{name: value[i] for name, value in params.items()} for i in range(count)]


def free_elements(program: Program, z: Array) -> Array:
    """The estimated elements of all variables in one vector, batch first."""
    params = program.constrain(z)
    return np.concatenate([_estimated(slot, params[name]) for name, slot in program.layout.slots.items()], axis=-1)


def _estimated(slot: Slot, full: Array) -> Array:
    return slot.to_site(full)[:, slot.variable.prior.free(slot.site_shape)]


def gradient_is_that_of(value: Callable[[Array], Array], z: Array, gradient: Array, step: float = 1e-5) -> None:
    """By central differences in random directions, each of which any wrong element of the gradient changes."""
    directions = np.random.default_rng(9).standard_normal((4, len(z)))
    slopes = (value(z + step * directions) - value(z - step * directions)) / (2 * step)
    np.testing.assert_allclose(directions @ gradient, slopes, rtol=1e-5, atol=1e-5)


def abilities_are_those_of_numpy(program: Program, params: Mapping[str, Array]) -> None:
    """Moments over some draws, and draws, of the abilities on the program's arrays, to single precision's rounding."""
    given = {name: value[None] for name, value in params.items() if name != program.spec.family.ability}
    both = program.arrays, Arrays()
    here, there = (ability_moments(program.layout, given, program.responses, 1, arrays) for arrays in both)
    np.testing.assert_allclose(here.mean, there.mean, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(here.sd, there.sd, rtol=1e-3, atol=1e-3)
    assert np.mean(np.abs(here.plausible - there.plausible) > 1e-6) < 0.02


def values_are_those_of_gradients(program: Program) -> None:
    """At one point, at some, and at more than a backend may take at once."""
    if type(program).value is Program.value:
        return  # by definition
    z, some = np.random.default_rng(6).uniform(-0.7, 0.7, (37, program.dim)), [0, 20, 36]
    values = program.value(z)
    np.testing.assert_allclose(values[some], program.value_and_grad(z[some])[0], rtol=1e-10)
    for count in (1, 3):
        np.testing.assert_allclose(program.value(z[:count]), values[:count], rtol=1e-10)
    np.testing.assert_allclose(program.value(z[0]), values[0], rtol=1e-10)


def labelled(program: Program, draws: Draws, attrs: dict[str, Any] | None = None) -> az.InferenceData:
    """A program's draws as users get them."""
    return to_inference_data(program.layout, program.responses, program.constrain(draws.z), draws, attrs or {})
