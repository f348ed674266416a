"""Models judged by what they predict of responses that they have not seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from irtbridge.assess.prediction.held_out import baseline_metrics, held_out_metrics
from irtbridge.assess.prediction.responses import DRAWS
from irtbridge.data.hold_out import HoldOut
from irtbridge.fitting.fitted import Fit
from irtbridge.fitting.fitter import Fitter
from irtbridge.inference import METHODS
from irtbridge.model.design import split_for
from irtbridge.model.known import with_known
from irtbridge.model.spec import ModelSpec
from irtbridge.plugin.options import check_seed
from irtbridge.plugin.program import Progress, silent


def evaluate(
    held: HoldOut,
    model: str | ModelSpec = "2pl",
    *,
    backend: str = "pyro",
    method: str = "map",
    seed: int = 0,
    draws: int = DRAWS,
    device: str = "auto",
    dtype: str = "float64",
    model_options: Mapping[str, Any] | None = None,
    backend_options: Mapping[str, Any] | None = None,
    **settings: Any,
) -> pd.DataFrame:
    """Fit a model to what is not held out, and judge what it predicts of what is.

    Parameters
    ----------
    held : HoldOut
        Of `irtbridge.hold_out`.
    model, backend, method, seed, device, dtype, model_options, backend_options, **settings
        As in `irtbridge.fit`.
    draws : int
        Draws to predict from.

    Returns
    -------
    DataFrame
        A row for the model, under its name, and one for each baseline; columns as
        `irtbridge.assess.prediction.metrics.category_metrics` says, and the coverage of predictive intervals.

    Raises
    ------
    IRTBridgeError
        As `irtbridge.fit`.
    """
    check_seed(seed)
    fitter = Fitter.of(model, backend, method, settings, model_options, backend_options, device=device, dtype=dtype)
    return metrics_of_fit(fit_held_out(held, fitter, seed), held, draws, seed)


def fit_held_out(held: HoldOut, fitter: Fitter, seed: int, progress: Progress = silent) -> Fit:
    """A fit of all persons and items that has seen no tested response.

    The first stage is the training responses. Where persons or items are new, the second one is these and the exposed
    responses, with all item parameters of the first stage known (at their estimates, as anchors of a scale are): what
    is estimated is new items, new persons and the mean and standard deviation of all persons. So the exposed responses
    change no known item, new persons are measured on the scale of the old, and new items by abilities that the known
    items tell, whose uncertainty is integrated out. A method that estimates abilities and items together has no
    distribution of abilities: there the mean and standard deviation stay those of the model.

    Parameters
    ----------
    held : HoldOut
        What is held out.
    fitter : Fitter
        Model, method and backend.
    seed : int
        Of both fits.
    progress : callable
        Called with (stage, steps done, steps in all).
    """
    fitter = for_prediction(fitter)
    if not held.two_stages:
        return fitter.fit(held.train, seed, progress)
    spec = _with_labels(fitter.spec, held.whole.items)
    first = replace(fitter, spec=spec.for_items(held.train.items)).fit(held.train, seed, progress)
    population = METHODS[fitter.method].distribution
    known = with_known(spec, first.items(tidy=True), split_for(spec, held.second_stage), population=population)
    return replace(fitter, spec=known).fit(held.second_stage, seed, progress)


def for_prediction(fitter: Fitter) -> Fitter:
    """The fitter without standard errors of a point estimate, which predictions do not need."""
    if not getattr(fitter.settings, "standard_errors", False):
        return fitter
    return replace(fitter, settings=replace(fitter.settings, standard_errors=False))


def _with_labels(spec: ModelSpec, items: Sequence[str]) -> ModelSpec:
    """The spec with the data's labels on masks (a Q-matrix) that have none, so that some of the items can be taken."""
    unnamed = [v.free is not None and v.items is None and v.dims[:1] == ("item",) for v in spec.variables]
    each = zip(spec.variables, unnamed, strict=True)
    return replace(spec, variables=tuple(replace(v, items=tuple(items)) if here else v for v, here in each))


def metrics_of_fit(fit: Fit, held: HoldOut, draws: int = DRAWS, seed: int = 0) -> pd.DataFrame:
    """Metrics of a fit's predictions and of the baselines', a row for each."""
    own = pd.DataFrame([held_out_metrics(fit.posterior, held.tested, draws, seed)], index=[fit.spec.name])
    others = baseline_metrics(held.second_stage, held.tested)
    return pd.concat([own, others]).rename_axis("predictor")
