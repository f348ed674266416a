"""Differential item functioning: VerbAgg by gender."""

from __future__ import annotations

from collections.abc import Iterator

import irtbridge as irt

from . import fits
from .maxima import MIRT
from .rows import Anchors, Row

TITLE = "Differential item functioning"
TEXT = """`irt.dif(data, "Gender")` and `fit.dif("Gender", "lr")`: women are the reference group. Lord's and Raju's
tests of difR take two calibrations and the constants that link them as known; `fit.dif("Gender")` does not, see
[Is the test fair?](fair.md)."""
DIFR, FILE, DATA = "difR 5.1", "difR_verbagg.csv.gz", "VerbAgg.r2 by Gender"
SHORT = "where the difference is below 1/2, difR's continuity correction overshoots 0; ours is then 0"
SCHEME = "DIF one item freed at a time from the scalar model, which.par=a1+d"


def rows() -> Iterator[Row]:
    """All of this question."""
    plain, pure = (irt.dif(fits.data("VerbAgg"), "Gender", purify=purify) for purify in (False, True))
    uncorrected = irt.dif(fits.data("VerbAgg"), "Gender", correct=False)
    logistic = irt.dif(fits.data("VerbAgg"), "Gender", "logistic")
    corrected = "difMH (correct=TRUE)"
    yield of_difr("Mantel-Haenszel X2", corrected, "MH.chi2", plain["X2"])
    yield of_difr("without correction", "difMH (correct=FALSE)", "MH.chi2", uncorrected["X2"])
    yield of_difr("purified", "difMH (purify=TRUE)", "MH.chi2", pure["X2"], why=SHORT)
    yield of_difr("common odds ratio", corrected, "alphaMH", plain["odds_ratio"])
    yield of_difr("delta", corrected, "deltaMH=-2.35 log alphaMH", plain["delta"])
    yield of_difr("variance of the log odds", corrected, "varLambda", (plain["se"] / 2.35) ** 2)
    yield of_difr("standardised difference", "difStd", "ST-p-DIF", plain["std"])
    yield of_difr("Breslow-Day X2", "difBD", "BD", plain["BD"], 6e-5)
    for kind, title, column in (
        ("both", "logistic X2, both", "X2"),
        ("udif", "logistic X2, uniform", "X2_uniform"),
        ("nudif", "logistic X2, non-uniform", "X2_nonuniform"),
    ):
        yield of_difr(title, f"difLogistic type={kind}", "LR.chi2", logistic[column])
    yield of_difr("gain in Nagelkerke's R2", "difLogistic type=both", "deltaR2", logistic["R2"])
    theirs = Anchors("mirt_verbagg_dif.csv.gz", DATA, SCHEME).series("X2")
    ours = fits.maximum("VerbAgg", "2pl").dif("Gender", "lr")["X2"].droplevel("group")
    yield Row("likelihood ratio, each item freed in turn", "VerbAgg", "2PL", MIRT, theirs, ours[theirs.index], 2e-5)


def of_difr(title: str, model: str, quantity: str, ours: object, within: float = 1e-8, why: str = "") -> Row:
    """By item."""
    theirs = Anchors(FILE, DATA, f"difR {model}").series(quantity)
    return Row(title, "VerbAgg", "none", DIFR, theirs, ours.to_numpy(), within, why)  # type: ignore[attr-defined]
