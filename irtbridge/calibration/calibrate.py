"""An item bank from responses and item features: the call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from irtbridge.bank.item_bank import ItemBank
from irtbridge.calibration.answers import Answers
from irtbridge.calibration.cross_fitting import CrossFitted
from irtbridge.calibration.curves import Curves
from irtbridge.calibration.features import Embedding, features_of
from irtbridge.calibration.graders import grader_of
from irtbridge.calibration.mcem import Calibrated, Loop
from irtbridge.calibration.reading import features_and_responses, proxies
from irtbridge.data.responses import Responses
from irtbridge.errors import ConfigError, DataError, SpecError, UnknownName
from irtbridge.data.labels import few
from irtbridge.model.catalogue import build_model
from irtbridge.model.families import Binary
from irtbridge.model.spec import ModelSpec
from irtbridge.plugin.options import check_number, check_seed
from irtbridge.plugin.program import Progress, silent

Array = NDArray[np.float64]
STARTS = {
    "cold": "from features alone: no response of an item counts for it",
    "jump": "from features and the item's own responses, which count the more the more there are",
    "warm": "the same, of items that all have responses",
}


def calibrate(
    responses: Any,
    item_features: Any = None,
    model: str | ModelSpec = "2pl",
    *,
    grader: Any = "hgb",
    start: str = "jump",
    budget: float = 300.0,
    abilities: ArrayLike | pd.Series | None = None,  # type: ignore[type-arg]
    lower: float | None = None,
    residual: bool = True,
    text: str | Sequence[str] | None = None,
    embed: Embedding | None = None,
    language: str = "en",
    folds: int = 5,
    members: int = 4,
    draws: int = 200,
    seed: int = 0,
    data_options: Mapping[str, Any] | None = None,
    progress: Progress = silent,
) -> ItemBank:
    """Calibrate items from what is known of them and the responses that they have (AutoIRT, Sharpnack et al. 2024).

    A grader learns the probability of a right answer from ability and item features; its curve for each item is
    projected on the model by least squares; abilities are drawn anew from their posteriors, until responses that were
    set aside are predicted no better. Each item is predicted by a grader that has not seen its responses. What the
    features leave of items is a normal distribution about these predictions, estimated from the items that have
    responses; each item's posterior weighs its prediction and its own responses.

    Parameters
    ----------
    responses : DataFrame, array_like, path, name of a data set or Responses
        Of two categories; see `load_responses`.
    item_features : DataFrame or path, optional
        A row for each item of the bank, its labels in the index or in a column called item: those with responses, and
        others. Numbers, categories, texts. By default the covariates of the items of `responses`.
    model : str or ModelSpec
        ``1pl``, ``2pl``, ``3pl``, or a spec of such a model.
    grader : str or estimator
        ``hgb``: scikit-learn's histogram gradient boosting. ``auto``: FLAML's AutoML, a stacked ensemble. ``linear``:
        logistic, linear in the features. Or a classifier with ``fit`` and ``predict_proba`` like scikit-learn's.
    start : {"cold", "jump", "warm"}
        Whether items' own responses count for them (jump), or not (cold); warm is for items that all have responses.
    budget : float
        Seconds that all may take: `auto` fills it, the others end where it is over.
    abilities : array_like or Series, shape (person,), optional
        A proxy of each person's ability, as a score from other tests, which is then taken as known.
    lower : float, optional
        The lower asymptote of all items of a 3PL. Free where `abilities` are given: the two are not identified
        together.
    residual : bool
        Estimate what the features leave of the items. Otherwise the plain form of the paper: the item is a feature
        itself (unless the start is cold), and its parameters are those of the projection.
    text : str or sequence of str, optional
        Columns that are texts; by default those with more than 20 different ones.
    embed : callable, optional
        From a list of texts to an array (text, number); by default TF-IDF of letters' n-grams, reduced.
    language : str
        Of the texts, for the frequencies of their words.
    folds : int
        Parts of the items, each predicted by a grader of the others.
    members : int
        Graders of the ensemble whose projections are averaged; without a residual, draws of the bank.
    draws : int
        Draws of the bank's parameters.
    seed : int
        Same seed, machine and versions: same bank (with ``grader="auto"``, which races against the clock, nearly).
    data_options : mapping, optional
        Arguments of `load_responses`.
    progress : callable
        Called with (stage, steps done, steps in all).

    Returns
    -------
    ItemBank
        Of all items of `item_features`; its draws carry what is not known of each. ``about`` has the features and how
        many ``responses`` each item has.

    Raises
    ------
    IRTBridgeError
        Always of this root: `DataError` for items without features, features that are missing or no numbers;
        `ConfigError` for a grader or start that there is not, or a budget that is not positive; `SpecError` for a model
        of other responses; `BackendUnavailable` where a library is missing.
    """
    banks = calibrations(
        responses, item_features, model, grader=grader, starts=(start,), budget=budget, abilities=abilities, lower=lower,
        residual=residual, text=text, embed=embed, language=language, folds=folds, members=members, draws=draws,
        seed=seed, data_options=data_options, progress=progress,
    )  # fmt: skip
    return banks[start]


def calibrations(
    responses: Any,
    item_features: Any,
    model: str | ModelSpec,
    *,
    grader: Any,
    starts: Sequence[str],
    budget: float,
    abilities: Any,
    lower: float | None,
    residual: bool,
    text: str | Sequence[str] | None,
    embed: Embedding | None,
    language: str,
    folds: int,
    members: int,
    draws: int,
    seed: int,
    data_options: Mapping[str, Any] | None,
    progress: Progress,
) -> dict[str, ItemBank]:
    """The banks of several starts, by one loop where it serves them all; arguments as those of `calibrate`."""
    _check(starts, budget, seed, folds=(folds, 2), members=(members, 1), draws=(draws, 2))
    spec, how = build_model(model), features_of(text, embed, language)
    learner = grader_of(grader)
    table, data = features_and_responses(responses, item_features, data_options)
    known = None if abilities is None else proxies(abilities, data)
    curves = _curves(spec, data, lower, known is not None)
    answers, features = Answers.of(data, tuple(map(str, table.index))), how.matrix(table, seed)
    if "warm" in starts:
        _check_all_seen(answers, table)
    done: dict[bool, Calibrated] = {}
    banks = {}
    for start in starts:
        knows = not residual and start != "cold"
        if knows not in done:
            grades = CrossFitted(learner, features, folds, knows)
            loop = Loop(grades, curves, residual, members, budget, known)
            done[knows] = loop.run(answers, seed, progress)
        told = {"grader": learner.name, "start": start, "residual": residual, "seed": seed, "data": data.name}
        banks[start] = _bank(done[knows], start, spec, data, table, answers, draws, seed, told)
    return banks


def _check(starts: Sequence[str], budget: object, seed: object, **numbers: tuple[object, int]) -> None:
    for start in starts:
        if start not in STARTS:
            raise UnknownName("start", start, STARTS)
    number = isinstance(budget, (int, float)) and not isinstance(budget, bool)
    if not number or not 0 < float(budget) < np.inf:  # type: ignore[arg-type]
        raise ConfigError(f"budget={budget!r} must be a positive number of seconds.")
    check_seed(seed)
    for name, (value, least) in numbers.items():
        check_number(name, value, least)


def _curves(spec: ModelSpec, responses: Responses, lower: float | None, known: bool) -> Curves:
    """The coordinates of the model's items.

    Raises
    ------
    SpecError
        A model that is not of one trait and two categories, or a lower asymptote that cannot be.
    """
    family = spec.family
    plain = isinstance(family, Binary) and family.upper is None and family.parameterization == "difficulty"
    names = {role: spec[name].dims for role, name in family.roles()}
    if not plain or names["ability"] != ("person",) or names.get("discrimination", ("item",)) != ("item",):
        raise SpecError(
            f"model {spec.name!r}: items are calibrated from features with 1pl, 2pl or 3pl, of one trait and two "
            "categories; dichotomise the responses, or fit the model with irt.fit and model_options difficulty_on=."
        )
    family.check_responses(spec, responses)
    if family.lower is None:
        if lower is not None:
            raise SpecError(f"lower={lower!r}: model {spec.name!r} has no lower asymptote; take model='3pl'.")
        return Curves(family.discrimination is not None, 0.0)
    if lower is None and not known:
        raise SpecError(
            "a lower asymptote and abilities are not identified together: give lower=0.2, say, or abilities= known from "
            "other tests."
        )
    if lower is not None and not 0 <= lower < 1:
        raise SpecError(f"lower={lower!r} must be a probability below 1.")
    return Curves(family.discrimination is not None, lower)


def _check_all_seen(answers: Answers, table: pd.DataFrame) -> None:
    if (without := answers.per_item == 0).any():
        names = few(repr(str(item)) for item in table.index[without])
        raise DataError(
            f"start='warm' is for items that all have responses, and these have none: {names}; take start='jump', which "
            "predicts them from their features, or leave them out of item_features."
        )


def _bank(
    done: Calibrated,
    start: str,
    spec: ModelSpec,
    responses: Responses,
    table: pd.DataFrame,
    answers: Answers,
    draws: int,
    seed: int,
    told: Mapping[str, Any],
) -> ItemBank:
    drawn = done.draws(start != "cold", draws, np.random.default_rng(seed))
    a, b, c = done.curves.natural(drawn)
    family = spec.family
    each = {"discrimination": a / family.scaling, "location": b, "lower": c}
    params = {name: each[role] for role, name in family.roles() if role != "ability"}
    own = dict(zip(responses.items, responses.categories, strict=True))
    common = next(iter(own.values()))
    items = tuple(map(str, table.index))
    mean, sd = (0.0, done.items.grid.nodes[-1] / 5) if done.curves.slopes else (0.0, 1.0)
    about = table.assign(responses=answers.per_item.astype(int))
    provenance = {**told, "method": "autoirt", "model": spec.name, "log_prob": done.history, "seconds": done.seconds}
    return ItemBank(
        spec, items, tuple(own.get(item, common) for item in items), params, about,
        np.array([mean]), np.array([[sd**2]]), provenance,
    )  # fmt: skip
