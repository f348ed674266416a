"""Log densities, gradients and coordinates."""

from __future__ import annotations

import numpy as np
import pytest

from irtbridge.errors import DataError
from irtbridge.model.density import log_joint
from irtbridge.model.families import STEEPEST
from irtbridge.testing.cases import CASES, Case
from irtbridge.testing.conformance.base import OneBackend
from irtbridge.testing.conformance.checks import (
    free_elements,
    gradient_is_that_of,
    rows_of,
    values_are_those_of_gradients,
)
from irtbridge.testing.conformance.prepared import every_case, small_responses

STEEP = [case for case in CASES if case.name in ("2pl", "2pl-intercept", "grm", "gpcm", "m2pl-confirmatory")]


class Densities(OneBackend):
    """Log densities, gradients and coordinates."""

    @every_case
    def test_log_density_equals_the_reference(self, case: Case) -> None:
        point = self.prepare(case)
        expected = [log_joint(point.program.layout, row, point.responses) for row in rows_of(point.params)]
        np.testing.assert_allclose(point.program.log_density(point.params), expected, rtol=1e-9)

    @pytest.mark.parametrize("case", STEEP, ids=lambda c: c.name)
    def test_a_slope_may_be_so_steep_as_the_reference_lets_it(self, case: Case) -> None:
        """Beyond `STEEPEST` a discrimination counts as that in the likelihood, not in its prior."""
        point = self.prepare(case)
        row = rows_of(point.params)[0]
        steep = {**row, "discrimination": 3 * STEEPEST * (row["discrimination"] != 0)}
        expected = log_joint(point.program.layout, steep, point.responses)
        np.testing.assert_allclose(point.program.log_density(steep), expected, rtol=1e-9)

    @every_case
    def test_there_is_no_density_outside_of_the_bounds(self, case: Case) -> None:
        point = self.prepare(case)
        slots, row = point.program.layout.slots, rows_of(point.params)[0]
        for name, slot in slots.items():
            low, high = slot.variable.prior.bounds()
            for value in (low - 0.1, high + 0.1):
                site = slot.to_site(row[name]).copy()
                site.flat[0] = value
                if np.isfinite(value):
                    assert point.program.log_density({**row, name: slot.to_full(site)}) == -np.inf, (name, value)

    @every_case
    def test_a_batch_is_a_loop(self, case: Case) -> None:
        self.need_gradients()
        point = self.prepare(case)
        value, gradient = point.program.value_and_grad(point.z[:3])
        one_value, one_gradient = point.program.value_and_grad(point.z[1])
        assert (value.shape, gradient.shape) == ((3,), (3, point.program.dim))
        np.testing.assert_allclose(one_value, value[1], rtol=1e-10)
        np.testing.assert_allclose(one_gradient, gradient[1], rtol=1e-7, atol=1e-9)
        values_are_those_of_gradients(point.program)
        one = rows_of(point.params)[1]
        whole = point.program.log_density(point.params)
        np.testing.assert_allclose(point.program.log_density(one), whole[1], rtol=1e-10)

    @pytest.mark.parametrize("case", [c for c in CASES if c.name in ("2pl", "grm", "gpcm", "m2pl-correlated")],
                             ids=lambda c: c.name)  # fmt: skip
    def test_the_program_for_chains_is_the_same_program(self, case: Case) -> None:
        self.need_gradients()
        point = self.prepare(case)
        other = case.responses(seed=77)
        for program in (point.program, point.program.bind(other)):
            for jacobian in (True, False):
                value, gradient = program.value_and_grad(point.z[0], jacobian=jacobian)
                chained_value, chained = program.for_chains().value_and_grad(point.z[0], jacobian=jacobian)
                np.testing.assert_allclose(chained_value, value, rtol=1e-9)
                np.testing.assert_allclose(chained, gradient, rtol=1e-7, atol=1e-9)

    @every_case
    def test_gradient_equals_finite_differences(self, case: Case) -> None:
        self.need_gradients()
        program = self.prepare(case).program
        z = np.random.default_rng(3).uniform(-0.7, 0.7, program.dim)
        constrained = lambda z: program.log_density(program.constrain(z))  # noqa: E731
        for jacobian, value_at in ((True, program.value), (False, constrained)):
            value, gradient = program.value_and_grad(z, jacobian=jacobian)
            np.testing.assert_allclose(value, value_at(z), rtol=1e-9)
            gradient_is_that_of(value_at, z, gradient)

    @every_case
    def test_coordinates_round_trip(self, case: Case) -> None:
        point = self.prepare(case)
        back = point.program.constrain(point.z)
        assert list(back) == list(case.spec.names)
        for name, value in point.params.items():
            np.testing.assert_allclose(back[name], value, rtol=1e-6, atol=1e-9, err_msg=name)

    @every_case
    def test_jacobian_of_the_coordinates(self, case: Case) -> None:
        program = self.prepare(case).program
        z, step = np.random.default_rng(4).uniform(-0.7, 0.7, program.dim), 1e-5
        shift = step * np.eye(program.dim)
        columns = (free_elements(program, z + shift) - free_elements(program, z - shift)) / (2 * step)
        expected = np.linalg.slogdet(columns)[1]
        value = program.value(z)
        np.testing.assert_allclose(value - program.log_density(program.constrain(z)), expected, rtol=1e-6, atol=1e-6)

    @every_case
    def test_bound_data_replace_the_old(self, case: Case) -> None:
        point = self.prepare(case)
        other = case.responses(seed=77)
        assert not np.array_equal(other.values, point.responses.values)
        row = rows_of(point.params)[0]
        bound = point.program.bind(other)
        np.testing.assert_allclose(bound.log_density(row), log_joint(bound.layout, row, other), rtol=1e-9)
        unchanged = log_joint(point.program.layout, row, point.responses)
        np.testing.assert_allclose(point.program.log_density(row), unchanged, rtol=1e-9)

    def test_data_of_another_shape_are_refused(self) -> None:
        program = self.prepare(CASES[2]).program
        with pytest.raises(DataError, match="compiled for"):
            program.bind(small_responses())

    @pytest.mark.parametrize("case", [c for c in CASES if c.name in ("2pl", "grm", "gpcm", "m2pl-correlated")],
                             ids=lambda c: c.name)  # fmt: skip
    def test_single_precision_agrees(self, case: Case) -> None:
        self.need_gradients()
        if "float32" not in self.load().dtypes:
            pytest.skip(f"{self.backend} does not declare float32")
        point = self.prepare(case)
        program = self.load().compile(case.spec, point.responses, device=self.device, dtype="float32")
        double, gradient = point.program.value_and_grad(point.z[:5])
        single, single_gradient = program.value_and_grad(point.z[:5])
        np.testing.assert_allclose(single, double, rtol=1e-4, atol=1e-3)
        np.testing.assert_allclose(single_gradient, gradient, rtol=1e-2, atol=1e-2 * np.abs(gradient).max())
