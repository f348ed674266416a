"""The projection finds the nearest curve of the family, for every item at once."""

import numpy as np
import pytest
from scipy.optimize import least_squares

from irtbridge.calibration.curves import Curves
from irtbridge.calibration.projection import project

NODES = np.linspace(-2.5, 2.5, 31)
FAMILIES = [Curves(slopes=False), Curves(), Curves(lower=0.2), Curves(lower=None)]


def some(curves: Curves, n: int = 200, seed: int = 0) -> np.ndarray:
    """Coordinates of items of a test, well within the bounds."""
    each = {"log_slope": (0.0, 0.4), "difficulty": (0.0, 0.8), "logit_lower": (-1.5, 0.4)}
    rng = np.random.default_rng(seed)
    return np.column_stack([rng.normal(*each[name], size=n) for name in curves.names])


@pytest.mark.parametrize("curves", FAMILIES, ids=lambda curves: "-".join(curves.names))
def test_a_curve_of_the_family_is_its_own_projection(curves):
    at = some(curves)
    np.testing.assert_allclose(project(curves.probs(at, NODES), NODES, curves), at, atol=1e-4)


@pytest.mark.parametrize("curves", FAMILIES, ids=lambda curves: "-".join(curves.names))
def test_derivatives_are_those_of_differences(curves):
    at, step = some(curves, 5), 1e-6
    _, slopes = curves.with_slopes(at, NODES)
    for k in range(at.shape[1]):
        up, down = at.copy(), at.copy()
        up[:, k] += step
        down[:, k] -= step
        by_difference = (curves.probs(up, NODES) - curves.probs(down, NODES)) / (2 * step)
        np.testing.assert_allclose(slopes[:, :, k], by_difference, atol=1e-8)


def test_any_curves_are_projected_as_scipy_does_one_by_one():
    rng, curves = np.random.default_rng(1), Curves()
    p_hat = np.sort(rng.uniform(size=(20, len(NODES))), axis=1)
    found = project(p_hat, NODES, curves)
    for row, at in zip(p_hat, found, strict=True):
        best = least_squares(lambda phi, row=row: curves.probs(phi[None], NODES)[0] - row, np.zeros(2), xtol=1e-12)
        np.testing.assert_allclose(at, best.x, atol=1e-4)


def test_a_curve_that_hardly_rises_stays_within_bounds():
    curves = Curves()
    low, high = curves.bounds
    found = project(np.full((3, len(NODES)), [[0.001], [0.5], [0.999]]), NODES, curves)
    assert np.all((low <= found) & (found <= high))
