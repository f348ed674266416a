"""Conditional maximum likelihood, and the tests that rest on it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np
from numpy.typing import NDArray

import irtbridge as irt

from . import fits
from .maxima import means
from .rows import REFERENCE, Anchors, Row

TITLE = "Conditional likelihood"
TEXT = """`method="cmle"` and `irt.andersen`. Difficulties and steps are moved to where theirs lie, as the scores leave
the origin open."""
EARLIER = "their optimiser stops earlier, at a log likelihood that is lower in the seventh digit after the point"
ERM, PSYCHOTOOLS = "eRm 1.0-2", "psychotools 0.7-2"
FILE = "eRm_psychotools.csv.gz"
EFFECTS = ("btype[T.scold]", "btype[T.shout]", "situ[T.self]", "mode[T.want]")


def rows() -> Iterator[Row]:
    """All of this question."""
    for name, dataset in (("raschdat1", "raschdat1"), ("VerbAgg", "VerbAgg.r2")):
        yield from rasch(name, dataset)
    yield from polytomous()
    yield from lltm()
    yield from andersen()


def fit(name: str, model: str) -> irt.Fit:
    """At the maximum of the conditional likelihood."""
    return irt.fit(data(name), model, method="cmle")


@cache
def data(name: str) -> irt.Responses:
    """As `fits.data`, and all three categories of VerbAgg."""
    if name == "VerbAgg, all three":
        return irt.load_responses(REFERENCE / "data" / "verbagg.csv")
    return fits.data(name)


def log_likelihood(found: irt.Fit) -> float:
    """Given the scores."""
    return float(found.draws.stats["lp"].item())


def rasch(name: str, dataset: str) -> Iterator[Row]:
    """Difficulties that sum to zero."""
    found, theirs = fit(name, "1pl"), Anchors(FILE, dataset, "RM (CML)")
    others = Anchors(FILE, dataset, "psychotools raschmodel (CML)")
    b, errors = means(found, "difficulty")[:, 0], found.items()["difficulty", "sd"].to_numpy()
    number = theirs.number("conditional.logLik")
    yield Row("log likelihood", name, "Rasch", ERM, number, log_likelihood(found), 1e-6)
    yield Row("difficulties", name, "Rasch", ERM, -theirs.series("betapar(easiness)"), b)
    yield Row("standard errors", name, "Rasch", ERM, theirs.series("se.beta"), errors)
    early = {"why": EARLIER} if name == "raschdat1" else {}
    yield Row("difficulties", name, "Rasch", PSYCHOTOOLS, others.series("itempar(sum zero)"), b, **early)
    yield Row("standard errors", name, "Rasch", PSYCHOTOOLS, others.series("itempar.se"), errors)


def polytomous() -> Iterator[Row]:
    """Steps of the partial credit and the rating scale model."""
    name = "VerbAgg, all three"
    for model in ("pcm", "rsm"):
        found, theirs = fit(name, model), Anchors(FILE, "VerbAgg.resp", f"{model.upper()} (CML)")
        number = theirs.number("conditional.logLik")
        yield Row("log likelihood", name, model.upper(), ERM, number, log_likelihood(found), 1e-6)
        values, ours = theirs.each("thresholds.Threshold 1", "thresholds.Threshold 2"), steps(found)
        early = {"why": EARLIER} if model == "pcm" else {}
        yield Row("steps", name, model.upper(), ERM, values, ours - ours.mean() + values.mean(), **early)


def steps(found: irt.Fit) -> NDArray[np.float64]:
    """Steps of each item, shape (item, category)."""
    if found.spec.name == "pcm":
        return means(found, "step[1]", "step[2]")
    shared = found.shared()["mean"][["step[1]", "step[2]"]].to_numpy()
    return np.asarray(means(found, "difficulty") + shared)


def lltm() -> Iterator[Row]:
    """What is done, by whom it is caused, and whether it is wanted."""
    theirs = Anchors(FILE, "VerbAgg.r2", "LLTM (CML) W=-model.matrix(~btype+situ+mode)[,-1]")
    spec = irt.build_model("1pl", difficulty_on="btype + situ + mode", residual="none")
    found = irt.fit(data("VerbAgg"), spec, method="cmle")
    effects = found.shared()["mean"][[f"difficulty_effect[{effect}]" for effect in EFFECTS]]
    number = theirs.number("conditional.logLik")
    yield Row("log likelihood", "VerbAgg", "LLTM", ERM, number, log_likelihood(found), 1e-6)
    signs = [1, 1, 1, -1]  # their last effect is that of doing against wanting
    yield Row("effects", "VerbAgg", "LLTM", ERM, theirs.series("etapar"), signs * effects)


def andersen() -> Iterator[Row]:
    """Likelihood ratios with df and p, and Wald's z of two groups."""
    cases = [
        ("raschdat1", "raschdat1", "1pl", "median"),
        ("raschdat1", "raschdat1", "1pl", "mean"),
        ("VerbAgg", "VerbAgg.r2", "1pl", "Gender"),
        ("VerbAgg, all three", "VerbAgg.resp", "pcm", "median"),
    ]
    for name, dataset, model, split in cases:
        title = {"1pl": "Rasch", "pcm": "PCM"}[model]
        theirs = Anchors(FILE, dataset, "RM (CML)" if model == "1pl" else "PCM (CML)")
        found = irt.andersen(data(name), split, model)
        values = [theirs.number(f"LRtest.{split}.{part}") for part in ("LR", "df", "p")]
        ours = [found.statistic, found.df, found.p]
        yield Row(f"Andersen's LR, df, p by {split}", name, title, ERM, values, ours, 1e-5)
        if split == "Gender":
            z = theirs.series("Waldtest.Gender.z-statistic")
            yield Row("Wald's z by Gender", name, title, ERM, z, found.items["Wald", "z"], why=EARLIER)
