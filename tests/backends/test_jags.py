"""The conformance suite on the jags backend, and its BUGS programs held to the reference: likelihood and prior.

Every program runs in the real JAGS. Its deviance at its own draws is that of the reference; its draws without any
response are those that the reference draws from the prior.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

import irtbridge as irt
from irtbridge.errors import BackendUnavailable, ConfigError, NumericalError, Unsupported
from irtbridge.inference import run_method
from irtbridge.model import catalogue as models
from irtbridge.model.catalogue import build_model
from irtbridge.model.density import log_likelihood
from irtbridge.model.families import Binary
from irtbridge.model.priors import as_prior
from irtbridge.model.simulate import draw_from_prior
from irtbridge.model.spec import ModelSpec
from irtbridge.model.variable import Variable
from irtbridge.plugin.entry_points import backend_names
from irtbridge.plugin.loading import load_backend
from irtbridge.plugin.program import Program
from irtbridge.testing import BackendConformance
from irtbridge.testing.cases import BINARY, CASES, UNEQUAL, Case

jags = pytest.importorskip("irtbridge_jags")
pytestmark = [
    pytest.mark.skipif("jags" not in backend_names(), reason="the distribution irtbridge-jags is not installed"),
    pytest.mark.skipif(shutil.which("jags") is None, reason=f"no jags on the path: {jags.JagsBackend.install}"),
]
written = pytest.importorskip("irtbridge_jags.places").written
Array = NDArray[np.float64]
FEW = irt.GibbsSettings(chains=1, adapt=10, warmup=10, draws=10)
DIGITS = 5e-5  # coda has six, of parameters and deviance
FREE = {"free": ["item2"], "free_in": "discrimination"}
TIED = Case("grm-thresholds-tied", lambda: build_model("grm", **FREE), UNEQUAL, covariates=True)
CENTRED = {"parameterization": "intercept", "intercept": "DecreasingNormal([1, 0, -1], 2)"}
IN_ORDER = Case("grm-intercept-in-order", lambda: models.graded(**CENTRED), (4, 4))
EXPRESSIBLE = [case for case in (*CASES, TIED, IN_ORDER) if "LKJ" not in str(case.spec)]
GRADED = [case for case in EXPRESSIBLE if case.spec.family.name == "graded"]
every_case = pytest.mark.parametrize("case", EXPRESSIBLE, ids=lambda case: case.name)


class TestJags(BackendConformance):
    backend = "jags"


def deviance_error(program: Program) -> float:
    """The largest relative difference between JAGS's deviance at a draw and the reference's."""
    draws = program.gibbs(FEW, 1)
    rows = program.layout.rows({name: value[0] for name, value in program.constrain(draws.z).items()})
    expected = np.array([-2 * log_likelihood(program.layout, row, program.responses).sum() for row in rows])
    return float(np.abs(draws.stats["deviance"][0] / expected - 1).max())


@every_case
def test_the_likelihood_is_the_reference(case: Case) -> None:
    assert deviance_error(load_backend("jags").compile(case.spec, case.responses())) < DIGITS


@pytest.mark.parametrize("case", GRADED, ids=lambda case: case.name)
def test_the_likelihood_without_glm_is_the_reference(case: Case) -> None:
    program = load_backend("jags", glm=False).compile(case.spec, case.responses())
    assert "dcat" in program.native
    assert deviance_error(program) < DIGITS


def elements(program: Program, params: dict[str, Array]) -> Iterator[tuple[str, Array]]:
    """What is drawn, at most 12 elements of each variable, and the spread over all of its elements."""
    for name, slot in program.layout.slots.items():
        values = slot.to_site(params[name]).reshape(len(params[name]), -1)
        yield from ((f"{name} {k}", values[:, k]) for k in range(min(values.shape[1], 12)))
        if values.shape[1] > 1:
            yield f"{name} spread", values.std(axis=1)


@pytest.mark.long
@every_case
def test_the_prior_is_the_reference(case: Case) -> None:
    """Two-sample Kolmogorov-Smirnov tests of 1,500 draws; of about 1,500 tests in all one in 1,000 runs would fail."""
    empty = case.responses().blank()
    program, count = load_backend("jags").compile(case.spec, empty), 1500
    draws = program.gibbs(irt.GibbsSettings(chains=1, adapt=100, warmup=100, draws=count, thin=20), 2)
    rng = np.random.default_rng(0)
    rows = [draw_from_prior(program.layout, rng) for _ in range(count)]
    expected = {name: np.stack([row[name] for row in rows]) for name in program.layout.slots}
    pairs = zip(elements(program, program.constrain(draws.z[0])), elements(program, expected), strict=True)
    p = {name: stats.ks_2samp(ours, theirs).pvalue for (name, ours), (_, theirs) in pairs}
    assert min(p.values()) > 1e-3 / 1500, min(p, key=lambda name: p[name])


def test_the_program_is_printed_as_one_would_write_it() -> None:
    program = load_backend("jags").compile(models.two_pl(scaling=1.702), CASES[2].responses())
    assert program.native == (Path(__file__).parent / "2pl.bug").read_text()
    shown = (Path(__file__).parents[2] / "docs" / "jags.md").read_text().replace("\n    ", "\n")
    assert load_backend("jags").compile(models.one_pl(), CASES[2].responses()).native in shown


def test_what_bugs_cannot_say_names_who_can() -> None:
    correlated = next(case for case in CASES if case.name == "m2pl-correlated")
    with pytest.raises(Unsupported, match=r"LKJCholesky; supported by: .*pyro"):
        load_backend("jags").compile(correlated.spec, correlated.responses())


@pytest.mark.parametrize(("method", "needs"), [("nuts", "nuts"), ("laplace", "abilities out"), ("jmle", "gradients")])
def test_methods_that_need_more_are_refused(method: str, needs: str) -> None:
    with pytest.raises(Unsupported, match=f"{needs}.*supported by: .*pyro"):
        irt.fit("lsat7", "2pl", backend="jags", method=method)


def test_metropolis_needs_no_gradients() -> None:
    fit = irt.fit(CASES[2].responses(), "2pl", backend="jags", method="metropolis", chains=1, warmup=5, draws=5)
    assert fit.draws.z.shape == (1, 5, fit.program.dim)


def test_others_name_jags_for_gibbs() -> None:
    program = load_backend("jags").compile(models.two_pl(), CASES[2].responses())
    with pytest.raises(Unsupported, match=r"method 'gibbs' \(its own: nuts, vi\); supported by: .*jags"):
        run_method(load_backend("pyro"), program, "gibbs", FEW, 1)


def test_single_precision_is_refused() -> None:
    with pytest.raises(Unsupported, match="float32"):
        irt.fit("lsat7", "1pl", backend="jags", method="gibbs", dtype="float32")


def test_processes_must_be_a_number() -> None:
    with pytest.raises(ConfigError, match="processes=-1"):
        load_backend("jags", processes=-1)


def test_draws_do_not_depend_on_the_number_of_processes() -> None:
    two = irt.GibbsSettings(chains=2, adapt=10, warmup=5, draws=5)
    one, other = (load_backend("jags", processes=n).compile(models.two_pl(), CASES[2].responses()) for n in (1, 2))
    np.testing.assert_array_equal(one.gibbs(two, 1).z, other.gibbs(two, 1).z)


def test_missing_jags_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(BackendUnavailable, match=r"apt-get install jags.*brew install jags.*Windows"):
        load_backend("jags")


def test_what_jags_complains_of_is_told() -> None:
    program = load_backend("jags").compile(models.two_pl(), CASES[2].responses())
    assert isinstance(program, Program)
    program.model.constants["N"] = np.asarray(20)  # type: ignore[attr-defined]
    with pytest.raises(NumericalError, match="jags stopped"):
        program.gibbs(FEW, 1)


@pytest.mark.parametrize(("adapt", "told"), [(2, True), (2000, False)])
def test_samplers_that_have_not_adapted_are_told(adapt: int, told: bool, tmp_path: Path) -> None:
    settings = {"chains": 1, "adapt": adapt, "warmup": 10, "draws": 10}
    fit = irt.fit(
        CASES[2].responses(), "2pl", backend="jags", backend_options={"glm": False}, method="gibbs", **settings
    )
    assert ("adaptation" in fit.verdict.flags) == told
    assert irt.load_fit(fit.save(tmp_path / "fit.nc")).verdict.flags == fit.verdict.flags


def test_a_fit_goes_on() -> None:
    settings = {"chains": 2, "adapt": 20, "warmup": 10, "draws": 10}
    fit = irt.fit(CASES[2].responses(), "2pl", backend="jags", method="gibbs", **settings)
    longer = fit.extend(6)
    assert longer.draws.z.shape[1] == 16
    np.testing.assert_array_equal(longer.draws.z[:, :10], fit.draws.z)
    assert longer.idata.sample_stats["deviance"].sizes["draw"] == 16


def test_names_that_bugs_lacks_are_changed() -> None:
    """Variables called as a loop, as data, or with letters that BUGS has not."""
    variables = (
        Variable("i", ("person",), as_prior("Normal(0, 1)")),
        Variable("K", ("item",), as_prior("LogNormal(0, 0.5)")),
        Variable("größe", ("item",), as_prior("Normal(0, 2)")),
    )
    spec = ModelSpec("odd names", variables, Binary(ability="i", discrimination="K", location=("größe",)))
    assert deviance_error(load_backend("jags").compile(spec, Case("odd", lambda: spec, BINARY).responses())) < DIGITS


def test_names_that_differ_in_letters_that_bugs_lacks_stay_apart() -> None:
    names = "θ", "β", "Δ", "_a", "é", "è"
    assert len(set(map(written, names))) == len(names)
    variables = [
        Variable("θ", ("person",), as_prior("Normal(0, 1)")),
        Variable("β", ("item",), as_prior("Normal(0, 2)")),
    ]
    spec = ModelSpec("Greek", tuple(variables), Binary(ability="θ", discrimination=None, location=("β",)))
    assert deviance_error(load_backend("jags").compile(spec, Case("Greek", lambda: spec, BINARY).responses())) < DIGITS


@pytest.mark.long
def test_posterior_means_are_those_of_pyro() -> None:
    """250 persons of LSAT 7, D = 1.702, the hyperpriors of McClure (2023): ten means within 4 Monte Carlo errors.

    The standard deviations are 1 and 2 where the tutorial has 1,000: without an end, the third item's slope has a mean
    that no chain finds.
    """
    spec = ModelSpec(
        "2pl of the tutorial",
        (
            Variable("mu_a", (), as_prior("Uniform(0.75, 1)")),
            Variable("mu_b", (), as_prior("Uniform(-1, 1)")),
            Variable("ability", ("person",), as_prior("Normal(0, 1)")),
            Variable("discrimination", ("item",), as_prior("TruncatedNormal(mu_a, 1, 0, inf)")),
            Variable("difficulty", ("item",), as_prior("Normal(mu_b, 2)")),
        ),
        Binary(scaling=1.702),
    )
    some = irt.load_dataset("lsat7").expanded().select(slice(None, None, 4))
    gibbs = irt.fit(some, spec, backend="jags", method="gibbs", chains=2, draws=4000, seed=1)
    exact = irt.fit(some, spec, method="nuts_collapsed", warmup=200, draws=300, seed=1)
    for name in ("discrimination", "difficulty"):
        ours, theirs = (fit.check().parameters.filter(like=f"{name}[", axis=0) for fit in (gibbs, exact))
        z = (ours["mean"] - theirs["mean"]) / np.hypot(ours["mcse"], theirs["mcse"])
        assert np.abs(z).max() < 4, z
