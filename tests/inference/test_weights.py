"""Weights: whatever takes data gives of weighted rows what it gives of the long data."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import irtbridge as irt
from irtbridge.data.load import load_dataset, load_responses
from irtbridge.data.responses import Responses
from irtbridge.inference.large_data import compile_collapsed
from irtbridge.model.catalogue import graded, two_pl
from irtbridge.model.density import quadrature_error
from irtbridge.model.layout import Layout
from irtbridge.model.patterns import Patterns
from irtbridge.model.quadrature import Quadrature
from irtbridge.plugin.loading import load_backend
from irtbridge.testing.marginal import Marginal, maximise_marginal

LSAT = load_dataset("lsat6")


@pytest.fixture(scope="module")
def weighted() -> Responses:
    """LSAT section 6 as its 30 response patterns and how many gave each."""
    patterns = LSAT.to_frame().astype(int).value_counts().rename("count").reset_index()
    return load_responses(patterns, weights="count")


def test_patterns_count_persons(weighted: Responses) -> None:
    assert (weighted.n_persons, weighted.total_weight, weighted.items) == (30, 1000, LSAT.items)
    doubled = replace(
        weighted.select(np.arange(30)),
        values=np.repeat(weighted.values[:6], 5, axis=0),
    )
    for data in (weighted, doubled):
        assert Patterns.of(data).counts.sum() == 1000
    counts = {tuple(c): n for c, n in zip(Patterns.of(LSAT).values.tolist(), Patterns.of(LSAT).counts, strict=True)}
    given = dict(zip(map(tuple, weighted.values.tolist()), weighted.weights, strict=True))  # type: ignore[arg-type]
    assert {pattern: counts[pattern] for pattern in given} == given
    by_pattern = Patterns.of(doubled)
    first = by_pattern.values.tolist().index(weighted.values[0].tolist())
    assert by_pattern.counts[first] == weighted.weights[:5].sum()  # type: ignore[index]


@pytest.mark.parametrize("method", ["map", pytest.param("laplace", marks=pytest.mark.long)])
def test_collapsed_fits_are_those_of_the_long_data(method: str, weighted: Responses) -> None:
    short, long = (irt.fit(data, "2pl", method=method, seed=1) for data in (weighted, weighted.expanded()))
    for stage in ("mean", "sd"):
        gap = short.items().xs(stage, axis=1, level=1) - long.items().xs(stage, axis=1, level=1)
        assert np.abs(gap).max().max() < 1e-8
    abilities = long.persons().loc[["1 (1)", "1 (2)"], ("ability", "mean")]
    if method == "map":
        np.testing.assert_allclose(abilities, short.persons().loc[1, ("ability", "mean")], atol=1e-8)
    assert short.provenance["data_fingerprint"] == weighted.fingerprint


def test_methods_with_abilities_get_a_row_for_each_person(weighted: Responses) -> None:
    few = weighted.select(slice(20, 30))
    short, long = (irt.fit(d, "1pl", method="nuts", chains=1, warmup=10, draws=10) for d in (few, few.expanded()))
    assert short.responses.fingerprint == few.expanded().fingerprint
    assert short.provenance["data_fingerprint"] == few.fingerprint
    np.testing.assert_array_equal(short.draws.z, long.draws.z)


def test_a_program_bound_to_other_weights_is_one_compiled_for_them(weighted: Responses) -> None:
    other = replace(weighted, weights=np.arange(1, 31))
    fits = list(irt.fit_many([weighted, other], "2pl", method="map", seed=1))
    alone = irt.fit(other, "2pl", method="map", seed=irt.seed_of(1, 1))
    gap = fits[1].items().xs("mean", axis=1, level=1) - alone.items().xs("mean", axis=1, level=1)
    assert np.abs(gap).max().max() < 1e-6


def test_blocks_of_weighted_persons_add_up(weighted: Responses) -> None:
    engine, spec, grid = load_backend("pyro"), two_pl(), Quadrature(15)
    how = {"device": "cpu", "dtype": "float64"}
    whole, blocks = (compile_collapsed(engine, spec, weighted, grid, block, **how) for block in (0, 7))
    z = np.random.default_rng(1).uniform(-0.5, 0.5, (3, whole.dim))
    np.testing.assert_allclose(blocks.value(z), whole.value(z), rtol=1e-12)


def test_the_error_of_the_quadrature_is_that_of_the_long_data(weighted: Responses) -> None:
    spec, params = two_pl(), {"discrimination": np.full(5, 3.0), "difficulty": np.linspace(-1, 1, 5)}
    short, long = (quadrature_error(Layout.of(spec, data, Quadrature(9)), [params], data) for data in (weighted, LSAT))
    assert short == pytest.approx(long, rel=1e-6)
    assert short > 0


def test_the_marginal_reference_takes_weights(weighted: Responses) -> None:
    assert maximise_marginal(two_pl(), weighted)[1] == pytest.approx(maximise_marginal(two_pl(), LSAT)[1], abs=1e-6)
    rng = np.random.default_rng(2)
    data = replace(Responses.from_codes(rng.integers(0, 3, (20, 3)), 3), weights=rng.integers(1, 4, 20))
    params = {"discrimination": np.ones(3), "threshold": np.tile([-1.0, 1.0], (3, 1))}
    short, long = (Marginal.of(graded(), each).log_likelihood(params) for each in (data, data.expanded()))
    assert short == pytest.approx(long, rel=1e-12)
