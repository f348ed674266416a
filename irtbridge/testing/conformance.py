"""The suite every backend passes: subclass, name your backend, run pytest.

Densities, gradients and coordinates are held to the NumPy reference (`irtbridge.model.density`), draws to a reference
posterior by quadrature (`irtbridge.testing.marginal`), over the models of `irtbridge.testing.cases`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from functools import cache
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from irtbridge.data.responses import Responses
from irtbridge.errors import DataError, DeviceError, UnknownName, Unsupported
from irtbridge.inference import METHODS, compile_for, make_settings, run_method
from irtbridge.inference.ability_moments import ability_moments
from irtbridge.inference.gibbs import GibbsSettings
from irtbridge.inference.nuts import NutsSettings
from irtbridge.inference.vi import ViSettings
from irtbridge.model import catalogue as models
from irtbridge.model.cumulants import CumulantTable
from irtbridge.model.density import log_joint
from irtbridge.model.families import Binary, Categories
from irtbridge.model.layout import Layout
from irtbridge.model.priors import Exactly, Normal
from irtbridge.model.quadrature import Quadrature
from irtbridge.model.reduction import Reduction
from irtbridge.model.simulate import draw_from_prior, simulate_parameters, simulate_responses
from irtbridge.model.slot import Slot
from irtbridge.model.spec import ModelSpec
from irtbridge.plugin.arrays import Arrays
from irtbridge.plugin.backend import Backend
from irtbridge.plugin.entry_points import backend_names
from irtbridge.plugin.loading import load_backend
from irtbridge.plugin.program import Program
from irtbridge.plugin.stack import Stackable
from irtbridge.results.draws import Draws
from irtbridge.results.inference_data import to_inference_data
from irtbridge.results.quiet_arviz import az
from irtbridge.testing.cases import CASES, Case
from irtbridge.testing.marginal import Reference, reference_posterior

Array = NDArray[np.float64]
POINTS = 20
SHORT = NutsSettings(chains=2, warmup=150, draws=250)  # above 100 effective draws of each item parameter
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
every_case = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])


@dataclass(frozen=True)
class UnheardOf(Normal):
    """A prior that no backend knows."""


@dataclass(frozen=True)
class UnheardOfFamily(Binary):
    """A response family that no backend knows."""

    name: ClassVar[str] = "unheard_of"


@dataclass(frozen=True, eq=False)
class Point:
    """A program with parameters drawn from the prior, batch first."""

    program: Program
    responses: Responses
    params: dict[str, Array]
    z: Array = field(repr=False)


@cache
def prepared(backend: str, device: str, case: Case) -> Point:
    """Compile a case once for all tests of the suite."""
    responses = case.responses()
    program = load_backend(backend).compile(case.spec, responses, device=device, dtype="float64")
    rng = np.random.default_rng(11)
    draws = [draw_from_prior(program.layout, rng) for _ in range(POINTS)]
    params = {name: np.stack([d[name] for d in draws]) for name in draws[0]}
    return Point(program, responses, params, program.unconstrain(params))


@cache
def short_run(backend: str, device: str, seed: int = 3) -> tuple[Program, Draws]:
    """A NUTS run on a small 2PL data set."""
    program = load_backend(backend).compile(models.two_pl(), small_responses(), device=device)
    return program, program.nuts(SHORT, seed)


@cache
def small_responses() -> Responses:
    """60 persons x 4 items from a 2PL."""
    params = simulate_parameters(models.two_pl(), 60, [2] * 4, seed=5)
    return simulate_responses(models.two_pl(), params, [2] * 4, seed=6, missing=0.05)


@cache
def small_reference() -> Reference:
    """The posterior of the small data set by quadrature and importance sampling."""
    return reference_posterior(models.two_pl(), small_responses(), draws=8000)


class BackendConformance:
    """Tests of one backend.

    Set `backend` to the entry point's name, and `device` to test another than the processor. What the
    backend does not declare is left out (`priors`, `families`, `methods`, `gradients`, `dtypes`, `collapses`,
    `noncentres`, `stacks`); nothing else can be.
    """

    backend: ClassVar[str]
    device: ClassVar[str] = "cpu"

    def load(self) -> Backend:
        """The backend under test."""
        return load_backend(self.backend)

    def need(self, method: str) -> None:
        """Leave a test out where the backend does not declare `method`."""
        if method not in self.load().methods:
            pytest.skip(f"{self.backend} does not declare {method}")

    def need_gradients(self) -> None:
        """Leave a test out where the backend has none."""
        if not self.load().gradients:
            pytest.skip(f"{self.backend} does not declare gradients")

    def need_model(self, spec: ModelSpec) -> None:
        """Leave a test out where the backend does not declare a model's priors and family."""
        stated = [variable.prior for variable in spec.variables if not isinstance(variable.prior, Exactly)]
        backend, priors = self.load(), {type(prior).__name__ for prior in stated}
        if lacking := [*(priors - set(backend.priors)), *({spec.family.name} - set(backend.families))]:
            pytest.skip(f"{self.backend} does not declare {', '.join(lacking)}")

    def prepare(self, case: Case) -> Point:
        """The program of a case, with parameters."""
        self.need_model(case.spec)
        return prepared(self.backend, self.device, case)

    def run_nuts(self) -> tuple[Program, Draws]:
        """The library's NUTS on the small data set."""
        return short_run(self.backend, self.device)

    def run_small(self, method: str, **settings: Any) -> tuple[Program, Draws]:
        """A method of irtbridge's own on the small data set."""
        backend, made, how = self.load(), make_settings(method, **settings), {"device": self.device, "dtype": "float64"}
        program = compile_for(backend, models.two_pl(), small_responses(), made, **how)
        return program, run_method(backend, program, method, made, 5)

    # -- signatures -------------------------------------------------------------------------------------------------

    def test_is_announced_with_what_a_plugin_needs(self) -> None:
        assert self.backend in backend_names()
        backend = self.load()
        assert backend.name == self.backend
        assert backend.description
        assert "\n" not in backend.description
        assert set(backend.methods) <= {name for name, method in METHODS.items() if method.native}
        assert is_dataclass(backend.options_class)
        assert "cpu" in backend.devices()
        json.dumps({f.name: getattr(backend.options, f.name) for f in fields(backend.options_class)})

    def test_unknown_option_lists_the_valid_ones(self) -> None:
        valid = [f.name for f in fields(self.load().options_class)]
        with pytest.raises(UnknownName) as caught:
            load_backend(self.backend, no_such_option=1)
        assert all(name in str(caught.value) for name in ["no_such_option", *valid])

    # -- densities --------------------------------------------------------------------------------------------------

    @every_case
    def test_log_density_equals_the_reference(self, case: Case) -> None:
        point = self.prepare(case)
        expected = [log_joint(point.program.layout, row, point.responses) for row in _rows(point.params)]
        np.testing.assert_allclose(point.program.log_density(point.params), expected, rtol=1e-9)

    @every_case
    def test_a_batch_is_a_loop(self, case: Case) -> None:
        self.need_gradients()
        point = self.prepare(case)
        value, gradient = point.program.value_and_grad(point.z[:3])
        one_value, one_gradient = point.program.value_and_grad(point.z[1])
        assert (value.shape, gradient.shape) == ((3,), (3, point.program.dim))
        np.testing.assert_allclose(one_value, value[1], rtol=1e-10)
        np.testing.assert_allclose(one_gradient, gradient[1], rtol=1e-7, atol=1e-9)
        _values_are_those_of_gradients(point.program)
        one = _rows(point.params)[1]
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
        _gradient_is_that_of(program.value, z, program.value_and_grad(z)[1])

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
        columns = (_free_elements(program, z + shift) - _free_elements(program, z - shift)) / (2 * step)
        expected = np.linalg.slogdet(columns)[1]
        value = program.value(z)
        np.testing.assert_allclose(value - program.log_density(program.constrain(z)), expected, rtol=1e-6, atol=1e-6)

    @every_case
    def test_bound_data_replace_the_old(self, case: Case) -> None:
        point = self.prepare(case)
        other = case.responses(seed=77)
        assert not np.array_equal(other.values, point.responses.values)
        row = _rows(point.params)[0]
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

    # -- abilities integrated out -----------------------------------------------------------------------------------

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
        rows = _rows(point.params)[:10]
        expected = [log_joint(program.layout, row, point.responses) for row in rows]
        batch = {name: value[:10] for name, value in point.params.items()}
        np.testing.assert_allclose(program.log_density(batch), expected, rtol=1e-9)
        z = np.random.default_rng(3).uniform(-0.7, 0.7, program.dim)
        constrained = lambda z: program.log_density(program.constrain(z))  # noqa: E731
        for jacobian, value_at in ((True, program.value), (False, constrained)):
            value, gradient = program.value_and_grad(z, jacobian=jacobian)
            np.testing.assert_allclose(value, value_at(z), rtol=1e-9)
            _gradient_is_that_of(value_at, z, gradient)
        other = case.responses(seed=77)
        bound = program.bind(other)
        np.testing.assert_allclose(bound.log_density(rows[0]), log_joint(bound.layout, rows[0], other), rtol=1e-9)
        weighted = program.bind(replace(other, weights=np.arange(other.n_persons) % 3 + np.ones(other.n_persons)))
        long = weighted.responses.expanded()
        of_long = log_joint(Layout.of(case.spec, long, program.layout.collapse), rows[0], long)
        np.testing.assert_allclose(weighted.log_density(rows[0]), of_long, rtol=1e-9)
        for one in (program, bound, weighted):
            _values_are_those_of_gradients(one)
        _abilities_are_those_of_numpy(program, batch)

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
            _values_are_those_of_gradients(program)
            z = np.random.default_rng(3).uniform(-0.7, 0.7, program.dim)
            _gradient_is_that_of(program.value, z, program.value_and_grad(z)[1])

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
            values, rows = bound.value(z), _rows(bound.constrain(z[:4]))
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
        _means_are_the_references(program, draws, 4.4)

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

    # -- abilities and shared parameters together -------------------------------------------------------------------

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
        _gradient_is_that_of(program.value, near, gradient)
        columns = (_free_elements(program, near + shift) - _free_elements(program, near - shift)) / (2 * step)
        jacobian = np.linalg.slogdet(columns)[1]
        np.testing.assert_allclose(value - program.log_density(program.constrain(near)), jacobian, rtol=1e-6, atol=1e-6)

    def test_whitened_nuts_draws_from_the_posterior(self) -> None:
        """As for NUTS, and where that is left out: gradients by differences would take hours for 200 abilities."""
        self.need("nuts")
        program, draws = self.run_small("nuts_whitened", chains=2, warmup=100, draws=200)
        _means_are_the_references(program, draws, 4.4)

    # -- several data sets at once ----------------------------------------------------------------------------------

    def need_stack(self, what: str) -> None:
        """Leave a test out where the backend does not compute `what` for several data sets at once."""
        if what not in self.load().stacks:
            pytest.skip(f"{self.backend} does not stack {what}")

    @pytest.mark.parametrize("particles", [1, 3])
    def test_stacked_vi_is_vi_of_each(self, particles: int) -> None:
        self.need_stack("vi")
        program, _ = self.run_nuts()
        programs = [program, program.bind(_with_one_missing(small_responses()))]
        settings = ViSettings(steps=50, draws=20, particles=particles)
        assert isinstance(program, Stackable)
        stacked = program.stack(programs).vi(settings, [4, 5])
        for one, draws, seed in zip(programs, stacked, (4, 5), strict=True):
            alone = one.vi(settings, seed)
            for name in ("z", "log_q", "elbo"):
                np.testing.assert_allclose(getattr(draws, name), getattr(alone, name), rtol=1e-6, atol=1e-8)

    def test_stacked_nuts_draws_from_each_posterior(self) -> None:
        """As for NUTS alone: z-tests of 8 posterior means for each of two data sets, Bonferroni at 1e-4."""
        self.need_stack("nuts")
        program, _ = self.run_nuts()
        first = small_responses()
        other = Responses.from_codes(np.where(first.observed, 1 - first.values, -1), n_categories=first.n_categories)
        programs = [program, program.bind(other)]
        assert isinstance(program, Stackable)
        stacked = program.stack(programs).nuts(SHORT, [3, 4])
        for one, draws in zip(programs, stacked, strict=True):
            assert draws.z.shape == (2, SHORT.draws, program.dim)
            assert all(np.shape(value) == (2, SHORT.draws) for value in draws.stats.values())
            _means_are_the_references(one, draws, 4.5)

    # -- what is not supported --------------------------------------------------------------------------------------

    def test_unknown_prior_and_family_are_unsupported(self) -> None:
        prior = models.two_pl(difficulty=UnheardOf(0, 1))
        family = ModelSpec("odd", models.two_pl().variables, UnheardOfFamily())
        responses = CASES[2].responses()
        for spec, word in ((prior, "UnheardOf"), (family, "unheard_of")):
            with pytest.raises(Unsupported, match=word) as caught:
                self.load().compile(spec, responses)
            assert self.backend in str(caught.value)

    def test_undeclared_methods_are_unsupported(self) -> None:
        program = self.prepare(CASES[2]).program
        undeclared = {name for name, method in METHODS.items() if method.native} - set(self.load().methods)
        for method in undeclared:
            with pytest.raises(Unsupported, match=method):
                getattr(program, method)(None, 0)

    def test_wrong_device_and_dtype_name_the_valid_ones(self) -> None:
        responses = CASES[2].responses()
        with pytest.raises(DeviceError, match="cpu"):
            self.load().compile(models.two_pl(), responses, device="abacus")
        with pytest.raises(UnknownName, match="float64"):
            self.load().compile(models.two_pl(), responses, dtype="float16")
        if "cuda" not in self.load().devices():
            with pytest.raises(DeviceError, match="device=auto"):
                self.load().compile(models.two_pl(), responses, device="cuda")

    # -- samplers ---------------------------------------------------------------------------------------------------

    def test_nuts_keeps_the_draws_contract(self) -> None:
        self.need("nuts")
        program, draws = self.run_nuts()
        assert draws.z.shape == (2, SHORT.draws, program.dim)
        assert draws.z.dtype == np.float64
        assert draws.chain_method in ("sequential", "processes", "batched")
        assert {"diverging", "acceptance_rate", "step_size", "n_steps"} <= set(draws.stats)
        assert all(np.shape(value) == (2, SHORT.draws) for value in draws.stats.values())
        assert min(draws.timings.warmup, draws.timings.sampling) > 0
        accepted = np.asarray(draws.stats["acceptance_rate"])
        assert accepted.min() >= 0
        assert accepted.max() <= 1 + 1e-6
        idata = labelled(program, draws, {})
        assert dict(idata.posterior.sizes) == {"chain": 2, "draw": SHORT.draws, "person": 60, "item": 4}

    def test_nuts_draws_from_the_posterior(self) -> None:
        """Two-sided z-tests of 8 posterior means; Bonferroni at 1e-4, so one in 10,000 right samplers would fail."""
        self.need("nuts")
        program, draws = self.run_nuts()
        posterior = labelled(program, draws, {}).posterior[["discrimination", "difficulty"]]
        assert float(az.ess(posterior).to_array().min()) > 100
        _means_are_the_references(program, draws, 4.4)

    def test_same_seed_same_draws(self) -> None:
        self.need("nuts")
        program, _ = self.run_nuts()
        settings = NutsSettings(chains=2, warmup=10, draws=10)
        first, again, other = (program.nuts(settings, seed).z for seed in (1, 1, 2))
        np.testing.assert_array_equal(first, again)
        assert not np.array_equal(first, other)

    def test_nuts_goes_on_with_what_it_has_adapted_to(self) -> None:
        self.need("nuts")
        program, draws = self.run_nuts()
        if draws.adaptation is None:
            pytest.skip(f"{self.backend} does not keep what its chains have adapted to")
        more = program.resume_nuts(replace(SHORT, draws=10), draws.kept_adaptation, 4)
        assert more.z.shape == (2, 10, program.dim)
        assert more.adaptation is not None
        np.testing.assert_allclose(more.stats["step_size"], np.asarray(draws.stats["step_size"])[:, -1:].repeat(10, 1))
        again = program.resume_nuts(replace(SHORT, draws=10), draws.kept_adaptation, 4)
        np.testing.assert_array_equal(again.z, more.z)

    def test_gibbs_keeps_the_draws_contract(self) -> None:
        self.need("gibbs")
        program = self.load().compile(models.two_pl(), small_responses(), device=self.device)
        settings = GibbsSettings(chains=2, adapt=20, warmup=10, draws=10, thin=2)
        draws, again, other = (program.gibbs(settings, seed) for seed in (1, 1, 2))
        np.testing.assert_array_equal(draws.z, again.z)
        assert not np.array_equal(draws.z, other.z)
        assert draws.z.shape == (2, 10, program.dim)
        assert draws.z.dtype == np.float64
        assert draws.chain_method in ("sequential", "processes", "batched")
        assert all(np.shape(value) == (2, 10) for value in draws.stats.values())
        assert min(draws.timings.warmup, draws.timings.sampling) > 0
        if draws.adaptation is not None:
            more, same = (program.resume_gibbs(replace(settings, draws=4), draws.kept_adaptation, 4) for _ in "ab")
            assert more.z.shape == (2, 4, program.dim)
            np.testing.assert_array_equal(same.z, more.z)

    def test_gibbs_draws_from_the_posterior(self) -> None:
        """As for NUTS: z-tests of 8 posterior means, Bonferroni at 1e-4."""
        self.need("gibbs")
        program = self.load().compile(models.two_pl(), small_responses(), device=self.device)
        draws = program.gibbs(GibbsSettings(chains=2, adapt=500, warmup=200, draws=3000), 3)
        _means_are_the_references(program, draws, 4.4)

    def test_vi_keeps_the_draws_contract(self) -> None:
        """The ELBO rises, and is that of the draws; means lie within 0.75 posterior SD of the reference.

        One draw's log density ratio has a standard deviation of at most 6 (half of 68 coordinates have variance 1), so
        the mean of 200 lies within 2.5 but for one in a million.
        """
        self.need("vi")
        program, _ = self.run_nuts()
        settings = ViSettings(steps=1500, draws=500)
        draws, again = program.vi(settings, 4), program.vi(settings, 4)
        np.testing.assert_array_equal(draws.z, again.z)
        assert draws.z.shape == (1, 500, program.dim)
        assert (draws.ess, draws.chain_method) == (500, "independent")
        assert draws.elbo is not None
        assert draws.elbo.shape == (1500,)
        assert draws.elbo[-100:].mean() > draws.elbo[:100].mean()
        if draws.log_q is not None:
            gap = program.value(draws.z[0]) - draws.log_q[0]
            assert abs(gap.mean() - draws.elbo[-200:].mean()) < 2.5
        reference, params = small_reference(), program.constrain(draws.z[0])
        for name in ("discrimination", "difficulty"):
            distance = (params[name].mean(axis=0) - reference.mean[name]) / reference.sd[name]
            assert np.abs(distance).max() < 0.75, (name, distance)


def _means_are_the_references(program: Program, draws: Draws, limit: float) -> None:
    """Posterior means of the item parameters within `limit` standard errors of the reference's."""
    small = program.responses.fingerprint == small_responses().fingerprint
    reference = small_reference() if small else reference_posterior(models.two_pl(), program.responses, draws=8000)
    posterior = labelled(program, draws, {}).posterior
    for name in ("discrimination", "difficulty"):
        sd, mean = posterior[name].std(["chain", "draw"]).values, posterior[name].mean(["chain", "draw"]).values
        ess = draws.ess or az.ess(posterior[[name]], method="mean")[name].values
        z = (mean - reference.mean[name]) / np.hypot(sd / np.sqrt(ess), reference.mcse[name])
        assert np.abs(z).max() < limit, (name, z)


def _with_one_missing(responses: Responses) -> Responses:
    codes = responses.values.copy()
    codes[0, 0] = -1
    return Responses.from_codes(codes, n_categories=responses.n_categories)


def _rows(params: dict[str, Array]) -> list[dict[str, Array]]:
    count = len(next(iter(params.values())))
    return [{name: value[i] for name, value in params.items()} for i in range(count)]


def _free_elements(program: Program, z: Array) -> Array:
    """The estimated elements of all variables in one vector, batch first."""
    params = program.constrain(z)
    return np.concatenate([_estimated(slot, params[name]) for name, slot in program.layout.slots.items()], axis=-1)


def _estimated(slot: Slot, full: Array) -> Array:
    return slot.to_site(full)[:, slot.variable.prior.free(slot.site_shape)]


def _gradient_is_that_of(value: Callable[[Array], Array], z: Array, gradient: Array, step: float = 1e-5) -> None:
    """By central differences in random directions, each of which any wrong element of the gradient changes."""
    directions = np.random.default_rng(9).standard_normal((4, len(z)))
    slopes = (value(z + step * directions) - value(z - step * directions)) / (2 * step)
    np.testing.assert_allclose(directions @ gradient, slopes, rtol=1e-5, atol=1e-5)


def _abilities_are_those_of_numpy(program: Program, params: Mapping[str, Array]) -> None:
    """Moments over some draws, and draws, of the abilities on the program's arrays, to single precision's rounding."""
    given = {name: value[None] for name, value in params.items() if name != program.spec.family.ability}
    both = program.arrays, Arrays()
    here, there = (ability_moments(program.layout, given, program.responses, 1, arrays) for arrays in both)
    np.testing.assert_allclose(here.mean, there.mean, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(here.sd, there.sd, rtol=1e-3, atol=1e-3)
    assert np.mean(np.abs(here.plausible - there.plausible) > 1e-6) < 0.02


def _values_are_those_of_gradients(program: Program) -> None:
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
