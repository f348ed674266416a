"""The check of a fit as words and as a table: its verdict, the numbers behind it, and the parameters that fail."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from irtbridge.results.verdict import (
    LEAST_ESS,
    LEAST_GAP,
    MOST_K_HAT,
    MOST_QUADRATURE,
    MOST_R_HAT,
    Evidence,
    Failure,
    Verdict,
)

SHOWN = 5  # parameters named for a limit
HEADLINES = {
    "chains": ("Converged", "Not converged"),
    "independent": ("The approximation holds", "The approximation cannot be trusted"),
    "point": ("The mode was found", "The mode cannot be trusted"),
}
BY_PARAMETER = {"R-hat": ("r_hat", MOST_R_HAT, False), "ESS": ("ess_bulk", LEAST_ESS, True)}


@dataclass(frozen=True, eq=False)
class Check:
    """Whether a fit has converged, what fails which limit, and what usually cures it; it prints as plain words.

    Attributes
    ----------
    verdict : Verdict
        The judgement; `Fit.verdict`.
    evidence : Evidence
        The numbers that it rests on.
    e_bfmi : float
        Smallest energy Bayesian fraction of missing information of the chains; NaN where there are no energies.
    parameters : DataFrame
        A row for each item and shared parameter; see `irtbridge.results.diagnostics.diagnostics`.
    draws : tuple of int
        Chains and draws of each.
    kind : {"chains", "independent", "point"}
        What the draws are.
    """

    verdict: Verdict
    evidence: Evidence
    e_bfmi: float
    parameters: pd.DataFrame
    draws: tuple[int, int]
    kind: str

    @property
    def converged(self) -> bool:
        """Whether every check of the method is passed."""
        return self.verdict.trusted

    @property
    def numbers(self) -> pd.DataFrame:
        """The numbers of the fit as a whole and their limits; index: what it is, columns ``value`` and ``limit``."""
        e, p = self.evidence, self.parameters
        rows = [
            ("R-hat, largest", e.max_r_hat, f"at most {MOST_R_HAT}"),
            ("bulk ESS, smallest", e.min_ess, f"at least {LEAST_ESS}" if e.chains else ""),
            ("divergences", e.divergences if e.chains else math.nan, "none"),
            ("k-hat", e.pareto_k, "" if e.replaced else f"at most {MOST_K_HAT}"),
            ("log density to the next mode", e.gap if math.isfinite(e.gap) else math.nan, f"at least {LEAST_GAP:g}"),
            ("quadrature error, in standard errors", e.quadrature_error, f"at most {MOST_QUADRATURE}"),
            ("tail ESS, smallest", p["ess_tail"].min(), ""),
            ("psrf, largest", p["psrf"].max(), ""),
            ("upper limit of psrf, largest", p["psrf_upper"].max(), ""),
            ("Geweke z, largest in size", p["geweke"].abs().max(), ""),
            ("autocorrelation at lag 10, largest", p["autocorr_10"].max(), ""),
            ("MC error as % of SD, largest", p["mcse_percent"].max(), ""),
            ("E-BFMI, smallest", self.e_bfmi, ""),
        ]
        frame = pd.DataFrame(rows, columns=["", "value", "limit"]).set_index("")
        return frame[frame["value"].notna()]

    def worst(self, failure: Failure) -> str:
        """The parameters that fail a limit, worst first; empty where it is none of single parameters."""
        if failure.flag not in BY_PARAMETER:
            return ""
        column, limit, ascending = BY_PARAMETER[failure.flag]
        values = self.parameters[column].dropna().sort_values(ascending=ascending)
        failing = values[values < limit] if ascending else values[values > limit]
        named = ", ".join(f"{name} {value:.{0 if ascending else 3}f}" for name, value in failing.head(SHOWN).items())
        return f"{named} ({len(failing)} of {len(values)} parameters)" if len(failing) else ""

    def __str__(self) -> str:
        chains, draws = self.draws
        size = {"chains": f"{chains} chains of {draws} draws", "independent": f"{draws} draws", "point": "a point"}
        headline = HEADLINES[self.kind][0 if self.converged else 1]
        lines = [f"{headline} ({self.evidence.method}, {size[self.kind]})."]
        for failure in self.verdict.failures:
            lines.append(f"  - {failure.words}" + (f": {worst}" if (worst := self.worst(failure)) else ""))
        if not self.converged:
            lines.append(f"What usually cures it: {'; '.join(self._advice())}.")
        width = max(map(len, self.numbers.index), default=0)
        for name, (value, limit) in zip(self.numbers.index, self.numbers.itertuples(index=False), strict=True):
            lines.append(f"  {name:<{width}}  {value:>9.4g}  {limit}".rstrip())
        return "\n".join(lines)

    def _advice(self) -> list[str]:
        """What the verdict advises and, where longer chains are the cure, how to make them longer."""
        advice = list(dict.fromkeys(failure.advice for failure in self.verdict.failures))
        longer = self.kind == "chains" and self.draws[0] > 1 and {"R-hat", "ESS"} & set(self.verdict.flags)
        return [f'go on with fit.extend(until="rhat<{MOST_R_HAT}, ess>{LEAST_ESS}")', *advice] if longer else advice
