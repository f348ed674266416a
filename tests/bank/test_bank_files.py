"""A bank's files: what is saved is what is loaded; mirt's and catR's columns have mirt's and catR's curves."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, softmax

import irtbridge as irt
from irtbridge.bank.item_bank import ItemBank

REFERENCE = Path(__file__).parents[3] / "shared" / "reference"
AT_HAND = pytest.mark.skipif(not REFERENCE.is_dir(), reason="the reference numbers are not at hand")
ABILITY = np.linspace(-4, 4, 9)
ITEMS = ["easy", "mid", "hard"]
SLOPE = {"discrimination": [0.8, 1.0, 1.5], "discrimination sd": [0.1, 0.2, 0.3]}
ORDERED = {"threshold[1]": [-1.0, 0.0, 0.5], "threshold[2]": [0.0, 1.0, np.nan], "threshold[1] sd": [0.2, 0.1, 0.2]}
STEPS = {"step[1]": [1.0, 0.0, 0.5], "step[2]": [0.0, 1.0, np.nan], "step[2] sd": [0.2, 0.1, np.nan]}
PLACE = {"difficulty": [-1.0, 0.0, 2.0], "difficulty sd": [0.2, 0.1, 0.4]}
TABLES = {
    "1pl": PLACE,
    "2pl": SLOPE | PLACE | {"corr(discrimination, difficulty)": [0.5, -0.5, 0.0]},
    "3pl": SLOPE | PLACE | {"lower": [0.1, 0.2, 0.25], "lower sd": [0.02, 0.05, 0.05]},
    "4pl": SLOPE | PLACE | {"lower": [0.1, 0.2, 0.25], "upper": [0.9, 0.95, 1.0], "upper sd": [0.05, 0.02, 0.0]},
    "m2pl": {"discrimination[verbal]": [1.0, 0.0, 0.5], "discrimination[number]": [0.0, 1.2, 0.7]} | PLACE,
    "grm": SLOPE | ORDERED,
    "gpcm": SLOPE | STEPS,
    "pcm": STEPS,
}


def curves(bank):
    nodes = ABILITY if len(bank.traits) == 1 else np.tile(ABILITY[:, None], len(bank.traits))
    return np.exp(bank.at_mean.log_probs(nodes))[0]


def mirt_items(dataset, model):
    """mirt's coefficients of one fit, a row for each item, and its item information at abilities -4 .. 4."""
    table = pd.read_csv(REFERENCE / "mirt_lsat.csv.gz", dtype={"item": str})
    own = table[(table["dataset"] == dataset) & (table["model"] == model)]
    par = own[own["quantity"].str.fullmatch(r"par\.\w+")].drop_duplicates(["quantity", "item"])
    wide = par.assign(name=par["quantity"].str.removeprefix("par.")).pivot(index="item", columns="name", values="value")
    return wide.astype(float), own[own["quantity"] == "iteminfo"].drop_duplicates(["item", "call"])


@pytest.mark.parametrize("model", TABLES)
def test_a_table_of_a_model_is_saved_and_loaded(model, tmp_path):
    about = {
        "content": ["a", "b", "b"],
        "enemies": ["mid hard", "easy", ""],
        "exposure": [3, 0, 9],
        "text": ['1,"', "2", "3"],
    }
    bank = ItemBank.load(pd.DataFrame(TABLES[model] | about, index=ITEMS), model)
    again = ItemBank.load(bank.save(tmp_path / "bank.csv"))
    assert again.spec.hash == bank.spec.hash
    assert again.items == bank.items
    assert again.categories == bank.categories
    pd.testing.assert_frame_equal(again.about, bank.about, check_dtype=False)
    np.testing.assert_array_equal(curves(again), curves(bank))
    first, second = bank.table, again.table
    for name, sd in first.sd.items():
        np.testing.assert_allclose(second.sd[name], sd, rtol=0.1, atol=1e-12, err_msg=name)
    for name, mean in first.estimate.items():
        np.testing.assert_allclose(again.params[name].mean(axis=0), mean, atol=0.03)


@pytest.mark.parametrize("model", TABLES)
def test_the_model_is_told_by_its_columns(model):
    assert ItemBank.load(pd.DataFrame(TABLES[model], index=ITEMS)).spec.name == model


def test_draws_have_the_moments_that_were_asked_for():
    bank = ItemBank.load(
        pd.DataFrame(TABLES["3pl"] | {"corr(discrimination, difficulty)": 0.5}, index=ITEMS), draws=20_000
    )
    table = bank.table
    for name in ("discrimination", "difficulty", "lower"):
        np.testing.assert_allclose(bank.params[name].mean(axis=0), TABLES["3pl"][name], rtol=0.01, atol=0.003)
        np.testing.assert_allclose(table.sd[name], TABLES["3pl"][f"{name} sd"], rtol=0.02)
    assert (bank.params["discrimination"] > 0).all()
    assert ((bank.params["lower"] > 0) & (bank.params["lower"] < 1)).all()
    np.testing.assert_allclose(table.correlation[:, 0, 1], 0.5, atol=0.02)


def test_draws_of_thresholds_are_in_order():
    wide = ORDERED | {"threshold[1] sd": [1.0, 1.0, 1.0], "threshold[2] sd": [1.0, 1.0, np.nan]}
    drawn = ItemBank.load(pd.DataFrame(SLOPE | wide, index=ITEMS)).params["threshold"]
    assert (np.diff(drawn[:, :2], axis=-1) >= 0).all()
    assert np.isnan(drawn[:, 2, 1]).all()


def test_the_same_seed_draws_the_same():
    frame = pd.DataFrame(TABLES["2pl"], index=ITEMS)
    one, same, other = (ItemBank.load(frame, seed=seed).params["difficulty"] for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


@AT_HAND
@pytest.mark.parametrize(("model", "name"), [("2PL quadpts=61", "2pl"), ("3PL quadpts=61", "3pl")])
@pytest.mark.parametrize("form", ["difficulty", "intercept"])
def test_information_at_mirts_numbers_is_mirts(model, name, form):
    # mirt 1.45.1: coef(fit, simplify=TRUE), iteminfo(extract.item(fit, i), theta).
    table, information = mirt_items("LSAT7", model)
    bank = ItemBank.load(table, name, parameterization=form)
    for item, own in information.groupby("item"):
        label, ability = item.split(" theta=")
        ours = bank.select([label]).information([float(ability)]).item()
        np.testing.assert_allclose(ours, float(own["value"].iloc[0]), rtol=1e-9)
    assert len(information) == 45


def test_mirts_graded_and_partial_credit_columns():
    # mirt's manual: graded P(Y >= k) = sigma(a theta + d_k); gpcm P(k) proportional to exp(ak_k a theta + d_k).
    a, d = np.array([1.2, 0.7]), np.array([[2.0, 0.5, -1.0], [1.0, 0.2, -0.3]])
    names = {"a1": a} | {f"d{k + 1}": d[:, k] for k in range(3)}
    graded = curves(ItemBank.load(pd.DataFrame(names), "grm"))
    above = expit(a[:, None] * ABILITY[:, None, None] + d)
    np.testing.assert_allclose(graded, -np.diff(above, axis=-1, prepend=1, append=0), atol=1e-12)
    scores = {f"ak{k}": [k, k] for k in range(4)} | {"d0": [0.0, 0.0]}
    credit = curves(ItemBank.load(pd.DataFrame(names | scores), "gpcm"))
    odds = np.arange(4) * a[:, None] * ABILITY[:, None, None] + np.pad(d, ((0, 0), (1, 0)))
    np.testing.assert_allclose(credit, softmax(odds, axis=-1), atol=1e-12)


def test_mirts_slopes_of_several_traits():
    a, d = np.array([[1.0, 0.0], [0.5, 1.5]]), np.array([0.3, -0.6])
    frame = pd.DataFrame({"a1": a[:, 0], "a2": a[:, 1], "d": d, "g": 0.0, "u": 1.0})
    bank = ItemBank.load(frame)
    assert bank.spec.name == "m2pl"
    theta = np.array([[0.5, -1.0], [1.0, 2.0]])
    np.testing.assert_allclose(np.exp(bank.log_probs(theta))[0, ..., 1], expit(theta @ a.T + d), atol=1e-12)


def test_catrs_columns_and_its_scaling():
    # catR 3.17, Pi: c + (d - c) sigma(D a (theta - b)).
    a, b, c, d = np.array([1.0, 0.5]), np.array([0.0, -1.0]), np.array([0.2, 0.0]), np.array([1.0, 0.9])
    bank = ItemBank.load(pd.DataFrame({"a": a, "b": b, "c": c, "d": d, "D": 1.702}))
    assert bank.spec.name == "4pl"
    expected = c + (d - c) * expit(1.702 * a * (ABILITY[:, None] - b))
    np.testing.assert_allclose(curves(bank)[..., 1], expected, atol=1e-12)
    graded = ItemBank.load(pd.DataFrame({"alphaj": a, "betaj1": b, "betaj2": b + 1}))
    assert graded.spec.name == "grm"
    assert graded.table.estimate["threshold"].tolist() == [[0.0, 1.0], [-1.0, 0.0]]


@AT_HAND
def test_a_bank_of_catr_has_all_its_items():
    table = pd.read_csv(REFERENCE / "data" / "cat_bank_200.csv")
    bank = ItemBank.load(REFERENCE / "data" / "cat_bank_200.csv")
    assert bank.items == tuple(table["item"])
    expected = expit(table["a"].to_numpy() * (ABILITY[:, None] - table["b"].to_numpy()))
    np.testing.assert_allclose(curves(bank)[..., 1], expected, atol=1e-12)


@pytest.mark.parametrize(
    ("columns", "model", "said"),
    [
        ({"a": [1.0, -0.4, 1.0], "b": [0.0, 0.0, 0.0]}, None, r"'mid'.*discrimination -0\.4.*positive"),
        ({"a1": [1.0, -0.4, 1.0], "d": [0.0, 0.0, 0.0]}, "2pl", r"'mid'.*discrimination -0\.4"),
        ({"a": [1.0, 1.0, 1.0], "b": [0.0, np.nan, 0.0]}, None, r"'mid' has no 'difficulty'"),
        ({"a": [1.0, 1.0, 1.0]}, "2pl", "no column 'difficulty'"),
        ({"a": [1.0, 1.0, 1.0], "b": ["x", "0", "1"]}, None, r"'easy' has 'x'.*number"),
        ({"a": 1.0, "b": 0.0, "c": [0.1, 1.2, 0.0]}, None, r"'mid'.*lower 1\.2.*0 to 1"),
        ({"a": 1.0, "b": 0.0, "c": [0.1, 0.6, 0.0], "d": [0.9, 0.5, 1.0]}, None, r"'mid'.*0\.6 and the upper one 0\.5"),
        ({"a": 1.0, "b": 0.0, "c": [0.1, 0.2, 0.0]}, "2pl", r"'easy' has lower 0\.1.*model='3pl'"),
        ({"a": [1.0, 2.0, 1.0], "b": 0.0}, "1pl", r"'mid' has discrimination 2.*model='2pl'"),
        ({"a1": 1.0, "d1": 1.0, "d2": 0.0}, None, "name it with model="),
        ({"a": 1.0, "b1": [0.0, 1.0, 0.0], "b2": [1.0, 0.0, 1.0]}, "grm", "'mid': its thresholds are not in order"),
        ({"a": 1.0, "b1": [0.0, np.nan, 0.0], "b2": 1.0}, "grm", r"'mid' has no 'threshold\[1\]'"),
        ({"a1": 1.0, "d": 1.0, "d sd": 0.1}, "2pl", "parameterization='intercept'"),
        ({"a": 1.0, "b": 0.0, "difficulty sd": [0.1, -0.1, 0.1]}, "2pl", r"'mid' has -0\.1"),
    ],
)
def test_items_that_cannot_be_are_named(columns, model, said):
    with pytest.raises(irt.IRTBridgeError, match=said):
        ItemBank.load(pd.DataFrame(columns, index=ITEMS), model)


@pytest.mark.parametrize(
    ("columns", "options", "said"),
    [
        ({"D": ["x", "1", "1"]}, {}, "'x' in column 'D'"),
        ({"categories": ["0 1", "1 0", "0 1"]}, {}, "'item2' has categories '1 0'"),
        ({"categories": ["0 1", "0 x", "0 1"]}, {}, "'x' in column 'categories'"),
        ({"categories": ["0 1", "0 1 2", "0 1"]}, {}, "'item2' has 3 categories"),
        ({}, {"covariance": -1.0}, "covariance"),
        ({}, {"mean": np.nan}, "mean"),
        ({}, {"mean": "x"}, "mean"),
    ],
)
def test_numbers_of_a_bank_that_cannot_be_are_named(columns, options, said):
    with pytest.raises(irt.errors.IRTBridgeError, match=said):
        ItemBank.load(pd.DataFrame({"a": [1.0, 1.2, 1.4], "b": [0.0, 1.0, 2.0]} | columns), **options)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (pd.DataFrame({"a": [1.0], "discrimination": [1.0], "b": [0.0]}), "'discrimination' twice.*two mean the same"),
        (pd.DataFrame([[1.0, 1.0, 0.0]], columns=["a", "a", "b"]), "column 'a' twice"),
        (pd.DataFrame({"item": ["x", np.nan], "a": [1.0, 1.0], "b": [0.0, 1.0]}), "row 2 has no label"),
    ],
)
def test_columns_and_labels_that_say_two_things_or_none_are_refused(table, said):
    with pytest.raises(irt.errors.DataError, match=said):
        ItemBank.load(table)


def test_a_tidy_table_with_an_item_twice_is_refused():
    twice = pd.DataFrame({"item": ["x", "x"], "parameter": "difficulty", "mean": 0.0, "sd": 0.1})
    with pytest.raises(irt.errors.DataError, match="difficulty of x"):
        ItemBank.load(twice, "1pl")


def test_mirts_intercepts_in_any_order_of_columns_are_the_same_items():
    table = pd.DataFrame({"a1": [1.0, 1.2], "d1": [1.0, 2.0], "d2": [0.0, 1.0]})
    for model in ("gpcm", "grm"):
        one, other = (ItemBank.load(table[order], model) for order in (["a1", "d1", "d2"], ["d2", "a1", "d1"]))
        np.testing.assert_array_equal(one.log_probs(ABILITY), other.log_probs(ABILITY))


def test_a_step_that_is_missing_between_others_is_named():
    table = pd.DataFrame({"discrimination": [1.0], "step[1]": [0.0], "step[3]": [1.0]})
    with pytest.raises(irt.errors.DataError, match=r"step\[2\]"):
        ItemBank.load(table)


def test_a_loading_of_nothing_stays_nothing_whatever_its_standard_error():
    table = {"discrimination[x]": [0.0, 1.0], "discrimination[x] sd": [0.1, 0.1], "discrimination[y]": [1.0, 0.5]}
    bank = ItemBank.load(pd.DataFrame(table | {"difficulty": [0.0, 1.0]}), draws=9)
    assert np.all(bank.params["discrimination"][:, 0, 0] == 0)


def test_labels_in_a_csv_are_text(tmp_path):
    path = tmp_path / "bank.csv"
    path.write_text(",a,b,content,enemies\n001,1,0,,\n002,1,1,3,003\n003,1,2,2,\n")
    bank = ItemBank.load(path)
    assert bank.items == ("001", "002", "003")
    pool = irt.AdaptiveTest(bank, stop="items=2", content={3: 1}).pool
    assert pool.constraints.area.tolist() == [-1, 0, -1]
    assert pool.constraints.enemies is not None
    assert pool.constraints.enemies.toarray().sum() == 2


def test_files_that_are_no_banks(tmp_path):
    with pytest.raises(irt.IRTBridgeError, match="no such bank"):
        ItemBank.load(tmp_path / "none.csv")
    bank = ItemBank.load(pd.DataFrame(PLACE, index=ITEMS))
    with pytest.raises(irt.IRTBridgeError, match=r"\.csv.*\.npz"):
        bank.save(tmp_path / "bank.xlsx")
    twice = pd.DataFrame(PLACE, index=["a", "b", "a"])
    with pytest.raises(irt.IRTBridgeError, match="more than once: 'a'"):
        ItemBank.load(twice)
