"""An item bank from responses and item features: the call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from numpy.typing import ArrayLike

from irtbridge.bank.item_bank import ItemBank
from irtbridge.calibration.banks import Calibration
from irtbridge.calibration.features import Embedding, features_of
from irtbridge.calibration.graders import grader_of
from irtbridge.model.spec import ModelSpec
from irtbridge.plugin.program import Progress, silent


def calibrate(
    responses: Any,
    item_features: Any = None,
    model: str | ModelSpec = "2pl",
    *,
    grader: Any = "hgb",
    start: str = "jump",
    budget: float = 300.0,
    abilities: ArrayLike | pd.Series | None = None,
    lower: float | None = None,
    residual: bool = True,
    text: str | Sequence[str] | None = None,
    embed: Embedding | None = None,
    language: str = "en",
    folds: int = 5,
    members: int = 4,
    draws: int = 300,
    seed: int = 0,
    data_options: Mapping[str, Any] | None = None,
    progress: Progress = silent,
) -> ItemBank:
    """Calibrate items from what is known of them and the responses that they have (AutoIRT, Sharpnack et al. 2024).

    A grader learns the probability of a right answer from ability and item features, of ordered categories that of each
    one above the lowest or a higher one; its curves for each item are projected on the model by least squares;
    abilities are drawn anew from their posteriors, until responses that were set aside are predicted no better. Each
    item is predicted by a grader that has not seen its responses. What the features leave of items is a normal
    distribution about these predictions, estimated from the items that have responses; each item's posterior weighs its
    prediction and its own responses.

    Parameters
    ----------
    responses : DataFrame, array_like, path, name of a data set or Responses
        Of two categories, or of ordered ones; see `load_responses`. Of more than two all items have the categories that
        any of them has.
    item_features : DataFrame or path, optional
        A row for each item of the bank, its labels in the index or in a column called item: those with responses, and
        others. Numbers, categories, texts. By default the covariates of the items of `responses`.
    model : str or ModelSpec
        ``1pl``, ``2pl``, ``3pl``; ``grm``, ``gpcm``, ``pcm``; or a spec of such a model.
    grader : str or estimator
        ``hgb``: scikit-learn's histogram gradient boosting. ``auto``: FLAML's AutoML, a stacked ensemble. ``linear``:
        logistic, linear in the features. Or a classifier with ``fit`` and ``predict_proba`` like scikit-learn's.
    start : {"cold", "jump", "warm"}
        Whether items' own responses count for them (jump), or not (cold); warm is for items that all have responses.
    budget : float
        Seconds that graders should take: `auto` fills them; once they are over no further round begins.
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
        Same seed, machine and versions: same bank, unless the clock ended something, as it does with ``auto``.
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
    settings = Calibration(
        grader=grader_of(grader),
        features=features_of(text, embed, language),
        budget=budget,
        lower=lower,
        residual=residual,
        folds=folds,
        members=members,
        draws=draws,
        seed=seed,
    )
    banks = settings.banks(responses, item_features, model, (start,), abilities, data_options, progress)
    return banks[start]
