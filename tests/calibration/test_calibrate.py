"""Banks from features and responses."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from vocabularies import simulated

import irtbridge as irt
from irtbridge.bank.columns import item_variables
from irtbridge.bank.item_bank import ItemBank
from irtbridge.calibration.answers import Answers
from irtbridge.calibration.banks import curves_of
from irtbridge.calibration.cross_fitting import CrossFitted
from irtbridge.calibration.curves import Curves
from irtbridge.calibration.graders import GRADERS, grader_of
from irtbridge.calibration.graders.base import Rows, prob_right
from irtbridge.calibration.graders.linear import Linear
from irtbridge.calibration.kept import effective, kept
from irtbridge.calibration.reading import features_and_responses
from irtbridge.calibration.residual import Sampler

FAST = {"members": 1, "draws": 20, "folds": 3}


@pytest.fixture(scope="module")
def truth():
    return simulated(120, per_item=20, seed=1, n_new=20)


@pytest.fixture(scope="module")
def banks(truth):
    return {
        start: irt.calibrate(truth.responses, truth.features, start=start, grader="linear", seed=2, **FAST)
        for start in ("cold", "jump")
    }


def correlation(bank, truth, items) -> float:
    found = bank.at_mean.params["difficulty"][0]
    return float(np.corrcoef(found[items], truth.difficulty[items])[0, 1])


def test_a_bank_has_every_item_with_features(truth, banks):
    for bank in banks.values():
        assert bank.items == tuple(truth.features.index)
        assert bank.n_draws == 20
        assert bank.about["responses"].tolist()[-20:] == [0] * 20


def test_own_responses_make_items_more_certain_and_nearer_to_the_truth(truth, banks):
    seen = slice(0, 100)
    spread = {start: bank.params["difficulty"].std(axis=0) for start, bank in banks.items()}
    assert spread["jump"][seen].mean() < 0.8 * spread["cold"][seen].mean()
    assert correlation(banks["jump"], truth, seen) > correlation(banks["cold"], truth, seen)


def test_items_without_responses_are_the_same_in_a_cold_and_a_jump_start(banks):
    new = slice(100, None)
    cold, jump = (banks[start].params["difficulty"][:, new] for start in ("cold", "jump"))
    np.testing.assert_array_equal(cold, jump)


def test_the_order_of_items_does_not_matter(truth, banks):
    order = np.random.default_rng(0).permutation(len(truth.features))
    columns = np.random.default_rng(1).permutation(truth.responses.n_items)
    responses, features = truth.responses.select_items(columns), truth.features.iloc[order]
    other = irt.calibrate(responses, features, start="cold", grader="linear", seed=2, **FAST)
    assert other.items == tuple(features.index)
    one, two = banks["cold"].params["difficulty"], other.select(list(truth.features.index)).params["difficulty"]
    np.testing.assert_allclose(one, two, atol=1e-12)


def test_histogram_boosting_rises_with_ability(truth):
    answers = Answers.of(truth.responses, tuple(truth.features.index))
    features = truth.features[["x"]].to_numpy()
    nodes, rng = np.linspace(-2.5, 2.5, 31), np.random.default_rng(0)
    curves = CrossFitted(grader_of("hgb"), features, 3).curves(answers, truth.ability, nodes, 10.0, rng)
    assert curves.shape == (120, 31, 1)
    assert np.all(np.diff(curves, axis=1) >= -1e-12)
    assert np.all(np.ptp(curves, axis=1) > 0.2)


def test_boosting_learns_what_is_not_linear(truth, banks):
    hgb = irt.calibrate(truth.responses, truth.features, start="cold", seed=2, **FAST)
    assert correlation(hgb, truth, slice(0, 100)) > correlation(banks["cold"], truth, slice(0, 100))


def test_any_classifier_serves_and_so_does_the_plain_form(truth):
    own = irt.calibrate(truth.responses, truth.features, grader=LogisticRegression(), seed=1, **FAST)
    assert own.provenance["grader"] == "estimator"
    plain = irt.calibrate(truth.responses, truth.features, residual=False, grader="linear", **{**FAST, "members": 3})
    assert plain.n_draws == 3
    assert correlation(plain, truth, slice(0, 100)) > 0.6


def test_known_abilities_leave_a_lower_asymptote_free(truth):
    bank = irt.calibrate(truth.responses, truth.features, "3pl", abilities=truth.ability, grader="linear", **FAST)
    assert set(bank.params) == {"discrimination", "difficulty", "lower"}
    np.testing.assert_allclose(bank.mean, truth.ability.mean())
    fixed = irt.calibrate(truth.responses, truth.features, "3pl", lower=0.2, grader="linear", **FAST)
    np.testing.assert_allclose(fixed.params["lower"], 0.2)


@pytest.mark.parametrize(("mean", "sd"), [(20.0, 4.0), (500.0, 100.0)])
def test_known_abilities_may_be_of_any_scale(truth, mean, sd):
    how = {"grader": "linear", "seed": 1, **FAST}
    standard = (truth.ability - truth.ability.mean()) / truth.ability.std()
    own = irt.calibrate(truth.responses, truth.features, abilities=standard, **how)
    other = irt.calibrate(truth.responses, truth.features, abilities=mean + sd * standard, **how)
    np.testing.assert_allclose(other.params["difficulty"], mean + sd * own.params["difficulty"], rtol=1e-6)
    np.testing.assert_allclose(other.params["discrimination"], own.params["discrimination"] / sd, rtol=1e-6)
    np.testing.assert_allclose([other.mean[0], other.covariance[0, 0]], [mean, sd**2], rtol=1e-9)


def test_without_slopes_known_abilities_are_logits(truth):
    with pytest.raises(irt.IRTBridgeError, match="needs logits"):
        irt.calibrate(truth.responses, truth.features, "1pl", abilities=500 + 100 * truth.ability, **FAST)


def test_draws_of_little_data_are_taken_farther_apart(truth):
    answers = Answers.of(truth.responses, tuple(truth.features.index))
    sampler, rng = Sampler(answers, Curves(), np.ones((answers.n_items, 1))), np.random.default_rng(1)
    *_, state = sampler.sweeps(sampler.begin(), 100, rng, adapt=True)
    assert effective(kept(sampler, state, 100, rng)) >= 50


def test_of_many_features_that_tell_nothing_linear_learns_less():
    losses = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        item = np.repeat(np.arange(60), 30)
        x = np.column_stack([rng.standard_normal(len(item)), rng.standard_normal((60, 15))[item]])
        right = (rng.uniform(size=len(item)) < expit(x[:, 0] - rng.standard_normal(60)[item])).astype(float)
        rows, others, new = (
            Rows(x[part], right[part], item[part]) for part in (item < 20, (item >= 20) & (item < 25), item >= 25)
        )
        fitted = [grader.fit(rows, others, 10.0, 0) for grader in (Linear(), Linear(strength=1.0))]
        losses.append([log_loss(new.right, prob_right(each, new.x)) for each in fitted])
    chosen, fixed = np.mean(losses, axis=0)
    assert chosen < fixed - 0.02


def test_a_rasch_bank_says_how_far_abilities_spread(truth):
    bank = irt.calibrate(truth.responses, truth.features, "1pl", grader="linear", **FAST)
    assert set(bank.params) == {"difficulty"}
    assert 0.7 < bank.covariance[0, 0] < 1.5


def test_a_bank_is_saved_and_read_again(banks, tmp_path):
    banks["jump"].save(tmp_path / "bank.csv")
    again = irt.ItemBank.load(tmp_path / "bank.csv")
    assert list(again.about) == list(banks["jump"].about)
    mean = banks["jump"].at_mean.params["difficulty"]
    np.testing.assert_allclose(again.at_mean.params["difficulty"], mean, atol=1e-4)
    assert again.provenance["start"] == "jump"


class TestBadInput:
    @pytest.mark.parametrize(
        ("wrong", "named"),
        [
            ({"grader": "catboost"}, "hgb"),
            ({"start": "hot"}, "cold"),
            ({"budget": 0}, "budget"),
            ({"budget": "long"}, "budget"),
            ({"draws": 1}, "draws"),
            ({"model": "m2pl", "residual": True}, "one trait"),
            ({"model": "3pl"}, "lower"),
            ({"lower": 0.2}, "3pl"),
            ({"start": "warm"}, "w0100"),
            ({"text": "word"}, "word"),
            ({"abilities": [1.0, 2.0]}, "person"),
            ({"embed": 3}, "embed"),
        ],
    )
    def test_what_cannot_be_is_named(self, truth, wrong, named):
        with pytest.raises(irt.IRTBridgeError, match=named):
            irt.calibrate(truth.responses, truth.features, **wrong)

    def test_decimal_commas_are_no_categories(self, truth):
        commas = truth.features.assign(x=truth.features["x"].map("{:.4f}".format).str.replace(".", ",", regex=False))
        with pytest.raises(irt.IRTBridgeError, match="decimal commas"):
            irt.calibrate(truth.responses, commas)

    @pytest.mark.parametrize("name", ["responses", "difficulty", "discrimination sd", "categories"])
    def test_a_feature_called_as_a_column_of_banks_is_refused(self, truth, name):
        with pytest.raises(irt.IRTBridgeError, match=name):
            irt.calibrate(truth.responses, truth.features.rename(columns={"x": name}))

    def test_an_unknown_language_is_named_with_those_there_are(self, truth):
        pytest.importorskip("wordfreq")
        words = pd.DataFrame({"word": [f"word{i}" for i in range(len(truth.features))]}, truth.features.index)
        with pytest.raises(irt.IRTBridgeError, match=r"language='xx'.* en,"):
            irt.calibrate(truth.responses, words, language="xx")

    def test_features_without_labels_are_said_to_be_taken_in_order(self, truth):
        seen = truth.responses.to_frame().iloc[:, :20]
        rows = truth.features.loc[list(seen)].reset_index(drop=True)
        with pytest.warns(irt.IRTBridgeWarning, match="order of the items"):
            irt.calibrate(seen, rows, grader="linear", **FAST)

    def test_an_item_without_features_is_named(self, truth):
        with pytest.raises(irt.IRTBridgeError, match="w0007"):
            irt.calibrate(truth.responses, truth.features.drop("w0007"))

    def test_text_in_a_column_of_numbers_is_named(self, truth):
        features = truth.features.astype({"x": object})
        features.loc["w0003", "x"] = "many"
        with pytest.raises(irt.IRTBridgeError, match=r"'x'.*'many'.*'w0003'"):
            irt.calibrate(truth.responses, features)

    def test_a_missing_feature_is_named(self, truth):
        features = truth.features.copy()
        features.loc["w0005", "x"] = np.nan
        with pytest.raises(irt.IRTBridgeError, match=r"'x'.*w0005"):
            irt.calibrate(truth.responses, features)

    def test_no_features_at_all(self, truth):
        with pytest.raises(irt.IRTBridgeError, match="item_features"):
            irt.calibrate(replace(truth.responses, item_data=None))

    def test_a_missing_library_says_how_to_get_it(self, truth, monkeypatch):
        monkeypatch.setattr("irtbridge.calibration.libraries.find_spec", lambda name: None)
        with pytest.raises(irt.IRTBridgeError, match=r"irtbridge\[calibrate\]"):
            irt.calibrate(truth.responses, truth.features, grader="auto")


def test_features_are_matched_by_the_labels_in_their_first_column(truth):
    """Whatever it is called, and whatever the order of the rows."""
    items = list(truth.responses.items)
    table = pd.DataFrame({"word": items[::-1], "x": np.arange(len(items), dtype=float)})
    matched, _ = features_and_responses(truth.responses, table, None)
    assert matched.loc[items[0], "x"] == len(items) - 1
    assert [*matched.columns] == ["x"]


@pytest.mark.parametrize(("model", "options"), [("1pl", {}), ("2pl", {}), ("3pl", {"lower": 0.2})])
def test_the_curves_of_a_calibration_are_those_of_its_bank(truth, model, options):
    """With D = 1.702, too."""
    spec, ability = irt.build_model(model, scaling=1.702), np.linspace(-2, 2, 5)
    curves = curves_of(spec, truth.responses, options.get("lower"), True)
    at, b = curves.typical()[0][None] + 0.3, np.array([0.3])
    a, _, c = curves.natural(at)
    params = {"difficulty": b, "discrimination": a / 1.702, "lower": c}
    own = {name: params[name][None] for name in item_variables(spec)}
    bank = ItemBank(spec, ("x",), ((0.0, 1.0),), own, pd.DataFrame(index=["x"]), np.zeros(1), np.eye(1))
    np.testing.assert_allclose(curves.at_least(at, ability)[0, :, 0], np.exp(bank.log_probs(ability))[0, :, 0, 1])


def test_one_item_with_responses_is_none_to_learn_from(truth):
    one = truth.responses.select_items(np.array([0]))
    with pytest.raises(irt.errors.DataError, match="two or more"):
        irt.calibrate(one, truth.features, grader="linear", **FAST)


def test_every_grader_is_named_in_the_docstring():
    for name in GRADERS:
        assert f"``{name}``" in (irt.calibrate.__doc__ or "")


@pytest.mark.long
def test_intervals_of_cold_items_cover():
    """95 % intervals of 200 new items in each of 6 tests: between 92 and 98 % (the standard error is .9 at most)."""
    covered = []
    for seed in range(6):
        truth = simulated(600, per_item=20, seed=seed, n_new=200)
        bank = irt.calibrate(truth.responses, truth.features, start="cold", seed=seed)
        low, high = np.quantile(bank.params["difficulty"][:, 400:], [0.025, 0.975], axis=0)
        covered.append(np.mean((low < truth.difficulty[400:]) & (truth.difficulty[400:] < high)))
    assert 0.92 < np.mean(covered) < 0.98


@pytest.mark.long
def test_automl_learns_what_is_not_linear():
    truth = simulated(200, per_item=20, seed=0)
    auto, linear = (
        irt.calibrate(truth.responses, truth.features, grader=grader, budget=60, start="cold", **{**FAST, "members": 2})
        for grader in ("auto", "linear")
    )
    assert correlation(auto, truth, slice(None)) > correlation(linear, truth, slice(None))


def test_features_of_text_know_how_rare_a_word_is():
    pytest.importorskip("wordfreq")
    from irtbridge.calibration.features import Features

    words = ["the", "house", "quixotic", "syzygy"] * 6
    table = pd.DataFrame({"word": [f"{word}{'s' * (i // 4)}" for i, word in enumerate(words)]})
    numbers = Features().matrix(table)
    assert numbers.shape[0] == 24
    assert numbers[0, 2] > numbers[2, 2]  # Zipf frequency of the rarest word
    embedded = Features(embed=lambda texts: [[len(text), 1.0 * i] for i, text in enumerate(texts)]).matrix(table)
    assert embedded.shape == (24, 4 + 2)


def test_rows_that_stand_for_several_persons_count_as_many():
    table = pd.DataFrame({"q1": [0, 1, 1], "q2": [1, 0, 1], "persons": [3, 1, 2]})
    how = {"weights": "persons", "items": ["q1", "q2"]}
    _, data = features_and_responses(table, pd.DataFrame({"x": [0.0, 1.0]}, index=["q1", "q2"]), how)
    assert data.values.sum(axis=0).tolist() == [3, 5]
