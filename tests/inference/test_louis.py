"""The curvature from a few gradients and the scores at the nodes, against differences of one gradient for each."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from small_data import beside, simulated

import irtbridge as irt
from irtbridge.errors import NumericalError
from irtbridge.inference import compile_for, louis, make_settings
from irtbridge.inference.blocks import Blocks
from irtbridge.inference.climbing import Climber
from irtbridge.inference.curvature import Arrow, Curvature, ItemCurvature, WholeCurvature
from irtbridge.inference.louis import LostInformation, curvature_at
from irtbridge.inference.modes import find_maximum
from irtbridge.model.families import Binary
from irtbridge.model.priors import HalfNormal, LogNormal, Normal
from irtbridge.plugin.loading import load_backend

pytestmark = pytest.mark.usefixtures("compiled_once")


def hierarchical() -> irt.ModelSpec:
    """Difficulties whose mean and spread are estimated, and one slope for all: three shared coordinates."""
    variables = (
        irt.Variable("ability", ("person",), Normal(0, 1)),
        irt.Variable("mean", (), Normal(0, 1)),
        irt.Variable("sd", (), HalfNormal(1)),
        irt.Variable("slope", (), LogNormal(0, 0.5)),
        irt.Variable("difficulty", ("item",), Normal("mean", "sd")),
    )
    return irt.ModelSpec("hierarchical", variables, Binary(discrimination="slope"))


def weighted() -> irt.Responses:
    patterns = irt.load_dataset("lsat6").to_frame().astype(int).value_counts().rename("count").reset_index()
    return irt.load_responses(patterns, weights="count")


TWO_TRAITS = irt.m2pl(traits=2, q_matrix=[[1, 0]] * 3 + [[0, 1]] * 3, correlated=True)
CASES: dict[str, Callable[[], tuple[irt.ModelSpec, irt.Responses]]] = {
    "2pl, missing": lambda: (irt.two_pl(), simulated(irt.two_pl(), 30, [2] * 8, missing=0.1)),
    "graded, unequal categories": lambda: (irt.graded(), simulated(irt.graded(), 40, [2, 3, 4, 3], missing=0.1)),
    "one slope for all": lambda: (irt.one_pl(common_discrimination=True), irt.load_dataset("lsat7")),
    "hyperparameters": lambda: (hierarchical(), simulated(hierarchical(), 50, [2] * 7)),
    "rating scale": lambda: (irt.rating_scale(), simulated(irt.rating_scale(), 60, [4] * 5)),
    "guessing, weights": lambda: (irt.three_pl(), weighted()),
    "two traits": lambda: (TWO_TRAITS, simulated(TWO_TRAITS, 40, [2] * 6)),
    "counts": lambda: (irt.poisson_counts(), simulated(irt.poisson_counts(), 30, [10] * 5)),
    "groups": lambda: (irt.build_model("2pl", invariance="scalar"), beside(60)),
    "latent regression": lambda: (irt.build_model("2pl", ability_on="age", ability_sd="HalfNormal(1)"), beside(60)),
}


def compiled(spec: irt.ModelSpec, responses: irt.Responses) -> irt.Program:
    return compile_for(load_backend("pyro"), spec, responses, make_settings("map"), device="cpu", dtype="float64")


def roads(program: irt.Program, density: Any, z: np.ndarray) -> Iterator[Curvature]:
    """By items and directions, and as a matrix: whichever would be chosen."""
    for rank, kind in ((0, ItemCurvature), (10**9, WholeCurvature)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(LostInformation, "rank", rank)
            found = curvature_at(program, density, z)
        assert isinstance(found, kind)
        yield found


def by_differences(density: Any, z: np.ndarray, step: float = 1e-4) -> WholeCurvature:
    shift = step * np.eye(len(z))
    precision = (density(z - shift)[1] - density(z + shift)[1]) / (2 * step)
    return WholeCurvature((precision + precision.T) / 2)


LONG = ("rating scale", "two traits", "counts", "one slope for all", "latent regression")


@pytest.mark.parametrize("case", [pytest.param(c, marks=pytest.mark.long) if c in LONG else c for c in CASES])
def test_it_is_the_curvature_by_one_gradient_for_each_coordinate(case: str) -> None:
    program, jacobian = compiled(*CASES[case]()), case != "one slope for all"

    def density(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return program.value_and_grad(z, jacobian=jacobian)

    z = find_maximum(program, jacobian=jacobian)[0]
    exact, blocks = by_differences(density, z), Blocks.of_items(program.layout)
    covariance = exact.factor @ exact.factor.T
    sd = np.sqrt(np.diag(covariance))
    for road in roads(program, density, z):
        error = (road.factor @ road.factor.T - covariance) / np.outer(sd, sd)
        assert np.abs(error).max() < 1e-6
        assert road.log_det == pytest.approx(exact.log_det, abs=1e-6)
        for got, expected in zip(road.covariance_of(blocks), exact.covariance_of(blocks), strict=True):
            np.testing.assert_allclose(got, expected, atol=1e-6 * sd.max() ** 2)


def test_standard_errors_of_few_persons_and_many_items_are_those_of_the_whole_matrix() -> None:
    """Whichever road is taken: 12 persons, 80 items, 160 coordinates."""
    responses = simulated(irt.two_pl(), 12, [2] * 80, missing=0.1)
    by_items = irt.fit(responses, "2pl", method="map")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(louis, "serves", lambda program: False)
        whole = irt.fit(responses, "2pl", method="map")
    for one, other in ((by_items.items(), whole.items()), (by_items.persons(), whole.persons())):
        np.testing.assert_allclose(one, other, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize(("items", "at_once"), [(40, False), (1100, True)])
def test_a_gpu_measures_the_curvature_by_gradients_unless_coordinates_are_very_many(items: int, at_once: bool) -> None:
    program = copy.copy(compiled(irt.two_pl(), simulated(irt.two_pl(), 12, [2] * items)))
    assert Climber(program, True, 10).measures_at_once
    program.device = "cuda"
    assert Climber(program, True, 10).measures_at_once == at_once


def test_a_curvature_by_items_that_is_not_positive_is_refused() -> None:
    """One direction of which more is lost than there is."""
    blocks = Blocks(5, np.array([[0, 1], [2, 3]]), np.array([4]))
    whole = np.diag([2.0, 1, 2, 1, 3])
    arrow = Arrow.of(np.stack([whole[:2, :2], whole[2:4, 2:4]]), np.zeros((2, 2, 1)), whole[4:, 4:])
    fits = ItemCurvature.of(blocks, arrow, np.array([[1.0, 0, 0.5, 0, 0]]))
    np.testing.assert_allclose(np.linalg.inv(fits.factor @ fits.factor.T)[0, 2], -0.5, atol=1e-12)
    with pytest.raises(NumericalError, match="not identified"):
        ItemCurvature.of(blocks, arrow, np.array([[1.5, 0, 0, 0, 0]]))


def test_blocks_go_apart_and_together() -> None:
    """Items of unequal categories have unequal blocks; what is shared stands apart."""
    program = compiled(*CASES["graded, unequal categories"]())
    blocks = Blocks.of_items(program.layout)
    assert blocks.exists.sum(axis=1).tolist() == [2, 3, 4, 3]
    z = np.random.default_rng(0).normal(size=(3, program.dim))
    np.testing.assert_array_equal(blocks.join(*blocks.split(z)), z)
    np.testing.assert_array_equal(blocks.directions.sum(axis=0), 1)
