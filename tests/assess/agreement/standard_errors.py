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
FIRST_STEP = (
    "mirt's delta method from d to b; ours are the inverse Hessian of the log likelihood in a and b to five digits, "
    "taken by finite differences"
)
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
        named = ours[["discrimination", *(f"{location}[{k}]" for k in range(1, 6))]].to_numpy()
        row = Row("SE of a and b (Oakes)", "bfi N", model.upper(), MIRT, values, named, 2e-5)
        if model == "gpcm":
            others = [0, 2, 3, 4, 5]
            yield row._replace(quantity="SE of b_1 (Oakes)", theirs=values[:, 1], ours=named[:, 1], why=FIRST_STEP)
            row = row._replace(quantity="SE of a, b_2 to b_5 (Oakes)", theirs=values[:, others], ours=named[:, others])
        yield row
