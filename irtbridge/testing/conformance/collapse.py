"""Abilities integrated out, and in coordinates of their own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from irtbridge.model.cumulants import CumulantTable
from irtbridge.model.density import log_joint
from irtbridge.model.families import Categories
from irtbridge.model.layout import Layout
from irtbridge.model.quadrature import Quadrature
from irtbridge.model.reduction import Reduction
from irtbridge.model.simulate import simulate_parameters, simulate_responses
from irtbridge.testing.cases import CASES, Case
from irtbridge.testing.conformance.base import OneBackend
from irtbridge.testing.conformance.checks import (
    abilities_are_those_of_numpy,
    free_elements,
    gradient_is_that_of,
    means_are_the_references,
    rows_of,
    values_are_those_of_gradients,
)
from irtbridge.testing.conformance.prepared import every_case, small_responses

COLLAPSED: dict[str, dict[str, int]] = {"laplace": {}, "nuts_collapsed": {"chains": 2, "warmup": 100, "draws": 250}}
TABULATED = [  # of no certain items or persons, so that there can be many
    case
    for case in CASES
    if isinstance(case.spec.family, Categories)
    and case.spec.family.linear
    and len(case.spec.traits) == 1
    and not (case.covariates or case.spec.items)
]
REDUCED = [case for case in CASES if Reduction.of(case.spec) is not None]


class Collapse(OneBackend):
    """Abilities integrated out, and in coordinates of their own."""

    def need_collapse(self) -> None:
        """Leave a test out where the backend does not integrate abilities out."""
        if not self.load().collapses:
            pytest.skip(f"{self.backend} does not integrate abilities out")

    @every_case
    def test_collapsed_density_and_gradient(self, case: Case) -> None:
        self.need_collapse()
        point = self.prepare(case)
        program = self.load().compile(case.spec, point.responses, device=self.device, collapse=Quadrature(11))
        assert case.spec.family.ability not in program.layout.slots
        rows = rows_of(point.params)[:10]
        expected = [log_joint(program.layout, row, point.responses) for row in rows]
        batch = {name: value[:10] for name, value in point.params.items()}
        np.testing.assert_allclose(program.log_density(batch), expected, rtol=1e-9)
        z = np.random.default_rng(3).uniform(-0.7, 0.7, program.dim)
        constrained = lambda z: program.log_density(program.constrain(z))  # noqa: E731
        for jacobian, value_at in ((True, program.value), (False, constrained)):
            value, gradient = program.value_and_grad(z, jacobian=jacobian)
            np.testing.assert_allclose(value, value_at(z), rtol=1e-9)
            gradient_is_that_of(value_at, z, gradient)
        other = case.responses(seed=77)
        bound = program.bind(other)
        np.testing.assert_allclose(bound.log_density(rows[0]), log_joint(bound.layout, rows[0], other), rtol=1e-9)
        weighted = program.bind(replace(other, weights=np.arange(other.n_persons) % 3 + np.ones(other.n_persons)))
        long = weighted.responses.expanded()
        of_long = log_joint(Layout.of(case.spec, long, program.layout.collapse), rows[0], long)
        np.testing.assert_allclose(weighted.log_density(rows[0]), of_long, rtol=1e-9)
        for one in (program, bound, weighted):
            values_are_those_of_gradients(one)
        abilities_are_those_of_numpy(program, batch)

    @pytest.mark.parametrize("case", REDUCED, ids=[case.name for case in REDUCED])
    def test_collapsed_density_where_persons_share_patterns(self, case: Case) -> None:
        """So many persons that each has some patterns in common with others (see `model.patterns.EveryPattern`)."""
        self.need_collapse()
        self.need_model(case.spec)
        params = simulate_parameters(case.spec, 60, case.n_categories, seed=1)
        complete, holed = (simulate_responses(case.spec, params, case.n_categories, 2, share) for share in (0.0, 0.2))
        for first, second in ((complete, holed), (holed, complete)):
            program = self.load().compile(case.spec, first, device=self.device, collapse=Quadrature(9))
            for bound in (program, program.bind(second)):
                expected = log_joint(bound.layout, params, bound.responses)
                np.testing.assert_allclose(bound.log_density(params), expected, rtol=1e-9)
            values_are_those_of_gradients(program)
            z = np.random.default_rng(3).uniform(-0.7, 0.7, program.dim)
            gradient_is_that_of(program.value, z, program.value_and_grad(z)[1])

    @pytest.mark.parametrize("case", TABULATED, ids=[case.name for case in TABULATED])
    def test_collapsed_values_of_many_persons(self, case: Case) -> None:
        """As many as make a table of the likelihood pay (see `irtbridge.model.cumulants`)."""
        self.need_collapse()
        self.need_model(case.spec)
        counts = case.n_categories * 4
        params = simulate_parameters(case.spec, 500, counts, seed=1)
        first, other = (simulate_responses(case.spec, params, counts, seed) for seed in (2, 3))
        program = self.load().compile(case.spec, first, device=self.device, collapse=Quadrature())
        assert CumulantTable.for_values(program.layout, (500, program.layout.exists[:, 1:].size))
        z = np.random.default_rng(6).uniform(-1, 1, (40, program.dim))
        for bound in (program, program.bind(other)):
            values, rows = bound.value(z), rows_of(bound.constrain(z[:4]))
            expected = [log_joint(bound.layout, row, bound.responses) for row in rows]
            gradients, at_density = bound.value_and_grad(z[:4])[0], [bound.log_density(row) for row in rows]
            np.testing.assert_allclose(at_density, expected, rtol=1e-9)
            np.testing.assert_allclose(values[:4], gradients, rtol=1e-10)
            np.testing.assert_allclose(bound.value(z[37:]), values[37:], rtol=1e-12)

    @pytest.mark.parametrize(("method", "settings"), COLLAPSED.items(), ids=COLLAPSED)
    def test_collapsed_methods_draw_from_the_posterior(self, method: str, settings: dict[str, int]) -> None:
        """As for NUTS: z-tests of 8 posterior means, Bonferroni at 1e-4."""
        self.need_collapse()
        program, draws = self.run_small(method, **settings)
        means_are_the_references(program, draws, 4.4)

    def test_map_is_the_mode_of_the_reference(self) -> None:
        self.need_collapse()
        program, draws = self.run_small("map")
        assert draws.standard_errors is not None
        assert min(e.min() for e in draws.standard_errors.values()) > 0
        estimate = {name: value[0, 0] for name, value in program.constrain(draws.z).items()}
        best = log_joint(program.layout, estimate, small_responses())
        for name, value in estimate.items():
            for step in (-1e-3, 1e-3):
                moved = {**estimate, name: value + step}
                assert log_joint(program.layout, moved, small_responses()) < best

    @pytest.mark.parametrize("case", [c for c in CASES if c.has_ability_parameters], ids=lambda c: c.name)
    def test_noncentred_coordinates_change_nothing_else(self, case: Case) -> None:
        if not self.load().noncentres:
            pytest.skip(f"{self.backend} does not standardise abilities")
        point = self.prepare(case)
        program = self.load().compile(case.spec, point.responses, device=self.device, noncentred=True)
        expected = point.program.log_density(point.params)
        np.testing.assert_allclose(program.log_density(point.params), expected, rtol=1e-10)
        z = program.unconstrain(point.params)
        assert np.abs(z - point.z).max() > 0.1
        for name, value in program.constrain(z).items():
            np.testing.assert_allclose(value, point.params[name], rtol=1e-6, atol=1e-9, err_msg=name)
        near, step = np.random.default_rng(3).uniform(-0.7, 0.7, program.dim), 1e-5
        shift = step * np.eye(program.dim)
        value, gradient = program.value_and_grad(near)
        gradient_is_that_of(program.value, near, gradient)
        columns = (free_elements(program, near + shift) - free_elements(program, near - shift)) / (2 * step)
        jacobian = np.linalg.slogdet(columns)[1]
        np.testing.assert_allclose(value - program.log_density(program.constrain(near)), jacobian, rtol=1e-6, atol=1e-6)

    def test_whitened_nuts_draws_from_the_posterior(self) -> None:
        """As for NUTS, and where that is left out: gradients by differences would take hours for 200 abilities."""
        self.need("nuts")
        program, draws = self.run_small("nuts_whitened", chains=2, warmup=100, draws=200)
        means_are_the_references(program, draws, 4.4)
