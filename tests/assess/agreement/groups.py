"""Items that differ between groups."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import irtbridge as irt

from . import fits
from .maxima import MIRT
from .rows import Anchors, Row

TITLE = "Differential item functioning"
TEXT = """VerbAgg, men against women: `irt.dif(data)` by observed scores, and `fit.dif(group, "lr")`, each item free in
turn."""
DIFR, NAME = "difR 5.1", "VerbAgg by gender"
OVERSHOOTS = (
    "S1DoShout alone: where observed and expected differ by less than 1/2, the continuity correction takes all of the "
    "difference in ours, and difR's overshoots"
)
FREED = "DIF one item freed at a time from the scalar model, which.par=a1+d"


def rows() -> Iterator[Row]:
    """All of this question."""
    yield from mantel_haenszel()
    yield from logistic()
    yield from likelihood_ratios()


def theirs(model: str, quantity: str) -> Any:
    """By item."""
    return Anchors("difR_verbagg.csv.gz", "VerbAgg.r2 by Gender", f"difR {model}").series(quantity).to_numpy()


def mantel_haenszel() -> Iterator[Row]:
    """Chi-squared, odds ratio and what else is of the tables by score."""
    data, corrected = fits.data("VerbAgg"), "difMH (correct=TRUE)"
    table, plain, purified = irt.dif(data), irt.dif(data, correct=False), irt.dif(data, purify=True)
    each = (
        ("X2", corrected, "MH.chi2", table["X2"], ""),
        ("X2, no correction", "difMH (correct=FALSE)", "MH.chi2", plain["X2"], ""),
        ("odds ratio", corrected, "alphaMH", table["odds_ratio"], ""),
        ("ETS delta", corrected, "deltaMH=-2.35 log alphaMH", table["delta"], ""),
        ("standardised difference", "difStd", "ST-p-DIF", table["std"], ""),
        ("Breslow and Day", "difBD", "BD", table["BD"], ""),
        ("X2, purified", "difMH (purify=TRUE)", "MH.chi2", purified["X2"], OVERSHOOTS),
        ("odds ratio, purified", "difMH (purify=TRUE)", "alphaMH", purified["odds_ratio"], ""),
    )
    for quantity, model, name, ours, why in each:
        yield Row(quantity, NAME, "Mantel-Haenszel", DIFR, theirs(model, name), ours, why=why)


def logistic() -> Iterator[Row]:
    """Likelihood ratios of regressions on the score."""
    table = irt.dif(fits.data("VerbAgg"), method="logistic")
    for kind, name, column in (
        ("both", "X2", "X2"),
        ("udif", "X2, uniform", "X2_uniform"),
        ("nudif", "X2, not uniform", "X2_nonuniform"),
    ):
        yield Row(name, NAME, "logistic", DIFR, theirs(f"difLogistic type={kind}", "LR.chi2"), table[column], 1e-6)
    yield Row("gain in R2", NAME, "logistic", DIFR, theirs("difLogistic type=both", "deltaR2"), table["R2"], 1e-6)


def likelihood_ratios() -> Iterator[Row]:
    """From the model with groups."""
    data = fits.data("VerbAgg")
    ours = irt.fit(data.to_frame(), "2pl", method="map").dif(data.person_data["Gender"], "lr").droplevel("group")["X2"]
    values = Anchors("mirt_verbagg_dif.csv.gz", "VerbAgg.r2 by Gender", FREED).series("X2")
    yield Row("likelihood ratio X2", NAME, "2PL", MIRT, values, ours[values.index])
