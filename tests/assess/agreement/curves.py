"""Information."""

from __future__ import annotations

from collections.abc import Iterator

import irtbridge as irt

from . import fits
from .maxima import MIRT
from .rows import Anchors, Row

TITLE = "Information"
TEXT = """`fit.curves("information")` and `"test_information"` at abilities of -2, -1.5, ... 2."""


def rows() -> Iterator[Row]:
    """All of this question."""
    for name in ("LSAT 6", "LSAT 7"):
        theirs = Anchors("mirt_lsat.csv.gz", name.replace(" ", ""), "2PL quadpts=61")
        yield from of_model(name, "2PL", theirs, fits.maximum(name, "2pl"))
    for model, title in (("grm", "graded"), ("gpcm", "gpcm"), ("nominal", "nominal")):
        theirs = Anchors(f"mirt_bfiN_{title}.csv.gz", "bfiN", f"{title} quadpts=61")
        named = model if model == "nominal" else model.upper()
        yield from of_model("bfi N", named, theirs, fits.maximum("bfi N", model))


def of_model(name: str, model: str, theirs: Anchors, fit: irt.Fit) -> Iterator[Row]:
    """Of one model and data set."""
    test = theirs.series("testinfo")
    abilities = [float(label.partition("=")[2]) for label in test.index]
    ours = fit.curves("test_information", ability=abilities)["at_mean"]
    yield Row("information of the test", name, model, MIRT, test, ours)
    curve = fit.curves("information", ability=abilities).set_index(["item", "ability"])["at_mean"]
    items = theirs.series("iteminfo")
    places = [label.split(" theta=") for label in items.index]
    yield Row("information of the items", name, model, MIRT, items, [curve[item, float(at)] for item, at in places])
