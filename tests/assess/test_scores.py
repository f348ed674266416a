"""Scores: R mirt's numbers, oracles, invariances, coverage, new persons, bad input."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, special, stats

import irtbridge as irt
from irtbridge.assess.posterior import Posterior, layout_of
from irtbridge.assess.scoring.scores import METHODS, scores
from irtbridge.assess.scoring.weighted_points import WeightedPoints
from irtbridge.errors import ConfigError, DataError, IRTBridgeWarning, StatisticError, UnknownName
from irtbridge.model.layout import Layout

FLAT = {"discrimination": "HalfNormal(1000)", "difficulty": "Normal(0, 1000)"}


def at(spec: irt.ModelSpec, responses: irt.Responses, **params: Any) -> Posterior:
    """A point estimate."""
    layout, shape = layout_of(spec, responses), (1, responses.n_persons, *[len(spec.traits)][: len(spec.traits) - 1])
    single = {name: np.asarray(value, dtype=float)[None] for name, value in params.items()}
    return Posterior(layout, responses, single, np.zeros(shape), point=True)


def of(table: pd.DataFrame, quantity: str, **where: str) -> pd.Series:
    rows = table[table["quantity"] == quantity]
    for column, start in where.items():
        rows = rows[rows[column].str.startswith(start)]
    return rows.set_index("item")["value"].astype(float)


@pytest.fixture(scope="module")
def lsat7() -> irt.Fit:
    return irt.fit("lsat7", "2pl", method="map", model_options=FLAT)


@pytest.fixture(scope="module")
def normal_traits() -> tuple[irt.ModelSpec, irt.Responses, dict[str, Any]]:
    """Two correlated traits of six items each."""
    q_matrix = np.kron(np.eye(2, dtype=int), np.ones((6, 1), dtype=int))
    spec = irt.m2pl(q_matrix=q_matrix, correlated=True)
    rng = np.random.default_rng(1)
    params = {
        "trait_cholesky": np.linalg.cholesky([[1, 0.5], [0.5, 1]]),
        "discrimination": q_matrix * rng.uniform(0.8, 1.6, (12, 1)),
        "difficulty": rng.normal(size=12),
    }
    abilities = rng.standard_normal((40, 2)) @ params["trait_cholesky"].T
    codes = irt.simulate_responses(spec, params | {"ability": abilities}, [2] * 12, seed=1)
    return spec, codes, params


@pytest.mark.parametrize("method", ["eap", "map", "ml", "wle"])
def test_scores_of_all_patterns_are_those_of_mirt(method: str, anchors: Callable[[str], pd.DataFrame]) -> None:
    table = anchors("mirt_lsat.csv.gz")
    table = table[(table["dataset"] == "LSAT7") & table["model"].str.startswith("2PL")]
    expected, errors = (of(table, f"{what}.{method.upper()}") for what in ("fscore", "fscore.SE"))
    patterns = irt.Responses.from_codes([[int(code) for code in pattern] for pattern in expected.index], 2)
    difficulty, discrimination = of(table, "IRTpar.b").to_numpy(), of(table, "IRTpar.a").to_numpy()
    found = scores(at(irt.two_pl(), patterns, difficulty=difficulty, discrimination=discrimination), method=method)
    # mirt's modes are found to about 1e-6, its curvatures there by differences.
    assert found["score"].to_numpy() == pytest.approx(expected.to_numpy(), abs=5e-6)
    finite = np.isfinite(expected.to_numpy())
    assert found["se"].to_numpy()[finite] == pytest.approx(errors.to_numpy()[finite], abs=1e-4)
    assert np.isinf(found["se"].to_numpy()[~finite]).all()


@pytest.mark.parametrize("method", ["eap", "map", "ml", "wle"])
def test_scores_of_graded_items_are_those_of_mirt(method: str, anchors: Callable[[str], pd.DataFrame]) -> None:
    table = anchors("mirt_bfiN_graded.csv.gz")
    everybody = irt.load_dataset("bfi:N")
    first = everybody.select(np.flatnonzero(everybody.observed.all(axis=1))[:20])
    threshold = np.column_stack([of(table, f"IRTpar.b{k}") for k in range(1, 6)])
    posterior = at(irt.graded(), first, discrimination=of(table, "IRTpar.a"), threshold=threshold)
    found = scores(posterior, method=method)
    assert found["score"].to_numpy() == pytest.approx(of(table, f"fscore.{method.upper()}").to_numpy(), abs=5e-6)
    assert found["se"].to_numpy() == pytest.approx(of(table, f"fscore.SE.{method.upper()}").to_numpy(), abs=1e-4)


def test_sum_scores_and_missing_responses_are_those_in_print(lsat7: irt.Fit) -> None:
    """Chalmers (2012, J. Stat. Softw. 48(6)) and the help of R's mirt."""
    patterns = np.tril(np.ones((6, 5)), -1)
    found = lsat7.scores(patterns, "sum")
    assert found["score"].tolist() == pytest.approx([-1.870, -1.432, -0.949, -0.413, 0.152, 0.727], abs=6e-4)
    one = lsat7.scores(np.array([[1, 1, 1, 1, np.nan], [0, 1, 1, 1, 1]])).iloc[0]
    assert (one["score"], one["se"], one["responses"]) == pytest.approx((0.6837, 0.8075, 4), abs=1e-4)


def test_sums_of_rasch_items_say_all_that_responses_say() -> None:
    posterior = irt.fit("lsat7", "1pl", method="map").posterior
    assert scores(posterior, method="sum")["score"].to_numpy() == pytest.approx(scores(posterior)["score"].to_numpy())


def test_three_traits_are_those_of_mirt(anchors: Callable[[str], pd.DataFrame]) -> None:
    table = anchors("mirt_multidim_confirmatory.csv")
    data = Path(__file__).parents[3] / "shared" / "reference" / "data" / "sim_bifactor_1000x15.csv"
    slopes = np.column_stack([of(table, f"par.a{k}", model="conf") for k in (1, 2, 3)])
    factor = np.linalg.cholesky(of(table, "cov", model="conf").to_numpy().reshape(3, 3))
    spec = irt.m2pl(q_matrix=(slopes != 0).astype(int), correlated=True)
    difficulty = -of(table, "par.d", model="conf").to_numpy()
    responses = irt.load_responses(data).select(slice(0, 20))
    posterior = at(spec, responses, trait_cholesky=factor, discrimination=slopes, difficulty=difficulty)
    for posterior_of, precision in ((posterior, 2e-4), (replace(posterior, layout=Layout.of(spec, responses)), 0.01)):
        found = scores(posterior_of)
        for k, trait in enumerate(spec.traits, 1):
            own = found.xs(trait, level="trait")
            assert own["score"].to_numpy() == pytest.approx(of(table, f"EAP.F{k}").to_numpy(), abs=precision)
            assert own["se"].to_numpy() == pytest.approx(of(table, f"EAP.SE_F{k}").to_numpy(), abs=precision)


def test_modes_of_several_traits_are_those_of_an_optimiser(normal_traits: Any) -> None:
    spec, responses, params = normal_traits
    found = scores(at(spec, responses, **params), method="map")
    precision = np.linalg.inv(params["trait_cholesky"] @ params["trait_cholesky"].T)
    for person in (0, 7):

        def loss(ability: Any, person: int = person) -> Any:
            x = params["discrimination"] @ ability - params["difficulty"]
            prior = 0.5 * ability @ precision @ ability
            return np.logaddexp(0, x).sum() - responses.values[person] @ x + prior

        best = optimize.minimize(loss, np.zeros(2), tol=1e-10)
        assert found.loc[person + 1, "score"].to_numpy() == pytest.approx(best.x, abs=1e-5)


def test_modes_of_two_traits_of_nominal_items_are_those_of_an_optimiser() -> None:
    """Scoring values that are not 1, 2, ...: moving the slope part is not moving all intercepts alike."""
    spec, categories = irt.build_model("nominal", traits=2, q_matrix=np.ones((6, 2), dtype=int)), [4] * 6
    params = irt.simulate_parameters(spec, 3, categories, seed=1)
    responses = irt.simulate_responses(spec, params, categories, seed=2)
    del params["ability"]
    found = scores(at(spec, responses, **params), method="map")["score"].to_numpy().reshape(3, 2)
    layout = layout_of(spec, responses)

    def loss(ability: Any, person: int) -> Any:
        here = {**params, "ability": ability[None]}
        return (
            0.5 * ability @ ability
            - spec.family.log_density(responses.values[[person]], here, spec.dims, layout.exists).sum()
        )

    for person in range(3):
        best = optimize.minimize(loss, np.zeros(2), args=(person,), tol=1e-10)
        assert found[person] == pytest.approx(best.x, abs=1e-4)


def test_a_bifactor_model_scored_on_the_grid_and_by_importance_sampling_agree() -> None:
    spec = irt.bifactor(groups=np.repeat([1, 2, 3], 4))
    params = irt.simulate_parameters(spec, 30, [2] * 12, seed=1)
    responses = irt.simulate_responses(spec, params, [2] * 12, seed=2)
    del params["ability"]
    posterior = at(spec, responses, **params)
    grid, sampled = scores(posterior), scores(replace(posterior, layout=Layout.of(spec, responses)))
    assert posterior.layout.reduction is not None
    for column, precision in (("score", 0.02), ("se", 0.02), ("lower", 0.06), ("upper", 0.06)):
        assert sampled[column].to_numpy() == pytest.approx(grid[column].to_numpy(), abs=precision)


def test_the_shortest_interval_is_that_of_scipy() -> None:
    """A gamma distribution has another density at both ends of its central interval, not of its shortest one."""
    gamma, x = stats.gamma(9), np.linspace(0.5, 40.5, 81)
    weight = gamma.pdf(x)[:, None] / gamma.pdf(x).sum()
    (lower,), (upper,) = WeightedPoints.of(x, weight).interval(0.9)
    tail = optimize.minimize_scalar(lambda t: gamma.ppf(t + 0.9) - gamma.ppf(t), bounds=(0, 0.1), method="bounded").x
    assert (lower, upper) == pytest.approx((gamma.ppf(tail), gamma.ppf(tail + 0.9)), abs=0.03)
    drawn = gamma.ppf((np.arange(100_000) + 0.5) / 100_000)[:, None]
    low, high = WeightedPoints(np.tile(drawn, 2), np.full((100_000, 2), 1e-5)).interval(0.9)
    # Scattered points, to first order in the skewness, which is 2/3 here: within .08 standard deviations of 3.
    assert low == pytest.approx(gamma.ppf(tail), abs=0.24)
    assert high == pytest.approx(gamma.ppf(tail + 0.9), abs=0.24)


@pytest.mark.parametrize("method", ["eap", "map", "wle", "ml"])
def test_intervals_cover_the_truth_as_often_as_they_say(method: str) -> None:
    """40 items, 4,000 persons: 95 %, with a standard error of .35 %; ML and WLE are normal only roughly."""
    spec = irt.two_pl()
    params = irt.simulate_parameters(spec, 4000, [2] * 40, seed=1)
    responses = irt.simulate_responses(spec, params, [2] * 40, seed=2)
    truth = params.pop("ability")
    found = scores(at(spec, responses, **params), method=method)
    covered = np.mean((found["lower"] < truth) & (truth < found["upper"]))
    assert abs(covered - 0.95) < (0.011 if method == "eap" else 0.025)


def test_plausible_values_have_the_mean_and_variance_of_the_posterior(lsat7: irt.Fit) -> None:
    found = lsat7.scores(plausible=200)
    drawn = found.filter(like="plausible")
    assert drawn.shape == (1000, 200)
    assert np.abs((drawn.mean(axis=1) - found["score"]) / (found["se"] / 200**0.5)).mean() == pytest.approx(
        0.8, abs=0.06
    )
    assert (drawn.var(axis=1) / found["se"] ** 2).mean() == pytest.approx(1, abs=0.01)


def test_no_plausible_value_is_a_copy_where_there_are_fewer_draws() -> None:
    """Four correlated traits have no grid: draws of the fit serve, until there are too few of them."""
    spec = irt.m2pl(q_matrix=np.kron(np.eye(4, dtype=int), np.ones((2, 1), dtype=int)), correlated=True)
    params = irt.simulate_parameters(spec, 30, [2] * 8, seed=1)
    responses = irt.simulate_responses(spec, params, [2] * 8, seed=2)
    abilities = np.random.default_rng(1).normal(size=(3, 30, 4))
    own = {name: np.stack([value] * 3) for name, value in params.items() if name != "ability"}
    posterior = Posterior(layout_of(spec, responses), responses, own, abilities)
    three, four = (
        scores(posterior, items="draws", plausible=number).filter(like="plausible").to_numpy() for number in (3, 4)
    )
    assert three.T.reshape(3, 30, 4) == pytest.approx(abilities)
    assert all((four[:, i] != four[:, j]).mean() > 0.9 for i in range(4) for j in range(i))


@pytest.mark.parametrize("method", ["eap", pytest.param("wle", marks=pytest.mark.long)])
def test_item_uncertainty_adds_the_variance_between_draws(method: str) -> None:
    fit = irt.fit("lsat7", "2pl", method="laplace", draws=20)
    found = fit.scores(method=method, items="draws", draws=20)
    each = []
    for i in range(20):
        params = {name: value[[i]] for name, value in fit.posterior.params.items()}
        one = replace(fit.posterior, params=params, kept=fit.posterior.abilities[[i]], point=True)
        each.append(scores(one, method=method)[["score", "se"]].to_numpy())
    score, se = np.moveaxis(np.stack(each), -1, 0)
    assert found["score"].to_numpy() == pytest.approx(score.mean(axis=0))
    assert found["se"].to_numpy() == pytest.approx(np.sqrt(np.mean(se**2, axis=0) + score.var(axis=0)))


def test_new_persons_score_as_the_same_persons_fitted(lsat7: irt.Fit, tmp_path: Path) -> None:
    fitted = lsat7.scores()
    frame = lsat7.responses.to_frame()
    frame.iloc[::-1, ::-1].to_csv(tmp_path / "new.csv")
    for source in (frame, frame.to_numpy(), tmp_path / "new.csv", lsat7.responses):
        found = lsat7.scores(source).sort_index()
        assert found["score"].to_numpy() == pytest.approx(fitted["score"].to_numpy())


def test_a_code_stands_for_the_category_that_it_stood_for() -> None:
    """Of codes 1 to 6 the new persons use but one; a missing column is missing."""
    fit = irt.fit("bfi:N", "grm", method="map")
    frame = fit.responses.to_frame().iloc[:1].assign(N5=np.nan)
    with pytest.warns(IRTBridgeWarning, match="nobody has a response to 'N5'"):
        found = fit.scores(frame)
    beside = fit.responses.to_frame().iloc[:3]
    beside.loc[beside.index[0], "N5"] = np.nan
    assert found["score"].iloc[0] == pytest.approx(fit.scores(beside)["score"].iloc[0])


@pytest.mark.parametrize("options", [{}, {"free": ["S2WantShout"]}, {"ability_on": ["Anger", "Gender"]}])
def test_the_prior_of_new_persons_is_that_of_their_group_and_covariates(options: dict[str, Any]) -> None:
    yes = (irt.load_dataset("verbagg").to_frame() >= 1).astype(float)
    verbal = irt.load_responses(yes, person_data="verbagg", group="Gender")
    group = None if "ability_on" in options else "Gender"
    fit = irt.fit(verbal, "2pl", group=group, method="map", model_options=options)
    assert verbal.person_data is not None
    new = yes.iloc[[3]].join(verbal.person_data.astype({"Gender": str}))
    for method in ("eap", "map", "sum"):
        found, fitted = fit.scores(new, method), fit.scores(method=method)
        assert found["score"].iloc[0] == pytest.approx(fitted["score"].iloc[3], abs=1e-6)
    with pytest.raises(DataError, match="there is no column 'Gender'"):
        fit.scores(yes.iloc[[3]], data_options={"drop": []})
    with pytest.raises(DataError, match=r"'Gender' has 'X'; when the model was fitted it had 'F', 'M'"):
        fit.scores(new.assign(Gender="X"))


@pytest.mark.parametrize("model", [irt.beta_irt(), irt.poisson_counts()])
def test_numbers_are_scored_too(model: irt.ModelSpec) -> None:
    params = irt.simulate_parameters(model, 60, [1] * 8, seed=1)
    responses = irt.simulate_responses(model, params, [1] * 8, seed=2)
    truth = params.pop("ability")
    posterior = at(model, responses, **params)
    for method in ("eap", "map", "ml"):
        assert np.corrcoef(scores(posterior, method=method)["score"], truth)[0, 1] > 0.8
    for method, words in (("wle", "the weights are for categories"), ("sum", "which have no categories")):
        with pytest.raises(StatisticError, match=words):
            scores(posterior, method=method)


def test_nobody_who_answered_nothing_has_a_likelihood(lsat7: irt.Fit) -> None:
    new = np.array([[np.nan] * 5, [0, 1, 0, 1, 1]])
    by = {method: lsat7.scores(new, method).iloc[0] for method in METHODS}
    for method in ("eap", "map", "sum"):
        assert (by[method]["score"], by[method]["se"]) == pytest.approx((0, 1), abs=1e-6)
    assert np.isnan(by["ml"]["score"])
    assert np.isnan(by["wle"]["score"])


def test_other_items_and_codings_are_refused_with_both_shown(lsat7: irt.Fit) -> None:
    frame = lsat7.responses.to_frame().iloc[::100]
    with pytest.raises(DataError, match=r"'item1' has 1, 2, fitted with 0, 1;"):
        lsat7.scores(frame + 1)
    with pytest.raises(DataError, match="no items of the fit: 'q1'; its 5 items, nearest first: item1"):
        lsat7.scores(frame.rename(columns={"item1": "q1"}))
    with pytest.raises(DataError, match=r"no items of the fit: 'age'.* drop="):
        lsat7.scores(frame.assign(age=3))
    assert len(lsat7.scores(frame.assign(age=3), data_options={"drop": "age"})) == 10
    with pytest.raises(UnknownName, match="'keys'"):
        lsat7.scores(frame, data_options={"keys": "A"})


def test_what_cannot_be_is_refused_with_a_way_out(lsat7: irt.Fit) -> None:
    with pytest.raises(UnknownName, match="no scoring method called 'eab'; valid: eap"):
        lsat7.scores(method="eab")
    with pytest.raises(StatisticError, match="a point estimate has no draws"):
        lsat7.scores(items="draws")
    for bad in ({"plausible": -1}, {"plausible": 2.5}, {"draws": 0}, {"probability": 95}, {"seed": -1}):
        ((name, value),) = bad.items()
        with pytest.raises(ConfigError, match=f"{name}={value} must"):
            lsat7.scores(**bad)


def test_wle_of_traits_that_share_no_item_is_that_of_each(normal_traits: Any) -> None:
    """Whatever their correlation: WLE has no prior."""
    spec, responses, params = normal_traits
    together = scores(at(spec, responses, **params), method="wle")
    for trait, items in enumerate((responses.items[:6], responses.items[6:])):
        places = [responses.items.index(item) for item in items]
        one = {"discrimination": params["discrimination"][places, trait]}
        one["difficulty"] = params["difficulty"][places] / one["discrimination"]  # a theta - b, against a (theta - b)
        alone = scores(at(irt.two_pl(), irt.load_responses(responses.to_frame()[[*items]]), **one), method="wle")
        of_trait = together.xs(spec.traits[trait], level="trait")
        assert of_trait["score"].to_numpy() == pytest.approx(alone["score"].to_numpy(), abs=1e-6)
        assert of_trait["se"].to_numpy() == pytest.approx(alone["se"].to_numpy(), rel=1e-3)


def test_wle_of_crossed_traits_is_the_likelihood_times_jeffreys_prior() -> None:
    """Where log odds are linear in the abilities (Firth 1993, section 3.1)."""
    spec, rng = irt.m2pl(traits=2), np.random.default_rng(3)
    slopes = np.c_[rng.uniform(0.5, 1.5, 10), np.r_[0, rng.normal(0, 0.8, 9)]]
    params = {"discrimination": slopes, "difficulty": rng.normal(size=10)}
    responses = irt.simulate_responses(spec, params | {"ability": rng.standard_normal((6, 2))}, [2] * 10, seed=4)
    found = scores(at(spec, responses, **params), method="wle")["score"].to_numpy().reshape(6, 2)

    def penalised(ability: Any, codes: Any) -> float:
        x = slopes @ ability - params["difficulty"]
        weights = special.expit(x) * special.expit(-x)
        information = slopes.T @ (weights[:, None] * slopes)
        return float(-np.sum(special.log_expit(np.where(codes == 1, x, -x))) - np.linalg.slogdet(information)[1] / 2)

    for codes, score in zip(responses.values, found, strict=True):
        best = optimize.minimize(penalised, np.zeros(2), args=(codes,), options={"gtol": 1e-8})
        assert score == pytest.approx(best.x, abs=1e-4)


def test_wle_of_graded_items_turns_with_the_traits() -> None:
    """The same items on other axes: scores turn along, which no penalty by a prior in fixed axes would do."""
    spec, rng = irt.graded(traits=2), np.random.default_rng(5)
    slopes = np.c_[rng.uniform(0.8, 1.5, 8), rng.normal(0, 0.8, 8)]
    thresholds = np.sort(rng.normal(size=(8, 3)), axis=1)
    params = {"discrimination": slopes, "threshold": thresholds}
    responses = irt.simulate_responses(spec, params | {"ability": rng.standard_normal((20, 2))}, [4] * 8, seed=6)
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    here = scores(at(spec, responses, **params), method="wle")["score"].to_numpy().reshape(20, 2)
    there = scores(at(spec, responses, **params | {"discrimination": slopes @ turn}), method="wle")
    assert there["score"].to_numpy().reshape(20, 2) == pytest.approx(here @ turn, abs=1e-5)
