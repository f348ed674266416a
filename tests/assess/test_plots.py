"""Figures of a fit: they are made, into the Axes given, and the numbers drawn are those of the tables."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import irtbridge as irt
from irtbridge.assess.curves import locations
from irtbridge.assess.plots.style import WIDTH
from irtbridge.errors import ConfigError, StatisticError, UnknownName

LONG = "$x_i$ & $5: how often did you, in the past month, think of letters that stand for numbers?"


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def two_pl() -> irt.Fit:
    return irt.fit("lsat7", "2pl", method="laplace", draws=60)


@pytest.fixture(scope="module")
def graded() -> irt.Fit:
    """Items of 2, 3 and 4 categories, one with a long label."""
    counts = [4, 3, 2, 4]
    params = irt.simulate_parameters(irt.graded(), 120, counts, seed=3)
    values = irt.simulate_responses(irt.graded(), params, counts, seed=4).values + 1
    data = pd.DataFrame(values, columns=["N1", "N2", "N3", LONG])
    return irt.fit(data, "grm", method="laplace", draws=60)


@pytest.fixture(scope="module")
def chains() -> irt.Fit:
    data = irt.load_responses("lsat7").select(np.arange(0, 1000, 10))
    return irt.fit(data, "1pl", method="nuts_collapsed", warmup=30, draws=40, chains=2)


def test_the_trace_of_an_optimisation_rises(two_pl: irt.Fit) -> None:
    fit = irt.fit("lsat7", "1pl", method="jmle", optimiser="gradient_descent", standard_errors=False)
    (line,) = fit.plot.objective().lines
    assert fit.draws.objective is not None
    np.testing.assert_array_equal(line.get_ydata(), fit.draws.objective[len(fit.draws.objective) // 10 :])
    assert (np.diff(line.get_ydata()) > 0).all()
    with pytest.raises(StatisticError, match="keeps no trace of an optimisation"):
        two_pl.plot.objective()


@pytest.fixture(scope="module")
def others() -> dict[str, irt.Fit]:
    two_traits = irt.m2pl(traits=["A", "B"], q_matrix=[[1, 0], [1, 0], [0, 1], [0, 1], [1, 1]])
    shapes = {"nominal": (irt.nominal(), [3, 4, 3]), "poisson": (irt.poisson_counts(), [1] * 4),
              "fractions": (irt.ordered_beta(), [1] * 4), "two traits": (two_traits, [2] * 5)}  # fmt: skip
    fits = {}
    for name, (model, counts) in shapes.items():
        params = irt.simulate_parameters(model, 100, counts, seed=5)
        fits[name] = irt.fit(irt.simulate_responses(model, params, counts, seed=6), model, method="map")
    return fits


def line_of(axis: Axes, place: int = 0) -> tuple[Any, Any]:
    return axis.lines[place].get_data()


def texts(figure: Figure) -> list[str]:
    figure.canvas.draw()
    return [text.get_text() for text in figure.findobj(matplotlib.text.Text) if text.get_visible() and text.get_text()]


# The numbers drawn are those of the tables


def test_an_item_is_drawn_as_in_the_table_of_its_curve(two_pl: irt.Fit) -> None:
    axis = two_pl.plot.items("item2")
    table = two_pl.curves("score", "item2")
    np.testing.assert_array_equal(line_of(axis), table[["ability", "mean"]].T)
    band = axis.collections[0].get_paths()[0].vertices
    assert set(table["lower"]) | set(table["upper"]) <= set(band[:, 1])
    assert (axis.get_xlabel(), axis.get_ylabel(), axis.get_title(loc="left")) == ("ability", "expected score", "item2")


def test_categories_are_drawn_in_the_order_of_the_data_and_named_by_its_values(graded: irt.Fit) -> None:
    axes = graded.plot.categories()
    assert [len(axis.lines) for axis in axes] == [4, 3, 2, 4]
    table = graded.curves("category", "N2").query("category == 3")
    np.testing.assert_array_equal(line_of(axes[1], 2)[1], table["mean"])
    (legend,) = axes[0].figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["1", "2", "3", "4"]
    cumulative = graded.plot.categories("N1", cumulative=True)
    assert len(cumulative.lines) == 3


def test_information_stands_beside_its_standard_error(two_pl: irt.Fit) -> None:
    axis = two_pl.plot.information()
    (second,) = (other for other in axis.figure.axes if other is not axis)
    for drawn, what in ((axis, "test_information"), (second, "standard_error")):
        np.testing.assert_array_equal(line_of(drawn)[1], two_pl.curves(what)["mean"])
        assert what.split("_")[1] in drawn.get_ylabel()
    one = two_pl.plot.information("item1")
    np.testing.assert_array_equal(line_of(one)[1], two_pl.curves("information", "item1")["mean"])
    short_form = two_pl.plot.information(items=["item1", "item2"])
    np.testing.assert_array_equal(line_of(short_form)[1], two_pl.curves("test_information", ["item1", "item2"])["mean"])


def test_the_expected_sum_score_is_that_of_the_table(graded: irt.Fit) -> None:
    axis = graded.plot.expected_score()
    np.testing.assert_array_equal(line_of(axis)[1], graded.curves("test_score")["mean"])
    assert axis.get_ylabel() == "expected sum score"


def test_the_wright_map_has_items_in_order_and_the_persons_above(two_pl: irt.Fit) -> None:
    axis = two_pl.plot.wright_map()
    table = locations(two_pl.posterior).set_index("item")["mean"].sort_values()
    assert [label.get_text() for label in axis.get_yticklabels()] == list(table.index)
    np.testing.assert_array_equal(line_of(axis)[0], locations(two_pl.posterior)["mean"])
    (histogram,) = axis.patches
    shares = -1 - histogram.get_data().values
    counts, _ = np.histogram(two_pl.posterior.abilities, histogram.get_data().edges)
    np.testing.assert_allclose(shares / shares.max(), counts / counts.max())


def test_intervals_of_abilities_are_those_of_the_table_of_persons(two_pl: irt.Fit) -> None:
    point = irt.fit("lsat7", "1pl", method="map")
    axis = two_pl.plot.abilities(point, persons=[3, 500])
    for place, fit in enumerate((two_pl, point)):
        ability = fit.persons()["ability"].loc[[3, 500]]
        np.testing.assert_allclose(line_of(axis, place)[0], ability["mean"])
        ends = np.array([segment[:, 0] for segment in axis.collections[place].get_segments()])
        half = np.outer(ability["sd"], [-1.96, 1.96]) + ability[["mean"]].to_numpy()
        expected = half if fit is point else ability[["hdi_2.5%", "hdi_97.5%"]]
        np.testing.assert_allclose(ends, expected, atol=1e-6)
    (legend,) = axis.figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["2pl", "1pl"]


def test_persons_by_themselves_go_from_the_lowest_to_the_highest(two_pl: irt.Fit) -> None:
    mean = line_of(two_pl.plot.abilities(persons=7))[0]
    every = two_pl.posterior.abilities.mean(axis=0)
    assert len(mean) == 7
    assert (np.diff(mean) >= 0).all()
    assert (mean[0], mean[-1]) == pytest.approx((every.min(), every.max()))


def test_observed_sum_scores_are_counted_and_nearly_all_within_what_is_predicted(two_pl: irt.Fit) -> None:
    axis = two_pl.plot.ppc(draws=40)
    scores, counts = line_of(axis)
    expected = np.bincount(two_pl.responses.expanded().values.sum(axis=1), minlength=6)
    np.testing.assert_array_equal(scores, range(6))
    np.testing.assert_array_equal(counts, expected)
    band = axis.patches[0].get_data()
    assert np.sum((band.baseline <= counts) & (counts <= band.values)) >= 5


def test_no_replicated_sum_of_counts_lies_beyond_the_bins(others: dict[str, irt.Fit]) -> None:
    fit = others["poisson"]
    axis = fit.plot.ppc(draws=60)
    predicted = axis.patches[1].get_data()
    assert predicted.values.sum() == pytest.approx(fit.responses.n_persons)
    assert line_of(axis)[1].sum() == fit.responses.n_persons


def test_a_forest_has_a_panel_for_each_parameter(graded: irt.Fit) -> None:
    slopes, thresholds = graded.plot.forest()
    table = graded.items()
    np.testing.assert_array_equal(line_of(slopes)[0], table["discrimination"]["mean"])
    assert len(thresholds.lines) == 3
    first = line_of(thresholds, 1)[0]
    np.testing.assert_array_equal(first, table["threshold[2]"]["mean"])
    assert slopes.get_title(loc="left") == "discrimination"


@pytest.mark.parametrize("kind", ["trace", "density", "rank"])
def test_each_chain_is_drawn_for_each_element(chains: irt.Fit, kind: str) -> None:
    axes = chains.plot.trace("difficulty", kind)
    assert [axis.get_title(loc="left") for axis in axes] == [f"item{i}" for i in range(1, 6)]
    for axis in axes:
        assert len(axis.patches if kind == "rank" else axis.lines) == 2
    if kind == "trace":
        np.testing.assert_array_equal(line_of(axes[3], 1)[1], chains.idata.posterior["difficulty"][1, :, 3])
    if kind == "rank":
        assert axes[0].patches[0].get_data().values.sum() == 40


def test_autocorrelation_begins_at_one_and_elements_can_be_chosen(chains: irt.Fit) -> None:
    axes = chains.plot.autocorrelation("difficulty", item=["item2", "item4"])
    assert len(axes) == 2
    assert line_of(axes[0], 1)[1][0] == pytest.approx(1.0)
    assert len(chains.plot.trace("ability", person=int(chains.responses.persons[0]))) == 1
    titles = [axis.get_title(loc="left") for axis in chains.plot.trace(item="item1")]
    assert titles == [
        f"{name}[item1]" for name in chains.idata.posterior if "item" in chains.idata.posterior[name].dims
    ]


# Every kind of model


@pytest.mark.parametrize("name", ["nominal", "poisson", "fractions", "two traits"])
def test_every_kind_of_model_has_its_figures(others: dict[str, irt.Fit], name: str) -> None:
    fit = others[name]
    for draw in (fit.plot.items, fit.plot.information, fit.plot.expected_score, fit.plot.ppc, fit.plot.forest):
        draw()
    fit.plot.abilities()
    if name == "two traits":
        assert fit.plot.information(trait="B").get_xlabel() == "ability: B"
        with pytest.raises(StatisticError, match="2 traits"):
            fit.plot.wright_map()
    else:
        fit.plot.wright_map()
    if name in ("poisson", "fractions"):
        with pytest.raises(StatisticError, match="have no categories"):
            fit.plot.categories()


def test_what_a_model_leaves_out_is_not_drawn(others: dict[str, irt.Fit]) -> None:
    slopes = others["two traits"].plot.forest()[0]
    loads = np.isfinite(line_of(slopes, 0)[0])
    assert loads.tolist() == [True, True, False, False, True]


def test_a_point_estimate_has_no_band(others: dict[str, irt.Fit]) -> None:
    assert not others["poisson"].plot.expected_score().collections


# Axes, style, labels


@pytest.mark.parametrize(
    ("method", "arguments", "panels"),
    [
        ("items", (), 5), ("items", ("item1",), 1), ("categories", (["item1", "item3"],), 2), ("information", (), 1),
        ("information", ("item1",), 1), ("expected_score", (), 1), ("wright_map", (), 1), ("abilities", (), 1),
        ("ppc", (), 1), ("forest", (), 2), ("trace", ("difficulty",), 5), ("autocorrelation", ("difficulty",), 5),
    ],
)  # fmt: skip
def test_the_axes_given_are_drawn_into_and_returned(
    two_pl: irt.Fit, method: str, arguments: tuple[Any, ...], panels: int
) -> None:
    figure = Figure()
    axes = figure.subplots(1, panels)
    returned = getattr(two_pl.plot, method)(*arguments, ax=axes)
    assert np.ravel([returned]).tolist() == np.ravel([axes]).tolist()
    assert all(axis.has_data() and axis.get_xlabel() for axis in np.ravel([axes]))
    assert not plt.get_fignums()
    figure.canvas.draw()


def test_too_few_axes_are_told(two_pl: irt.Fit) -> None:
    with pytest.raises(ConfigError, match="ax has 2 Axes, and there are 5 panels"):
        two_pl.plot.items(ax=Figure().subplots(1, 2))


def test_style_and_backend_outside_stay_as_they_are(two_pl: irt.Fit) -> None:
    before = dict(matplotlib.rcParams)
    two_pl.plot.items()
    assert dict(matplotlib.rcParams) == before


def test_labels_are_shortened_and_no_markup(graded: irt.Fit) -> None:
    for axes in (graded.plot.items(), graded.plot.wright_map(), graded.plot.forest()):
        shown = texts(np.ravel([axes])[0].figure)
        assert "$x_i$ & $5: how oft…" in shown
    title = graded.plot.items(LONG)
    assert "$x_i$ & $5: how often did you, in the past" in title.get_title(loc="left")
    title.figure.canvas.draw()


def test_nothing_is_cut_off_and_a_phone_shows_it(graded: irt.Fit, two_pl: irt.Fit) -> None:
    for axes in (
        graded.plot.categories(), graded.plot.wright_map(), graded.plot.forest(), graded.plot.items(LONG),
        two_pl.plot.information(), two_pl.plot.abilities(two_pl, names=["one", "other"]), two_pl.plot.ppc(draws=20),
    ):  # fmt: skip
        figure = np.ravel([axes])[0].figure
        figure.canvas.draw()
        drawn, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
        assert drawn.x0 >= 0
        assert drawn.y0 >= 0
        assert drawn.x1 <= width <= WIDTH
        assert drawn.y1 <= height
        sizes = [t.get_fontsize() for t in figure.findobj(matplotlib.text.Text) if t.get_text()]
        assert min(sizes) / 72 * 390 / WIDTH > 8  # pixels on a phone


def test_irtbridge_is_imported_without_matplotlib() -> None:
    code = "import sys, irtbridge; assert not any(name.startswith('matplotlib') for name in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


# Bad input


def test_unknown_names_are_told(two_pl: irt.Fit) -> None:
    for call, said in (
        (lambda: two_pl.plot.items("item9"), "no item called 'item9'"),
        (lambda: two_pl.plot.trace("difficult"), "no parameter called 'difficult'; valid: difficulty"),
        (lambda: two_pl.plot.trace("difficulty", "traces"), "no kind of trace called 'traces'; valid: trace"),
        (lambda: two_pl.plot.trace("difficulty", item="item9"), "no item called 'item9'"),
        (lambda: two_pl.plot.trace("difficulty", items="item1"), "no dim of difficulty called 'items'; valid: item"),
        (lambda: two_pl.plot.abilities(persons=[3, "x"]), "no person called 'x'"),
        (lambda: two_pl.plot.abilities(trait="B"), "no trait called 'B'"),
    ):
        with pytest.raises(UnknownName, match=said):
            call()
    with pytest.raises(ConfigError, match="'ability' has 1000 elements, and a figure room for 60; choose"):
        two_pl.plot.trace("ability")


def test_models_of_other_persons_cannot_stand_side_by_side(two_pl: irt.Fit, graded: irt.Fit) -> None:
    renamed = pd.DataFrame(graded.responses.values, index=[f"p{i}" for i in range(120)], columns=["a", "b", "c", "d"])
    other = irt.fit(renamed, "grm", method="map")
    with pytest.raises(StatisticError, match="no person in common; fit the same data"):
        two_pl.plot.abilities(other)
