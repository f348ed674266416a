"""Fit of items, of pairs of items, and of the model."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

import irtbridge as irt
from irtbridge.assess.items.item_fit import item_fit
from irtbridge.assess.items.local_dependence import local_dependence
from irtbridge.assess.items.overall_fit import overall_fit

from . import fits
from .maxima import MIRT
from .rows import ROUNDING, Anchors, Row

TITLE = "Fit of items and of the model"
TEXT = """At the maximum, expected abilities (EAP) where a statistic needs abilities. C2 of categories, M2 of right and
wrong answers (where they are one)."""
DERIVATIVES = (
    "derivatives of the moments: the moments are the same (SRMSR), ours is unchanged with derivatives by finite "
    "differences of a and b, and of the GRM mirt's is the same"
)
OF_ITEMS = {
    "S-X2": ("S_X2", "s_x2"),
    "df of S-X2": ("df.S_X2", "s_x2_df"),
    "p of S-X2": ("p.S_X2", "s_x2_p"),
    "infit": ("EAP.infit", "infit"),
    "z of infit": ("EAP.z.infit", "infit_z"),
    "outfit": ("EAP.outfit", "outfit"),
    "z of outfit": ("EAP.z.outfit", "outfit_z"),
    "X2 of ten groups": ("X2", "x2"),
    "G2 of ten groups": ("G2", "g2"),
    "df of G2": ("df.G2", "g2_df"),
}
# By quantity and data set.
WHY = {("G2 of ten groups", "LSAT 6"): "rounding: 1.5e-7 of 691"}
OVERALL = {
    "statistic": "M2",
    "degrees of freedom": "df",
    "p": "p",
    "RMSEA": "RMSEA",
    "RMSEA, lower": "RMSEA_5",
    "RMSEA, upper": "RMSEA_95",
    "SRMSR": "SRMSR",
    "CFI": "CFI",
    "TLI": "TLI",
}


def rows() -> Iterator[Row]:
    """All of this question."""
    for name in ("LSAT 6", "LSAT 7"):
        theirs = Anchors("mirt_lsat.csv.gz", name.replace(" ", ""), "2PL quadpts=61")
        yield from of_model(name, "2PL", theirs, fits.maximum(name, "2pl"), "M2")
    for model, title in (("grm", "graded"), ("gpcm", "gpcm")):
        theirs = Anchors(f"mirt_bfiN_{title}.csv.gz", "bfiN", f"{title} quadpts=61")
        yield from of_model("bfi N", model.upper(), theirs, fits.maximum("bfi N", model), "C2")


def of_model(name: str, model: str, theirs: Anchors, fit: irt.Fit, overall: str) -> Iterator[Row]:
    """Of one model and data set."""
    table = item_fit(fit.posterior, ("s_x2", "infit", "x2", "g2"), draws=2)
    for quantity, (theirs_name, column) in OF_ITEMS.items():
        if theirs.has(f"itemfit.{theirs_name}"):
            values, why = theirs.series(f"itemfit.{theirs_name}"), WHY.get((quantity, name), "")
            yield Row(quantity, name, model, MIRT, values, table[column], why=why)
    yield from of_pairs(name, model, theirs, local_dependence(fit.posterior, draws=2))
    ours = overall_fit(fit.posterior).iloc[0].to_numpy()
    values = [theirs.number(f"{overall}:{column}") for column in OVERALL.values()]
    for place, quantity in enumerate(OVERALL):
        if theirs.has(f"{overall}:{[*OVERALL.values()][place]}"):
            title = overall if quantity == "statistic" else f"{quantity} of {overall}"
            row = Row(title, name, model, MIRT, values[place], ours[place])
            differs = model == "GPCM" and row.difference > ROUNDING
            yield row._replace(why=DERIVATIVES) if differs else row


def of_pairs(name: str, model: str, theirs: Anchors, pairs: pd.DataFrame) -> Iterator[Row]:
    """Q3, and X2 of each pair's table."""
    q3, ld = theirs.series("residuals.Q3"), theirs.series("residuals.LD")
    yield Row("Q3", name, model, MIRT, [q3[f"{a} {b}"] for a, b in pairs.index], pairs["q3"])
    yield Row("LD X2", name, model, MIRT, [ld[f"{b} {a}"] for a, b in pairs.index], pairs["ld_x2"])
