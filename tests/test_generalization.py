"""Fits that are judged by what they have not seen have not seen it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import irtbridge as irt
from irtbridge.assess.prediction.held_out import held_out_metrics
from irtbridge.data.hold_out import EXPOSED, HoldOut
from irtbridge.data.responses import Responses
from irtbridge.errors import ConfigError, DataError
from irtbridge.fitting.cross_validation import parts_of
from irtbridge.fitting.fitter import Fitter
from irtbridge.fitting.generalization import fit_held_out

pytestmark = pytest.mark.usefixtures("compiled_once")


@pytest.fixture(scope="module")
def responses() -> Responses:
    spec = irt.two_pl()
    return irt.simulate_responses(spec, irt.simulate_parameters(spec, 80, [2] * 8, 1), [2] * 8, 2, 0.1)


def fitter(model: str = "2pl") -> Fitter:
    return Fitter.of(model, "pyro", "map", {}, device="auto", dtype="float64")


def flipped(held: HoldOut) -> HoldOut:
    """The same parts with every tested response turned round."""
    values = np.where(held.test, 1 - held.whole.values, held.whole.values)
    return replace(held, whole=held.whole.with_values(values))


@pytest.mark.parametrize("mask", ["entries", "columns"])
def test_tested_responses_change_no_estimate(responses: Responses, mask: str) -> None:
    held = irt.hold_out(responses, mask, seed=1)
    one, other = (fit_held_out(each, fitter(), 0) for each in (held, flipped(held)))
    pd.testing.assert_frame_equal(one.items(), other.items())
    pd.testing.assert_frame_equal(one.persons(), other.persons())
    assert not (one.responses.observed & held.test).any()


@pytest.mark.parametrize("mask", ["rows", "columns"])
def test_exposed_responses_change_no_item_of_the_first_stage(responses: Responses, mask: str) -> None:
    held = irt.hold_out(responses, mask, seed=1)
    first = irt.fit(held.train, "2pl", method="map", standard_errors=False).items()
    second = fit_held_out(held, fitter(), 0)
    mean = second.items().xs("mean", axis=1, level=1).loc[[*held.train.items]]
    pd.testing.assert_frame_equal(mean, first.xs("mean", axis=1, level=1))
    assert second.responses.persons == responses.persons
    assert np.isfinite(second.items().xs("mean", axis=1, level=1)).all().all()


def test_what_is_exposed_tells_of_new_items(responses: Responses) -> None:
    held = irt.hold_out(responses, "columns", exposed=0, seed=1)
    (new,) = (responses.items[i] for i in np.flatnonzero(held.new_items)[:1])
    unseen = fit_held_out(held, fitter(), 0).items().loc[new, ("difficulty", "mean")]
    right = responses.with_values(np.where(held.test, 1, responses.values))
    easy = replace(held, whole=right, part=np.minimum(held.part, EXPOSED))
    seen = fit_held_out(easy, fitter(), 0).items().loc[new, ("difficulty", "mean")]
    assert unseen == pytest.approx(0, abs=0.05)  # the prior's mode, as nobody's response was exposed
    assert seen < -1


def test_evaluate_puts_the_model_beside_the_baselines(responses: Responses) -> None:
    table = irt.evaluate(irt.hold_out(responses, "rows", seed=1), "1pl")
    assert [*table.index] == ["1pl", "item mean", "person mean", "additive logit"]
    assert table.loc["1pl", "log_loss"] < table.loc["person mean", "log_loss"]


def test_a_q_matrix_without_labels_is_that_of_the_items_that_are_seen(responses: Responses) -> None:
    held, q_matrix = irt.hold_out(responses, "columns", seed=1), [[1, 0]] * 4 + [[0, 1]] * 4
    model = Fitter.of("m2pl", "pyro", "map", {}, {"traits": 2, "q_matrix": q_matrix}, device="auto", dtype="float64")
    slopes = fit_held_out(held, model, 0).items().xs("mean", axis=1, level=1).loc[[*responses.items]]
    np.testing.assert_array_equal(slopes.filter(like="discrimination").fillna(0).to_numpy() != 0, q_matrix)


def test_items_that_are_free_by_group_are_tested_each_once(responses: Responses) -> None:
    table = pd.DataFrame({"g": ["a", "b"] * 40}, index=[*responses.persons])
    held = irt.hold_out(replace(responses, person_data=table, group="g"), seed=1)
    options = {"free": ["item2"]}
    fit = fit_held_out(held, Fitter.of("1pl", "pyro", "map", {}, options, device="auto", dtype="float64"), 0)
    found = held_out_metrics(fit.posterior, held.tested)
    assert len(fit.responses.items) == 9
    probs = fit.posterior.category_probs()[0]
    split = held.whole.split(["item2"])
    own = np.take_along_axis(probs, np.maximum(split.values, 0)[..., None], axis=2)[..., 0]
    columns = [held.whole.items.index(origin) for origin in split.origins or ()]
    losses = -np.log(own[held.test[:, columns] & split.observed])
    assert len(losses) == held.test.sum()
    assert found["log_loss"] == pytest.approx(losses.mean(), abs=0.02)  # draws of abilities, not their means


def test_numbers_are_judged_by_their_error() -> None:
    rng = np.random.default_rng(5)
    ability = rng.normal(size=(60, 1))
    counts = Responses.from_numbers(rng.poisson(np.exp(0.5 * ability + np.linspace(0, 1, 6))), "counts")
    table = irt.evaluate(irt.hold_out(counts, seed=1), "poisson_counts")
    assert [*table.columns] == ["rmse", "person_coverage", "item_coverage"]
    assert table["rmse"].iloc[0] < table["rmse"].iloc[1:].min()


def test_a_row_of_cross_validation_is_the_mean_over_its_folds(responses: Responses) -> None:
    priors = ["LogNormal(0, 0.1)", "LogNormal(0, 0.5)"]
    table = irt.cross_validate(responses, "2pl", folds=2, discrimination=priors, difficulty="Normal(0, 1)")
    assert table["discrimination"].tolist() == priors
    assert table["behind"].min() == 0
    options = {"discrimination": priors[0], "difficulty": "Normal(0, 1)"}
    alone = Fitter.of("2pl", "pyro", "map", {}, options, device="auto", dtype="float64")
    losses = [
        held_out_metrics(fit_held_out(held, alone, 0).posterior, held.tested)["log_loss"]
        for held in parts_of(responses, 2, 0)
    ]
    assert table["log_loss"][0] == pytest.approx(np.mean(losses))
    assert table["log_loss_se"][0] == pytest.approx(abs(losses[0] - losses[1]) / 2)


def test_an_option_without_values_is_refused(responses: Responses) -> None:
    with pytest.raises(ConfigError, match="no values"):
        irt.cross_validate(responses, folds=2, discrimination=[])


@pytest.mark.parametrize("folds", [1, 2.5, True])
def test_folds_that_are_none_are_refused(responses: Responses, folds: object) -> None:
    with pytest.raises(ConfigError, match="2 or greater"):
        irt.cross_validate(responses, folds=folds)  # type: ignore[arg-type]


def test_an_item_that_is_in_one_fold_alone_is_named() -> None:
    values = np.random.default_rng(0).integers(0, 2, (9, 4))
    values[1:, 0] = -1
    with pytest.raises(DataError, match="item 'item1' without a response"):
        irt.cross_validate(Responses.from_codes(values, 2), folds=3)
