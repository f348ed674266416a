"""Which model predicts better: exact leave-one-out, WAIC by its definition, weights, and what cannot be compared."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import irtbridge as irt
from irtbridge.assess.person_likelihood import person_log_likelihood
from irtbridge.errors import IRTBridgeWarning, StatisticError
from irtbridge.results.quiet_arviz import az

FLAT = {"discrimination": "HalfNormal(1000)", "difficulty": "Normal(0, 1000)"}


@cache
def fit(model: str, method: str = "laplace", **options: str) -> irt.Fit:
    settings = {"draws": 400} if method == "laplace" else {}
    return irt.fit("lsat7", model, method=method, model_options=options, **settings)


def with_data(fit: irt.Fit, **changes: Any) -> Any:
    """The same draws, as if they were of other data."""
    posterior = replace(fit.posterior, responses=replace(fit.responses, **changes))
    return SimpleNamespace(idata=fit.idata, posterior=posterior)


def test_the_best_model_comes_first_and_differences_are_by_person() -> None:
    table = irt.compare({"1pl": fit("1pl"), "2pl": fit("2pl")})
    assert list(table.index) == ["2pl", "1pl"]
    by_person = fit("2pl").loo().loo_i.values - fit("1pl").loo().loo_i.values
    assert table["elpd_diff"]["1pl"] == pytest.approx(by_person.sum())
    assert table["dse"]["1pl"] == pytest.approx(np.sqrt(1000) * by_person.std())
    assert table["weight"].sum() == pytest.approx(1.0)
    assert (table["k_bad"] == 0).all()


def test_stacking_weights_maximise_the_predictive_density() -> None:
    table = irt.compare({"1pl": fit("1pl"), "2pl": fit("2pl")})
    density = np.exp(np.stack([fit(m).loo().loo_i.values for m in ("1pl", "2pl")]))
    grid = np.linspace(0, 1, 2001)
    score = np.log(grid[:, None] * density[1] + (1 - grid[:, None]) * density[0]).sum(axis=1)
    assert table["weight"]["2pl"] == pytest.approx(grid[score.argmax()], abs=0.01)


def test_the_efficiency_of_chains_is_that_of_the_parameters_that_exist() -> None:
    flat = fit("2pl").idata.posterior
    two = xr.Dataset({n: (("chain", "draw", *v.dims[2:]), v.values.reshape(2, 200, -1)) for n, v in flat.items()})
    gaps = two.assign(threshold=(("chain", "draw", "gap"), np.full((2, 200, 3), np.nan)))
    whole, some = (
        irt.Fit.loo(SimpleNamespace(idata=az.InferenceData(posterior=each), posterior=fit("2pl").posterior))  # type: ignore[arg-type]
        for each in (two, gaps)
    )
    assert some.elpd_loo == whole.elpd_loo
    assert some.pareto_k.values == pytest.approx(whole.pareto_k.values)


def test_waic_is_its_definition() -> None:
    each = person_log_likelihood(fit("2pl").posterior)
    penalty = each.var(axis=0)
    lppd = np.log(np.exp(each).mean(axis=0))
    waic = fit("2pl").waic()
    assert waic.p_waic == pytest.approx(penalty.sum())
    assert waic.elpd_waic == pytest.approx((lppd - penalty).sum())


def test_weighted_rows_are_long_data() -> None:
    """Distinct patterns with their counts have the criteria of the persons one by one."""
    long = fit("2pl")
    values, counts = np.unique(long.responses.values, axis=0, return_counts=True)
    patterns = tuple(f"pattern {i}" for i in range(len(values)))
    rows = with_data(long, values=values, persons=patterns, weights=counts.astype(float))
    for criterion in (irt.Fit.loo, irt.Fit.waic):
        name = criterion.__name__
        short, full = criterion(rows), criterion(long)
        assert [short[f"elpd_{name}"], short["se"], short[f"p_{name}"], short["n_data_points"]] == pytest.approx(
            [full[f"elpd_{name}"], full["se"], full[f"p_{name}"], 1000]
        )


@pytest.mark.long
def test_leaving_persons_out_predicts_them_as_well_as_it_says() -> None:
    """Ten of two hundred persons are left out, one by one: the exact predictive densities."""
    data, how = irt.load_responses("lsat6").select(np.arange(0, 1000, 5)), {"method": "laplace", "draws": 2000}
    claimed = irt.fit(data, "2pl", **how).loo().loo_i.values
    exact = []
    for person in range(0, 200, 20):
        rest = irt.fit(data.select(np.delete(np.arange(200), person)), "2pl", **how)
        one = replace(rest.posterior, responses=data.select([person]))
        exact.append(np.log(np.exp(person_log_likelihood(one)).mean()))
    assert claimed[::20] == pytest.approx(np.array(exact), abs=0.02)


def reordered(data: irt.Responses) -> dict[str, Any]:
    return {"values": data.values[::-1]}


def without_an_item(data: irt.Responses) -> dict[str, Any]:
    return {"values": data.values[:, 1:], "items": data.items[1:], "categories": data.categories[1:]}


def with_fewer_persons(data: irt.Responses) -> dict[str, Any]:
    return {"values": data.values[1:], "persons": data.persons[1:]}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (reordered, "other responses to"),
        (without_an_item, "do not share the items item1"),
        (with_fewer_persons, "1000 persons, 'other' has 999"),
    ],
)
def test_models_of_other_responses_are_refused(change: Callable[[irt.Responses], dict[str, Any]], said: str) -> None:
    other = with_data(fit("1pl"), **change(fit("1pl").responses))
    with pytest.raises(StatisticError, match=said):
        irt.compare({"2pl": fit("2pl"), "other": other})


def test_other_labels_and_codings_are_said() -> None:
    data = fit("1pl").responses
    renamed = with_data(fit("1pl"), persons=tuple(f"x{i}" for i in range(1000)))
    with pytest.warns(IRTBridgeWarning, match="persons with other labels"):
        irt.compare({"2pl": fit("2pl"), "1pl": renamed})
    recoded = with_data(fit("1pl"), categories=((1, 2), *data.categories[1:]))
    with pytest.warns(IRTBridgeWarning, match="code the categories of item1 in different ways"):
        irt.compare({"2pl": fit("2pl"), "1pl": recoded})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        irt.compare({"2pl": fit("2pl"), "1pl": fit("1pl")})


def test_items_split_by_group_are_the_items_they_come_from() -> None:
    rng = np.random.default_rng(1)
    data = irt.load_responses(
        rng.integers(0, 2, (60, 3)), person_data=pd.DataFrame({"sex": list("fm") * 30}), group="sex"
    )
    scalar = irt.fit(data, "1pl", group="sex", method="map")
    by_group = irt.fit(data, "1pl", group="sex", method="map", model_options={"invariance": "configural"})
    assert irt.anova(scalar, by_group)["n_par"].tolist() == [5, 6]


def test_influential_persons_are_named() -> None:
    """Draws all over the place are dominated, for each person, by the few under which it is likely."""
    posterior, rng = fit("2pl").posterior, np.random.default_rng(1)
    params = {name: value + 5 * rng.standard_t(3, value.shape) for name, value in posterior.params.items()}
    wild: Any = SimpleNamespace(idata=fit("2pl").idata, posterior=replace(posterior, params=params))
    with pytest.warns(IRTBridgeWarning, match=r"'wild': Pareto k is above 0.7 for \d+ persons \("):
        table = irt.compare({"2pl": fit("2pl"), "wild": wild})
    assert table["k_bad"]["wild"] > 0


def test_a_point_estimate_has_no_loo() -> None:
    with pytest.raises(StatisticError, match=r"loo: model '2pl' was fitted by a point estimate.*anova"):
        fit("2pl", "map").loo()
    with pytest.raises(StatisticError, match="compare has 1 models"):
        irt.compare({"2pl": fit("2pl")})


def test_anova_has_the_criteria_of_mirt(anchors: Callable[[str], pd.DataFrame]) -> None:
    theirs = anchors("mirt_lsat.csv.gz").query("dataset == 'LSAT7' and model == '2PL quadpts=61'")
    theirs = theirs.set_index("quantity")["value"].astype(float, errors="ignore")
    table = irt.anova(fit("2pl", "map", **FLAT), fit("1pl", "map", difficulty=FLAT["difficulty"]))
    for name in ("AIC", "BIC", "SABIC"):
        assert table[name]["2pl"] == pytest.approx(float(theirs[name]), abs=1e-4)


def test_anova_is_the_likelihood_ratio_test() -> None:
    table = irt.anova(fit("2pl", "map", **FLAT), fit("1pl", "map", difficulty=FLAT["difficulty"]))
    assert list(table.index) == ["1pl", "2pl"]
    assert table["X2"]["2pl"] == pytest.approx(2 * np.diff(table["log_likelihood"]).item())
    assert table["df"]["2pl"] == 5
    assert table["p"]["2pl"] == pytest.approx(0.0319, abs=1e-4)
    assert np.isnan(table["X2"]["1pl"])


def test_anova_says_what_is_no_likelihood_ratio() -> None:
    with pytest.warns(IRTBridgeWarning, match=r"'2pl': the priors of .*discrimination.* are not flat"):
        irt.anova(fit("1pl", "map", **{"difficulty": FLAT["difficulty"]}), fit("2pl", "map"))
    with pytest.warns(IRTBridgeWarning, match="not nested"):
        table = irt.anova(fit("2pl", "map", **FLAT), fit("grm", "map", discrimination=FLAT["discrimination"]))
    assert table["X2"].isna().all()
    with pytest.raises(StatisticError, match="was fitted with draws"):
        irt.anova(fit("2pl"), fit("1pl", "map"))
    for method in ("cmle", "jmle"):
        other = irt.fit("lsat7", "1pl", method=method)
        with pytest.raises(StatisticError, match=f"method='{method}', which is not at the maximum of the marginal"):
            irt.anova(other, fit("2pl", "map", **FLAT))
