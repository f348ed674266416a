"""Known item parameters: anchors, scoring, round trips, refusals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import irtbridge as irt
from irtbridge.errors import DataNotFound, SpecError

ITEMS = 15
SCHOOLS = (("north", 1.0, 1.5, 1), ("south", -0.5, 0.7, 2))
TRUE = irt.simulate_parameters(irt.two_pl(), 2, [2] * ITEMS, 1)


def answers(mean: float, sd: float, persons: int = 800, seed: int = 1) -> irt.Responses:
    """Responses of persons whose abilities are Normal(mean, sd)."""
    ability = mean + sd * np.random.default_rng(seed).normal(size=persons)
    return irt.simulate_responses(irt.two_pl(), TRUE | {"ability": ability}, [2] * ITEMS, seed)


def bank(*items: int) -> pd.DataFrame:
    """Tidy table of true parameters."""
    rows = [(f"item{j}", name, TRUE[name][j - 1]) for j in items for name in ("discrimination", "difficulty")]
    return pd.DataFrame(rows, columns=["item", "parameter", "mean"])


@pytest.mark.parametrize("backend", ["pyro", "tfp"])
def test_anchors_put_a_new_group_on_the_scale(backend: str) -> None:
    """Mean, SD and the other items within 4 posterior SDs: all 18 hold in 999 of 1,000 seeds; the seed is fixed."""
    fit = irt.fit(answers(1.0, 1.5), "2pl", backend=backend, method="laplace", fixed=bank(*range(1, 8)), seed=1)
    shared, items = fit.shared(), fit.items()
    for name, truth in (("ability_mean", 1.0), ("ability_sd", 1.5)):
        assert abs(shared.loc[name, "mean"] - truth) < 4 * shared.loc[name, "sd"] < 0.8
    for name in ("discrimination", "difficulty"):
        known = items[name]["sd"].to_numpy() < 1e-9
        np.testing.assert_array_equal(known, np.arange(ITEMS) < 7)
        np.testing.assert_allclose(items[name]["mean"][known], TRUE[name][known], rtol=1e-6)
        away = (items[name]["mean"] - TRUE[name]).abs()[~known] / items[name]["sd"][~known]
        assert away.max() < 4


def test_with_every_item_known_a_fit_is_scoring() -> None:
    """The abilities are those of a fit of which these are the estimates."""
    data = answers(0.0, 1.0, persons=400)
    first = irt.fit(data, "2pl", method="map")
    again = irt.fit(data, "2pl", method="map", fixed=first)
    assert again.program.dim == 2
    mean, sd = again.shared()["mean"]
    pulled = again.persons()["ability", "mean"], first.persons()["ability", "mean"]
    assert abs(mean) < 0.2
    assert abs(sd - 1) < 0.2
    assert np.corrcoef(*pulled)[0, 1] > 0.9995
    np.testing.assert_allclose(again.items()["difficulty", "mean"], first.items()["difficulty", "mean"], rtol=1e-6)


def test_with_known_items_every_group_has_a_mean_and_an_sd() -> None:
    """Those of both groups within 4 posterior SDs: all 4 hold in 999 of 1,000 seeds; the seed is fixed."""
    frames = [answers(mean, sd, seed=seed).to_frame().assign(school=school) for school, mean, sd, seed in SCHOOLS]
    data = pd.concat(frames, ignore_index=True)
    fit = irt.fit(data, "2pl", group="school", method="map", fixed=bank(*range(1, 8)))
    for school, mean, sd, _ in SCHOOLS:
        for name, truth in (("ability_mean", mean), ("ability_sd", sd)):
            row = fit.shared().loc[f"{name}[{school}]"]
            assert abs(row["mean"] - truth) < 4 * row["sd"]


def test_a_bank_is_a_fit_a_table_a_file_or_numbers(tmp_path: Path) -> None:
    data = answers(0.5, 1.0, persons=200)
    first = irt.fit(data, "2pl", method="map")
    path = tmp_path / "bank.csv"
    first.items(tidy=True).to_csv(path, index=False)
    numbers = {name: first.items()[name]["mean"].to_dict() for name in ("discrimination", "difficulty")}
    forms = (first, first.items(), first.items(tidy=True), path, str(path), numbers)
    means = [irt.fit(data, "2pl", method="map", fixed=form).shared()["mean"].to_numpy() for form in forms]
    np.testing.assert_allclose(means, np.broadcast_to(means[0], (len(forms), 2)), rtol=1e-4)


def test_known_thresholds_stand_by_category() -> None:
    spec = irt.graded()
    params = irt.simulate_parameters(spec, 300, [4] * 6, 2)
    data = irt.simulate_responses(spec, params, [4] * 6, 3)
    known = {"discrimination": {"item1": 1.3}} | {f"threshold[{k}]": {"item1": k - 2.0} for k in (1, 2, 3)}
    items = irt.fit(data, "grm", method="map", fixed=known).items()
    assert [items.loc["item1", (f"threshold[{k}]", "mean")] for k in (1, 2, 3)] == [-1, 0, 1]
    assert (items["threshold[2]", "sd"][1:] > 0).all()


def test_a_known_spec_says_so_and_survives_as_plain_data() -> None:
    fit = irt.fit(answers(0, 1, persons=100), "2pl", method="map", fixed=bank(1, 2), standard_errors=False)
    assert "discrimination[item] ~ LogNormal(0, 0.5)  (13 of 15 free, others known)" in str(fit.spec)
    assert irt.ModelSpec.from_dict(fit.spec.to_dict()) == fit.spec


@pytest.mark.parametrize(
    ("fixed", "words"),
    [
        (bank(1).replace("item1", "item99"), ["item99", "not in the data", "item1"]),
        ({"threshold[1]": {"item1": 0.0}}, ["threshold", "discrimination", "parameterisation"]),
        ({"difficulty[2]": {"item1": 0.0}}, ["difficulty[2]", "item1"]),
        ({"discrimination": {"item1": 1.0}}, ["difficulty", "no origin"]),
        ({"difficulty": {"item1": 0.0}}, ["no unit", "discrimination"]),
        ({"discrimination": {"item1": -1.0}, "difficulty": {"item1": 0.0}}, ["discrimination", "-1"]),
        ({"difficulty": {"item1": np.nan}}, ["no number"]),
        (pd.DataFrame({"item": ["item1"], "b": [0.0]}), ["'item', 'b'", "Fit.items(tidy=True)"]),
        (pd.concat([bank(1), bank(1)]), ["item1", "more than once"]),
    ],
)
def test_a_bank_that_cannot_be_is_refused(fixed: object, words: list[str]) -> None:
    with pytest.raises(SpecError) as caught:
        irt.fit(answers(0, 1, persons=60), "2pl", method="map", fixed=fixed)  # type: ignore[arg-type]
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_other_categories_are_refused() -> None:
    data = irt.simulate_responses(irt.graded(), irt.simulate_parameters(irt.graded(), 200, [4] * 4, 2), [4] * 4, 3)
    for known in ({"threshold[1]": {"item1": -1.0}}, {f"threshold[{k}]": {"item1": k} for k in range(1, 5)}):
        with pytest.raises(SpecError, match=r"item1.*"):
            irt.fit(data, "grm", method="map", fixed=known)


def test_a_bank_that_is_not_there_is_named() -> None:
    with pytest.raises(DataNotFound, match=r"nowhere.csv.*tidy=True"):
        irt.fit("lsat7", "2pl", method="map", fixed="nowhere.csv")
