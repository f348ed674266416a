"""From the settings of a calibration to banks, one for each start."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from irtbridge.bank.columns import CATEGORIES, item_variables
from irtbridge.bank.item_bank import ItemBank
from irtbridge.calibration.answers import Answers
from irtbridge.calibration.cross_fitting import CrossFitted
from irtbridge.calibration.curves import Curves
from irtbridge.calibration.features import Features
from irtbridge.calibration.graders import Grader
from irtbridge.calibration.mcem import Calibrated, Loop
from irtbridge.calibration.reading import Proxies, features_and_responses, on_one_scale, proxies
from irtbridge.calibration.steps import SUPPORTED
from irtbridge.data.labels import few
from irtbridge.data.responses import Responses
from irtbridge.errors import ConfigError, DataError, SpecError, UnknownName
from irtbridge.model.catalogue import build_model
from irtbridge.model.families import Binary
from irtbridge.model.spec import ModelSpec
from irtbridge.plugin.options import check_number, check_seed
from irtbridge.plugin.program import Progress

Array = NDArray[np.float64]
RESPONSES = "responses"  # how many an item has, beside its features
STARTS = {
    "cold": "from features alone: no response of an item counts for it",
    "jump": "from features and the item's own responses, which count the more the more there are",
    "warm": "the same, of items that all have responses",
}


@dataclass(frozen=True)
class Calibration:
    """Settings of a calibration; see `irtbridge.calibrate`, which explains each.

    Raises
    ------
    ConfigError
        A number that cannot be.
    """

    grader: Grader
    features: Features
    budget: float
    lower: float | None
    residual: bool
    folds: int
    members: int
    draws: int
    seed: int

    def __post_init__(self) -> None:
        number = isinstance(self.budget, (int, float)) and not isinstance(self.budget, bool)
        if not number or not 0 < self.budget < np.inf:
            raise ConfigError(f"budget={self.budget!r} must be a positive number of seconds.")
        check_seed(self.seed)
        for name, least in (("folds", 2), ("members", 1), ("draws", 2)):
            check_number(name, getattr(self, name), least)

    def banks(
        self,
        responses: Any,
        item_features: Any,
        model: str | ModelSpec,
        starts: Sequence[str],
        abilities: Any,
        data_options: Mapping[str, Any] | None,
        progress: Progress,
    ) -> dict[str, ItemBank]:
        """The banks of several starts, by one loop where it serves them all; arguments as those of `calibrate`."""
        for start in starts:
            if start not in STARTS:
                raise UnknownName("start", start, STARTS)
        spec = build_model(model)
        given, data = features_and_responses(responses, item_features, data_options)
        _check_names(given, spec)
        table = given.sort_index()  # so that a bank does not depend on the order of its items
        known = proxies(abilities, data, spec.family.discrimination is not None)
        if spec.family.max_categories is None:
            data = on_one_scale(data)
        curves = curves_of(spec, data, self.lower, known.standard is not None)
        answers, features = Answers.of(data, tuple(table.index)), self.features.matrix(table, self.seed)
        _check_some_seen(answers)
        if "warm" in starts:
            _check_all_seen(answers, table)
        done: dict[bool, Calibrated] = {}
        banks = {}
        for start in starts:
            knows = not self.residual and start != "cold"
            if knows not in done:
                grades = CrossFitted(self.grader, features, self.folds, knows)
                loop = Loop(grades, curves, self.residual, self.members, self.draws, self.budget, known.standard)
                done[knows] = loop.run(answers, int(self.seed), progress)
            drawn = done[knows].draws(start != "cold", np.random.default_rng(self.seed))
            bank = self._bank(start, spec, done[knows], drawn, table, data, known)
            banks[start] = bank.select(list(given.index))
        return banks

    def _bank(
        self, start: str, spec: ModelSpec, done: Calibrated, drawn: Array, table: pd.DataFrame, data: Responses,
        known: Proxies,
    ) -> ItemBank:  # fmt: skip
        """Parameters for abilities on the scale of those that are known."""
        a, b, c = done.curves.natural(drawn)
        a, b = a / known.sd, known.mean + known.sd * b
        location = b if "category" in spec[spec.family.location[0]].dims else b[..., 0]
        each = {"discrimination": a / spec.family.scaling, "location": location, "lower": c}
        own = dict(zip(data.items, data.categories, strict=True))
        mean, variance = done.population
        return ItemBank(
            spec=spec,
            items=tuple(table.index),
            categories=tuple(own.get(item, data.categories[0]) for item in table.index),
            params={name: each[role] for role, name in spec.family.roles() if role != "ability"},
            about=table.assign(**{RESPONSES: done.model.answers.per_item.astype(int)}),
            mean=np.array([known.mean + known.sd * mean]),
            covariance=np.array([[known.sd**2 * variance]]),
            provenance={
                "method": "autoirt",
                "model": spec.name,
                "data": data.name,
                "grader": self.grader.name,
                "start": start,
                "residual": self.residual,
                "seed": self.seed,
                "log_prob": done.history,
                "ess": done.ess,
                "seconds": done.seconds,
            },
        )


def curves_of(spec: ModelSpec, responses: Responses, lower: float | None, known: bool) -> Curves:
    """The coordinates of the model's items.

    Raises
    ------
    SpecError
        A model of several traits, or of which `Curves` has no coordinates, or a lower asymptote that cannot be.
    """
    family = spec.family
    if not isinstance(family, SUPPORTED) or not _plain(spec):
        raise SpecError(
            f"model {spec.name!r}: items are calibrated from features with 1pl, 2pl or 3pl, and of more than two "
            "categories with grm, gpcm or pcm, of one trait; take one of these, or fit the model with irt.fit and let "
            "its locations depend on covariates, as model_options={'difficulty_on': ...} does."
        )
    family.check_responses(spec, responses)
    asymptote = _asymptote(spec, lower, known)
    return Curves(family.discrimination is not None, asymptote, family.scaling, family, responses.max_categories)


def _asymptote(spec: ModelSpec, lower: float | None, known: bool) -> float | None:
    """The lower asymptote of all items, None where it is free, or a `SpecError`."""
    if spec.family.lower is None:
        if lower is not None:
            raise SpecError(f"lower={lower!r}: model {spec.name!r} has no lower asymptote; take model='3pl'.")
        return 0.0
    if lower is None and not known:
        raise SpecError(
            "a lower asymptote and abilities are not identified together: give lower=0.2, say, or abilities= known "
            "from other tests."
        )
    if lower is not None and not 0 <= lower < 1:
        raise SpecError(f"lower={lower!r} must be a probability below 1.")
    return lower


def _plain(spec: ModelSpec) -> bool:
    """Whether the items of a model have one discrimination, or none, and locations of their own, of one trait."""
    family = spec.family
    dims = {role: spec[name].dims for role, name in family.roles()}
    location = ("item",) if isinstance(family, Binary) else ("item", "category")
    wanted = {"ability": ("person",), "discrimination": ("item",), "location": location, "lower": ("item",)}
    known = all(wanted.get(role) == own for role, own in dims.items())
    return known and len(family.location) == 1 and family.parameterization == "difficulty"


def _check_names(table: pd.DataFrame, spec: ModelSpec) -> None:
    taken = {RESPONSES, CATEGORIES, *item_variables(spec)}
    if clash := [str(name) for name in table.columns if re.sub(r"( sd|\[.+\])*$", "", str(name)) in taken]:
        raise DataError(f"feature {clash[0]!r} is called as a column that the bank will have; rename it.")


def _check_some_seen(answers: Answers) -> None:
    if (number := np.count_nonzero(answers.per_item)) < 2:
        raise DataError(f"features are learned from items with responses, two or more, and there is {number}.")


def _check_all_seen(answers: Answers, table: pd.DataFrame) -> None:
    if (without := answers.per_item == 0).any():
        names = few(repr(str(item)) for item in table.index[without])
        raise DataError(
            f"start='warm' is for items that all have responses, and these have none: {names}; take start='jump', "
            "which predicts them from their features, or leave them out of item_features."
        )
