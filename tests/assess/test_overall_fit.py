"""M2 and C2 against all response patterns, and where they are not defined."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from known_posteriors import Array, at_truth, pattern_probs, patterns
from scipy import linalg, special, stats

import irtbridge as irt
from irtbridge.assess.items.limited_information import MODES, covariance, expected_moments, jacobian
from irtbridge.assess.items.overall_fit import comparative_fit, overall_fit, rmsea_interval
from irtbridge.assess.posterior import Posterior, layout_of
from irtbridge.errors import StatisticError, UnknownName
from irtbridge.model.groups import with_groups

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


def test_of_groups_it_is_that_of_their_moments_together() -> None:
    """Against all patterns of two groups: ``sum n e' W e`` less its projection on what the parameters move."""
    start = {"a": np.array([0.8, 1.0, 1.3, 1.6, 1.1]), "b": np.array([-1.0, -0.5, 0.0, 0.5, 1.0])}
    start |= {"mean": np.array([0.7]), "sd": np.array([1.4])}
    persons = [200, 300]
    truth = {"discrimination": start["a"], "difficulty": start["b"]}
    truth |= {"ability_mean": np.r_[0, start["mean"]], "ability_sd": np.r_[1, start["sd"]]}
    group = np.repeat([0, 1], persons)
    ability = np.random.default_rng(1).standard_normal(500) * truth["ability_sd"][group] + truth["ability_mean"][group]
    data = irt.simulate_responses(irt.two_pl(), {**truth, "ability": ability}, [2] * 5, seed=2)
    told = irt.load_responses(data.to_frame().assign(group=np.array(["f", "m"])[group]), group="group")
    spec = with_groups(irt.two_pl())
    params = {name: value[None] for name, value in truth.items()}
    posterior = Posterior(layout_of(spec, told), told, params, ability[None], point=True)

    codes = np.array([*np.ndindex((2,) * 5)])
    functions = np.array(
        [*codes.T, *(codes[:, i] * codes[:, j] for i in range(5) for j in range(i + 1, 5))], dtype=float
    )

    def probs(vector: Array) -> Array:
        """Of all patterns, in each group."""
        a, b, (mean, sd) = vector[:5], vector[5:10], vector[10:]
        standard = np.linspace(-7, 7, 201)
        weights = stats.norm.pdf(standard) / stats.norm.pdf(standard).sum()
        right = [special.expit(a * (m + s * standard[:, None] - b)) for m, s in ((0, 1), (mean, sd))]
        return np.array([weights @ np.prod(np.where(codes[:, None], p, 1 - p), axis=2).T for p in right])

    here = np.concatenate([*start.values()])
    units = 1e-5 * np.eye(len(here))
    slopes = np.array([probs(here + unit) - probs(here - unit) for unit in units]) / 2e-5
    residual, directions, spread = [], [], []
    for code, of_patterns in enumerate(probs(here)):
        rows = told.values[group == code]
        observed = np.mean([functions[:, (codes == row).all(axis=1)][:, 0] for row in rows], axis=0)
        residual.append(observed - functions @ of_patterns)
        directions.append(functions @ slopes[:, code].T)
        covariances = (functions * of_patterns) @ functions.T - np.outer(
            functions @ of_patterns, functions @ of_patterns
        )
        spread.append(np.linalg.inv(covariances) * persons[code])
    e, j, w = np.concatenate(residual), np.concatenate(directions), linalg.block_diag(*spread)
    expected = e @ (w - w @ j @ np.linalg.inv(j.T @ w @ j) @ j.T @ w) @ e
    found = overall_fit(posterior)
    assert found["statistic"].iloc[0] == pytest.approx(expected, rel=1e-5)
    assert found["df"].iloc[0] == 2 * 15 - 12
    assert found["n"].iloc[0] == 500


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
    responses = at_truth(irt.two_pl(), [2] * 5, 60).responses
    aged = replace(responses, person_data=pd.DataFrame({"age": np.arange(60.0)}, index=[*responses.persons]))
    regression = irt.fit(aged, irt.build_model("2pl", ability_on="age"), method="map", standard_errors=False)
    with pytest.raises(StatisticError, match="differs from person to person"):
        regression.overall_fit()
