"""Are items fair: difR's numbers, planted differences that are found, fair items that are not flagged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import irtbridge as irt
from irtbridge.assess.fairness.item_differences import wald
from irtbridge.assess.fairness.logistic import regress
from irtbridge.assess.fairness.matched import Matched
from irtbridge.errors import ConfigError, IRTBridgeWarning, StatisticError, UnknownName
from irtbridge.fitting.dif import flattened

DATA = Path(__file__).parents[3] / "shared" / "reference" / "data" / "verbagg_r2_gender.csv"
MODEL = "VerbAgg.r2 by Gender"


@pytest.fixture(scope="module")
def verbal() -> tuple[pd.DataFrame, pd.Series]:
    """VerbAgg: 316 persons, 24 items, gender; the reference has F first."""
    if not DATA.is_file():
        pytest.skip(f"the reference data are not at hand: {DATA}")
    table = pd.read_csv(DATA)
    return table.drop(columns=["id", "Gender", "Anger"]), table["Gender"]


@pytest.fixture(scope="module")
def of_difr(anchors: Callable[[str], pd.DataFrame]) -> Callable[[str, str], np.ndarray]:
    table = anchors("difR_verbagg.csv.gz")
    return lambda model, quantity: (
        table[(table.model == f"difR {model}") & (table.quantity == quantity)]["value"].astype(float).to_numpy()
    )


def planted(
    persons: int, gap: float, steps: int = 1, seed: int = 1, shift: float = -0.5
) -> tuple[irt.Responses, np.ndarray]:
    """Two groups of so many persons, the second less able; its first of ten items is harder by `gap`."""
    model = irt.two_pl() if steps == 1 else irt.graded()
    name, categories = ("difficulty" if steps == 1 else "threshold"), [steps + 1] * 10
    rng = np.random.default_rng(seed)
    params = {"discrimination": rng.uniform(0.8, 1.6, 10), name: rng.normal(0, 0.7, (10, steps)).squeeze()}
    params[name] = np.sort(params[name], axis=-1) if steps > 1 else params[name]
    parts = []
    for group in range(2):
        own = {k: v.copy() for k, v in params.items()} | {"ability": shift * group + rng.normal(size=persons)}
        own[name][0] += gap * group
        parts.append(irt.simulate_responses(model, own, categories, seed=[seed, group]).values)
    return irt.load_responses(np.concatenate(parts)), np.repeat(["a", "b"], persons)


def test_mantel_haenszel_is_that_of_difr(
    verbal: tuple[pd.DataFrame, pd.Series], of_difr: Callable[[str, str], np.ndarray]
) -> None:
    table = irt.dif(*verbal)
    of = "difMH (correct=TRUE)"
    assert table["X2"].to_numpy() == pytest.approx(of_difr(of, "MH.chi2"), abs=1e-9)
    assert table["odds_ratio"].to_numpy() == pytest.approx(of_difr(of, "alphaMH"), abs=1e-9)
    assert table["delta"].to_numpy() == pytest.approx(of_difr(of, "deltaMH=-2.35 log alphaMH"), abs=1e-9)
    assert (table["se"].to_numpy() / 2.35) ** 2 == pytest.approx(of_difr(of, "varLambda"), abs=1e-9)
    plain = irt.dif(*verbal, correct=False)
    assert plain["X2"].to_numpy() == pytest.approx(of_difr("difMH (correct=FALSE)", "MH.chi2"), abs=1e-9)
    assert plain["X2"].to_numpy() == pytest.approx(plain["X2_nominal"].to_numpy())
    assert table["std"].to_numpy() == pytest.approx(of_difr("difStd", "ST-p-DIF"), abs=1e-9)
    assert table["BD"].to_numpy() == pytest.approx(of_difr("difBD", "BD"), abs=6e-5)  # printed to four digits


def test_purification_is_that_of_difr(
    verbal: tuple[pd.DataFrame, pd.Series], of_difr: Callable[[str, str], np.ndarray]
) -> None:
    """But for S1DoShout: where the difference is below 1/2, the correction takes all of it, and difR overshoots."""
    table, chi2 = irt.dif(*verbal, purify=True), of_difr("difMH (purify=TRUE)", "MH.chi2")
    same = table.index.get_level_values("item") != "S1DoShout"
    assert table["X2"].to_numpy()[same] == pytest.approx(chi2[same], abs=1e-9)
    assert table["X2"].to_numpy()[~same] == 0
    assert table["odds_ratio"].to_numpy() == pytest.approx(of_difr("difMH (purify=TRUE)", "alphaMH"), abs=1e-9)


def test_logistic_regression_is_that_of_difr(
    verbal: tuple[pd.DataFrame, pd.Series], of_difr: Callable[[str, str], np.ndarray]
) -> None:
    table = irt.dif(*verbal, "logistic")
    for kind, column in (("both", "X2"), ("udif", "X2_uniform"), ("nudif", "X2_nonuniform")):
        assert table[column].to_numpy() == pytest.approx(of_difr(f"difLogistic type={kind}", "LR.chi2"), abs=1e-7)
    assert table["R2"].to_numpy() == pytest.approx(of_difr("difLogistic type=both", "deltaR2"), abs=1e-9)


@pytest.mark.parametrize("names", ["b", "ab"], ids=["1PL", "2PL"])
def test_wald_is_lords_test_of_difr(
    names: str, of_difr: Callable[[str, str], np.ndarray], anchors: Callable[[str], pd.DataFrame]
) -> None:
    """Draws with the means and covariances of difR's two calibrations, linked by the mean (1PL) or mean-sigma."""
    model = f"difLord {len(names)}PL"
    table = anchors("difR_verbagg.csv.gz").query(f"model == 'difR {model}'")

    def both(quantity: str) -> np.ndarray:
        rows = table[table["quantity"] == f"itemParInit.{quantity}"]
        return np.stack([rows[rows["item"].str.startswith(g)]["value"].astype(float) for g in ("R.", "F.")])

    b = both("b")
    scale = b[0].std() / b[1].std() if len(names) == 2 else 1.0
    units = {"a": np.array([[1], [1 / scale]]), "b": np.array([[1], [scale]])}
    away = np.stack([np.diff(both(name) * units[name], axis=0)[0] for name in names], axis=-1)
    away[:, -1] -= away[:, -1].mean()
    covariance = np.zeros((24, len(names), len(names)))
    for k, name in enumerate(names):
        covariance[:, k, k] = np.sum((both(f"se({name})") * units[name]) ** 2, axis=0)
    if len(names) == 2:
        covariance[:, 0, 1] = covariance[:, 1, 0] = both("cov(a,b)").sum(axis=0)
    noise = np.random.default_rng(1).normal(size=(1000, len(names)))
    noise -= noise.mean(axis=0)
    noise = np.linalg.qr(noise)[0] * np.sqrt(999)
    draws = away + np.einsum("dk,ijk->dij", noise, np.linalg.cholesky(covariance))
    x2, df = wald({name: draws[..., k] for k, name in enumerate(names)})
    assert x2 == pytest.approx(of_difr(model, "Lord.chi2"), abs=1e-6)
    assert (df == len(names)).all()


@pytest.mark.long
def test_likelihood_ratios_are_those_of_mirt(
    verbal: tuple[pd.DataFrame, pd.Series], anchors: Callable[[str], pd.DataFrame]
) -> None:
    """Each of 24 items freed in turn: `mirt::DIF(which.par=c('a1', 'd'), scheme='drop')`."""
    table = anchors("mirt_verbagg_dif.csv.gz")
    which = table["model"].str.startswith("DIF one item freed") & table["model"].str.endswith("a1+d")
    theirs = table[which & (table["quantity"] == "X2")].set_index("item")["value"].astype(float)
    ours = irt.fit(verbal[0], "2pl", method="map").dif(verbal[1], "lr").droplevel("group")
    assert ours["X2"].to_numpy() == pytest.approx(theirs[ours.index].to_numpy(), abs=2e-5)
    assert (ours["df"] == 2).all()


@pytest.mark.long
def test_likelihood_ratios_are_those_of_two_fits(verbal: tuple[pd.DataFrame, pd.Series]) -> None:
    some, group = verbal[0].iloc[:, :2], verbal[1]
    table = irt.fit(some, "1pl", method="map").dif(group, "lr")
    flat = {"difficulty": "Normal(0, 1000)", "ability_mean": "Normal(0, 1000)", "ability_sd": "HalfNormal(1000)"}
    responses = irt.load_responses(some, person_data=pd.DataFrame({"sex": group}), group="sex")
    same, free = (
        irt.fit(responses, "1pl", group="sex", method="map", model_options=flat | more)
        for more in ({}, {"free": [some.columns[0]]})
    )
    expected = irt.anova(same, free).iloc[1]
    row = table.loc[some.columns[0]].iloc[0]
    assert [row["X2"], row["df"], row["p"]] == pytest.approx(expected[["X2", "df", "p"]].to_list(), abs=1e-4)


def test_flat_priors_leave_every_parameter_its_support() -> None:
    slopes = ["TruncatedNormal(1, 0.5, 0, inf)", "Uniform(0, 4)", "LogNormal(0, 0.5)"]
    flat = [flattened(irt.two_pl(discrimination=prior))["discrimination"].prior for prior in slopes]
    assert [prior.bounds() for prior in flat] == [(0, np.inf)] * 3
    assert str(flattened(irt.three_pl())["lower"].prior) == "Uniform(0, 1)"


def test_items_that_follow_from_a_design_have_no_difference_of_their_own() -> None:
    yes = irt.load_dataset("verbagg").to_frame() >= 1
    data = irt.load_responses(yes, person_data="verbagg", item_data="verbagg", group="Gender")
    options = {"difficulty_on": "btype + situ + mode", "residual": "none", "ability_sd": "HalfNormal(2)"}
    fit = irt.fit(data, "1pl", method="map", model_options=options, standard_errors=False)
    assert str(flattened(fit.spec)["difficulty"].prior) == str(fit.spec["difficulty"].prior)
    for options in ({"method": "lr"}, {"anchors": ["S1WantCurse"]}):
        with pytest.raises(StatisticError, match=r"difficulty is .*leaves no item a parameter.*use method='model'"):
            fit.dif("Gender", **options)


@pytest.mark.parametrize("method", ["mantel-haenszel", "logistic"])
@pytest.mark.parametrize("steps", [1, 3])
def test_a_planted_difference_is_found(method: str, steps: int) -> None:
    table = irt.dif(*planted(1000, 0.6, steps), method, purify=True)
    assert table["p"].to_numpy().argmin() == 0
    assert table["flagged"].iloc[0]
    assert table["flagged"].iloc[1:].sum() <= 2


def test_the_direction_is_that_of_the_group() -> None:
    """Harder for the second group: an odds ratio above 1, delta and the standardised difference below 0."""
    row = irt.dif(*planted(1000, 0.6)).iloc[0]
    assert row["odds_ratio"] > 1
    assert row["delta"] < 0
    assert row["std"] < 0
    assert irt.dif(*planted(1000, 0.6), "logistic")["b_group"].iloc[0] < 0.3


def test_the_model_finds_what_was_planted() -> None:
    responses, group = planted(1000, 0.6)
    table = irt.fit(responses, "2pl", method="map").dif(group, purify=True)
    first = table.iloc[0]
    assert table["wald", "p"].to_numpy().argmin() == 0
    assert first["difficulty", "2.5%"] < 0.6 < first["difficulty", "97.5%"]
    assert first["area", "97.5%"] < 0
    assert first["SIDS", "97.5%"] < 0
    assert first["SIDS", "mean"] == pytest.approx(-first["UIDS", "mean"], abs=0.02)
    assert (table["uarea"]["mean"] >= table["area"]["mean"].abs() - 1e-9).all()
    assert (np.sign(table["ESSD"]["mean"]) == np.sign(table["SIDS"]["mean"])).all()


def test_anchors_hold_the_groups_on_one_scale() -> None:
    responses, group = planted(1000, 0.6)
    fit = irt.fit(responses, "2pl", method="map")
    table = fit.dif(group, anchors=list(responses.items[4:]))
    assert list(table.index.get_level_values("item")) == list(responses.items[:4])
    assert table["wald", "p"].to_numpy().argmin() == 0
    assert table["difficulty", "2.5%"].iloc[0] < 0.6 < table["difficulty", "97.5%"].iloc[0]


def test_the_area_between_curves_is_rajus() -> None:
    """Signed: the difference of the difficulties; unsigned, of equal slopes, its size (Raju 1988, eq. 3 and 9)."""
    responses, group = planted(500, 0.5)
    table = irt.fit(responses, "1pl", method="map").dif(group)
    assert table["area", "mean"].to_numpy() == pytest.approx(-table["difficulty", "mean"].to_numpy(), abs=0.01)


def test_rajus_z_is_that_of_the_difficulties_where_slopes_are_equal() -> None:
    """Then Lord's test has one degree of freedom, and is its square."""
    responses, group = planted(500, 0.5)
    table = irt.fit(responses, "1pl", method="map").dif(group)
    assert table["raju", "z"].to_numpy() ** 2 == pytest.approx(table["wald", "X2"].to_numpy(), rel=0.02)
    assert table["raju", "z"].iloc[0] < 0
    assert table["raju", "p"].to_numpy() == pytest.approx(table["wald", "p"].to_numpy(), abs=0.01)


def test_several_groups_are_each_held_against_the_first() -> None:
    responses, group = planted(300, 0.0)
    three = group.copy()
    three[::3] = "c"
    table = irt.dif(responses, three)
    assert list(dict.fromkeys(table.index.get_level_values("group"))) == ["b", "c"]
    without = np.flatnonzero(three != "b")
    alone = irt.dif(responses.select(without), three[without])
    pd.testing.assert_frame_equal(table.xs("c", level="group"), alone.xs("c", level="group"))


def test_weighted_rows_are_long_data() -> None:
    responses, group = planted(100, 0.5)
    table = pd.DataFrame(responses.values, columns=list(responses.items)).assign(group=group)
    short = table.groupby(list(table.columns)).size().rename("n").reset_index()
    weighted = irt.load_responses(
        short[list(responses.items)], person_data=short[["group", "n"]], weights="n", group="group"
    )
    for method in ("mantel-haenszel", "logistic"):
        pd.testing.assert_frame_equal(irt.dif(weighted, method=method), irt.dif(responses, group, method))


def test_log_odds_of_several_categories_have_the_spread_of_replications() -> None:
    """Under no difference z has mean 0 and variance 1, within five standard errors of 400 replications."""
    rng, z = np.random.default_rng(3), []
    for _ in range(400):
        scores = rng.integers(0, 8, 300)
        codes = rng.binomial(2, (1 + scores) / 10)
        estimate, se = Matched.of(scores.astype(float), rng.random(300) < 0.4, codes, np.ones(300)).log_odds()
        z.append(estimate / se)
    assert abs(np.mean(z)) < 5 / 20
    assert abs(np.var(z) - 1) < 5 * np.sqrt(2 / 400)


def test_a_regression_is_at_its_maximum() -> None:
    """Of proportional odds: no coefficient moved by a hundredth is likelier, and the odds are those planted."""
    rng = np.random.default_rng(1)
    x = np.repeat(np.arange(5.0), 400)
    above = 1 / (1 + np.exp(-(np.array([1.0, -0.5, -2.0]) + 0.4 * x[:, None])))
    codes = (rng.random(len(x))[:, None] < above).sum(axis=1)
    counts = np.array([np.bincount(codes[x == v], minlength=4) for v in range(5)], dtype=float)
    found = regress(counts, np.arange(5.0)[:, None]).coefficients
    assert found == pytest.approx([1.0, -0.5, -2.0, 0.4], abs=0.2)


def test_incomplete_persons_are_left_out_and_counted() -> None:
    responses, group = planted(100, 0.0)
    values = responses.values.astype(float)
    values[3, 2] = np.nan
    with pytest.warns(IRTBridgeWarning, match="1 of 200 persons miss responses"):
        table = irt.dif(values, group)
    rest = np.delete(np.arange(200), 3)
    pd.testing.assert_frame_equal(table, irt.dif(responses.values[rest], group[rest]), check_names=False)


def test_bad_input_is_named() -> None:
    responses, group = planted(50, 0.0)
    with pytest.raises(UnknownName, match="method of DIF"):
        irt.dif(responses, group, "mh")
    with pytest.raises(StatisticError, match="is no column of the data's person_data"):
        irt.dif(responses, "gender")
    with pytest.raises(ConfigError, match="alpha=5 must lie between 0 and 1"):
        irt.dif(responses, group, alpha=5)
    with pytest.raises(StatisticError, match="3 entries for 100 persons"):
        irt.dif(responses, ["a", "b", "a"])
    with pytest.raises(StatisticError, match="have 1 groups"):
        irt.dif(responses, ["a"] * 100)
    with pytest.raises(StatisticError, match=r"person .* has no group"):
        irt.dif(responses, [None, *group[1:]])
    with pytest.raises(StatisticError, match="anchors 'none' are no items"):
        irt.fit(responses, "1pl", method="map").dif(group, anchors=["none"])
    with pytest.raises(UnknownName, match="no method of linking called 'haebra'; valid: haebara"):
        irt.fit(responses, "1pl", method="map").dif(group, linking="haebra")
