"""Every prior against SciPy, integration and its own sampler; every prior through text and back; every wrong prior."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import integrate, stats

from irtbridge.errors import IRTBridgeError, SpecError, UnknownName
from irtbridge.model.priors import (
    PRIORS,
    Beta,
    DecreasingNormal,
    Gamma,
    HalfNormal,
    LKJCholesky,
    LogNormal,
    MultivariateNormal,
    Normal,
    OrderedNormal,
    Prior,
    TruncatedNormal,
    Uniform,
    as_prior,
)

INF = np.inf
# a right sampler fails a test at this level once in 10,000 seeds; the seed is fixed
ALPHA = 1e-4
FACTOR = ((1.5, 0.0, 0.0), (0.3, 0.9, 0.0), (-0.4, 0.2, 0.7))


def truncated(loc: Any, scale: Any, low: float, high: float) -> Any:
    loc, scale = np.asarray(loc), np.asarray(scale)
    return stats.truncnorm((low - loc) / scale, (high - loc) / scale, loc, scale)


SCALAR: list[tuple[Prior, Any]] = [
    (Normal(1, 2), stats.norm(1, 2)),
    (HalfNormal(2), stats.halfnorm(scale=2)),
    (LogNormal(0.3, 0.7), stats.lognorm(0.7, scale=np.exp(0.3))),
    (TruncatedNormal(1, 0.5), truncated(1, 0.5, 0, INF)),
    (TruncatedNormal(1, 0.5, 0.1, 1.4), truncated(1, 0.5, 0.1, 1.4)),
    (TruncatedNormal(0, 1, -INF, -1), truncated(0, 1, -INF, -1)),
    (TruncatedNormal(0, 1, 6, INF), truncated(0, 1, 6, INF)),
    (TruncatedNormal(0, 2, -INF, INF), stats.norm(0, 2)),
    (Uniform(-1, 3), stats.uniform(-1, 4)),
    (Beta(2, 3), stats.beta(2, 3)),
    (Beta(5, 17), stats.beta(5, 17)),
    (Gamma(3, 4), stats.gamma(3, scale=1 / 4)),
    (Gamma(1, 0.5), stats.gamma(1, scale=2)),
]
VECTOR: list[tuple[Prior, Any]] = [
    (Normal((-1, 0, 2), (0.5, 1, 3)), stats.norm([-1, 0, 2], [0.5, 1, 3])),
    (HalfNormal((0.5, 1, 2)), stats.halfnorm(scale=[0.5, 1, 2])),
    (LogNormal((0, 0.5, 1), 0.4), stats.lognorm(0.4, scale=np.exp([0, 0.5, 1]))),
    (TruncatedNormal((0, 1, 2), (1, 2, 0.5), 0, 3), truncated([0, 1, 2], [1, 2, 0.5], 0, 3)),
    (Beta((1, 2, 5), (3, 2, 1)), stats.beta([1, 2, 5], [3, 2, 1])),
    (Gamma((1, 2, 5), (3, 2, 1)), stats.gamma([1, 2, 5], scale=[1 / 3, 1 / 2, 1])),
]
ELEMENTWISE = SCALAR + VECTOR


def labels(cases: list[tuple[Prior, Any]]) -> list[str]:
    return [str(prior) for prior, _ in cases]


def arguments(prior: Prior) -> dict[str, Any]:
    return {name: np.asarray(value) for name, value in prior.arguments().items()}


def density(prior: Prior, x: Any) -> Any:
    return np.exp(prior.log_density(np.asarray(x, dtype=float), **arguments(prior)))


def draw(prior: Prior, *shape: int, seed: int = 20) -> Any:
    return prior.sample(np.random.default_rng(seed), shape, **arguments(prior))


def correlation_factor(r: float) -> Any:
    return np.array([[1.0, 0.0], [r, np.sqrt(1 - r**2)]])


# Elementwise priors


@pytest.mark.parametrize(("prior", "oracle"), ELEMENTWISE, ids=labels(ELEMENTWISE))
def test_log_density_is_scipys_inside_and_outside_the_support(prior: Prior, oracle: Any) -> None:
    x = np.concatenate([np.linspace(-4, 9, 80), oracle.ppf(0.5).ravel()])[:, None]
    np.testing.assert_allclose(
        prior.log_density(x, **arguments(prior)), np.atleast_2d(oracle.logpdf(x)), rtol=1e-10, atol=1e-10
    )


@pytest.mark.parametrize("prior", [p for p, _ in SCALAR], ids=labels(SCALAR))
def test_density_integrates_to_one_over_its_bounds(prior: Prior) -> None:
    total, error = integrate.quad(lambda x: float(density(prior, x)), *prior.bounds())
    assert error < 1e-6
    assert total == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(("prior", "oracle"), ELEMENTWISE, ids=labels(ELEMENTWISE))
def test_sampler_follows_the_density(prior: Prior, oracle: Any) -> None:
    draws = draw(prior, 2000, 3)
    assert draws.shape == (2000, 3)
    for column in oracle.cdf(draws).T:
        assert stats.kstest(column, "uniform").pvalue > ALPHA / 3


def test_the_far_tail_of_a_truncated_normal_keeps_its_digits() -> None:
    far = TruncatedNormal(0, 1, 38, INF)
    expected = stats.norm.logpdf(38.01) - stats.norm.logsf(38)
    assert far.log_density(np.array(38.01), **arguments(far)) == pytest.approx(expected, rel=1e-10)


# Vectors


def test_ordered_normal_is_a_product_of_normals_on_the_cone() -> None:
    prior = OrderedNormal((-1, 0, 1), (0.5, 1, 2))
    rising, falling, tied = [-2.0, 0.1, 0.4], [0.4, 0.1, -2.0], [0.0, 0.0, 1.0]
    expected = stats.norm([-1, 0, 1], [0.5, 1, 2]).logpdf(rising).sum()
    found = prior.log_density(np.array([rising, falling, tied]), **arguments(prior))
    np.testing.assert_allclose(found, [expected, -INF, -INF])


def test_ordered_normal_leaves_out_categories_that_are_not_there() -> None:
    prior = OrderedNormal(0, 2)
    short, padded = np.array([-1.0, 0.5]), np.array([-1.0, 0.5, np.nan])
    assert prior.log_density(padded, **arguments(prior)) == prior.log_density(short, **arguments(prior))


def test_ordered_normal_has_the_mass_of_its_cone() -> None:
    """Two exchangeable normals are in order half of the time, so the density integrates to 1/2."""
    prior = OrderedNormal(0.3, 1)
    mass, _ = integrate.dblquad(lambda y, x: float(density(prior, [x, y])), -6, 6, lambda x: x, 7)
    assert mass == pytest.approx(0.5, abs=1e-6)


def test_ordered_normal_sampler_gives_order_statistics() -> None:
    draws = draw(OrderedNormal(1, 2), 2000, 4)
    assert (np.diff(draws, axis=-1) > 0).all()
    for k, column in enumerate(stats.norm(1, 2).cdf(draws).T):
        assert stats.kstest(column, stats.beta(k + 1, 4 - k).cdf).pvalue > ALPHA / 4


def test_decreasing_normal_is_the_ordered_normal_of_the_negatives() -> None:
    prior, mirrored = DecreasingNormal((1, 0, -1), (0.5, 1, 2)), OrderedNormal((-1, 0, 1), (0.5, 1, 2))
    points = np.array([[0.4, 0.1, -2.0], [-2.0, 0.1, 0.4], [3.0, 2.0, np.nan]])
    np.testing.assert_array_equal(
        prior.log_density(points, **arguments(prior)), mirrored.log_density(-points, **arguments(mirrored))
    )
    np.testing.assert_array_equal(draw(prior, 50, 3), -draw(mirrored, 50, 3))
    assert (np.diff(draw(prior, 50, 3), axis=-1) < 0).all()


def test_multivariate_normal_is_scipys() -> None:
    factor = np.array(FACTOR)
    prior = MultivariateNormal((1, 0, -1), FACTOR)
    oracle = stats.multivariate_normal([1, 0, -1], factor @ factor.T)
    x = np.random.default_rng(0).normal(size=(7, 3))
    np.testing.assert_allclose(prior.log_density(x, **arguments(prior)), oracle.logpdf(x))
    np.testing.assert_allclose(prior.log_density(x[0], **arguments(prior)), oracle.logpdf(x[0]))


def test_multivariate_normal_sampler_follows_the_density() -> None:
    factor = np.array(FACTOR)
    draws = draw(MultivariateNormal((1, 0, -1), FACTOR), 3000, 3)
    white = np.linalg.solve(factor, (draws - [1, 0, -1]).T)
    pairs = [white[i] * white[j] for i, j in ((0, 1), (0, 2), (1, 2))]
    assert stats.kstest((white**2).sum(axis=0), stats.chi2(3).cdf).pvalue > ALPHA / 4
    for product in pairs:
        assert stats.ttest_1samp(product, 0).pvalue > ALPHA / 4


# Correlations


@pytest.mark.parametrize("eta", [0.7, 1, 2, 5.5])
def test_lkj_integrates_to_one_in_two_dimensions(eta: float) -> None:
    prior = LKJCholesky(eta)
    total, _ = integrate.quad(lambda r: float(density(prior, correlation_factor(r))), -1, 1)
    assert total == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("size", [2, 3, 5])
@pytest.mark.parametrize("eta", [0.7, 1, 2, 5.5])
def test_lkj_log_density_is_torchs(size: int, eta: float) -> None:
    torch = pytest.importorskip("torch")
    prior = LKJCholesky(eta)
    factors = draw(prior, 6, size, size)
    oracle = torch.distributions.LKJCholesky(size, torch.tensor(eta, dtype=torch.float64))
    expected = oracle.log_prob(torch.as_tensor(factors)).numpy()
    np.testing.assert_allclose(prior.log_density(factors, **arguments(prior)), expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("eta", [0.7, 1, 3])
def test_lkj_sampler_has_the_marginals_of_the_paper(eta: float) -> None:
    """(r + 1) / 2 of each pair is Beta(eta - 1 + K / 2) on both sides (Lewandowski et al. 2009, section 3.2)."""
    factors = draw(LKJCholesky(eta), 2000, 4, 4)
    correlations = factors @ np.swapaxes(factors, -1, -2)
    marginal = stats.beta(eta + 1, eta + 1)
    np.testing.assert_allclose(np.diagonal(correlations, axis1=1, axis2=2), 1)
    assert (np.diagonal(factors, axis1=1, axis2=2) > 0).all()
    for i, j in zip(*np.tril_indices(4, -1), strict=True):
        assert stats.kstest((correlations[:, i, j] + 1) / 2, marginal.cdf).pvalue > ALPHA / 6


# Rules of a prior

SYMMETRIC: list[tuple[Prior, int | None, bool]] = [
    (Normal(0, 2), None, True),
    (Normal(1, 2), None, False),
    (Normal("mu", 2), None, False),
    (Normal((0, 1), 2), None, False),
    (Normal((0, 1), 2), 0, True),
    (Normal((0, 1), 2), 1, False),
    (Normal(((0,), (1,)), 2), 0, False),
    (Uniform(-1, 1), None, True),
    (Uniform(-1, 2), None, False),
    (TruncatedNormal(0, 1, -2, 2), None, True),
    (TruncatedNormal(0, 1, -1, INF), None, False),
    (TruncatedNormal(1, 1, -2, 2), None, False),
    (LogNormal(0, 1), None, False),
    (Beta(2, 2), None, False),
    (MultivariateNormal(0, ((1, 0), (0.6, 0.8))), None, True),
    (MultivariateNormal(0, ((1, 0), (0.6, 0.8))), 0, False),
    (MultivariateNormal((0, 1), ((1, 0), (0, 2))), 0, True),
    (MultivariateNormal((0, 1), ((1, 0), (0, 2))), 1, False),
    (MultivariateNormal(0, "trait_cholesky"), 1, True),
]


@pytest.mark.parametrize(("prior", "element", "expected"), SYMMETRIC, ids=[f"{p}-{e}" for p, e, _ in SYMMETRIC])
def test_a_symmetric_prior_has_the_same_density_after_a_change_of_sign(
    prior: Prior, element: int | None, expected: bool
) -> None:
    assert prior.symmetric(element) == expected
    if not prior.references():
        x = np.array([[0.3, 1.6], [1.2, 0.5]])
        turned = -x if element is None else x * np.where(np.arange(2) == element, -1, 1)
        assert np.allclose(density(prior, turned), density(prior, x)) == expected


@pytest.mark.parametrize("prior", [Normal(0, 2), Normal(1, 2), Normal(0, (1, 2, 1)), LogNormal(0, 1)])
def test_an_isotropic_prior_has_the_same_density_after_a_rotation(prior: Prior) -> None:
    rng = np.random.default_rng(4)
    x, (rotation, _) = rng.uniform(0.1, 0.5, 3), np.linalg.qr(rng.normal(size=(3, 3)))
    assert np.isclose(np.prod(density(prior, rotation @ x)), np.prod(density(prior, x))) == prior.isotropic


def test_a_correlation_factor_follows_from_its_elements_below_the_diagonal() -> None:
    factor = draw(LKJCholesky(1), 4, 4)
    free = LKJCholesky(1).free(factor.shape)
    below = np.where(free, factor, 0)
    assert free.sum() == 6
    np.testing.assert_allclose(below + np.diag(np.sqrt(1 - np.sum(below**2, axis=1))), factor)


# Text and plain data

WRITTEN = [
    *(prior for prior, _ in SCALAR),
    Normal(-0.0, 1e-12),
    Normal(1 / 3, 123456789.125),
    Normal("mu", "sigma"),
    OrderedNormal(0, 2),
    DecreasingNormal(0, 2),
    LKJCholesky(1.5),
    MultivariateNormal(0, "trait_cholesky"),
]


@pytest.mark.parametrize("prior", WRITTEN, ids=str)
def test_a_prior_reads_back_from_what_it_prints(prior: Prior) -> None:
    assert as_prior(str(prior)) == prior


@pytest.mark.parametrize("prior", [*WRITTEN, *(p for p, _ in VECTOR), MultivariateNormal(0, FACTOR)], ids=str)
def test_a_prior_reads_back_from_json(prior: Prior) -> None:
    assert as_prior(json.loads(json.dumps(prior.to_dict()))) == prior


@pytest.mark.parametrize(
    ("text", "prior"),
    [
        ("Normal()", Normal(0, 1)),
        ("Normal(scale=2)", Normal(0, 2)),
        ("Normal(loc='mu', scale=[1, 2])", Normal("mu", (1, 2))),
        (" Normal( -1 , 2 ) ", Normal(-1, 2)),
        ("TruncatedNormal(0, 1, -inf, inf)", TruncatedNormal(0, 1, -INF, INF)),
        ({"Normal": {"loc": "mu"}}, Normal("mu", 1)),
        ({"Beta": {}}, Beta(1, 1)),
        (Gamma(1, 2), Gamma(1, 2)),
    ],
)
def test_ways_to_write_a_prior(text: Any, prior: Prior) -> None:
    assert as_prior(text) == prior


def test_equal_numbers_make_equal_priors_however_they_are_given() -> None:
    assert Normal(np.array([0, 1]), np.float32(2)) == Normal((0.0, 1.0), 2) == Normal([0, 1], 2.0)
    assert hash(Normal(np.array([0, 1]))) == hash(Normal([0, 1]))


def test_references_are_the_arguments_that_name_variables() -> None:
    assert Normal("mu", 1).references() == {"loc": "mu"}
    assert Normal(0, 1).references() == {}


# Errors

WRONG: list[tuple[Callable[[], Any], type[IRTBridgeError], tuple[str, ...]]] = [
    (lambda: as_prior("Nrmal(0, 1)"), UnknownName, ("'Nrmal'", "valid: Normal,", *PRIORS)),
    (lambda: as_prior({"Uniforme": {}}), UnknownName, ("'Uniforme'", "valid: Uniform,")),
    (lambda: as_prior("Normal(0, 1, 2)"), SpecError, ("Normal(0, 1, 2)", "takes (loc, scale)")),
    (lambda: as_prior("Normal(mean=1)"), SpecError, ("mean=1", "takes (loc, scale)")),
    (lambda: as_prior("Normal(0, 1"), SpecError, ("'Normal(0, 1'", "write it as 'Normal(0, 1)'")),
    (lambda: as_prior("Normal"), SpecError, ("'Normal'", "write it as")),
    (lambda: as_prior("Normal(1 + mu, 1)"), SpecError, ("1 + mu", "write it as")),
    (lambda: as_prior("Normal(*x)"), SpecError, ("*x", "write it as")),
    (lambda: as_prior({"Normal": {}, "Beta": {}}), SpecError, ("Beta", "give one name")),
    (lambda: as_prior({"Normal": None}), SpecError, ("None", "give one name")),
    (lambda: as_prior(3), SpecError, ("prior 3", "give one name")),  # type: ignore[arg-type]
    (lambda: Normal(0, -1), SpecError, ("Normal", "scale=-1", "must be positive")),
    (lambda: Normal(0, (1, 0)), SpecError, ("scale=(1.0, 0.0)", "must be positive")),
    (lambda: HalfNormal(0), SpecError, ("HalfNormal", "scale=0", "must be positive")),
    (lambda: LogNormal(0, -2), SpecError, ("LogNormal", "scale=-2", "must be positive")),
    (lambda: TruncatedNormal(0, -2), SpecError, ("TruncatedNormal", "scale=-2", "must be positive")),
    (lambda: OrderedNormal(0, -2), SpecError, ("OrderedNormal", "scale=-2", "must be positive")),
    (lambda: Beta(0, 1), SpecError, ("Beta", "alpha=0", "must be positive")),
    (lambda: Gamma(1, -1), SpecError, ("Gamma", "rate=-1", "must be positive")),
    (lambda: LKJCholesky(-1), SpecError, ("LKJCholesky", "eta=-1", "must be positive")),
    (lambda: LKJCholesky((1, 2)), SpecError, ("LKJCholesky", "eta must be a single number")),
    (lambda: LKJCholesky("eta"), SpecError, ("eta='eta'", "must be a number")),
    (lambda: Normal(np.nan), SpecError, ("loc=nan", "not finite")),
    (lambda: Normal(0, INF), SpecError, ("scale=inf", "not finite")),
    (lambda: TruncatedNormal(0, 1, np.nan), SpecError, ("low=nan", "not finite")),
    (lambda: Normal(object()), SpecError, ("object", "neither a number, an array nor a variable's name")),  # type: ignore[arg-type]
    (lambda: Normal([[1], [1, 2]]), SpecError, ("[[1], [1, 2]]", "neither a number")),  # type: ignore[arg-type]
    (lambda: Uniform(2, 2), SpecError, ("Uniform(2, 2)", "low must be less than high")),
    (lambda: TruncatedNormal(0, 1, 3, -3), SpecError, ("TruncatedNormal(0, 1, 3, -3)", "low must be less than high")),
    (lambda: Uniform(0, INF), SpecError, ("Uniform(0, inf)", "must be finite")),
    (lambda: Uniform((0, 1), 2), SpecError, ("Uniform", "low and high must be single numbers")),
    (lambda: Uniform("a", 2), SpecError, ("low='a'", "must be a number, not a variable")),
    (lambda: MultivariateNormal(0, [[1, 1], [0, 1]]), SpecError, ("lower triangular",)),  # type: ignore[arg-type]
    (lambda: MultivariateNormal(0, [[1, 0], [0, -1]]), SpecError, ("positive diagonal",)),  # type: ignore[arg-type]
    (lambda: MultivariateNormal(0, (1, 2)), SpecError, ("lower triangular",)),
]


@pytest.mark.parametrize(("make", "kind", "parts"), WRONG, ids=["-".join(parts[:2]) for _, _, parts in WRONG])
def test_a_wrong_prior_says_what_is_wrong_and_what_would_be_right(
    make: Callable[[], Any], kind: type[IRTBridgeError], parts: tuple[str, ...]
) -> None:
    with pytest.raises(kind) as caught:
        make()
    assert type(caught.value) is kind
    for part in parts:
        assert part in str(caught.value)


def test_a_prior_class_without_a_density_names_itself() -> None:
    class Silent(Prior):
        pass

    for call in (lambda: Silent().log_density(np.zeros(1)), lambda: Silent().sample(np.random.default_rng(0), (1,))):
        with pytest.raises(SpecError, match="Silent must define log_density and sample"):
            call()
