"""Whether a fit is to be trusted: the one place that decides, by the evidence that its method has.

Chains have R-hat, effective sample size and divergences (Vehtari et al. 2021); importance weights and variational fits
k-hat (Vehtari et al. 2024; Yao et al. 2018); modes the optimiser's end and the starts that agree; integrals over the
abilities the error of their quadrature. What none of them sees stands in docs/trust.md.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

MOST_R_HAT = 1.01  # Vehtari et al. 2021
LEAST_ESS = 400  # Vehtari et al. 2021: 100 for each of four chains
MOST_K_HAT = 0.7  # Vehtari et al. 2024
MOST_DISTANCE = 0.05  # standard errors between the optimiser's end and a mode
LEAST_GAP = 5.0  # log density: another mode as near as this holds about a hundredth of the posterior or more
MOST_QUADRATURE = 0.05  # standard errors by which twice the nodes may move a parameter

NAN = float("nan")


@dataclass(frozen=True)
class Evidence:
    """What a method says of itself; NaN where it says nothing.

    Attributes
    ----------
    method : str
        Its name, which the advice needs.
    chains : int
        Markov chains; 0 where the draws are independent or a point.
    max_r_hat, min_ess : float
        Over the item and shared parameters.
    divergences : int
        Divergent transitions after warm-up.
    adapted : bool
        Whether samplers that adapt had done so before draws were kept.
    pareto_k : float
        Of importance weights, or of a variational guide as importance draws.
    replaced : bool
        Whether k-hat is that of an approximation which another method's draws have replaced.
    converged : bool
        Whether the optimiser reached a mode.
    starts, agreeing : int
        Climbs to a mode, and how many ended at the highest.
    gap : float
        By how much the next mode's log density is lower.
    at_bounds : int
        Parameters that ended at a bound of the method, where the likelihood still grows.
    quadrature_error : float
        By how much twice as many nodes would move a parameter, in standard errors.
    finite : bool
        Whether all draws are numbers.
    """

    method: str
    chains: int = 0
    max_r_hat: float = NAN
    min_ess: float = NAN
    divergences: int = 0
    adapted: bool = True
    pareto_k: float = NAN
    replaced: bool = False
    converged: bool = True
    starts: int = 0
    agreeing: int = 0
    gap: float = float("inf")
    at_bounds: int = 0
    quadrature_error: float = NAN
    finite: bool = True


@dataclass(frozen=True)
class Failure:
    """One check that a fit does not pass.

    Attributes
    ----------
    flag : str
        Short name, as tables carry it.
    words : str
        What is wrong.
    advice : str
        What to do about it.
    """

    flag: str
    words: str
    advice: str


@dataclass(frozen=True)
class Verdict:
    """Whether a fit is to be trusted, and if not, why and what to do.

    Attributes
    ----------
    failures : tuple of Failure
        The checks that it does not pass.
    """

    failures: tuple[Failure, ...] = ()

    @property
    def trusted(self) -> bool:
        """Whether every check is passed."""
        return not self.failures

    @property
    def flags(self) -> tuple[str, ...]:
        """Short names of the checks that are not passed."""
        return tuple(failure.flag for failure in self.failures)

    def __str__(self) -> str:
        if self.trusted:
            return "passes every check of its method"
        words = "; ".join(failure.words for failure in self.failures)
        advice = "; ".join(dict.fromkeys(failure.advice for failure in self.failures))
        return f"not to be trusted as it stands: {words}. What to do: {advice}."

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return {"trusted": self.trusted, "failures": [asdict(failure) for failure in self.failures]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Verdict:
        """Rebuild a verdict from `to_dict`."""
        return cls(tuple(Failure(**failure) for failure in data["failures"]))


def judge(evidence: Evidence) -> Verdict:
    """Hold the evidence of a fit against the limits of this module."""
    checks = (_finite, _optimiser, _bounds, _starts, _k_hat, _r_hat, _ess, _divergences, _adaptation, _quadrature)
    return Verdict(tuple(failure for check in checks if (failure := check(evidence)) is not None))


def verdict_of_record(record: Mapping[str, Any]) -> Verdict:
    """The verdict that a record carries or, where it has none, the one that its numbers give."""
    if "verdict" in record:
        return Verdict.from_dict(record["verdict"])
    numbers = {f.name for f in fields(Evidence)} & {"max_r_hat", "min_ess", "divergences", "pareto_k"}
    known = {name: record[name] for name in numbers if record.get(name) is not None}
    chains = 0 if record.get("chain_method") in ("independent", "point") else 1
    replaced = record["method"] == "laplace" and chains > 0
    return judge(Evidence(method=record["method"], chains=chains, replaced=replaced, **known))


def _finite(e: Evidence) -> Failure | None:
    if e.finite:
        return None
    return Failure("not finite", "some draws are not finite numbers", "use tighter priors")


def _optimiser(e: Evidence) -> Failure | None:
    if e.converged:
        return None
    advice = f"raise method.{e.method}.max_iterations, use a tighter prior or dtype=float64"
    return Failure("optimiser", "the optimiser stopped before it reached a mode", advice)


def _bounds(e: Evidence) -> Failure | None:
    if e.at_bounds == 0:
        return None
    words = f"{e.at_bounds} parameters stand at a bound of the method, as the likelihood has no finite maximum in them"
    return Failure("bounds", words, f"set method.{e.method}.priors=true, or use method=map")


def _starts(e: Evidence) -> Failure | None:
    if e.gap >= LEAST_GAP:
        return None
    words = (
        f"of {e.starts} starts {e.agreeing} reached the highest mode, another is only {e.gap:.1f} lower in log density "
        "and its part of the posterior is left out"
    )
    return Failure("starts", words, "use tighter priors, or method=nuts")


def _k_hat(e: Evidence) -> Failure | None:
    if e.replaced or not e.pareto_k > MOST_K_HAT:
        return None
    words = f"k-hat {e.pareto_k:.2f} is above {MOST_K_HAT}, so the approximation is far from the posterior"
    return Failure("k-hat", words, "use method=nuts_collapsed, nuts_whitened or nuts")


def _r_hat(e: Evidence) -> Failure | None:
    if e.chains == 1 and math.isnan(e.max_r_hat):
        words = "one chain alone cannot show that it has arrived"
        return Failure("R-hat", words, f"run method.{e.method}.chains=4")
    if e.chains == 0 or not e.max_r_hat > MOST_R_HAT:
        return None
    words = f"R-hat {e.max_r_hat:.3f} is above {MOST_R_HAT}, so the chains disagree"
    return Failure("R-hat", words, _longer(e))


def _ess(e: Evidence) -> Failure | None:
    if e.chains == 0 or not e.min_ess < LEAST_ESS:
        return None
    words = f"the smallest ESS is {e.min_ess:.0f}, below {LEAST_ESS}, so means and intervals are rough"
    return Failure("ESS", words, _longer(e))


def _divergences(e: Evidence) -> Failure | None:
    if e.divergences == 0:
        return None
    words = f"{e.divergences} divergent transitions, so a part of the posterior may be missed"
    advice = f"raise method.{_chains_of(e)}.target_accept to 0.95, or use tighter priors"
    return Failure("divergences", words, advice)


def _adaptation(e: Evidence) -> Failure | None:
    if e.adapted:
        return None
    words = "the samplers had not finished adapting when draws were kept, so chains may move slowly"
    return Failure("adaptation", words, f"raise method.{e.method}.adapt")


def _quadrature(e: Evidence) -> Failure | None:
    if not e.quadrature_error > MOST_QUADRATURE:
        return None
    words = f"twice the quadrature nodes would move a parameter by up to {e.quadrature_error:.2g} standard errors"
    return Failure("quadrature", words, f"raise method.{e.method}.n_nodes, or use tighter priors on discriminations")


def _longer(e: Evidence) -> str:
    if e.method == "laplace":
        return "use method=nuts_collapsed with more draws, or nuts_whitened where items are many"
    return f"raise method.{e.method}.warmup and method.{e.method}.draws"


def _chains_of(e: Evidence) -> str:
    return "nuts_collapsed" if e.method == "laplace" else e.method
