"""The projection finds the nearest curve of the family, for every item at once."""

import numpy as np
import pytest
from scipy.optimize import least_squares
from scipy.special import expit

from irtbridge.calibration.curves import Curves
from irtbridge.calibration.projection import project
from irtbridge.model.families import Graded, PartialCredit

NODES = np.linspace(-2.5, 2.5, 31)
FAMILIES = {
    "1pl": Curves(slopes=False),
    "2pl": Curves(),
    "3pl fixed": Curves(lower=0.2),
    "3pl": Curves(lower=None),
    "grm": Curves(family=Graded(), n_categories=4),
    "gpcm": Curves(family=PartialCredit(), n_categories=4),
    "pcm": Curves(slopes=False, family=PartialCredit(), n_categories=3),
}


def some(curves: Curves, n: int = 200, seed: int = 0) -> np.ndarray:
    """Coordinates of items of a test, well within the bounds."""
    each = {
        "log_slope": (0.0, 0.4),
        "difficulty": (0.0, 0.8),
        "log_gap": (0.0, 0.3),
        "gap": (0.4, 0.5),
        "logit_lower": (-1.5, 0.4),
    }
    rng = np.random.default_rng(seed)
    return np.column_stack([rng.normal(*each[name], size=n) for name in curves.names])


@pytest.fixture(params=FAMILIES)
def curves(request):
    return FAMILIES[request.param]


def test_curves_of_the_family_are_their_own_projection(curves):
    at = some(curves)
    np.testing.assert_allclose(project(curves.at_least(at, NODES), NODES, curves), at, atol=1e-4)


def test_flat_curves_are_projected_within_the_bounds_as_scipy_does():
    curves = Curves()
    base, slope = (each.ravel() for each in np.meshgrid([-2, -1, -0.5, 0.5, 1, 2], [0.0, 0.02, 0.05, 0.08, 0.12]))
    p_hat = expit(base[:, None] + slope[:, None] * NODES)[..., None]
    found = np.abs(curves.at_least(project(p_hat, NODES, curves), NODES) - p_hat).mean(axis=(1, 2))
    low, high = curves.bounds
    for one, off in zip(p_hat, found, strict=True):
        fits = [
            least_squares(
                lambda at, one=one: (curves.at_least(at[None], NODES) - one).ravel(), begin, bounds=(low, high)
            )
            for begin in ([-2.9, 0.1], [0, 5], [0, -5], [-1, 5], [-1, -5])
        ]
        best = curves.at_least(min(fits, key=lambda fit: fit.cost).x[None], NODES)[0]
        assert off < np.abs(best - one).mean() + 0.01


def by_difference(of, at: np.ndarray, step: float = 1e-6) -> np.ndarray:
    """Derivatives of a function of coordinates (item, coordinate), by central differences, along a new last axis."""
    moves = step * np.eye(at.shape[1])
    return np.stack([(of(at + move) - of(at - move)) / (2 * step) for move in moves], axis=-1)


def test_derivatives_are_those_of_differences(curves):
    at = some(curves, 5)
    probs, slopes = curves.with_slopes(at, NODES)
    np.testing.assert_array_equal(probs, curves.at_least(at, NODES))
    np.testing.assert_allclose(slopes, by_difference(lambda phi: curves.at_least(phi, NODES), at), atol=1e-8)
    log_probs, scores = curves.with_scores(at, NODES[:, None])
    np.testing.assert_array_equal(log_probs, curves.log_probs(at, NODES[:, None]))
    np.testing.assert_allclose(scores, by_difference(lambda phi: curves.log_probs(phi, NODES[:, None]), at), atol=1e-7)


@pytest.mark.parametrize("family", [Graded(), PartialCredit()], ids=lambda family: family.name)
def test_two_categories_are_the_2pl(family):
    two, plain = Curves(family=family), Curves()
    at = some(plain, 20)
    assert two.names == plain.names
    for own, other in zip(two.with_scores(at, NODES[:, None]), plain.with_scores(at, NODES[:, None]), strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-10, atol=1e-14)


def test_any_curves_are_projected_as_scipy_does_one_by_one():
    rng = np.random.default_rng(1)
    for curves in (Curves(), Curves(family=Graded(), n_categories=3)):
        p_hat = np.sort(rng.uniform(size=(20, len(NODES), curves.n_categories - 1)), axis=1)
        p_hat = -np.sort(-p_hat, axis=2)
        found, start = project(p_hat, NODES, curves), np.zeros(len(curves.names))
        for row, at in zip(p_hat, found, strict=True):
            off = lambda phi, row=row, curves=curves: (curves.at_least(phi[None], NODES)[0] - row).ravel()  # noqa: E731
            np.testing.assert_allclose(at, least_squares(off, start, xtol=1e-12).x, atol=1e-4)


def test_a_curve_that_hardly_rises_stays_within_bounds(curves):
    low, high = curves.bounds
    flat = np.repeat([0.001, 0.5, 0.999], len(NODES) * (curves.n_categories - 1))
    found = project(flat.reshape(3, len(NODES), -1), NODES, curves)
    assert np.all((low <= found) & (found <= high))
