"""Standard errors at the maximum."""

from __future__ import annotations

from collections.abc import Iterator

from . import fits
from .maxima import MIRT
from .rows import Anchors, Row

TITLE = "Standard errors"
TEXT = """At the same maxima: the root of the diagonal of the inverse observed information of the marginal likelihood,
which is what mirt's `SE.type="Oakes"` and `"Louis"` have; `"Fisher"` is the expected information."""
EXPECTED = "expected information, over all response patterns; ours is observed"
LSAT = {"IRTpar.a": "discrimination", "IRTpar.b": "difficulty"}


def rows() -> Iterator[Row]:
    """All of this question."""
    theirs, fit = Anchors("mirt_lsat.csv.gz", "LSAT7", "2PL quadpts=61"), fits.maximum("LSAT 7", "2pl")
    for kind, why in (("Oakes", ""), ("Louis", ""), ("Fisher", EXPECTED)):
        values = theirs.each(*(f"SE.{kind}.{name}" for name in LSAT))
        ours = fit.items().xs("sd", axis=1, level=1)[[*LSAT.values()]]
        yield Row(f"SE of a and b ({kind})", "LSAT 7", "2PL", MIRT, values, ours, 2e-5, why)
    for model, title, location in (("grm", "graded", "threshold"), ("gpcm", "gpcm", "step")):
        theirs = Anchors(f"mirt_bfiN_{title}.csv.gz", "bfiN", f"{title} quadpts=61")
        values = theirs.each("SE.Oakes.IRTpar.a", *(f"SE.Oakes.IRTpar.b{k}" for k in range(1, 6)))
        ours = fits.maximum("bfi N", model).items().xs("sd", axis=1, level=1)
        named = ours[["discrimination", *(f"{location}[{k}]" for k in range(1, 6))]]
        yield Row("SE of a and b (Oakes)", "bfi N", model.upper(), MIRT, values, named, 2e-5)
