"""Estimates and log likelihoods at the maximum."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

import irtbridge as irt

from . import fits
from .rows import Anchors, Row

TITLE = "Maximum of the likelihood"
TEXT = """Flat priors, `method="map"`, 61 nodes on -6 to 6 as mirt's `quadpts=61`, its `TOL` 1e-7 to 1e-10.
Discriminations and locations in our parameterisation (b = -d / a)."""
MIRT = "mirt 1.45.1"
LEVELS = (
    "configural",
    "slopes",
    "slopes+free_var",
    "slopes+intercepts",
    "slopes+intercepts+free_means",
    "scalar: slopes+intercepts+free_means+free_var",
)


def rows() -> Iterator[Row]:
    """All of this question."""
    yield from dichotomous()
    yield from polytomous()
    yield from equal_slopes()
    yield from groups()


def means(fit: irt.Fit, *names: str) -> NDArray[np.float64]:
    """Estimates by item, shape (item, name)."""
    return fit.items().xs("mean", axis=1, level=1)[list(names)].to_numpy()


def dichotomous() -> Iterator[Row]:
    """The 2PL of both sections of the LSAT."""
    for name in ("LSAT 6", "LSAT 7"):
        theirs = Anchors("mirt_lsat.csv.gz", name.replace(" ", ""), "2PL quadpts=61")
        fit = fits.maximum(name, "2pl")
        yield of_likelihood(name, "2PL", theirs, fit)
        ours = means(fit, "discrimination", "difficulty")
        yield Row("a and b", name, "2PL", MIRT, theirs.each("IRTpar.a", "IRTpar.b"), ours, 2e-5)


def of_likelihood(name: str, model: str, theirs: Anchors, fit: irt.Fit, **row: Any) -> Row:
    """Log likelihood at the maximum."""
    ours = fits.log_likelihood(fit)
    return Row("log likelihood", name, model, MIRT, theirs.number("logLik"), ours, **{"within": 2e-5} | row)


def polytomous() -> Iterator[Row]:
    """Models of ordered and unordered categories."""
    steps = range(1, 6)
    for model, title, location in (("grm", "graded", "threshold"), ("gpcm", "gpcm", "step")):
        theirs = Anchors(f"mirt_bfiN_{title}.csv.gz", "bfiN", f"{title} quadpts=61")
        fit = fits.maximum("bfi N", model)
        yield of_likelihood("bfi N", model.upper(), theirs, fit)
        ours = means(fit, "discrimination", *(f"{location}[{k}]" for k in steps))
        values = theirs.each("IRTpar.a", *(f"IRTpar.b{k}" for k in steps))
        yield Row("a and b", "bfi N", model.upper(), MIRT, values, ours, 2e-5)
    theirs, fit = Anchors("mirt_bfiN_nominal.csv.gz", "bfiN", "nominal quadpts=61"), fits.maximum("bfi N", "nominal")
    yield of_likelihood("bfi N", "nominal", theirs, fit)
    ours = means(fit, "discrimination", *(f"{name}[{k}]" for name in ("score", "intercept") for k in steps))
    values = theirs.each("par.a1", *(f"par.{name}{k}" for name in ("ak", "d") for k in steps))
    yield Row("a, scores and intercepts", "bfi N", "nominal", MIRT, values, ours)


def equal_slopes() -> Iterator[Row]:
    """One slope for all items and standard normal abilities, or a variance and slopes of 1."""
    theirs = Anchors("mirt_verbagg_equal_slopes.csv", "VerbAgg.r2", "equal slopes 2PL quadpts=61")
    fit = fits.maximum("VerbAgg", "1pl")
    yield of_likelihood("VerbAgg", "1PL, common slope", theirs, fit)
    slope = float(fit.shared().loc["discrimination", "mean"])
    values = np.append(-theirs.series("par.d") / theirs.series("par.a1"), theirs.series("par.a1").iloc[0])
    ours = np.append(means(fit, "difficulty"), slope)
    yield Row("a and b", "VerbAgg", "1PL, common slope", MIRT, values, ours, 2e-5)
    for file, model in (("Rasch", "pcm"), ("rsm", "rsm")):
        title = {"pcm": "pcm (Rasch, free variance) quadpts=61", "rsm": "rsm quadpts=61"}[model]
        theirs = Anchors(f"mirt_bfiN_{file}.csv.gz", "bfiN", title)
        fit = fits.maximum("bfi N", model)
        yield of_likelihood("bfi N", f"{model.upper()}, free variance", theirs, fit, within=1e-4)


def groups() -> Iterator[Row]:
    """VerbAgg by gender."""
    for level in LEVELS:
        theirs, fit = Anchors("mirt_verbagg_dif.csv.gz", "VerbAgg.r2 by Gender", level), fits.by_gender(level)
        title = f"2PL, {level.partition(': ')[2] or level}"
        yield of_likelihood("VerbAgg by gender", title, theirs, fit)
    shared = fit.shared()["mean"]
    values = [theirs.number("mean.M"), theirs.number("var.M")]
    ours = [shared["ability_mean[M]"], shared["ability_sd[M]"] ** 2]
    yield Row("mean and variance of the second group", "VerbAgg by gender", title, MIRT, values, ours)
