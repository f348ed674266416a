"""Is an item fair: its parameters by group, from the model fitted again with groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from irtbridge.assess.fairness import dif as observed
from irtbridge.assess.fairness.item_differences import item_differences, linked, purified
from irtbridge.assess.fairness.linking import check_one_trait
from irtbridge.assess.fairness.person_groups import Group, grouped
from irtbridge.assess.person_likelihood import person_log_likelihood
from irtbridge.assess.posterior import Posterior
from irtbridge.data.labels import listed
from irtbridge.data.responses import Responses
from irtbridge.errors import StatisticError, UnknownName
from irtbridge.fitting.refit import refit
from irtbridge.model.groups import MEAN, SD, with_groups
from irtbridge.model.priors import HalfNormal, Normal, OrderedNormal, Uniform
from irtbridge.model.priors.vectors import DecreasingNormal
from irtbridge.model.spec import ModelSpec

Array = NDArray[np.float64]
METHODS = ("model", "lr", *observed.TESTS)
WIDE = 1000.0  # standard deviation of a prior that is as good as flat


def dif(
    posterior: Posterior,
    provenance: Mapping[str, Any],
    group: Group,
    method: str,
    *,
    anchors: Sequence[str] | None,
    purify: bool,
    alpha: float,
    linking: str,
    draws: int,
    seed: int,
) -> pd.DataFrame:
    """Differential item functioning; see `irtbridge.Fit.dif`."""
    if method not in METHODS:
        raise UnknownName("method of DIF", method, METHODS)
    if method in observed.TESTS:
        return observed.dif(posterior.responses, group, method, purify=purify, alpha=alpha)
    check_one_trait(posterior, "DIF by a model", "use a model of one trait, or method='mantel-haenszel'")
    posterior.check_integrable("DIF by a model", "method='mantel-haenszel'")
    responses, spec = grouped(posterior.responses, group), ungrouped(posterior.spec)
    if method == "lr":
        return _by_likelihood(spec, responses, provenance)
    held = _known_items(responses, anchors)
    if held is None:
        model = with_groups(spec, "configural")
    else:
        model = with_groups(spec, free=[item for item in responses.items if item not in held])
    free = refit(model, responses, provenance, "laplace", seed, draws=draws)
    tables = {}
    for label in responses.groups[1:]:
        tables[label] = _differences(free, responses, label, None if held is None else (), purify, alpha, linking)
    table = pd.concat(tables, names=["group"]).swaplevel()
    table[("wald", "flagged")] = table[("wald", "p")] < alpha
    return table


def ungrouped(spec: ModelSpec) -> ModelSpec:
    """The model of one group that a model of several was made of: abilities N(0, 1), each item once."""
    ability, by_group = spec[spec.family.ability], {v.name for v in spec.variables if "group" in v.dims}
    back = {"loc": 0.0, "scale": 1.0}
    numbers = {argument: back[argument] for argument, name in ability.prior.references().items() if name in by_group}
    variables = [replace(v, equal=None) if v.equal == "group" else v for v in spec.variables if v.name not in by_group]
    alone = replace(ability, prior=replace(ability.prior, **numbers))
    return replace(spec, variables=tuple(alone if v.name == ability.name else v for v in variables), split=())


def flattened(spec: ModelSpec) -> ModelSpec:
    """The model with priors of item parameters and of the abilities' mean and spread that are as good as flat."""
    kept = {v.name for v in spec.variables} - {name for _, name in spec.family.roles()} - {MEAN, SD}
    kept.add(spec.family.ability)
    flat = {
        "real": Normal(0, WIDE),
        "positive": HalfNormal(WIDE),
        "ordered": OrderedNormal(0, WIDE),
        "interval": Uniform(0, 1),
    }
    variables = []
    for v in spec.variables:
        falling = isinstance(v.prior, DecreasingNormal)
        prior = DecreasingNormal(0, WIDE) if falling else flat.get(v.prior.support, v.prior)
        known = v.name in kept or (v.prior.support == "interval" and isinstance(v.prior, Uniform))
        variables.append(v if known else replace(v, prior=prior))
    return replace(spec, variables=tuple(variables))


def _differences(
    free: Posterior,
    responses: Responses,
    label: str,
    held: Sequence[str] | None,
    purify: bool,
    alpha: float,
    linking: str,
) -> pd.DataFrame:
    """Of one group against the reference."""
    places = {item: place for place, item in enumerate(free.responses.items)}
    items = [item for item in responses.items if f"{item} [{label}]" in places]
    reference, focal = (np.array([places[f"{item} [{g}]"] for item in items]) for g in (responses.groups[0], label))
    if held is None:
        anchors = purified(free, reference, focal, linking, alpha) if purify else np.arange(len(items))
        free, scale = linked(free, reference, focal, linking, anchors)
        return item_differences(free, reference, focal, items, scale[:, 1], scale[:, 0])
    code = responses.groups.index(label)
    return item_differences(free, reference, focal, items, free.params[MEAN][:, code], free.params[SD][:, code])


def _by_likelihood(spec: ModelSpec, responses: Responses, provenance: Mapping[str, Any]) -> pd.DataFrame:
    """Each item freed in turn while the others hold the scale."""
    rows = []
    for code, label in enumerate(responses.groups[1:], 1):
        both = responses.select(np.flatnonzero(np.isin(responses.group_codes, [0, code])))
        names = np.where(both.group_codes == code, label, responses.groups[0])
        both = grouped(both, pd.Series(pd.Categorical(names, categories=[responses.groups[0], label])))
        same, size = _maximum(flattened(with_groups(spec)), both, provenance)
        for item in responses.items:
            free, larger = _maximum(flattened(with_groups(spec, free=[item])), both, provenance)
            x2, df = 2 * max(0.0, free - same), larger - size
            rows.append((item, label, x2, df, stats.chi2.sf(x2, df)))
    table = pd.DataFrame(rows, columns=["item", "group", "X2", "df", "p"])
    return table.set_index(["item", "group"])


def _maximum(spec: ModelSpec, responses: Responses, provenance: Mapping[str, Any]) -> tuple[float, int]:
    """Log likelihood at its maximum, and the number of parameters."""
    at = refit(spec, responses, provenance, "map", standard_errors=False)
    return float(person_log_likelihood(at)[0] @ at.weights), at.layout.dim


def _known_items(responses: Responses, anchors: Sequence[str] | None) -> tuple[str, ...] | None:
    if anchors is None:
        return None
    chosen = (anchors,) if isinstance(anchors, str) else tuple(anchors)
    if unknown := [item for item in chosen if item not in responses.items]:
        raise StatisticError(f"anchors {listed(unknown)} are no items of the data: {listed(responses.items)}.")
    if not chosen or len(chosen) == len(responses.items):
        raise StatisticError("anchors are some of the items, not none and not all: they hold the groups on one scale.")
    return chosen
