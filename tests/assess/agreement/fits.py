"""The fits that rows are of: maxima of the marginal likelihood on mirt's grid, each made once."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import irtbridge as irt
from irtbridge.model.density import marginal_log_likelihood
from irtbridge.model.groups import EVERY_ITEM, with_ability

from .rows import REFERENCE

NODES = 61  # on -6..6, as mirt's with quadpts=61
WIDE, POSITIVE, ORDERED = "Normal(0, 1000)", "HalfNormal(1000)", "OrderedNormal(0, 1000)"
SLOPE = {"discrimination": POSITIVE}
COMMON = SLOPE | {"common_discrimination": True}
FLAT: dict[str, dict[str, Any]] = {
    "1pl": COMMON | {"difficulty": WIDE},
    "2pl": SLOPE | {"difficulty": WIDE},
    "grm": SLOPE | {"threshold": ORDERED},
    "gpcm": SLOPE | {"step": WIDE},
    "pcm": COMMON | {"step": WIDE},
    "rsm": COMMON | {"difficulty": WIDE, "step": WIDE},
    "nominal": SLOPE | {"score_deviation": WIDE, "intercept": WIDE},
}
GROUPS = {"ability_mean": WIDE, "ability_sd": POSITIVE}


@cache
def data(name: str) -> irt.Responses:
    """A data set by the name that the page gives it."""
    if name == "bfi N":  # mirt's numbers are of the 2,694 persons without a missing response
        return irt.load_responses(irt.load_dataset("bfi:N").to_frame().dropna())
    if name == "VerbAgg":
        path: Path = REFERENCE / "data" / "verbagg_r2_gender.csv"
        return irt.load_responses(path, group="Gender", covariates=["Anger"], item_data="verbagg")
    if name == "raschdat1":
        return irt.load_responses(REFERENCE / "data" / "eRm_raschdat1.csv")
    return irt.load_dataset(name.lower().replace(" ", ""))


def maximum(name: str, model: str, **options: Any) -> irt.Fit:
    """The maximum of the likelihood of a model, abilities integrated out, with standard errors."""
    return _fit(name, irt.build_model(model, **FLAT[model] | options))


@cache
def _fit(name: str, spec: irt.ModelSpec) -> irt.Fit:
    return irt.fit(data(name), spec, method="map", n_nodes=NODES)


@cache
def by_gender(level: str) -> irt.Fit:
    """VerbAgg by gender, at a level of invariance as mirt's multipleGroup names it."""
    spec, split = irt.two_pl(**FLAT["2pl"]), "slopes" in level and "intercepts" not in level
    if split:
        same = tuple(replace(v, equal="group") if v.name == "discrimination" else v for v in spec.variables)
        spec = replace(spec, variables=same, split=EVERY_ITEM)
    if level == "configural":
        spec = replace(spec, split=EVERY_ITEM)
    mean, sd = (prior if part in level else None for part, prior in (("free_means", WIDE), ("free_var", POSITIVE)))
    spec = with_ability(spec, mean=mean, sd=sd, by_group=True) if mean or sd else spec
    return irt.fit(data("VerbAgg"), spec, method="map", n_nodes=NODES, standard_errors=False)


def log_likelihood(fit: irt.Fit) -> float:
    """Of all persons, at the estimate."""
    params = {name: value[0, 0] for name, value in fit.program.constrain(fit.draws.z).items()}
    return float(marginal_log_likelihood(fit.program.layout, params, fit.responses).sum())
