"""Fit of persons."""

from __future__ import annotations

from collections.abc import Iterator

import irtbridge as irt

from . import fits
from .maxima import MIRT
from .rows import Anchors, Row

TITLE = "Fit of persons"
TEXT = """`fit.person_fit()` at the maximum and at expected abilities: the patterns that were given."""
COLUMNS = {"Zh": "zh", "infit": "infit", "z.infit": "infit_z", "outfit": "outfit", "z.outfit": "outfit_z"}


def rows() -> Iterator[Row]:
    """All of this question."""
    for name in ("LSAT 6", "LSAT 7"):
        theirs = Anchors("mirt_lsat.csv.gz", name.replace(" ", ""), "2PL quadpts=61")
        yield from of_model(name, "2PL", theirs, fits.maximum(name, "2pl"))
    for model, title in (("grm", "graded"), ("gpcm", "gpcm")):
        theirs = Anchors(f"mirt_bfiN_{title}.csv.gz", "bfiN", f"{title} quadpts=61")
        yield from of_model("bfi N", model.upper(), theirs, fits.maximum("bfi N", model))


def of_model(name: str, model: str, theirs: Anchors, fit: irt.Fit) -> Iterator[Row]:
    """Of one model and data set."""
    patterns = ["".join(map(str, codes)) for codes in fit.responses.values]
    table = fit.person_fit(draws=2).set_axis(patterns)
    table = table[~table.index.duplicated()]
    for quantity, column in COLUMNS.items():
        values = theirs.series(f"personfit.EAP.{quantity}")
        given = values.index.intersection(table.index)
        title = quantity.replace("z.", "z of ")
        yield Row(title, name, model, MIRT, values[given], table.loc[given, column], 2e-5)
