"""fit_many(): the same draws as one by one, one compilation, and nothing finished is lost, in stacks or not."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pytest
from pandas.testing import assert_frame_equal

import irtbridge as irt
from irtbridge import errors, many
from irtbridge.inference import laplace

pytestmark = pytest.mark.usefixtures("compiled_once")

SETTINGS = {
    "map": {},
    "laplace": {"draws": 50, "fallback": "none"},
    "nuts_collapsed": {"chains": 1, "warmup": 10, "draws": 10},
    "vi": {"steps": 30, "draws": 20},
    "nuts": {"chains": 2, "warmup": 5, "draws": 5},
}
# On TFP the methods that are its own, and one of the core's.
SLOW = pytest.mark.long
BOTH = [
    *(pytest.param("pyro", method, marks=[SLOW] * (method == "laplace")) for method in SETTINGS),
    pytest.param("tfp", "laplace"),
    *(pytest.param("tfp", method, marks=SLOW) for method in ("vi", "nuts")),
]


def data_sets(n: int = 3, n_persons: int = 40) -> list[irt.Responses]:
    counts = [2, 3, 3, 4]
    spec = irt.graded()
    params = [irt.simulate_parameters(spec, n_persons, counts, seed=i) for i in range(n)]
    return [irt.simulate_responses(spec, p, counts, seed=i, missing=0.1) for i, p in enumerate(params)]


@pytest.mark.parametrize(("backend", "method"), BOTH)
def test_many_fits_are_the_fits_one_by_one(backend: str, method: str) -> None:
    """One after another and, where they can, two together: of three data sets the last one is then left alone."""
    how = {"backend": backend, "method": method, **SETTINGS[method]}
    data, seeds = data_sets(), [irt.seed_of(5, i) for i in range(3)]
    # The first one compiles, as it would alone; what is done together is compared with what is done one by one.
    expected = {2: irt.fit(data[2], "grm", seed=seeds[2], **how)}
    for stack, together in ((1, [1, 1, 1]), (2, [2, 2, 1])) if method == "vi" else ((1, [1, 1, 1]),):
        fits = list(irt.fit_many(data, "grm", seed=5, stack=stack, **how))
        assert [fit.idata.posterior.attrs["seed"] for fit in fits] == seeds
        assert [fit.idata.posterior.attrs["together"] for fit in fits] == together
        assert all(fit.responses is one for fit, one in zip(fits, data, strict=True))
        for i, other in expected.items():
            fit = fits[i]
            np.testing.assert_allclose(fit.draws.z, other.draws.z, rtol=1e-6, atol=1e-6)
            np.testing.assert_allclose(fit.pareto_k, other.pareto_k, rtol=1e-4)
            ability = fit.idata.posterior.ability, other.idata.posterior.ability
            np.testing.assert_allclose(*ability, rtol=1e-4, atol=1e-4)
            z = fit.draws.z[0, :3]
            np.testing.assert_allclose(fit.program.value(z), other.program.value(z), rtol=1e-6)
        assert fits[0].timings.compile > 0
        assert [f.program.compile_seconds for f in fits[1:]] == [0, 0]
        assert [f.idata.posterior.attrs["compile_shared"] for f in fits] == ["false", "true", "true"]
        expected = dict(enumerate(fits))


@pytest.mark.long
def test_a_fallback_is_that_of_the_fit_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """So few draws have no k-hat, and chains take over, which magnify any rounding: none is different."""
    monkeypatch.setattr(laplace, "FALLBACK_CHAINS", 2)
    monkeypatch.setattr(laplace, "HOPELESS_R_HAT", np.inf)
    how = {"method": "laplace", "draws": 20}
    data = data_sets(2)
    alone = irt.fit(data[1], "grm", seed=irt.seed_of(5, 1), **how)
    fits = list(irt.fit_many(data, "grm", seed=5, **how))
    assert [fit.draws.chain_method for fit in fits] == ["sequential", "sequential"]
    np.testing.assert_allclose(fits[1].draws.z, alone.draws.z, rtol=1e-9, atol=1e-9)


@pytest.mark.long
def test_nuts_of_several_data_sets_at_once() -> None:
    """Other random numbers than alone, the same for the same seed."""
    how = {"backend": "tfp", "method": "nuts", "seed": 5, "stack": 3, **SETTINGS["nuts"]}
    fits = list(irt.fit_many(data_sets(), "grm", **how))
    programs, seeds = [fit.program for fit in fits], [fit.idata.posterior.attrs["seed"] for fit in fits]
    again = programs[0].stack(programs).nuts(irt.NutsSettings(**SETTINGS["nuts"]), seeds)
    for one, other in zip(fits, again, strict=True):
        np.testing.assert_array_equal(one.draws.z, other.z)
        assert one.draws.z.shape[:2] == (2, 5)
        assert one.idata.posterior.attrs["together"] == 3
    assert len({fit.draws.z[0, -1, 0] for fit in fits}) == 3


@pytest.mark.long
@pytest.mark.parametrize("backend", ["pyro", pytest.param("tfp", marks=SLOW)])
@pytest.mark.parametrize(("method", "settings"), [("map", {"standard_errors": False}), ("vi", SETTINGS["vi"])])
def test_wider_data_follow(backend: str, method: str, settings: dict[str, int]) -> None:
    """Data with few patterns and with many, complete and with missing responses, in stacks where that can be."""
    spec, counts = irt.two_pl(), [2] * 4
    params = irt.simulate_parameters(spec, 40, counts, seed=1)
    rest = [irt.simulate_responses(spec, params, counts, seed=i, missing=0.2 * (i > 2)) for i in range(5)]
    few, some_missing = (
        irt.Responses.from_codes(np.repeat(one.values[:4], 10, axis=0), n_categories=counts)
        for one in (rest[0], rest[3])
    )
    assert not some_missing.observed.all()
    data = [few, *rest[:2], some_missing, *rest[2:]]
    how = {"backend": backend, "method": method, "dtype": "float64", **settings}
    fits = list(irt.fit_many(data, spec, seed=5, stack=3 * (method == "vi"), **how))
    # Wider than the first, the first with missing responses, and one after it; `vi` takes persons, not patterns.
    for i in (1, 3, 5) if method == "map" else (3, 5):
        alone = irt.fit(data[i], spec, seed=irt.seed_of(5, i), **how)
        np.testing.assert_allclose(fits[i].draws.z, alone.draws.z, atol=1e-6)


def test_seconds_of_a_stack_are_shares() -> None:
    """Each has its own timings in it, and together they are no more than what the whole took."""
    data, begin = data_sets(6, n_persons=43), time.perf_counter()  # as no other test has, to be compiled here
    fits = list(irt.fit_many(data, "grm", method="vi", steps=200, stack=3))
    each = [fit.idata.posterior.attrs["wall_seconds"] for fit in fits]
    assert all(wall >= fit.timings.total for wall, fit in zip(each, fits, strict=True))
    assert sum(each) < time.perf_counter() - begin
    for stack in (fits[:3], fits[3:]):
        assert len({(fit.timings.warmup, fit.timings.sampling) for fit in stack}) == 1
    assert [fit.timings.compile for fit in (*fits[1:3], *fits[4:])] == [0, 0, 0, 0]


@pytest.mark.long
@pytest.mark.parametrize(("backend", "method"), [("pyro", "laplace"), pytest.param("tfp", "vi", marks=SLOW)])
def test_processes_change_nothing(backend: str, method: str) -> None:
    """Data sets are spread one by one, or in stacks."""
    how = {"backend": backend, "method": method, **SETTINGS[method]}
    here = list(irt.fit_many(data_sets(), "grm", seed=5, **how))
    there = list(irt.fit_many(data_sets(), "grm", seed=5, processes=2, stack=2 * (method == "vi"), **how))
    for one, other in zip(here, there, strict=True):
        np.testing.assert_allclose(other.draws.z, one.draws.z, rtol=1e-6, atol=1e-6)
        assert other.responses.fingerprint == one.responses.fingerprint
        assert_frame_equal(other.items(), one.items(), rtol=1e-4)
    assert there[0].timings.compile > 0
    z = there[2].draws.z[0, :3]
    np.testing.assert_allclose(there[2].program.value(z), here[2].program.value(z))


WAYS = {
    "one by one": {"method": "map"},
    "in stacks of two": {"method": "vi", "stack": 2, **SETTINGS["vi"]},
    "in a stack of three": {"method": "vi", "stack": 3, **SETTINGS["vi"]},
    "in processes": {"method": "map", "processes": 2},
    "in processes, in stacks": {"method": "vi", "processes": 2, "stack": 3, **SETTINGS["vi"]},
}


@pytest.mark.parametrize("way", [pytest.param(way, marks=[SLOW] * (way == "in processes")) for way in WAYS])
def test_what_is_finished_is_not_lost(way: str) -> None:
    data = [*data_sets(2), "no such file.csv", data_sets(1)[0]]
    fits = irt.fit_many(data, "grm", **WAYS[way])
    assert next(fits).draws.z.shape == next(fits).draws.z.shape
    with pytest.raises(errors.DataNotFound, match=r"number 2, counted from 0: .*no such file"):
        next(fits)


@pytest.mark.parametrize("way", ["one by one", "in stacks of two"])
def test_data_of_another_shape_are_refused(way: str) -> None:
    fits = irt.fit_many([data_sets(1)[0], data_sets(1, n_persons=41)[0]], "grm", **WAYS[way])
    next(fits)
    with pytest.raises(errors.DataError, match=r"number 1, counted from 0: .*compiled for 40 persons"):
        next(fits)


@pytest.mark.parametrize(("way", "places"), [("one by one", 1), ("in stacks of two", 2)])
def test_fits_come_as_they_are_finished(way: str, places: int) -> None:
    """As many data sets are asked for as are computed together; progress counts fits."""
    asked, told = [], []

    def lazily() -> Iterator[irt.Responses]:
        for i in range(4):
            asked.append(i)
            yield irt.load_responses("lsat7")

    def progress(*report: object) -> None:
        told.append(report)

    fits = irt.fit_many(lazily(), "2pl", progress=progress, **WAYS[way])
    assert asked == []
    next(fits)
    assert asked == list(range(places))
    assert told == [("data sets", 1, 0)]


@pytest.mark.parametrize("way", ["one by one", "in stacks of two"])
def test_what_breaks_a_generator_of_data_loses_no_fit(way: str) -> None:
    def breaking() -> Iterator[irt.Responses]:
        yield from data_sets(3)
        raise KeyError("the archive ends here")

    fits = irt.fit_many(breaking(), "grm", **WAYS[way])
    assert len([next(fits) for _ in range(3)]) == 3
    with pytest.raises(KeyError, match="archive ends"):
        next(fits)


@pytest.mark.long
def test_the_stack_is_chosen_by_the_size_of_the_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small data are done together by `vi`, in stacks of one size; large data and other methods are not."""

    def together(method: str, n: int, n_persons: int = 40) -> int:
        settings = SETTINGS[method] | ({"standard_errors": False} if method == "map" else {})
        fits = irt.fit_many(data_sets(n, n_persons), "grm", method=method, **settings)
        return int(next(fits).idata.posterior.attrs["together"])

    assert [together("vi", n) for n in (1, 3, 18)] == [1, 3, 9]
    assert [together(method, 2) for method in ("nuts", "map")] == [1, 1]
    monkeypatch.setattr(many, "SIZES", {"cpu": (4 * 1000, 16)})
    assert [together("vi", 2, n_persons=n) for n in (500, 501)] == [2, 1]


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


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ("nuts", r"'pyro' does not support nuts of several data sets at once.*vi.*supported by: .*tfp"),
        ("map", r"'pyro' does not support map of several data sets at once.*can do vi.*stack=1"),
    ],
)
def test_what_cannot_be_stacked_is_refused_at_once(method: str, message: str) -> None:
    with pytest.raises(errors.Unsupported, match=message):
        irt.fit_many([], method=method, stack=2)
