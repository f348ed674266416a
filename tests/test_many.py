"""fit_many(): the same draws as one by one, one compilation, and nothing finished is lost."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from pandas.testing import assert_frame_equal

import irtbridge as irt
from irtbridge import errors

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
    how = {"backend": backend, "method": method, **SETTINGS[method]}
    data = data_sets()
    fits = list(irt.fit_many(data, "grm", seed=5, **how))
    for i, fit in enumerate(fits):
        seed = irt.seed_of(5, i)
        alone = irt.fit(data[i], "grm", seed=seed, **how)
        assert fit.idata.posterior.attrs["seed"] == seed
        assert fit.responses is data[i]
        np.testing.assert_allclose(fit.draws.z, alone.draws.z, rtol=1e-6, atol=1e-8)
        np.testing.assert_allclose(fit.idata.posterior.ability, alone.idata.posterior.ability, rtol=1e-4, atol=1e-5)
    assert fits[0].timings.compile > 0
    assert [f.program.compile_seconds for f in fits[1:]] == [0, 0]
    assert [f.idata.posterior.attrs["compile_shared"] for f in fits] == ["false", "true", "true"]


@pytest.mark.parametrize("backend", ["pyro", "tfp"])
def test_processes_change_nothing(backend: str) -> None:
    how = {"backend": backend, "method": "laplace", "draws": 50, "fallback": "none"}
    here = list(irt.fit_many(data_sets(), "grm", seed=5, **how))
    there = list(irt.fit_many(data_sets(), "grm", seed=5, processes=2, **how))
    for one, other in zip(here, there, strict=True):
        np.testing.assert_allclose(other.draws.z, one.draws.z, rtol=1e-6, atol=1e-8)
        assert other.responses.fingerprint == one.responses.fingerprint
        assert_frame_equal(other.items(), one.items(), rtol=1e-4)
    assert there[0].timings.compile > 0
    z = there[2].draws.z[0, :3]
    np.testing.assert_allclose(there[2].program.value(z), here[2].program.value(z))


@pytest.mark.parametrize("processes", [1, 2])
def test_what_is_finished_is_not_lost(processes: int) -> None:
    data = [*data_sets(2), "no such file.csv", data_sets(1)[0]]
    fits = irt.fit_many(data, "grm", method="map", processes=processes)
    assert next(fits).draws.z.shape == next(fits).draws.z.shape
    with pytest.raises(errors.DataNotFound, match=r"number 2, counted from 0: .*no such file"):
        next(fits)


def test_data_of_another_shape_are_refused() -> None:
    fits = irt.fit_many([data_sets(1)[0], data_sets(1, n_persons=41)[0]], "grm", method="map")
    next(fits)
    with pytest.raises(errors.DataError, match="compiled for 40 persons"):
        next(fits)


def test_fits_come_as_they_are_finished() -> None:
    """The second data set is not asked for before the first fit is there; progress counts fits."""
    asked, told = [], []

    def lazily() -> Iterator[irt.Responses]:
        for i, data in enumerate(data_sets()):
            asked.append(i)
            yield data

    def progress(*report: object) -> None:
        told.append(report)

    fits = irt.fit_many(lazily(), "grm", method="map", progress=progress)
    next(fits)
    assert asked == [0]
    assert told == [("data sets", 1, 0)]


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
    "seed": ({"seed": -1}, "seed=-1"),
    "setting": ({"method": "map", "n_node": 3}, "'n_node'; valid: n_nodes"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_arguments_are_refused_at_once(case: str) -> None:
    arguments, message = REFUSED[case]
    with pytest.raises(errors.ConfigError, match=message):
        irt.fit_many([], **arguments)
