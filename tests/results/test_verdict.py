"""One place decides whether a fit is to be trusted, and it speaks."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

import irtbridge as irt
from irtbridge.errors import IRTBridgeWarning
from irtbridge.results.verdict import Evidence, Verdict, judge, verdict_of_record

CHAINS: dict[str, Any] = {"method": "nuts", "chains": 4, "max_r_hat": 1.005, "min_ess": 600.0}
WEIGHTS: dict[str, Any] = {"method": "laplace", "pareto_k": 0.4, "min_ess": 80.0, "starts": 3, "agreeing": 3}

# Evidence, and the flags that it raises.
CASES: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "good chains": (CHAINS, ()),
    "good weights": (WEIGHTS, ()),
    "a good mode": ({"method": "map", "starts": 3, "agreeing": 3, "quadrature_error": 1e-6}, ()),
    "chains that disagree": (CHAINS | {"max_r_hat": 1.9}, ("R-hat",)),
    "R-hat at its limit": (CHAINS | {"max_r_hat": 1.01}, ()),
    "few effective draws": (CHAINS | {"min_ess": 3.0}, ("ESS",)),
    "both": (CHAINS | {"max_r_hat": 1.9, "min_ess": 3.0}, ("R-hat", "ESS")),
    "a single chain": (CHAINS | {"chains": 1, "max_r_hat": float("nan")}, ("R-hat",)),
    "divergences": (CHAINS | {"divergences": 4}, ("divergences",)),
    "samplers that had not adapted": (CHAINS | {"method": "gibbs", "adapted": False}, ("adaptation",)),
    "weights that cannot be trusted": (WEIGHTS | {"pareto_k": 7.0}, ("k-hat",)),
    "weights without a k-hat": (WEIGHTS | {"pareto_k": float("inf")}, ("k-hat",)),
    "k-hat at its limit": (WEIGHTS | {"pareto_k": 0.7}, ()),
    "weights replaced by good chains": (CHAINS | {"method": "laplace", "pareto_k": 2.0, "replaced": True}, ()),
    "weights replaced by bad chains": (
        CHAINS | {"method": "laplace", "pareto_k": 2.0, "replaced": True, "max_r_hat": 1.05},
        ("R-hat",),
    ),
    "an optimiser that stopped": (WEIGHTS | {"converged": False}, ("optimiser",)),
    "another mode nearby": (WEIGHTS | {"agreeing": 2, "gap": 1.0}, ("starts",)),
    "another mode far below": (WEIGHTS | {"agreeing": 2, "gap": 100.0}, ()),
    "too few nodes": (WEIGHTS | {"quadrature_error": 1740.0}, ("quadrature",)),
    "no likelihood at all": (WEIGHTS | {"quadrature_error": float("inf")}, ("quadrature",)),
    "draws that are no numbers": (WEIGHTS | {"finite": False}, ("not finite",)),
}


@pytest.mark.parametrize("case", CASES)
def test_evidence_raises_its_flags(case: str) -> None:
    evidence, flags = CASES[case]
    verdict = judge(Evidence(**evidence))
    assert verdict.flags == flags
    assert verdict.trusted == (not flags)


@pytest.mark.parametrize("case", [case for case, (_, flags) in CASES.items() if flags])
def test_a_failure_says_in_one_line_what_and_what_to_do(case: str) -> None:
    evidence, _ = CASES[case]
    verdict = judge(Evidence(**evidence))
    assert "\n" not in str(verdict)
    assert "What to do: " in str(verdict)
    assert all(failure.words in str(verdict) and failure.advice for failure in verdict.failures)


@pytest.mark.parametrize("case", CASES)
def test_a_verdict_goes_through_a_record(case: str) -> None:
    verdict = judge(Evidence(**CASES[case][0]))
    assert Verdict.from_dict(verdict.to_dict()) == verdict
    assert verdict_of_record({"method": "nuts", "verdict": verdict.to_dict()}) == verdict


def test_records_without_a_verdict_are_judged_by_their_numbers() -> None:
    chains = {"method": "nuts", "chain_method": "batched", "min_ess": 264.0, "max_r_hat": 1.018, "divergences": 0}
    assert verdict_of_record(chains | {"pareto_k": None}).flags == ("R-hat", "ESS")
    guide = {"method": "vi", "chain_method": "independent", "min_ess": 1000.0, "max_r_hat": None, "pareto_k": 3.3}
    assert verdict_of_record(guide).flags == ("k-hat",)
    fallen = chains | {"method": "laplace", "pareto_k": 0.9, "min_ess": 500.0, "max_r_hat": 1.001}
    assert verdict_of_record(fallen).trusted


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "short chains": ({"method": "nuts_collapsed", "chains": 2, "warmup": 10, "draws": 10}, "ESS"),
    "a guide": ({"method": "vi_newton", "steps": 60, "draws": 100}, "k-hat"),
    "few nodes": ({"method": "map", "n_nodes": 4}, "quadrature"),
    "few nodes, no curvature": ({"method": "map", "n_nodes": 4, "standard_errors": False}, "quadrature"),
    "an early stop": ({"method": "laplace", "max_iterations": 3}, "optimiser"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_fit_that_cannot_be_trusted_warns(case: str) -> None:
    how, flag = BAD[case]
    with pytest.warns(IRTBridgeWarning, match="2pl on lsat7 by pyro .*What to do"):
        fit = irt.fit("lsat7", "2pl", seed=1, **how)
    assert flag in fit.verdict.flags


def test_a_fit_that_can_be_trusted_is_silent() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", IRTBridgeWarning)
        fit = irt.fit("lsat7", "2pl", method="laplace", seed=1)
    assert fit.verdict.trusted
    assert str(fit.verdict) == "passes every check of its method"


def test_many_fits_warn_of_each() -> None:
    data = [irt.load_responses("lsat7"), irt.load_responses("lsat6")]
    with pytest.warns(IRTBridgeWarning) as caught:
        list(irt.fit_many(data, "2pl", method="map", n_nodes=4))
    assert {str(w.message).split(" by ")[0] for w in caught} == {"2pl on lsat7", "2pl on lsat6"}


def test_quadrature_error_is_in_standard_errors() -> None:
    """The bound holds: no parameter's mean moves by more, in its standard errors, when the nodes are doubled."""
    few, twice = (irt.fit("lsat7", "2pl", method="map", seed=1, n_nodes=n).items() for n in (7, 14))
    bound = irt.fit("lsat7", "2pl", method="laplace", seed=1, n_nodes=7, fallback="none").quadrature_error
    for name in ("discrimination", "difficulty"):
        assert (abs(few[name, "mean"] - twice[name, "mean"]) / twice[name, "sd"]).max() < 2 * bound
    assert bound > 0.05
