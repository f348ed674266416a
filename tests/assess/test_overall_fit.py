"""M2 and C2 against all response patterns, and where they are not defined."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from known_posteriors import Array, at_truth, pattern_probs, patterns
from scipy import stats

import irtbridge as irt
from irtbridge.assess.items.limited_information import MODES, covariance, expected_moments, jacobian
from irtbridge.assess.items.overall_fit import comparative_fit, overall_fit, rmsea_interval
from irtbridge.assess.posterior import Posterior
from irtbridge.errors import StatisticError, UnknownName

COUNTS = (2, 4, 3, 3)


@pytest.fixture(scope="module")
def graded() -> Posterior:
    return at_truth(irt.graded(), COUNTS, 500, discrimination=np.array([1.0, 2.0, 0.7, 1.4]))


def functions(mode: str) -> Array:
    """Values of the moments' functions (moment, pattern) at all patterns."""
    codes = patterns(COUNTS)
    if mode == "C2":
        single = [codes[:, i] == k for i, count in enumerate(COUNTS) for k in range(1, count)]
    else:
        single = list(codes.T)
    pairs = [codes[:, i] * codes[:, j] for i in range(4) for j in range(i + 1, 4)]
    return np.array([*single, *pairs], dtype=float)


@pytest.mark.parametrize("mode", MODES)
def test_moments_and_their_covariance_are_those_of_all_patterns(graded: Posterior, mode: str) -> None:
    values, probs = functions(mode), pattern_probs(graded, patterns(COUNTS))
    moments = expected_moments(graded, mode)
    assert moments.values == pytest.approx(values @ probs)
    of_patterns = (values * probs) @ values.T - np.outer(values @ probs, values @ probs)
    assert covariance(moments) == pytest.approx(of_patterns, abs=1e-7)


@pytest.mark.parametrize("mode", MODES)
def test_the_jacobian_is_that_of_all_patterns(graded: Posterior, mode: str) -> None:
    values, codes = functions(mode), patterns(COUNTS)
    found = jacobian(graded, expected_moments(graded, mode))
    of_patterns = np.array([values @ change(graded, codes, *place) for place in places(graded)]).T
    assert found == pytest.approx(of_patterns, abs=1e-7)


def places(at: Posterior) -> Iterator[tuple[str, tuple[int, ...]]]:
    for name, value in at.params.items():
        for place in np.ndindex(value.shape[1:]):
            if np.isfinite(value[0][place]):
                yield name, place


def change(at: Posterior, codes: Array, name: str, place: tuple[int, ...]) -> Array:
    """Derivative of the patterns' probabilities by one element of one variable."""
    probs = []
    for step in (1e-5, -1e-5):
        moved = at.params[name].copy()
        moved[0][place] += step
        probs.append(pattern_probs(replace(at, params={**at.params, name: moved}), codes))
    return (probs[0] - probs[1]) / 2e-5


@pytest.mark.parametrize(
    ("spec", "counts", "parameters"),
    [
        (irt.two_pl(), [2] * 6, 12),
        (irt.one_pl(), [2] * 6, 6),
        (irt.one_pl(common_discrimination=True), [2] * 6, 7),
        (irt.partial_credit(common_discrimination=True), [3] * 6, 13),
        (irt.rating_scale(), [4] * 6, 8),
        (irt.m2pl(traits=2, q_matrix=[[1, 0]] * 3 + [[0, 1]] * 3, correlated=True), [2] * 6, 13),
    ],
    ids=["2pl", "1pl", "1pl with slope", "pcm with slope", "rsm", "correlated traits"],
)
def test_degrees_of_freedom_are_moments_less_parameters(
    spec: irt.ModelSpec, counts: list[int], parameters: int
) -> None:
    moments = sum(counts) - 6 + 15
    assert overall_fit(at_truth(spec, counts, 400))["df"].iloc[0] == moments - parameters


def test_both_statistics_are_m2_where_items_have_two_categories() -> None:
    posterior = at_truth(irt.two_pl(), [2] * 6, 400)
    tables = [overall_fit(posterior, mode) for mode in MODES]
    assert list(tables[0].index) == ["M2"]
    assert tables[0].to_numpy() == pytest.approx(tables[1].to_numpy())


def test_rows_that_stand_for_several_persons_count_as_many() -> None:
    posterior = at_truth(irt.two_pl(), [2] * 5, 300)
    doubled = replace(posterior, responses=replace(posterior.responses, weights=np.full(300, 2.0)))
    once, twice = overall_fit(posterior), overall_fit(doubled)
    assert twice["statistic"].iloc[0] == pytest.approx(2 * once["statistic"].iloc[0])
    assert twice["n"].iloc[0] == 600


def test_the_interval_of_the_rmsea_has_its_tails() -> None:
    lower, upper = rmsea_interval(30.0, 10, 500)
    assert stats.ncx2.cdf(30, 10, lower**2 * 10 * 499) == pytest.approx(0.95)
    assert stats.ncx2.cdf(30, 10, upper**2 * 10 * 499) == pytest.approx(0.05)
    assert rmsea_interval(10.0, 10, 500)[0] == 0


@pytest.mark.parametrize(
    ("x2", "null", "cfi"), [(8.0, 100.0, 1.0), (20.0, 110.0, 0.9), (20.0, 5.0, 0.0), (8.0, 5.0, 1.0)]
)
def test_cfi_is_between_0_and_1_also_where_items_are_independent(x2: float, null: float, cfi: float) -> None:
    assert comparative_fit(x2, 10, null, 10) == pytest.approx(cfi)


def test_what_is_not_defined_says_why() -> None:
    grm = at_truth(irt.graded(), [6] * 5, 300)
    with pytest.raises(StatisticError, match=r"15 moments and the model 15 .* overall_fit\(statistic='C2'\)"):
        overall_fit(grm, "M2*")
    with pytest.raises(UnknownName, match=r"valid: M2\*, C2"):
        overall_fit(grm, "m2")
    with pytest.raises(StatisticError, match="there are none"):
        overall_fit(at_truth(irt.two_pl(), [2] * 8, 30, missing=0.7))
    with pytest.raises(StatisticError, match="of counts, which have no categories; use local_dependence"):
        overall_fit(at_truth(irt.poisson_counts(), [1] * 4, 50))
    with pytest.raises(StatisticError, match="of 150 items needs the covariance of 11,325 moments"):
        overall_fit(at_truth(irt.two_pl(), [2] * 150, 20))
