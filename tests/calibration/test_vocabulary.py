"""A simulated vocabulary test is the same for the same seed, and its parameters follow from features as is said."""

from math import exp, log, tanh

import numpy as np
import pytest

import irtbridge as irt
from irtbridge.calibration.lexicon import lexicon, spelling
from irtbridge.calibration.vocabulary import KINDS, RESIDUAL_DIFFICULTY, RESIDUAL_DISCRIMINATION, vocabulary

pytest.importorskip("wordfreq", reason="words are those of wordfreq")
ABILITY = np.random.default_rng(3).standard_normal(4000)


@pytest.fixture(scope="module", params=KINDS)
def simulated(request):
    return vocabulary(request.param, 600, seed=2)


def step(x):
    return 1 / (1 + exp(-x))


def said_of_yes_no(row):
    """The formulas of the docstring for a row of features, in plain arithmetic."""
    likeness = tanh(2 * (row["trigram"] + 2.7))
    if row["kind"] == "real":
        bend = 3 * step(2 * (3.6 - row["zipf"])) - 1.5 + 0.04 * (row["length"] - 7) ** 2
        b = bend - 0.8 * row["related"] * step(3 * (3.8 - row["zipf"])) - 0.5 * row["core"]
        return b, 0.5 * exp(-((row["zipf"] - 3.5) ** 2) / 0.8) - 0.2
    near = 0.5 * log(1 + row["neighbours"]) if row["length"] < 6 else 0
    return 1.4 * likeness + near + 0.8 * row["related"] - 0.2, -0.3 * likeness - 0.2


def said_of_in_context(row):
    share, hard = row["shown"] / row["length"], max(0, 4.3 - row["context_zipf"])
    b = 2.6 * step(2 * (3.8 - row["zipf"])) - 1.7 + 0.5 * log(1 + row["rivals"]) * step(8 * (0.5 - share)) + 1.2 * hard
    return b, 0.3 + 0.4 * tanh(2 * (share - 0.5)) - 0.3 * hard


def test_parameters_depend_on_features_as_said(simulated):
    said = {"yes_no": said_of_yes_no, "in_context": said_of_in_context}[simulated.name]
    expected = np.array([said(row) for _, row in simulated.item_data.iterrows()]).T
    np.testing.assert_allclose(KINDS[simulated.name].parameters(simulated.item_data), expected, atol=1e-12)
    left = [simulated.difficulty, np.log(simulated.discrimination)] - expected
    # 600 residuals estimate their standard deviation with an error of 3 %; four of these are allowed
    np.testing.assert_allclose(left.std(axis=1), [RESIDUAL_DIFFICULTY, RESIDUAL_DISCRIMINATION], rtol=0.12)
    assert abs(np.corrcoef(left, expected)[:2, 2:]).max() < 4 / np.sqrt(600)


def test_the_same_seed_gives_the_same_test_and_another_one_another(simulated):
    again, other = (vocabulary(simulated.name, 600, seed=seed) for seed in (2, 3))
    assert again.item_data.equals(simulated.item_data)
    np.testing.assert_array_equal(again.difficulty, simulated.difficulty)
    assert set(other.item_data["text"]) != set(simulated.item_data["text"])


def test_words_are_words_and_pseudo_words_are_not():
    table = vocabulary("yes_no", 400).item_data
    assert table["text"].is_unique
    assert (table["kind"] == "real").sum() == 200
    assert [text in lexicon().place for text in table["text"]] == (table["kind"] == "real").tolist()


def test_letter_models_are_distributions():
    totals = np.exp(spelling(3).log_probs).sum(axis=-1)
    np.testing.assert_allclose(totals, 1)
    rare, common = (spelling(3).of_letters(word).mean() for word in ("zqxjv", "station"))
    assert rare < common - 2


def test_shares_of_right_answers_are_those_of_the_true_bank(simulated):
    responses = simulated.grades(ABILITY, seed=5, per_person=60)
    assert (responses.observed.sum(axis=1) == 60).all()
    expected = np.exp(simulated.bank().log_probs(ABILITY)[0, :, :, 1])
    right = np.where(responses.observed, responses.values - expected, 0).sum(axis=0)
    error = np.sqrt(np.where(responses.observed, expected * (1 - expected), 0).sum(axis=0))
    assert np.mean((right / error) ** 2) == pytest.approx(1, abs=4 * np.sqrt(2 / 600))


def test_what_cannot_be_simulated_is_said():
    with pytest.raises(irt.IRTBridgeError, match="yes_no, in_context"):
        vocabulary("spelling")
    with pytest.raises(irt.IRTBridgeError, match="at most"):
        vocabulary("yes_no", 100_000)
