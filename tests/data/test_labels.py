"""Labels: wherever two labelled things meet they are matched by label, whatever their order, or refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from irtbridge_experiments.config.compose import read_config
from irtbridge_experiments.study.conditions import make_design, read_tasks, spec_of

import irtbridge as irt
from irtbridge.data.labels import by_item, labels_of, positions
from irtbridge.data.load import load_responses
from irtbridge.data.responses import Responses
from irtbridge.errors import DataError, SpecError
from irtbridge.model import catalogue as models
from irtbridge.model.layout import Layout
from irtbridge.model.quadrature import Quadrature
from irtbridge.model.spec import ModelSpec
from irtbridge.model.variable import Variable

pytestmark = pytest.mark.usefixtures("compiled_once")

ITEMS = ["v1", "v2", "v3", "m1", "m2", "m3"]
Q = pd.DataFrame({"verbal": [1, 1, 1, 0, 0, 0], "math": [0, 0, 0, 1, 1, 1]}, index=ITEMS)
SHUFFLED = Q.loc[["v1", "m1", "v2", "m2", "v3", "m3"]]
REVERSED = ITEMS[::-1]
MAP = {"method": "map", "seed": 1, "standard_errors": False}


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    """600 persons, three items for each of two independent traits."""
    spec = models.m2pl(q_matrix=Q, discrimination="LogNormal(0.5, 0.2)")
    params = irt.simulate_parameters(spec, 600, [2] * 6, seed=1)
    return irt.simulate_responses(spec, params, [2] * 6, seed=2).to_frame()


def slopes(data: Any, q_matrix: Any, **options: Any) -> pd.DataFrame:
    fit = irt.fit(data, "m2pl", model_options={"q_matrix": q_matrix}, **MAP, **options)
    means = fit.items().xs("mean", level=1, axis=1)
    return means[["discrimination[verbal]", "discrimination[math]"]].loc[ITEMS]


def masks(q_matrix: Any, items: list[str], **options: Any) -> Any:
    spec = models.m2pl(q_matrix=q_matrix, **options)
    responses = Responses.from_codes(np.full((3, len(items)), -1), 2, items=items)
    return Layout.of(spec, responses).slots["discrimination"].free


# The one function


def test_positions_put_what_is_given_into_the_order_that_is_wanted() -> None:
    assert positions("x", ["a", "b", "c"], ["c", "a", "b"]).tolist() == [2, 0, 1]
    assert positions("x", ["a", "b", "c"], ["c"], others=True).tolist() == [2]


@pytest.mark.parametrize(
    ("given", "wanted", "parts"),
    [
        (["verbal", "math"], ["verbl", "math"], ("traits", "lacks 'verbl'", "has 'verbal' besides", "first: 'verbal'")),
        (["a", "b", "c"], ["a", "b"], ("has 'c' besides", "wanted")),
        (["a"], ["a", "b"], ("lacks 'b'", "there, nearest first: 'a'")),
        (["a", "b", "a"], ["a", "b"], ("more than once: 'a'",)),
        (["x"], [f"y{i}" for i in range(9)], ("'y4', ... (9 in all)",)),
    ],
)
def test_labels_that_differ_are_named(given: list[str], wanted: list[str], parts: tuple[str, ...]) -> None:
    with pytest.raises(SpecError) as caught:
        positions("traits", given, wanted)
    for part in parts:
        assert part in str(caught.value)


def test_an_index_that_only_counts_is_no_label() -> None:
    assert labels_of(Q.reset_index(drop=True)) is None
    assert labels_of(Q) == tuple(ITEMS)
    assert labels_of(Q.set_axis([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])) == ("1", "2", "3", "4", "5", "6")
    assert labels_of([[1, 0]]) is None


@pytest.mark.parametrize("name", ["item", "Items", "label", "", "Unnamed: 0", "question"])
def test_item_labels_may_stand_in_a_column(name: str) -> None:
    pd.testing.assert_frame_equal(by_item(Q.rename_axis(name).reset_index()), Q)


# Q-matrix and data


@pytest.mark.parametrize("rows", [ITEMS, REVERSED, list(SHUFFLED.index)])
@pytest.mark.parametrize("columns", [ITEMS, REVERSED])
def test_a_labelled_q_matrix_is_matched_with_the_items_of_the_data(rows: list[str], columns: list[str]) -> None:
    np.testing.assert_array_equal(masks(Q.loc[rows], columns), Q.loc[columns] == 1)


def test_without_labels_the_order_of_the_data_counts() -> None:
    np.testing.assert_array_equal(masks(SHUFFLED.to_numpy(), ITEMS), SHUFFLED == 1)
    np.testing.assert_array_equal(masks(SHUFFLED.reset_index(drop=True), ITEMS), SHUFFLED == 1)


def test_a_q_matrix_may_have_more_items_than_the_data() -> None:
    np.testing.assert_array_equal(masks(SHUFFLED, ["m2", "v3"]), [[0, 1], [1, 0]])


@pytest.mark.parametrize(
    ("call", "parts"),
    [
        (lambda: masks(Q, ["v1", "m1", "v9"]), ("lacks 'v9'", "nearest first: 'v1'", "'discrimination'")),
        (lambda: masks(Q, ["v1", "v2"]), ("none of the items", "'math'")),
        (lambda: masks(Q, ["item1", "item2"]), ("lacks 'item1', 'item2'", "without labels")),
        (lambda: masks(Q.to_numpy(), ITEMS[:5]), ("shape (6, 2)", "need (5, 2)")),
        (lambda: models.m2pl(q_matrix=Q.set_axis(["v1", "v1", *ITEMS[2:]])), ("more than once: 'v1'",)),
        (lambda: models.m2pl(q_matrix=Q, traits=["verbal", "maths"]), ("lacks 'maths'", "has 'math'", "traits")),
        (lambda: models.m2pl(q_matrix=Q * [1, 0]), ("is empty ('m1')",)),
        (lambda: models.m2pl(q_matrix=Q.replace(0, "O")), ("must be 0 or 1", "'O'")),
        (lambda: models.two_pl(difficulty=irt_prior(pd.Series([0.0, 1.0], ["a", "b"]))), ("labels", "to_numpy")),
        (lambda: Variable("a", ("item", "trait"), "Normal(0, 1)", Q), ("items=list", "to_numpy")),  # type: ignore[arg-type]
        (lambda: Variable("a", ("item",), "Normal(0, 1)", items=["x"]), ("it has none",)),  # type: ignore[arg-type]
        (lambda: Variable("a", ("item",), "Normal(0, 1)", (True,), items=["x", "y"]), ("2 item labels",)),  # type: ignore[arg-type]
    ],
)
def test_labels_that_do_not_fit_are_refused(call: Callable[[], Any], parts: tuple[str, ...]) -> None:
    with pytest.raises(SpecError) as caught:
        call()
    for part in parts:
        assert part in str(caught.value)


def irt_prior(loc: Any) -> Any:
    return {"Normal": {"loc": loc, "scale": 1.0}}


def test_the_order_of_the_traits_is_that_of_the_argument() -> None:
    spec = models.m2pl(q_matrix=Q, traits=["math", "verbal"])
    assert spec.traits == ("math", "verbal")
    np.testing.assert_array_equal(masks(Q, ITEMS, traits=["math", "verbal"]), Q[["math", "verbal"]] == 1)


def test_prior_arguments_by_item_stand_in_the_order_of_the_labelled_mask() -> None:
    spec = models.m2pl(q_matrix=Q, difficulty=irt_prior([1, 2, 3, 4, 5, 6]))
    responses = Responses.from_codes(np.full((3, 3), -1), 2, items=["m3", "v2", "m1"])
    assert Layout.of(spec, responses).spec["difficulty"].prior.arguments()["loc"] == (6, 2, 4)
    with pytest.raises(SpecError, match="loc has shape"):
        Layout.of(models.m2pl(q_matrix=Q, difficulty=irt_prior([1, 2, 3])), responses)


def test_labels_are_part_of_a_spec_only_where_there_are_some() -> None:
    labelled, bare = models.m2pl(q_matrix=SHUFFLED), models.m2pl(q_matrix=SHUFFLED.to_numpy(), traits=list(Q.columns))
    assert ModelSpec.from_dict(labelled.to_dict()) == labelled
    assert labelled.items == tuple(SHUFFLED.index)
    assert labelled.hash != bare.hash
    assert all("items" not in variable for variable in bare.to_dict()["variables"])


# Fits


def test_fits_do_not_depend_on_the_order_of_labels(data: pd.DataFrame) -> None:
    expected = slopes(data, Q.reset_index(drop=True))
    assert (expected.to_numpy() > 0.5).sum() == 6
    long = data.rename_axis("person").reset_index().melt("person", var_name="item", value_name="response")
    for given, options in (
        (data, {}),
        (data[REVERSED], {}),
        (long.sample(frac=1, random_state=3), {}),
        (data, {"data_options": {"items": REVERSED}}),
    ):
        np.testing.assert_allclose(slopes(given, SHUFFLED, **options), expected, atol=2e-3)


def test_graded_items_with_numbers_for_names() -> None:
    """Three traits, and items that are called 11, 12, ..., shuffled on both sides."""
    q = pd.DataFrame(np.eye(3, dtype=int).repeat(2, axis=0), index=[11, 12, 21, 22, 31, 32], columns=list("xyz"))
    rng = np.random.default_rng(1)
    levels = rng.integers(0, 3, (60, 6))
    frame = pd.DataFrame(levels, columns=[32, 11, 22, 31, 12, 21])
    fit = irt.fit(frame, "grm", model_options={"q_matrix": q.sample(frac=1, random_state=2)}, **MAP)
    loads = fit.items().xs("mean", level=1, axis=1)[[f"discrimination[{t}]" for t in "xyz"]] > 0
    np.testing.assert_array_equal(loads, q.loc[[int(i) for i in fit.items().index]] == 1)


def test_blocks_of_persons_keep_the_labels(data: pd.DataFrame) -> None:
    options = {"model_options": {"q_matrix": SHUFFLED}, **MAP}
    whole, blocks = (irt.fit(data, "m2pl", **options, block=b) for b in (0, 250))
    np.testing.assert_allclose(blocks.items(), whole.items(), atol=2e-3)
    assert blocks.quadrature_error == pytest.approx(whole.quadrature_error, abs=1e-3)


def test_a_program_refuses_data_in_another_order(data: pd.DataFrame) -> None:
    spec = models.m2pl(q_matrix=SHUFFLED)
    first, other = load_responses(data), load_responses(data[REVERSED])
    for program in (
        irt.load_backend("pyro").compile(spec, first, collapse=Quadrature(5)),
        irt.load_backend("pyro").compile(spec, first),
    ):
        with pytest.raises(DataError, match=r"order.*items="):
            program.bind(other)
    with pytest.raises(DataError, match=r"number 1.*order"):
        list(irt.fit_many([data, data[REVERSED]], spec, **MAP))
    fits = list(irt.fit_many([data, data[REVERSED]], spec, data_options={"items": ITEMS}, **MAP))
    pd.testing.assert_frame_equal(fits[0].items(), fits[1].items())


# Simulation


def test_simulated_items_have_the_labels_of_the_spec(data: pd.DataFrame) -> None:
    spec = models.m2pl(q_matrix=SHUFFLED)
    params = irt.simulate_parameters(spec, 50, [2] * 6, seed=1)
    responses = irt.simulate_responses(spec, params, [2] * 6, seed=2)
    assert responses.items == tuple(SHUFFLED.index)
    tables = {
        "discrimination": pd.DataFrame(params["discrimination"], SHUFFLED.index, ["verbal", "math"])
        .loc[ITEMS]
        .iloc[:, ::-1],
        "difficulty": pd.Series(params["difficulty"], SHUFFLED.index).loc[ITEMS],
    }
    again = irt.simulate_responses(spec, params | tables, [2] * 6, seed=2)
    np.testing.assert_array_equal(again.values, responses.values)
    with pytest.raises(DataError, match="5 items, the Q-matrix 6"):
        irt.simulate_parameters(spec, 50, [2] * 5, seed=1)


def test_what_a_fit_found_is_simulated_with_its_labels(data: pd.DataFrame) -> None:
    fit = irt.fit(data, models.m2pl(q_matrix=SHUFFLED), **MAP)
    means = fit.idata.posterior.mean(["chain", "draw"])
    params = {name: means[name] for name in fit.spec.names}
    arrays = {name: value.values for name, value in params.items()}
    drawn = [irt.simulate_responses(fit.spec, p, [2] * 6, seed=3) for p in (params, arrays)]
    assert drawn[0].items == tuple(ITEMS)
    np.testing.assert_array_equal(drawn[0].values, drawn[1].values)


# Files and studies


def written(path: Path, table: pd.DataFrame, **options: Any) -> str:
    table.to_csv(path / "q.csv", **options)
    return str(path / "q.csv")


@pytest.mark.parametrize("name", [None, "item", "Label", "question"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_csv_names_its_items(tmp_path: Path, name: str | None, separator: str) -> None:
    path = written(tmp_path, SHUFFLED, index_label=name, sep=separator)
    assert spec_of({"name": "m2pl", "q_matrix": path}) == models.m2pl(q_matrix=SHUFFLED)


@pytest.mark.parametrize("name", [None, "item"])
def test_a_csv_may_have_numbers_for_item_names(tmp_path: Path, name: str | None) -> None:
    table = SHUFFLED.set_axis(["1", "02", "3", "0", "5", "6"])
    path = written(tmp_path, table, index_label=name)
    assert spec_of({"name": "m2pl", "q_matrix": path}).items == ("1", "02", "3", "0", "5", "6")


def test_a_csv_without_item_labels_is_taken_by_position(tmp_path: Path) -> None:
    spec = spec_of({"name": "m2pl", "q_matrix": written(tmp_path, SHUFFLED, index=False)})
    assert (spec.items, spec.traits) == (None, ("verbal", "math"))
    np.testing.assert_array_equal(spec["discrimination"].free, SHUFFLED == 1)


@pytest.mark.parametrize(
    ("text", "part"),
    [("1,0\n0,1\n", "only 0 and 1"), ("item,a,b\nx,1,0\ny,O,1\n", "'O'|\"O\""), ("item,a,b\nx,1,\ny,0,1\n", "nan")],
)
def test_a_csv_that_is_no_q_matrix_is_refused(tmp_path: Path, text: str, part: str) -> None:
    (tmp_path / "q.csv").write_text(text)
    with pytest.raises(SpecError, match=part):
        spec_of({"name": "m2pl", "q_matrix": str(tmp_path / "q.csv")})


def test_a_design_simulates_the_items_of_its_csv(tmp_path: Path) -> None:
    model = {"name": "m2pl", "q_matrix": written(tmp_path, SHUFFLED)}
    simulate = {"n_persons": 20, "n_items": 6, "n_categories": 2, "missing": 0, "priors": {}, "correlation": None}
    design = make_design("c", model, simulate)
    params = design.true_parameters(1)
    assert design.responses(1, params, 0).items == tuple(SHUFFLED.index)
    np.testing.assert_array_equal(np.isfinite(design.truth(params)["discrimination"]), SHUFFLED == 1)
    assert type(design).from_dict(design.to_dict()).spec == design.spec


STUDY = """# @package _global_
conditions:
  c:
    model: {{name: m2pl, q_matrix: {path}}}
    simulate: {{n_persons: 20, n_items: 6}}
"""


def test_a_smaller_test_of_a_preset_keeps_the_labels(tmp_path: Path) -> None:
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "mine.yaml").write_text(STUDY.format(path=written(tmp_path, SHUFFLED)))
    words = ["--config-dir", str(tmp_path), "study=mine", "caps.n_items=4"]
    (task,) = read_tasks(read_config("run", words))
    assert task.design is not None
    assert task.design.spec.items == ("v1", "v2", "m2", "m3")
    assert task.design.spec.traits == ("verbal", "math")
    assert len(task.design.n_categories) == 4
