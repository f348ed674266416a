"""Simulated persons answer with the family's own probabilities."""

import numpy as np
import pytest

from irtbridge.adaptive.simulation.answers import TrueAnswers, pair_probs

BANKS = {
    "1pl": ([2] * 5, {}),
    "3pl": ([2] * 5, {}),
    "grm": ([3, 2, 4, 4, 2], {}),
    "gpcm": ([3, 2, 4, 4, 2], {}),
    "rsm": ([4] * 5, {}),
    "m2pl": ([2] * 6, {"q_matrix": "3 x 10, 3 x 01"}),
}


@pytest.mark.parametrize("model", BANKS)
def test_probabilities_of_pairs_are_those_of_the_bank(bank_of, model):
    counts, options = BANKS[model]
    if "q_matrix" in options:
        options = {"q_matrix": np.repeat(np.eye(2, dtype=int), 3, axis=0)}
    bank, rng = bank_of(model, counts, **options), np.random.default_rng(2)
    abilities = rng.normal(size=(40, len(bank.traits)))
    places = rng.integers(0, len(counts), size=40)
    expected = np.exp(bank.log_probs(abilities)[0])[np.arange(40), places]
    np.testing.assert_allclose(pair_probs(bank, abilities, places), expected, atol=1e-12)


def test_responses_have_these_probabilities_and_no_others(bank_of):
    bank = bank_of("grm", [3, 2, 4])
    places = np.repeat(np.arange(3), 20_000)
    abilities = np.full((len(places), 1), 0.4)
    codes = TrueAnswers(bank)(abilities, places, np.random.default_rng(3))
    expected = np.exp(bank.log_probs([0.4])[0, 0])
    for item in range(3):
        found = np.bincount(codes[places == item], minlength=4) / 20_000
        assert np.all(np.abs(found - expected[item]) <= 4 * np.sqrt(expected[item] * (1 - expected[item]) / 20_000))
