"""Is an item fair: its parameters by group, from the model fitted again with groups."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from irtbridge.assess.fairness import dif as observed
from irtbridge.assess.fairness.item_differences import Sides, item_differences
from irtbridge.assess.fairness.person_groups import Group, grouped
from irtbridge.assess.fairness.scales import check_method, check_one_trait, drawn
from irtbridge.assess.person_likelihood import person_log_likelihood
from irtbridge.assess.posterior import Posterior
from irtbridge.data.labels import listed
from irtbridge.data.responses import Responses
from irtbridge.errors import StatisticError, UnknownName
from irtbridge.fitting.refit import refit
from irtbridge.model.groups import MEAN, SD, with_groups
from irtbridge.model.likelihood_alone import flat
from irtbridge.model.priors import Exactly
from irtbridge.model.spec import ModelSpec
from irtbridge.plugin.options import check_share

Array = NDArray[np.float64]
Compared = tuple[str, Sides, Sequence[str], Array, Array]  # a group, the items of both, their labels, its mean and SD
METHODS = ("model", "lr", *observed.TESTS)


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
    check_share("alpha", alpha)
    check_method(linking)
    if method in observed.TESTS:
        return observed.dif(posterior.responses, group, method, purify=purify, alpha=alpha)
    check_one_trait(posterior, "DIF by a model", "use a model of one trait, or method='mantel-haenszel'")
    posterior.check_integrable("DIF by a model", "method='mantel-haenszel'")
    responses, spec = grouped(posterior.responses, group), ungrouped(posterior.spec)
    held = _known_items(responses, anchors)
    if method == "lr" or held is not None:
        _check_free(spec, "method='lr'" if method == "lr" else "anchors")
    if method == "lr":
        return _by_likelihood(spec, responses, provenance)
    if held is None:
        found = _apart(spec, responses, linking, alpha if purify else 0.0, provenance, draws, seed)
    else:
        found = _anchored(spec, responses, held, provenance, draws, seed)
    tables = {label: item_differences(sides, items, mean, sd) for label, sides, items, mean, sd in found}
    table = pd.concat(tables, names=["group"]).swaplevel()
    table[("wald", "flagged")] = table[("wald", "p")] < alpha
    return table


def _apart(
    spec: ModelSpec,
    responses: Responses,
    linking: str,
    alpha: float,
    provenance: Mapping[str, Any],
    draws: int,
    seed: int,
) -> Iterator[Compared]:
    """Each group fitted by itself, which is one fit in which all is free by group, and linked to the reference."""
    responses.split()  # refuses a group that did not give a category
    seeds, each = np.random.SeedSequence(seed).generate_state(len(responses.groups)), []
    for code, own in enumerate(seeds):
        rows = replace(responses.select(np.flatnonzero(responses.group_codes == code)), group=None)
        each.append(refit(spec, rows, provenance, "laplace", int(own), draws=draws))
    items, n = np.arange(responses.n_items), min(posterior.n_draws for posterior in each)
    reference, *focal = (drawn(posterior, n) for posterior in each)
    for label, other in zip(responses.groups[1:], focal, strict=True):
        sides = Sides(reference, items, other, items)
        sides, scale = sides.linked(linking, sides.purified(linking, alpha) if alpha > 0 else items)
        yield label, sides, responses.items, scale[:, 1], scale[:, 0]


def _anchored(
    spec: ModelSpec,
    responses: Responses,
    anchors: Sequence[str],
    provenance: Mapping[str, Any],
    draws: int,
    seed: int,
) -> Iterator[Compared]:
    """All groups in one fit, on the scale that some items hold."""
    items = [item for item in responses.items if item not in anchors]
    both = refit(with_groups(spec, free=items), responses, provenance, "laplace", seed, draws=draws)
    places = {item: place for place, item in enumerate(both.responses.items)}
    reference, *focal = (np.array([places[f"{item} [{group}]"] for item in items]) for group in responses.groups)
    for code, (label, other) in enumerate(zip(responses.groups[1:], focal, strict=True), 1):
        yield label, Sides(both, reference, both, other), items, both.params[MEAN][:, code], both.params[SD][:, code]


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
    variables = (v if v.name in kept else flat(spec, v) for v in spec.variables)
    return replace(spec, variables=tuple(variables))


def _check_free(spec: ModelSpec, what: str) -> None:
    """Raise `StatisticError` where item parameters follow from others, so that no item can differ by itself."""
    roles = {name for role, name in spec.family.roles() if role != "ability"}
    exact = [v for v in spec.variables if v.name in roles and isinstance(v.prior, Exactly) and v.prior.references()]
    if exact:
        raise StatisticError(
            f"dif({what}): in model {spec.name!r} {exact[0].name} is {exact[0].prior}, which leaves no item a "
            "parameter of its own that could differ by group; use method='model' without anchors, which fits the "
            "model to each group, or a model whose items are free (without residual='none')."
        )


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
