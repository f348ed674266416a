"""Are the items the same in every group: Andersen's (1973) likelihood-ratio test of the Rasch model and its relatives.

Conditional estimates do not depend on who answers, if the model is true. So the items are estimated in each group by
itself, of high and low scores say, and twice the gain in conditional log likelihood is chi-squared distributed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from irtbridge.assess.fairness.person_groups import Group, grouped, joined
from irtbridge.data.kinds import CATEGORIES
from irtbridge.data.labels import listed
from irtbridge.data.load import load_responses
from irtbridge.data.responses import Responses
from irtbridge.errors import StatisticError
from irtbridge.inference.cmle import conditioned
from irtbridge.inference.conditional import CategoryWeights, Conditional, maximise
from irtbridge.model.catalogue import build_model
from irtbridge.model.layout import Layout
from irtbridge.model.spec import ModelSpec

SPLITS: dict[str, Callable[[NDArray[np.float64]], Any]] = {"median": np.median, "mean": np.mean}


@dataclass(frozen=True, eq=False)
class Andersen:
    """Andersen's test.

    Attributes
    ----------
    statistic : float
        Twice the gain in conditional log likelihood where every group has items of its own.
    df : int
        By how many parameters these are more.
    p : float
        Probability of a statistic as large, if the items are the same in all groups.
    groups : DataFrame
        A row for each group: ``persons`` and ``log_likelihood``.
    items : DataFrame
        A row for each item, columns (group, ``location`` or ``se``): locations (means of the steps) that sum to zero,
        estimated in each group by itself. Of two groups also Wald's ``z`` of their difference, second less first, and
        its ``p`` (Fischer & Scheiblechner 1970). NaN where an item was left out.
    left_out : tuple of str
        Items without a finite estimate in some group.
    """

    statistic: float
    df: int
    p: float
    groups: pd.DataFrame
    items: pd.DataFrame
    left_out: tuple[str, ...]

    def __str__(self) -> str:
        without = f", without {listed(self.left_out)}" if self.left_out else ""
        between = " against ".join(f"{group} ({row.persons:g} persons)" for group, row in self.groups.iterrows())
        return f"Andersen's LR = {self.statistic:.3f}, df = {self.df}, p = {self.p:.4f}; {between}{without}"


def andersen(data: Any, split: Group = "mean", model: str | ModelSpec = "1pl") -> Andersen:
    """Andersen's likelihood-ratio test: are the item parameters the same in all groups of persons?

    Parameters
    ----------
    data : DataFrame, array_like, path, name of a data set or Responses
        As `irtbridge.fit` takes them.
    split : str, Series or array_like
        ``median`` or ``mean``: persons above that of the sum scores against the others; where responses are missing, of
        the share of points got of those to be had. Else the groups: a column of the data's ``person_data``, or each
        person's group; None takes the data's own.
    model : str or ModelSpec
        ``1pl``, ``pcm`` or ``rsm``, or a spec whose scores are sufficient.

    Raises
    ------
    SpecError
        The scores of the model are not sufficient.
    StatisticError
        Fewer than two groups, or fewer than two items with finite estimates in all of them.

    Notes
    -----
    Items that have no finite estimate in some group are left out of all, as eRm does, and named.
    """
    responses = joined(data if isinstance(data, Responses) else load_responses(data))
    if responses.kind != CATEGORIES:
        raise StatisticError(f"Andersen's test is of categories, and the responses are {responses.kind}.")
    codes, labels = _groups(responses, split)
    values, persons = np.asarray(responses.values, dtype=np.int64), responses.weights_or_ones
    spec = conditioned(model if isinstance(model, ModelSpec) else build_model(model))
    layout = Layout.of(spec, responses)
    weights, kept = _finite_everywhere(CategoryWeights.of(layout), values, codes)
    if kept.sum() < 2:
        raise StatisticError(
            f"Andersen's test: {int(kept.sum())} of {len(kept)} items have finite estimates in every group; take other "
            "groups, or fewer."
        )
    each = [(codes == code, label) for code, label in enumerate(labels)]
    together = maximise(weights, values[:, kept], persons)
    apart = {label: maximise(weights, values[here][:, kept], persons[here]) for here, label in each}
    likelihoods = [found.log_likelihood for found in apart.values()]
    statistic = max(2 * (sum(likelihoods) - together.log_likelihood), 0.0)
    df = (len(labels) - 1) * weights.n_free
    sizes = [float(persons[here].sum()) for here, _ in each]
    groups = pd.DataFrame({"persons": sizes, "log_likelihood": likelihoods}, index=pd.Index(labels, name="group"))
    items = _items(weights, apart, layout.spec.family.scaling).set_axis(np.array(responses.items)[kept], axis=0)
    left_out = tuple(item for item, here in zip(responses.items, kept, strict=True) if not here)
    items = items.reindex(list(responses.items)).rename_axis("item")
    return Andersen(statistic, df, float(stats.chi2.sf(statistic, df)), groups, items, left_out)


def _groups(responses: Responses, split: Group) -> tuple[NDArray[np.intp], list[str]]:
    """Number of each person's group, and the groups' labels."""
    if not (isinstance(split, str) and split in SPLITS):
        by_column = grouped(responses, split)
        return by_column.group_codes, list(by_column.groups)
    values = np.where(responses.observed, responses.values, 0)
    most = np.asarray(responses.n_categories) - 1
    share = values.sum(axis=1) / np.maximum(np.where(responses.observed, most, 0).sum(axis=1), 1)
    middle = float(SPLITS[split](np.repeat(share, responses.weights_or_ones.astype(int))))
    above = share > middle
    if above.all() or not above.any():
        raise StatisticError(f"split={split!r}: all persons have the same score; give groups instead.")
    points = f"{middle * most.sum():.4g}"
    return above.astype(np.intp), [f"score <= {points}", f"score > {points}"]


def _finite_everywhere(
    weights: CategoryWeights, values: NDArray[np.int64], codes: NDArray[np.intp]
) -> tuple[CategoryWeights, NDArray[np.bool_]]:
    """The model without the items that have no finite estimate in some group, and which items are kept."""
    kept = np.ones(values.shape[1], dtype=bool)
    while kept.sum() > 1:
        some = weights.select(kept)
        bad = [np.logical_or(*some.infinite(values[codes == code][:, kept])) for code in np.unique(codes)]
        if not np.any(bad):
            return some, kept
        kept[np.flatnonzero(kept)[np.any(bad, axis=0)]] = False
    return weights, kept


def _items(weights: CategoryWeights, apart: dict[str, Conditional], scaling: float) -> pd.DataFrame:
    """Locations of the items in each group, with standard errors and, of two groups, Wald's test."""
    columns: dict[tuple[str, str], NDArray[np.float64]] = {}
    for label, found in apart.items():
        columns[label, "location"] = weights.locations @ found.parameters / scaling
        columns[label, "se"] = np.linalg.norm(weights.locations @ found.factor, axis=1) / scaling
    table = pd.DataFrame(columns)
    if len(apart) == 2:
        first, second = (table[label] for label in apart)
        z = (second["location"] - first["location"]) / np.hypot(first["se"], second["se"])
        table["Wald", "z"], table["Wald", "p"] = z, 2 * stats.norm.sf(np.abs(z))
    return table
