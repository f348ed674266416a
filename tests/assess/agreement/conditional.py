"""Conditional maximum likelihood, and models of which it is another estimator."""

from __future__ import annotations

from collections.abc import Iterator

import irtbridge as irt

from . import fits
from .maxima import means
from .rows import Anchors, Row

TITLE = "Conditional likelihood"
TEXT = """The Rasch model and the linear logistic test model of eRm and psychotools, which condition on the sum scores.
Ours are marginal with normal abilities: a (b - mean b), and effects on difficulties."""
CONDITIONAL = "given the sum scores, without a distribution of abilities; ours is marginal"
ERM, PSYCHOTOOLS = "eRm 1.0-2", "psychotools 0.7-2"
EFFECTS = ("btype[T.scold]", "btype[T.shout]", "situ[T.self]", "mode[T.want]")


def rows() -> Iterator[Row]:
    """All of this question."""
    for name, dataset in (("raschdat1", "raschdat1"), ("VerbAgg", "VerbAgg.r2")):
        fit = fits.maximum(name, "1pl")
        b = means(fit, "difficulty")[:, 0] * float(fit.shared().loc["discrimination", "mean"])
        ours = b - b.mean()
        theirs = Anchors("eRm_psychotools.csv.gz", dataset, "RM (CML)").series("betapar(easiness)")
        yield Row("difficulties", name, "Rasch", ERM, -theirs, ours, why=CONDITIONAL)
        theirs = Anchors("eRm_psychotools.csv.gz", dataset, "psychotools raschmodel (CML)").series("itempar(sum zero)")
        yield Row("difficulties", name, "Rasch", PSYCHOTOOLS, theirs, ours, why=CONDITIONAL)
    model = "LLTM (CML) W=-model.matrix(~btype+situ+mode)[,-1]"
    theirs = Anchors("eRm_psychotools.csv.gz", "VerbAgg.r2", model).series("etapar")
    effects = lltm().shared()["mean"][[f"difficulty_effect[{effect}]" for effect in EFFECTS]]
    signs = [1, 1, 1, -1]  # their last effect is that of doing against wanting
    yield Row("effects", "VerbAgg", "LLTM", ERM, theirs, signs * effects, why=CONDITIONAL)


def lltm() -> irt.Fit:
    """What is done, by whom it is caused, and whether it is wanted."""
    flat = {"effect": fits.WIDE, "ability_sd": fits.POSITIVE}
    spec = irt.build_model("1pl", difficulty_on="btype + situ + mode", residual="none", **flat)
    return irt.fit(fits.data("VerbAgg"), spec, method="map", n_nodes=fits.NODES)
