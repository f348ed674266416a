"""A bank is the fit's own mathematics: what it says of an item is what the fit's posterior says."""

import numpy as np
import pytest

import irtbridge as irt
from irtbridge.bank.item_bank import ItemBank

ABILITY = np.linspace(-2, 2, 5)


@pytest.fixture(scope="module")
def fit():
    return irt.fit("lsat7", "2pl", method="laplace", draws=50)


def test_information_and_probabilities_are_those_of_the_posterior(fit):
    bank = ItemBank.of(fit.posterior)
    expected = fit.posterior.category_probs(ABILITY[None])
    np.testing.assert_allclose(np.exp(bank.log_probs(ABILITY)), expected, atol=1e-12)
    curve = fit.curves("information", "item3", ability=ABILITY)["at_mean"]
    np.testing.assert_allclose(bank.at_mean.select(["item3"]).information(ABILITY)[0, :, 0], curve, atol=1e-12)


def test_a_test_starts_from_the_population_of_the_fit(fit):
    bank = ItemBank.of(fit.posterior)
    np.testing.assert_allclose(bank.mean, [0], atol=1e-9)
    np.testing.assert_allclose(bank.covariance, [[1]], atol=1e-6)


def test_an_item_the_bank_does_not_have_is_named(fit):
    with pytest.raises(irt.IRTBridgeError, match="item9"):
        ItemBank.of(fit.posterior).select(["item9"])


def test_all_draws_go_through_npz(fit, tmp_path):
    bank = fit.bank()
    again = ItemBank.load(bank.save(tmp_path / "bank.npz"))
    np.testing.assert_array_equal(again.params["difficulty"], fit.posterior.params["difficulty"])
    np.testing.assert_array_equal(again.at_mean.log_probs(ABILITY), bank.at_mean.log_probs(ABILITY))
    assert again.provenance["model"] == "2pl"
    assert fit.bank(draws=10).n_draws == 10


def test_a_csv_keeps_what_an_item_s_parameters_vary_by_together(fit, tmp_path):
    bank = fit.bank()
    again = ItemBank.load(bank.save(tmp_path / "bank.csv"))
    np.testing.assert_allclose(again.table.correlation, bank.table.correlation, atol=0.05)
    np.testing.assert_allclose(again.table.sd["difficulty"], bank.table.sd["difficulty"], rtol=1e-6)
    np.testing.assert_allclose(again.table.sd["discrimination"], bank.table.sd["discrimination"], rtol=0.1)


def test_a_point_estimate_is_drawn_with_its_standard_errors(tmp_path):
    fit = irt.fit("lsat7", "2pl", method="map")
    bank, table = fit.bank(), fit.items()
    np.testing.assert_array_equal(bank.at_mean.params["difficulty"], fit.posterior.params["difficulty"])
    for name in ("discrimination", "difficulty"):
        np.testing.assert_allclose(bank.params[name].std(axis=0), table[name]["sd"], rtol=0.05)
        np.testing.assert_allclose(ItemBank.load(table).at_mean.params[name][0], table[name]["mean"])
    tidy = tmp_path / "items.csv"
    fit.items(tidy=True).to_csv(tidy, index=False)
    np.testing.assert_array_equal(ItemBank.load(tidy).params["difficulty"], ItemBank.load(table).params["difficulty"])
