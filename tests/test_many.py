"""fit_many(): the same draws as one by one, one compilation, and nothing finished is lost, together or not."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pytest
from pandas.testing import assert_frame_equal

import irtbridge as irt
from irtbridge import errors
from irtbridge.model.cumulants import table_cells
from irtbridge.model.quadrature import Quadrature

SETTINGS = {
    "map": {},
    "laplace": {"draws": 50, "fallback": "none"},
    "nuts_collapsed": {"chains": 1, "warmup": 10, "draws": 10},
    "vi": {"steps": 30, "draws": 20},
    "nuts": {"chains": 2, "warmup": 10, "draws": 10},
}


def data_sets(n: int = 3, n_persons: int = 40) -> list[irt.Responses]:
    counts = [2, 3, 3, 4]
    spec = irt.graded()
    params = [irt.simulate_parameters(spec, n_persons, counts, seed=i) for i in range(n)]
    return [irt.simulate_responses(spec, p, counts, seed=i, missing=0.1) for i, p in enumerate(params)]


@pytest.mark.parametrize("backend", ["pyro", "tfp"])
@pytest.mark.parametrize("method", SETTINGS)
def test_many_fits_are_the_fits_one_by_one(backend: str, method: str) -> None:
    """One after another, and together with two places for three data sets, so that one is taken anew."""
    how = {"backend": backend, "method": method, **SETTINGS[method]}
    data, seeds = data_sets(), [irt.seed_of(5, i) for i in range(3)]
    alone = [irt.fit(one, "grm", seed=seed, **how) for one, seed in zip(data, seeds, strict=True)]
    for stack in (1,) if method == "nuts" else (1, 2):
        fits = list(irt.fit_many(data, "grm", seed=5, stack=stack, **how))
        assert [fit.idata.posterior.attrs["seed"] for fit in fits] == seeds
        assert {fit.idata.posterior.attrs["together"] for fit in fits} == {stack}
        assert all(fit.responses is one for fit, one in zip(fits, data, strict=True))
        for fit, other in zip(fits, alone, strict=True):
            np.testing.assert_allclose(fit.draws.z, other.draws.z, rtol=1e-6, atol=1e-6)
            ability = fit.idata.posterior.ability, other.idata.posterior.ability
            np.testing.assert_allclose(*ability, rtol=1e-4, atol=1e-4)
            z = fit.draws.z[0, :3]
            np.testing.assert_allclose(fit.program.value(z), other.program.value(z), rtol=1e-6)
        assert fits[0].timings.compile > 0
        assert [f.program.compile_seconds for f in fits[1:]] == [0, 0]
        assert [f.idata.posterior.attrs["compile_shared"] for f in fits] == ["false", "true", "true"]


@pytest.mark.parametrize("backend", ["pyro", "tfp"])
def test_a_fallback_is_that_of_the_fit_alone(backend: str) -> None:
    """So few draws have no k-hat, and chains take over, which magnify any rounding: none is different."""
    how = {"backend": backend, "method": "laplace", "draws": 20}
    data = data_sets(2)
    alone = [irt.fit(one, "grm", seed=irt.seed_of(5, i), **how) for i, one in enumerate(data)]
    for fit, other in zip(irt.fit_many(data, "grm", seed=5, stack=2, **how), alone, strict=True):
        assert fit.draws.chain_method == "sequential"
        np.testing.assert_allclose(fit.draws.z, other.draws.z, rtol=1e-9, atol=1e-9)


def test_nuts_of_several_data_sets_at_once() -> None:
    """Other random numbers than alone, the same for the same seed."""
    how = {"backend": "tfp", "method": "nuts", "seed": 5, "stack": 3, **SETTINGS["nuts"]}
    fits, again = (list(irt.fit_many(data_sets(), "grm", **how)) for _ in range(2))
    for one, other in zip(fits, again, strict=True):
        np.testing.assert_array_equal(one.draws.z, other.draws.z)
        assert one.draws.z.shape[:2] == (2, 10)
        assert one.idata.posterior.attrs["together"] == 3
    assert len({fit.draws.z[0, -1, 0] for fit in fits}) == 3


@pytest.mark.parametrize("backend", ["pyro", "tfp"])
def test_wider_data_join_a_stack(backend: str) -> None:
    """Data with few patterns and with many, complete and with missing responses, come while others are under way."""
    spec, counts = irt.two_pl(), [2] * 4
    params = irt.simulate_parameters(spec, 40, counts, seed=1)
    rest = [irt.simulate_responses(spec, params, counts, seed=i, missing=0.2 * (i > 2)) for i in range(5)]
    few, some_missing = (
        irt.Responses.from_codes(np.repeat(one.values[:4], 10, axis=0), n_categories=counts)
        for one in (rest[0], rest[3])
    )
    assert not some_missing.observed.all()
    data = [few, *rest[:2], some_missing, *rest[2:]]
    how = {"backend": backend, "method": "map", "seed": 5}
    together, one_by_one = (irt.fit_many(data, spec, stack=stack, **how) for stack in (3, 1))
    for fit, alone in zip(together, one_by_one, strict=True):
        np.testing.assert_allclose(fit.draws.z, alone.draws.z, atol=1e-6)


@pytest.mark.parametrize("backend", ["pyro", "tfp"])
def test_missing_responses_join_data_whose_gradient_is_tabulated(backend: str) -> None:
    spec, counts = irt.two_pl(), [2] * 20
    params = irt.simulate_parameters(spec, 14_000, counts, seed=1)
    complete = irt.simulate_responses(spec, params, counts, seed=1)
    codes = complete.values.copy()
    codes[0, 0] = -1
    program = irt.load_backend(backend).compile(spec, complete, device="cpu", collapse=Quadrature())
    assert table_cells(program.layout, (14_000, 20), gradient=True) > 0
    programs = [program.bind(irt.Responses.from_codes(codes, n_categories=complete.n_categories)), program]
    z = np.random.default_rng(0).normal(0, 0.3, (2, program.dim))
    values, _ = program.stack(programs).value_and_grad(z, np.array([True, True]))
    expected = [float(one.value_and_grad(point)[0]) for one, point in zip(programs, z, strict=True)]
    np.testing.assert_allclose(values, expected, rtol=1e-10)


@pytest.mark.parametrize("backend", ["pyro", "tfp"])
def test_seconds_of_a_stack_are_shares(backend: str) -> None:
    """Together they are what the whole took, less what is done between fits."""
    how, begin = {"backend": backend, "method": "vi", "steps": 200}, time.perf_counter()
    fits = irt.fit_many(data_sets(6), "grm", stack=3, **how)
    each = [fit.idata.posterior.attrs["wall_seconds"] for fit in fits]
    assert 0.5 * (time.perf_counter() - begin) < sum(each) < time.perf_counter() - begin


@pytest.mark.parametrize("backend", ["pyro", "tfp"])
def test_processes_change_nothing(backend: str) -> None:
    how = {"backend": backend, "method": "laplace", "draws": 50, "fallback": "none"}
    here = list(irt.fit_many(data_sets(), "grm", seed=5, **how))
    there = list(irt.fit_many(data_sets(), "grm", seed=5, processes=2, stack=2, **how))
    for one, other in zip(here, there, strict=True):
        np.testing.assert_allclose(other.draws.z, one.draws.z, rtol=1e-6, atol=1e-6)
        assert other.responses.fingerprint == one.responses.fingerprint
        assert_frame_equal(other.items(), one.items(), rtol=1e-4)
    assert there[0].timings.compile > 0
    z = there[2].draws.z[0, :3]
    np.testing.assert_allclose(there[2].program.value(z), here[2].program.value(z))


@pytest.mark.parametrize(
    "how", [{"processes": 2}, {"processes": 2, "stack": 3}, {"stack": 1}, {"stack": 2}, {"stack": 3}], ids=str
)
def test_what_is_finished_is_not_lost(how: dict[str, int]) -> None:
    data = [*data_sets(2), "no such file.csv", data_sets(1)[0]]
    fits = irt.fit_many(data, "grm", method="map", **how)
    assert next(fits).draws.z.shape == next(fits).draws.z.shape
    with pytest.raises(errors.DataNotFound, match=r"number 2, counted from 0: .*no such file"):
        next(fits)


def test_data_of_another_shape_are_refused() -> None:
    fits = irt.fit_many([data_sets(1)[0], data_sets(1, n_persons=41)[0]], "grm", method="map")
    next(fits)
    with pytest.raises(errors.DataError, match="compiled for 40 persons"):
        next(fits)


@pytest.mark.parametrize("stack", [1, 2])
def test_fits_come_as_they_are_finished(stack: int) -> None:
    """Of data whose fits take equally long, as many are asked for as there are places; progress counts fits."""
    asked, told = [], []

    def lazily() -> Iterator[irt.Responses]:
        for i in range(4):
            asked.append(i)
            yield irt.load_responses("lsat7")

    def progress(*report: object) -> None:
        told.append(report)

    fits = irt.fit_many(lazily(), "2pl", method="map", progress=progress, stack=stack)
    next(fits)
    assert asked[:stack] == list(range(stack))
    assert len(asked) <= 2 * stack - 1
    assert told == [("data sets", 1, 0)]


def test_what_breaks_a_generator_of_data_loses_no_fit() -> None:
    def breaking() -> Iterator[irt.Responses]:
        yield from data_sets(3)
        raise KeyError("the archive ends here")

    fits = irt.fit_many(breaking(), "grm", method="map", stack=2)
    assert len([next(fits) for _ in range(3)]) == 3
    with pytest.raises(KeyError, match="archive ends"):
        next(fits)


def test_the_stack_is_chosen_by_the_size_of_the_data() -> None:
    """Small data are done together, in stacks of one size; large data and NUTS are not."""

    def together(method: str, n: int, n_persons: int = 40) -> int:
        settings = SETTINGS[method] | ({"standard_errors": False} if method == "map" else {})
        fits = irt.fit_many(data_sets(n, n_persons), "grm", method=method, **settings)
        return int(next(fits).idata.posterior.attrs["together"])

    assert [together("map", n) for n in (1, 3, 18)] == [1, 3, 9]
    assert together("map", 2, n_persons=10_000) == 1
    assert together("nuts", 2) == 1


SINGLE = {"name": "lsat7", "responses": data_sets(1)[0], "table": data_sets(1)[0].to_frame()}


@pytest.mark.parametrize("single", SINGLE.values(), ids=SINGLE.keys())
def test_a_single_data_set_is_refused(single: object) -> None:
    with pytest.raises(errors.DataError, match="a list of them"):
        irt.fit_many(single, method="map")


def test_seeds_differ_between_data_sets_and_runs() -> None:
    seeds = {irt.seed_of(seed, index) for seed in range(20) for index in range(20)}
    assert len(seeds) == 400


REFUSED = {
    "processes": ({"processes": 0}, "processes=0 must be an integer"),
    "stack": ({"stack": -1}, "stack=-1 must be an integer, 0 or greater"),
    "seed": ({"seed": -1}, "seed=-1"),
    "setting": ({"method": "map", "n_node": 3}, "'n_node'; valid: n_nodes"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_arguments_are_refused_at_once(case: str) -> None:
    arguments, message = REFUSED[case]
    with pytest.raises(errors.ConfigError, match=message):
        irt.fit_many([], **arguments)


def test_what_cannot_be_stacked_is_refused_at_once() -> None:
    with pytest.raises(errors.Unsupported, match=r"'pyro' does not support nuts of several data sets at once.*tfp"):
        irt.fit_many([], method="nuts", stack=2)
    fits = irt.fit_many(data_sets(2), "grm", method="map", block=20, stack=2)
    with pytest.raises(errors.ConfigError, match="stack=1"):
        next(fits)
