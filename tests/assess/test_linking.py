"""Two calibrations on one scale: a known transformation is found, of every family; PyPI mirt's numbers; recovery."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import irtbridge as irt
from irtbridge.assess.fairness.scales import METHODS, constants, transformed
from irtbridge.assess.posterior import Posterior, layout_of
from irtbridge.errors import IRTBridgeWarning, StatisticError, UnknownName

A, B = np.array([1.3]), np.array([-0.4])
MODELS: list[tuple[str, int, dict[str, Any]]] = [
    ("2pl", 2, {}),
    ("2pl", 2, {"parameterization": "intercept", "scaling": 1.702}),
    ("3pl", 2, {}),
    ("grm", 4, {}),
    ("gpcm", 4, {}),
    ("nominal", 3, {}),
    ("beta", 1, {}),
]


def calibration(model: str, categories: int, options: dict[str, Any] | None = None, items: int = 6) -> Posterior:
    """One draw of item parameters from the prior."""
    spec, each = irt.build_model(model, **(options or {})), [categories] * items
    params = irt.simulate_parameters(spec, 30, each, seed=1)
    responses = irt.simulate_responses(spec, params, each, seed=2)
    abilities = params.pop(spec.family.ability)
    return Posterior(
        layout_of(spec, responses), responses, {k: v[None] for k, v in params.items()}, abilities[None], True
    )


def fit_of(posterior: Posterior) -> Any:
    return SimpleNamespace(posterior=posterior)


@pytest.mark.parametrize(("model", "categories", "options"), MODELS, ids=lambda v: str(v))
@pytest.mark.parametrize("method", METHODS)
def test_a_known_transformation_is_found(model: str, categories: int, options: dict[str, Any], method: str) -> None:
    here = calibration(model, categories, options)
    there = replace(here, params=transformed(here, 1 / A, -B / A))
    found = constants(here, there, np.arange(6), np.arange(6), method)
    assert found[0] == pytest.approx([A[0], B[0]], abs=1e-6)


@pytest.mark.parametrize(("model", "categories", "options"), MODELS, ids=lambda v: str(v))
def test_a_transformed_model_says_the_same_of_transformed_abilities(
    model: str, categories: int, options: dict[str, Any]
) -> None:
    here = calibration(model, categories, options)
    there = replace(here, params=transformed(here, A, B))
    nodes = np.linspace(-2, 2, 5)[None]
    assert there.moments(A * nodes + B)[0] == pytest.approx(here.moments(nodes)[0])


@pytest.mark.parametrize(("model", "name"), [("2pl", "difficulty"), ("grm", "threshold"), ("gpcm", "step")])
def test_constants_are_those_of_mirt(model: str, name: str) -> None:
    """But for mean-sigma of several categories, where mirt takes each item's mean location and Kim & Lee take all."""
    mirt = pytest.importorskip("mirt")
    categories = 2 if model == "2pl" else 4
    here, rng = calibration(model, categories), np.random.default_rng(0)
    location = here.params[name] + 0.2 * rng.normal(size=here.params[name].shape)
    slopes = here.params["discrimination"] * np.exp(0.2 * rng.normal(size=(1, 6)))
    changed = {"discrimination": slopes, name: np.sort(location, axis=-1) if model == "grm" else location}
    there = replace(here, params=changed)
    classes = {"2pl": "TwoParameterLogistic", "grm": "GradedResponseModel", "gpcm": "GeneralizedPartialCredit"}

    def theirs(posterior: Posterior) -> Any:
        plural, more = ("", {}) if categories == 2 else ("s", {"n_categories": categories})
        of_mirt = getattr(mirt.models, classes[model])(n_items=6, **more)
        values = {n + (plural if n == name else ""): v[0] for n, v in posterior.params.items()}
        of_mirt.set_parameters(**values)
        of_mirt._is_fitted = True
        return of_mirt

    link = {"2pl": mirt.link, "grm": mirt.link_grm, "gpcm": mirt.link_gpcm}[model]
    for method in METHODS if model == "2pl" else ("stocking-lord", "haebara", "mean-mean"):
        both = link(theirs(here), theirs(there), list(range(6)), list(range(6)), method=method.replace("-", "_"))
        ours = irt.link(fit_of(here), fit_of(there), method).constants["estimate"]
        assert ours.tolist() == pytest.approx([both.constants.A, both.constants.B], abs=1e-7)


def test_only_common_items_count_whatever_their_order() -> None:
    here = calibration("grm", 3)
    there = replace(here, params=transformed(here, 1 / A, -B / A))
    order = [3, 0, 5, 2]
    data = there.responses
    names = (*(data.items[i] for i in order[:3]), "of its own")
    other = replace(
        data, values=data.values[:, order], items=names, categories=tuple(data.categories[i] for i in order)
    )
    params = {name: value[:, order] for name, value in there.params.items()}
    some = Posterior(layout_of(there.spec, other), other, params, there.abilities, True)
    found = irt.link(fit_of(here), fit_of(some))
    assert found.constants["estimate"].tolist() == pytest.approx([A[0], B[0]], abs=1e-6)
    assert sorted(found.anchors) == sorted(names[:3])
    moved = found.items.set_index(["item", "parameter"])["mean"]
    assert moved["of its own", "discrimination"] == pytest.approx(here.params["discrimination"][0, 2])


def test_rasch_scales_differ_by_a_shift() -> None:
    here = calibration("1pl", 2)
    there = replace(here, params={"difficulty": here.params["difficulty"] - 0.7})
    for method in METHODS:
        found = irt.link(fit_of(here), fit_of(there), method).constants["estimate"]
        assert found.tolist() == pytest.approx([1.0, 0.7], abs=1e-6)


def test_two_samples_of_different_ability_give_the_constants_that_part_them() -> None:
    """Persons of the second sample are N(.5, 1.2): A and B lie in the interval of the draws of both fits."""
    spec, categories = irt.two_pl(), [2] * 20
    truth = irt.simulate_parameters(spec, 800, categories, seed=5)
    moved = truth | {"ability": 0.5 + 1.2 * np.random.default_rng(6).normal(size=800)}
    fits = [
        irt.fit(irt.simulate_responses(spec, params, categories, seed=i), spec, method="laplace", draws=200)
        for i, params in enumerate((truth, moved))
    ]
    found = irt.link(*fits).constants
    for name, value in (("A", 1.2), ("B", 0.5)):
        assert found.loc[name, "2.5%"] < value < found.loc[name, "97.5%"]
        assert abs(found.loc[name, "estimate"] - value) < 3 * found.loc[name, "sd"]
        assert found.loc[name, "sd"] < 0.15


def test_draws_of_two_fits_count_as_independent_even_if_they_are_the_same() -> None:
    """Of a fit and itself, constants vary as those of two samples: the variance of B is twice that of a mean."""
    one, rng = calibration("1pl", 2), np.random.default_rng(1)
    drawn = one.params["difficulty"] + 0.1 * rng.normal(size=(400, 6))
    fit = fit_of(replace(one, params={"difficulty": drawn}, kept=np.zeros((400, 30)), point=False))
    found = irt.link(fit, fit, "mean-mean", draws=400).constants
    assert found.loc["B", "sd"] == pytest.approx(0.1 * (2 / 6) ** 0.5, rel=0.1)


def test_a_point_estimate_beside_draws_is_said() -> None:
    one = calibration("1pl", 2)
    drawn = replace(one, params={"difficulty": np.repeat(one.params["difficulty"], 3, axis=0)}, point=False)
    drawn = replace(drawn, kept=np.zeros((3, 30)))
    for pair, name in (((one, drawn), "a"), ((drawn, one), "b")):
        with pytest.warns(IRTBridgeWarning, match=f"linking: {name} is a point estimate, so sd and intervals leave"):
            irt.link(*map(fit_of, pair))


def test_what_cannot_be_linked_says_why() -> None:
    two, several = calibration("2pl", 2), calibration("grm", 4)
    with pytest.raises(UnknownName, match="method of linking"):
        irt.link(fit_of(two), fit_of(two), "mean")
    with pytest.raises(StatisticError, match="other families or scalings"):
        irt.link(fit_of(two), fit_of(several))
    with pytest.raises(StatisticError, match="are not in both fits"):
        irt.link(fit_of(two), fit_of(two), anchors=["none"])
    with pytest.raises(StatisticError, match="1 items in common"):
        irt.link(fit_of(two), fit_of(two), anchors=[two.responses.items[0]])
    with pytest.raises(StatisticError, match="other numbers of categories"):
        irt.link(fit_of(several), fit_of(calibration("grm", 3)))
