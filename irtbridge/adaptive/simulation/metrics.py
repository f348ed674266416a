"""What simulated sessions are worth: accuracy, length, exposure, overlap, reliability, each with its Monte Carlo error.

A metric is a function of sessions. Its error is that of the delete-a-group jackknife (Kott 2001) over groups of
persons, which holds for means, correlations and rates alike; that of the largest exposure is the error of the item that
has it. Persons who share draws of the rule are in the same group, so that groups are independent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from irtbridge.adaptive.simulation.sessions import Sessions

Array = NDArray[np.float64]
Places = NDArray[np.int64]
MetricOf = Callable[[Sessions], float]
GROUPS = 40  # an error from so many groups is itself off by 1 / sqrt(2 x 39), 11 %
BANDS = (-np.inf, -2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, np.inf)
"""Edges of bands of ability, in standard deviations from the mean of the population."""


def bias(sessions: Sessions) -> float:
    """Mean of estimate less truth, of one trait."""
    return float(_errors(sessions).mean())


def rmse(sessions: Sessions) -> float:
    """Root of the mean squared difference of estimate and truth, of one trait."""
    return float(np.sqrt(np.mean(_errors(sessions) ** 2)))


def mean_sd(sessions: Sessions) -> float:
    """Root of the mean posterior variance: what the test itself says that its RMSE is."""
    return float(np.sqrt(np.mean(sessions.sd[:, 0] ** 2)))


def score_correlation(sessions: Sessions) -> float:
    """Correlation of the estimates with the true abilities."""
    return _correlation(sessions.estimate[:, 0], sessions.truth[:, 0])


def retest_reliability(sessions: Sessions) -> float:
    """RR: correlation of the estimates of two sessions of the same persons; NaN where there is one."""
    if sessions.retest is None:
        return float("nan")
    return _correlation(sessions.estimate[:, 0], sessions.retest.estimate[:, 0])


def retest_se(sessions: Sessions) -> float:
    """Standard error of measurement ``S_X sqrt(1 - RR)``, S_X the standard deviation of the estimates."""
    if sessions.retest is None:
        return float("nan")
    both = np.stack([sessions.estimate[:, 0], sessions.retest.estimate[:, 0]])
    return float(np.sqrt(both.var(axis=1, ddof=1).mean() * (1 - retest_reliability(sessions))))


def mean_reliability(tests: Sequence[Sessions]) -> tuple[float, float]:
    """RR of the mean of several tests' estimates, one trait each, of the same persons; and its Monte Carlo error.

    The error is that of a correlation of normal variables, ``(1 - r^2) / sqrt(n - 1)``.
    """
    both = [(test.estimate[:, 0], test.retest.estimate[:, 0]) for test in tests if test.retest is not None]
    reliability = _correlation(*np.mean(both, axis=0))
    return reliability, (1 - reliability**2) / np.sqrt(tests[0].n_persons - 1)


def mean_length(sessions: Sessions) -> float:
    """Items given to a person, on average."""
    return float(sessions.lengths.mean())


def max_exposure(sessions: Sessions) -> float:
    """Largest share of persons that were given the same item."""
    return _exposure_of(sessions, int(sessions.counts.argmax()))


def max_share(sessions: Sessions) -> float:
    """Largest share of an item among all administrations: what Sharpnack et al. (2024) call maximum exposure."""
    return _share_of(sessions, int(sessions.counts.argmax()))


def _exposure_of(sessions: Sessions, item: int) -> float:
    return float(sessions.counts[item] / sessions.n_persons)


def _share_of(sessions: Sessions, item: int) -> float:
    return float(sessions.counts[item] / sessions.counts.sum())


OF_ITEM = {"max exposure": _exposure_of, "max share": _share_of}


def never_given(sessions: Sessions) -> float:
    """Share of the bank that nobody was given."""
    return float(np.mean(sessions.counts == 0))


def chi_square(sessions: Sessions) -> float:
    """Departure of the exposures from even ones, ``sum_i (r_i - L / N)^2 / (L / N)`` (Chang & Ying 1999).

    r_i is the share of persons that were given item i, L the mean length and N the number of items in the bank.
    """
    even = sessions.counts.mean() / sessions.n_persons
    return float(np.sum((sessions.counts / sessions.n_persons - even) ** 2) / even)


def overlap(sessions: Sessions) -> float:
    """Test overlap rate: items that two persons have in common, on average over pairs, by the mean length.

    From the counts alone (Chen, Ankenmann & Spray 2003).
    """
    persons, counts = sessions.n_persons, sessions.counts.astype(float)
    return float(counts @ (counts - 1) / (persons - 1) / counts.sum()) if persons > 1 else float("nan")


@dataclass(frozen=True)
class Metric:
    """A number that sessions have.

    Attributes
    ----------
    name : str
        As tables have it.
    of : callable
        Of sessions with one trait; NaN where they do not have it.
    by_trait : bool
        Whether each trait has its own.
    """

    name: str
    of: MetricOf
    by_trait: bool = False


METRICS = (
    Metric("bias", bias, by_trait=True),
    Metric("RMSE", rmse, by_trait=True),
    Metric("SD", mean_sd, by_trait=True),
    Metric("correlation", score_correlation, by_trait=True),
    Metric("RR", retest_reliability, by_trait=True),
    Metric("SE", retest_se, by_trait=True),
    Metric("items", mean_length),
    Metric("max exposure", max_exposure),
    Metric("max share", max_share),
    Metric("never given", never_given),
    Metric("chi-square", chi_square),
    Metric("overlap", overlap),
)


def summary(sessions: Sessions, traits: Sequence[str]) -> pd.DataFrame:
    """Every metric and its Monte Carlo error.

    Parameters
    ----------
    sessions : Sessions
    traits : sequence of str
        Labels.

    Returns
    -------
    DataFrame
        ``value`` and ``MCSE`` by ``metric`` and ``trait``, which is empty where a metric is of the whole test. Metrics
        of retests are there where there were some.
    """
    tables = []
    for place, trait in enumerate(traits):
        measured = {metric.name: metric.of for metric in METRICS if metric.by_trait or place == 0}
        table = with_errors(measured, sessions.trait(place))
        whole = [metric.name for metric in METRICS if not metric.by_trait]
        tables.append(table.assign(trait=["" if name in whole else trait for name in table.index]))
    every = pd.concat(tables).rename_axis("metric").set_index("trait", append=True)
    order = {metric.name: place for place, metric in enumerate(METRICS)}
    return every.sort_index(level="metric", key=lambda names: names.map(order), sort_remaining=False, kind="stable")


def with_errors(measured: Mapping[str, MetricOf], sessions: Sessions, groups: int = GROUPS) -> pd.DataFrame:
    """Metrics with their Monte Carlo standard errors over persons, ``value`` and ``MCSE``; those that are defined."""
    last = sessions.at_end
    values = {name: value for name, of in measured.items() if not np.isnan(value := of(last))}
    member, number = in_groups(last, groups)
    # In every group the item counts that all persons were given most often.
    of_top = {name: partial(of, item=int(last.counts.argmax())) for name, of in OF_ITEM.items()}
    left = np.empty((number, len(values)))
    for group in range(number):
        others = last.of(member != group)
        left[group] = [of_top.get(name, measured[name])(others) for name in values]
    spread = (number - 1) / number * np.sum((left - left.mean(axis=0)) ** 2, axis=0) if number else np.nan
    return pd.DataFrame({"value": pd.Series(values, dtype=float), "MCSE": np.sqrt(spread)})


def in_groups(sessions: Sessions, groups: int = GROUPS) -> tuple[Places, int]:
    """Each person's group, of whole clusters, and how many there are; none where there are fewer than 4 clusters."""
    clusters, place = np.unique(sessions.cluster, return_inverse=True)
    number = min(groups, len(clusters) // 2) if len(clusters) > 3 else 0
    return place % max(number, 1), number


def by_ability(sessions: Sessions, edges: ArrayLike) -> pd.DataFrame:
    """Conditional bias, RMSE, standard error and length by bands of true ability, of one trait.

    Parameters
    ----------
    sessions : Sessions
        With one trait.
    edges : array_like, shape (band + 1,)
        Of the bands.

    Returns
    -------
    DataFrame
        One row for each band that has two persons or more: ``from``, ``to``, ``ability`` (mean of the true ones),
        ``persons``; ``SE`` (standard deviation of estimate less truth: the conditional standard error), ``bias``,
        ``RMSE``, ``SD`` (posterior), ``items``, each of the first three with its ``MCSE``.
    """
    places = np.digitize(sessions.truth[:, 0], edges := np.asarray(edges, dtype=float)) - 1
    bands = [band for band in range(len(edges) - 1) if np.sum(places == band) > 1]
    return pd.DataFrame([{"from": edges[b], "to": edges[b + 1], **_band(sessions.of(places == b))} for b in bands])


def _band(sessions: Sessions) -> dict[str, float]:
    table = with_errors({"SE": conditional_se, "bias": bias, "RMSE": rmse}, sessions)
    whole = {"SD": mean_sd(sessions), "items": mean_length(sessions)}
    return {"ability": sessions.truth[:, 0].mean(), "persons": sessions.n_persons, **_flat(table), **whole}


def _flat(table: pd.DataFrame) -> dict[str, float]:
    return {**table["value"], **{f"MCSE of {name}": error for name, error in table["MCSE"].items()}}


def conditional_se(sessions: Sessions) -> float:
    """Standard deviation of estimate less truth, of one trait."""
    return float(_errors(sessions).std())


def item_exposure(sessions: Sessions, items: Sequence[str]) -> pd.DataFrame:
    """How often each item was given: ``given``, ``exposure`` (share of persons) and its standard error, ``MCSE``."""
    rate, (member, number) = sessions.exposure, in_groups(sessions)
    off = [np.mean(member == group) * (sessions.of(member == group).exposure - rate) for group in range(number)]
    error = np.sqrt(number / (number - 1) * np.sum(np.square(off), axis=0)) if number else np.nan
    table = {"given": sessions.counts, "exposure": rate, "MCSE": error}
    return pd.DataFrame(table, index=pd.Index(items, name="item"))


def by_length(sessions: Sessions) -> pd.DataFrame:
    """RMSE, correlation and, with retests, RR and SE after each number of items, of one trait, with their errors."""
    measured = {metric.name: metric.of for metric in METRICS if metric.name in ("RMSE", "correlation", "RR", "SE")}
    steps = range(1, sessions.given.shape[1] + 1)
    return pd.DataFrame([{"items": n, **_flat(with_errors(measured, sessions.after(n)))} for n in steps])


def _errors(sessions: Sessions) -> Array:
    return np.asarray(sessions.estimate[:, 0] - sessions.truth[:, 0])


def _correlation(one: Array, other: Array) -> float:
    """NaN where either does not vary."""
    if len(one) < 2 or not (np.ptp(one) and np.ptp(other)):
        return float("nan")
    return float(np.corrcoef(one, other)[0, 1])
