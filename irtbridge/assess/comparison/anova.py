"""Nested maximum-likelihood fits: the likelihood-ratio test, and information criteria."""

from __future__ import annotations

import warnings
from collections import Counter
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
import pandas as pd
from scipy import stats

from irtbridge.assess.comparison.same_data import differences
from irtbridge.assess.person_likelihood import person_log_likelihood
from irtbridge.assess.posterior import Posterior
from irtbridge.data.labels import listed
from irtbridge.errors import IRTBridgeWarning, StatisticError
from irtbridge.model.density import log_prior

# Per unit of a parameter: Normal(0, 1000) has 1e-6 at 1, Normal(0, 2) .25. With standard errors below .5, priors below
# it move no estimate by more than .005 of them. Chosen.
STEEPEST_FLAT = 0.01
MAXIMISE = ("map", "em")  # methods whose point is at the mode with abilities integrated out
SLACK = 1e-3  # by which the larger model's log likelihood may fall short, as maxima are found to so many digits


class AtMaximum(Protocol):
    """What is compared: an `irtbridge.Fit`."""

    @property
    def posterior(self) -> Posterior:
        """The point estimate."""

    @property
    def provenance(self) -> dict[str, Any]:
        """What it was made by."""


def anova(*fits: AtMaximum) -> pd.DataFrame:
    """Likelihood-ratio tests of nested models, each against the one with the next fewer parameters.

    Parameters
    ----------
    *fits : Fit
        Two or more of ``method="map"`` or ``"em"`` with flat priors, of the same responses; in any order.

    Returns
    -------
    DataFrame
        A row per model, from the fewest parameters to the most: ``log_likelihood``, the number of parameters ``n_par``,
        ``AIC``, ``BIC``, sample-size adjusted ``SABIC`` (Sclove 1987) and Hannan-Quinn's ``HQ``; ``X2``, twice the gain
        in log likelihood over the row above, with its ``df`` and ``p``, NaN where models are not nested.

    Raises
    ------
    StatisticError
        Fewer than two models, draws of a posterior, the conditional or joint estimates of ``cmle`` and ``jmle``, which
        are not at the marginal maximum, other responses, or abilities that cannot be integrated out.

    Warns
    -----
    IRTBridgeWarning
        Priors are not flat, so that the mode is no maximum of the likelihood, or models are not nested: of two
        families, with as many parameters, or the larger one less likely. That a model is a case of the other is else
        yours to know. A parameter at the edge of its range, as a guessing parameter of 0, makes p too large.
    """
    posteriors = [fit.posterior for fit in fits]
    if len(posteriors) < 2:
        raise StatisticError(f"anova has {len(posteriors)} models; give two or more: anova(a, b).")
    for fit in fits:
        _check_maximum(fit)
    posteriors.sort(key=lambda posterior: posterior.layout.dim)
    named = dict(zip(_names(posteriors), posteriors, strict=True))
    notes = differences({name: posterior.responses for name, posterior in named.items()})
    notes += [note for name, posterior in named.items() for note in _informed(name, posterior)]
    table = pd.DataFrame.from_dict({name: _criteria(each) for name, each in named.items()}, orient="index")
    table[["X2", "df", "p"]] = np.nan
    for (smaller, a), (larger, b) in pairwise(named.items()):
        gain, df = 2 * (table["log_likelihood"][larger] - table["log_likelihood"][smaller]), b.layout.dim - a.layout.dim
        if a.spec.family.name == b.spec.family.name and df > 0 and gain >= -2 * SLACK:
            table.loc[larger, ["X2", "df", "p"]] = max(gain, 0.0), df, stats.chi2.sf(max(gain, 0.0), df)
        else:
            notes.append(f"{smaller!r} is not nested in {larger!r}: their chi-squared difference is left out.")
    for note in notes:
        warnings.warn(note, IRTBridgeWarning, stacklevel=2)
    return table.rename_axis("model")


def _check_maximum(fit: AtMaximum) -> None:
    name, method = fit.posterior.spec.name, fit.provenance["method"]
    if not fit.posterior.point:
        raise StatisticError(
            f"anova: model {name!r} was fitted with draws; fit it with method='map' and flat priors, or use compare, "
            "which is for posteriors."
        )
    if method not in MAXIMISE:
        raise StatisticError(
            f"anova: model {name!r} was fitted by method={method!r}, which is not at the maximum of the marginal "
            f"likelihood; fit it with one of {listed(MAXIMISE)} and flat priors, or use andersen()."
        )


def _names(posteriors: list[Posterior]) -> list[str]:
    """Names of the models; with the number of parameters where they share one, and a number where they share both."""
    names = [posterior.spec.name for posterior in posteriors]
    names = [n if names.count(n) == 1 else f"{n} ({p.layout.dim})" for n, p in zip(names, posteriors, strict=True)]
    seen: Counter[str] = Counter()
    for place, name in enumerate(names):
        seen[name] += 1
        names[place] = name if seen[name] == 1 else f"{name} #{seen[name]}"
    return names


def _criteria(posterior: Posterior) -> dict[str, float]:
    log_likelihood = float(person_log_likelihood(posterior)[0] @ posterior.weights)
    k, n = posterior.layout.dim, posterior.responses.total_weight
    penalties = {"AIC": 2.0, "BIC": np.log(n), "SABIC": np.log((n + 2) / 24), "HQ": 2 * np.log(np.log(n))}
    each = {name: penalty * k - 2 * log_likelihood for name, penalty in penalties.items()}
    return {"log_likelihood": log_likelihood, "n_par": k, **each}


def _informed(name: str, posterior: Posterior) -> list[str]:
    steep = [variable for variable in posterior.layout.slots if _slope(posterior, variable) > STEEPEST_FLAT]
    if not steep:
        return []
    return [
        f"{name!r}: the priors of {listed(steep)} are not flat, so it is no maximum-likelihood fit and twice the gain "
        "in log likelihood has no chi-squared distribution; fit with flat priors, as "
        f"model_options={{{steep[0]!r}: 'Normal(0, 1000)'}} (of what is positive HalfNormal(1000)), or use compare."
    ]


def _slope(posterior: Posterior, variable: str) -> float:
    """The largest derivative of the log prior of a variable by one of its elements."""
    params = {name: value[0].astype(float) for name, value in posterior.params.items()}
    step, largest = 1e-5, 0.0
    at = params[variable]
    for place in zip(*np.nonzero(np.isfinite(at)), strict=True):
        ends = []
        for side in (-step, step):
            moved = at.copy()
            moved[place] += side
            ends.append(log_prior(posterior.layout, variable, {**params, variable: moved}))
        largest = max(largest, abs(ends[1] - ends[0]) / (2 * step))
    return largest
