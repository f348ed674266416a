"""Scores of response patterns, and their reliability."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

import irtbridge as irt

from . import fits
from .maxima import MIRT
from .rows import Anchors, Row

TITLE = "Scores and reliability"
TEXT = """`fit.scores(data, method)` and `fit.reliability()` at the maximum: all 32 patterns of the LSAT, the first 20
persons of bfi N. Scores of `ml` are infinite where all or no items are right; their standard errors are left out."""
METHODS = ("eap", "map", "ml", "wle")


def rows() -> Iterator[Row]:
    """All of this question."""
    for name in ("LSAT 6", "LSAT 7"):
        theirs = Anchors("mirt_lsat.csv.gz", name.replace(" ", ""), "2PL quadpts=61")
        fit = fits.maximum(name, "2pl")
        patterns = [[int(code) for code in pattern] for pattern in theirs.series("fscore.EAP").index]
        yield from of_persons(name, "2PL", theirs, fit, pd.DataFrame(patterns, columns=fit.responses.items))
        yield from of_sums(name, "2PL", theirs, fit)
        yield from reliability(name, "2PL", theirs, fit)
    for model, title in (("grm", "graded"), ("gpcm", "gpcm")):
        theirs = Anchors(f"mirt_bfiN_{title}.csv.gz", "bfiN", f"{title} quadpts=61")
        fit = fits.maximum("bfi N", model)
        yield from of_persons("bfi N", model.upper(), theirs, fit, fit.responses.to_frame().iloc[:20])
        yield from of_sums("bfi N", model.upper(), theirs, fit)
        yield from reliability("bfi N", model.upper(), theirs, fit)


def of_persons(name: str, model: str, theirs: Anchors, fit: irt.Fit, persons: pd.DataFrame) -> Iterator[Row]:
    """Scores and their standard errors, by each method."""
    for method in METHODS:
        scores = fit.scores(persons, method)
        values = theirs.series(f"fscore.{method.upper()}").to_numpy()
        yield Row(method.upper(), name, model, MIRT, values, scores["score"], 2e-5)
        if theirs.has(f"fscore.SE.{method.upper()}"):
            finite = np.isfinite(values)
            errors = theirs.series(f"fscore.SE.{method.upper()}").to_numpy()
            yield Row(f"SE of {method.upper()}", name, model, MIRT, errors[finite], scores["se"].to_numpy()[finite])


def of_sums(name: str, model: str, theirs: Anchors, fit: irt.Fit) -> Iterator[Row]:
    """EAP of each sum score."""
    sums = fit.scores(of_each_sum(fit.responses), "sum")
    yield Row("EAP of sum scores", name, model, MIRT, theirs.series("EAPsum.F1"), sums["score"], 2e-5)
    yield Row("SE of EAP of sum scores", name, model, MIRT, theirs.series("EAPsum.SE_F1"), sums["se"], 2e-5)


def of_each_sum(responses: irt.Responses) -> pd.DataFrame:
    """One person for each sum score: the first items as high as the sum lets them be."""
    highest = responses.n_categories - 1
    before = np.cumsum(highest) - highest
    codes = np.clip(np.arange(highest.sum() + 1)[:, None] - before, 0, highest)
    values = {item: np.asarray(responses.categories[j])[codes[:, j]] for j, item in enumerate(responses.items)}
    return pd.DataFrame(values)


def reliability(name: str, model: str, theirs: Anchors, fit: irt.Fit) -> Iterator[Row]:
    """Marginal and empirical."""
    ours = fit.reliability()["estimate"]
    yield Row("marginal reliability", name, model, MIRT, theirs.number("marginal_rxx"), ours["marginal"])
    empirical = theirs.series("empirical_rxx.EAP").iloc[0]
    yield Row("empirical reliability (EAP)", name, model, MIRT, empirical, ours["empirical"])
