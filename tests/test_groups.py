"""Several groups of persons: R mirt's log likelihoods, integration over each person's own prior, bad input."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import irtbridge as irt
from irtbridge.errors import DataError, SpecError, UnknownName
from irtbridge.model.density import log_joint, log_prior, marginal_log_likelihood
from irtbridge.model.layout import Layout
from irtbridge.model.quadrature import Quadrature
from irtbridge.model.simulate import empty_responses, simulate_responses_like
from irtbridge.testing.cases import CASES, Case, random_groups

REFERENCE = Path(__file__).parents[2] / "shared" / "reference" / "data"
FLAT = {"discrimination": "HalfNormal(1000)", "difficulty": "Normal(0, 1000)"}
FLAT_GROUPS = {"ability_mean": "Normal(0, 1000)", "ability_sd": "HalfNormal(1000)"}
BY_PERSON = [c for c in CASES if c.name in ("2pl-groups", "gpcm-metric", "2pl-regression", "2pl-explained")]


@pytest.fixture(scope="module")
def verbal() -> irt.Responses:
    """VerbAgg, 316 persons and 24 items, with each person's gender and anger."""
    path = REFERENCE / "verbagg_r2_gender.csv"
    if not path.is_file():
        pytest.skip("the reference data are not beside this checkout")
    return irt.load_responses(path, group="Gender", covariates=["Anger"])


def at_maximum(fit: irt.Fit) -> float:
    """Marginal log likelihood of a point estimate."""
    params = {name: value[0, 0] for name, value in fit.program.constrain(fit.draws.z).items()}
    return float(marginal_log_likelihood(fit.program.layout, params, fit.responses).sum())


# R mirt 1.45.1: multipleGroup(X, 1, group = Gender, itemtype = "2PL", invariance = ..., TOL = 1e-7)
@pytest.mark.parametrize(
    ("options", "log_likelihood"),
    [
        ({"invariance": "configural"}, -3971.69794716),
        ({"invariance": "metric", "ability_sd": FLAT_GROUPS["ability_sd"]}, -3980.07736406),
        ({"invariance": "scalar"} | FLAT_GROUPS, -4014.40084437),
    ],
    ids=lambda value: value.get("invariance", "") if isinstance(value, dict) else "",
)
def test_log_likelihoods_are_those_of_mirt(
    verbal: irt.Responses, options: dict[str, str], log_likelihood: float
) -> None:
    fit = irt.fit(verbal, "2pl", method="map", model_options=FLAT | options, standard_errors=False, n_nodes=61)
    np.testing.assert_allclose(at_maximum(fit), log_likelihood, atol=1e-5)
    if options["invariance"] == "scalar":  # mirt has F first, too: mean .2453, variance .7945
        shared = fit.shared()["mean"]
        np.testing.assert_allclose(shared[["ability_mean[M]", "ability_sd[M]"]], [0.245328, 0.794539**0.5], atol=1e-4)


@pytest.mark.parametrize(
    ("item", "free_in", "statistic"),
    [
        ("S2WantShout", "both", 11.9587557151),
        pytest.param("S1WantCurse", "both", 2.39051242837, marks=pytest.mark.long),
    ],
)
def test_freeing_an_item_gains_what_it_does_in_mirt(
    verbal: irt.Responses, item: str, free_in: str, statistic: float
) -> None:
    options = FLAT | FLAT_GROUPS | {"free": [item], "free_in": free_in}
    fit = irt.fit(verbal, "2pl", method="map", model_options=options, standard_errors=False, n_nodes=61)
    np.testing.assert_allclose(2 * (at_maximum(fit) + 4014.40084437), statistic, atol=2e-4)
    assert [name for name in fit.items().index if item in name] == [f"{item} [F]", f"{item} [M]"]


@pytest.mark.parametrize("case", BY_PERSON, ids=[case.name for case in BY_PERSON])
def test_each_person_is_integrated_over_a_prior_of_its_own(case: Case) -> None:
    """The collapsed density is the joint one, integrated person by person on a grid around each one's own mean."""
    spec, responses = case.spec, case.responses()
    layout, joint = Layout.of(spec, responses, Quadrature(201)), Layout.of(spec, responses)
    params = irt.simulate_parameters_like(spec, responses, 4)
    arguments = {k: np.broadcast_to(v, responses.n_persons) for k, v in joint.arguments("ability", params).items()}
    line = np.linspace(-8, 8, 801)
    everybody = []
    for standard in line:
        abilities = arguments["loc"] + arguments["scale"] * standard
        log_probs = spec.family.log_probs({**params, "ability": abilities}, spec.dims, joint.exists)
        codes = np.maximum(responses.values, 0)[..., None]
        each = np.take_along_axis(log_probs, codes, axis=-1)[..., 0]
        everybody.append(np.where(responses.observed, each, 0.0).sum(axis=1) + stats.norm.logpdf(standard))
    expected = np.log(np.exp(everybody).sum(axis=0) * (line[1] - line[0])).sum()
    del params["ability"]
    priors = sum(log_prior(layout, name, params) for name in layout.slots)
    np.testing.assert_allclose(log_joint(layout, params, responses) - priors, expected, rtol=1e-8)


@pytest.mark.long
def test_abilities_and_groups_integrated_out_are_those_sampled() -> None:
    """z-tests of 3 posterior means between two methods, Bonferroni at 1e-3; abilities correlate."""
    spec = irt.build_model("2pl", invariance="scalar", ability_on="age")
    like = grouped(80, 5)
    params = irt.simulate_parameters_like(spec, like, 1)
    data = irt.simulate_responses_like(spec, params, like, 2)
    collapsed = irt.fit(data, spec, method="laplace", draws=1000, seed=1)
    joint = irt.fit(data, spec, method="nuts_whitened", chains=2, warmup=100, draws=300, seed=1)
    one, other = collapsed.shared(), joint.shared()
    estimated = one["sd"] > 0
    error = np.hypot(one["mcse"], other["mcse"])[estimated]
    assert (np.abs(one["mean"] - other["mean"])[estimated] / error).max() < stats.norm.isf(1e-3 / 6)
    means = collapsed.persons()["ability", "mean"], joint.persons()["ability", "mean"]
    assert np.corrcoef(*means)[0, 1] > 0.995


def grouped(n_persons: int, n_items: int) -> irt.Responses:
    """Persons of two schools, and of different ages, who have not answered yet."""
    rng = np.random.default_rng(0)
    persons = pd.DataFrame({"school": ["north", "south"] * (n_persons // 2), "age": rng.normal(size=n_persons)})
    empty = irt.Responses.from_codes(np.full((n_persons, n_items), -1), n_categories=2)
    return replace(empty, person_data=persons.set_axis(list(empty.persons)), group="school")


def test_groups_are_recovered() -> None:
    """Mean and SD of the second group within 3.5 posterior SDs: 1 in 1,000 fails by chance; the seed is fixed."""
    spec, like = irt.build_model("2pl", invariance="scalar"), grouped(1000, 15)
    params = irt.simulate_parameters_like(spec, like, 3)
    fit = irt.fit(irt.simulate_responses_like(spec, params, like, 4), spec, backend="tfp", method="laplace")
    shared = fit.shared()
    for name in ("ability_mean", "ability_sd"):
        row = shared.loc[f"{name}[south]"]
        assert abs(row["mean"] - params[name][1]) < 3.5 * row["sd"]
        assert shared.loc[f"{name}[north]", "sd"] == 0


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"invariance": "strict"}, UnknownName, ["strict", "scalar", "metric"]),
        ({"invariance": "metric", "free": ["item1"]}, SpecError, ["item1", "use scalar"]),
        ({"free": ["item1"], "free_in": "slope"}, UnknownName, ["slope", "discrimination"]),
        ({"free": ["item9"]}, SpecError, ["item9", "item1"]),
        ({"free": ["item1", "item2", "item3", "item4"]}, SpecError, ["every item", "configural"]),
        ({"ability": "Normal(mu, 1)", "invariance": "scalar"}, SpecError, ["mu"]),
    ],
)
def test_impossible_groups_are_refused(options: dict[str, object], error: type[Exception], words: list[str]) -> None:
    data = irt.simulate_responses_like(irt.two_pl(), two_pl_params(), grouped(60, 4), 1)
    with pytest.raises(error) as caught:
        irt.fit(data, "2pl", method="map", model_options=options)
    assert all(word in str(caught.value) for word in words)


def test_groups_that_data_lack_are_asked_for() -> None:
    data = irt.simulate_responses_like(irt.two_pl(), two_pl_params(), grouped(60, 4), 1)
    with pytest.raises(DataError, match="no groups; name the column"):
        irt.fit(replace(data, group=None), "2pl", method="map", model_options={"invariance": "scalar"})
    alone = data.select(data.group_codes == 0)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="north"):
        irt.fit(replace(alone, person_data=alone.person_data.astype({"school": str})), "2pl", group="school")  # type: ignore[union-attr]


def test_a_column_that_is_no_item_is_shown_the_way_out() -> None:
    frame = pd.DataFrame({"q1": [0, 1, 1, 0], "q2": [1, 0, 1, 0], "anger": [11, 14, 20, 31]})
    with pytest.raises(DataError, match=r"item 'anger' has 4.*covariates='anger'.*drop='anger'"):
        irt.fit(frame, "2pl", method="map")


def test_a_group_without_a_category_of_a_free_item_is_named() -> None:
    data = irt.simulate_responses_like(irt.two_pl(), two_pl_params(), grouped(60, 4), 1)
    values = data.values.copy()
    values[data.group_codes == 1, 2] = 0
    with pytest.raises(DataError, match=r"item3.*south.*category 1"):
        irt.fit(replace(data, values=values), "2pl", method="map", model_options={"free": ["item3"]})


def two_pl_params() -> dict[str, np.ndarray]:
    return irt.simulate_parameters_like(irt.two_pl(), grouped(60, 4), 0)


def test_a_finished_spec_gets_the_groups_that_are_asked_for() -> None:
    data = irt.simulate_responses_like(irt.two_pl(), two_pl_params(), grouped(60, 4), 1)
    named, finished = (irt.fit(data, model, group="school", method="map").shared() for model in ("2pl", irt.two_pl()))
    pd.testing.assert_frame_equal(named, finished)
    assert "ability_mean[south]" in finished.index


@pytest.mark.long
def test_the_spread_of_groups_that_are_drawn_is_recovered() -> None:
    rng, size, items = np.random.default_rng(1), 25, 8
    means = rng.normal(0, 0.8, 30)
    school = pd.Categorical([f"s{g:02d}" for g in range(len(means)) for _ in range(size)])
    empty = empty_responses(len(school), [2] * items)
    like = replace(empty, person_data=pd.DataFrame({"school": school}, index=list(empty.persons)), group="school")
    spec = random_groups()
    params = {
        "group_mean": means,
        "ability": rng.normal(np.repeat(means, size), 1),
        "discrimination": rng.lognormal(0, 0.3, items),
        "difficulty": rng.normal(0, 1, items),
    }
    responses = simulate_responses_like(spec, params | {"spread": 0.8, "centre": 0.0}, like, seed=3)
    fit = irt.fit(responses, spec, method="laplace", draws=300)
    found = fit.shared().loc["spread"]
    # Three posterior standard deviations around the spread of these groups: one seed in 370 fails.
    assert abs(found["mean"] - means.std()) < 3 * found["sd"]
    estimated = fit.idata.posterior["group_mean"].mean(("chain", "draw")).values
    assert np.corrcoef(estimated, means)[0, 1] > 0.8
    assert np.std(estimated) < np.std(means) * 1.2
