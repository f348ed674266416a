"""The response families in the BUGS language. The maths is in `irtbridge.model.families`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from irtbridge.model import families
from irtbridge.model.families import Family
from irtbridge.plugin import Layout
from irtbridge_jags.bugs import Loop, Statement, element, number
from irtbridge_jags.places import written

ITEM = Loop("j", "1:J")
RESPONSE = (Loop("i", "1:N"), ITEM)
STEP = Loop("k", "1:(K[j] - 1)")
INDEX = {"person": "i", "item": "j", "category": "k"}
Statements = list[Statement]


class Predictor:
    """What every family starts from: ``D a (theta - b)``, ``D a . theta - b`` or ``D a . theta + d``.

    Parameters
    ----------
    layout : Layout
        The model over the data's shape.
    """

    def __init__(self, layout: Layout) -> None:
        self.family, self.dims = layout.spec.family, layout.spec.dims
        self.sign = "+" if self.family.parameterization == "intercept" else "-"

    def of(self, variable: str) -> str:
        """A variable's element that belongs to the response."""
        return element(written(variable), *(INDEX.get(dim, "") for dim in self.dims[variable]))

    @property
    def location(self) -> list[str]:
        """The variables that add up to the location."""
        return [self.of(name) for name in self.family.location]

    @property
    def factors(self) -> list[str]:
        """D, and of one trait the discrimination."""
        family = self.family
        scaling = [] if family.scaling == 1 else [number(family.scaling)]
        several = "trait" in self.dims[family.ability]
        return scaling if family.discrimination is None or several else [*scaling, self.of(family.discrimination)]

    @property
    def slope(self) -> str:
        """``D a theta``."""
        ability = self.of(self.family.ability)
        if "trait" in self.dims[self.family.ability]:
            ability = f"inprod({self.of(self.family.discrimination or '')}, {ability})"
        return " * ".join([*self.factors, ability])

    @property
    def whole(self) -> str:
        """Slope less shift."""
        located = f" {self.sign} ".join(["", *self.location])
        if not (self.factors and self.family.scales_locations(self.dims)):
            return self.slope + located
        return " * ".join([*self.factors, f"({self.of(self.family.ability)}{located})"])

    @property
    def shift(self) -> str:
        """The shift alone."""
        if self.sign == "+":
            return f"-{self.location[0]}" if len(self.location) == 1 else f"-({' + '.join(self.location)})"
        total = " + ".join(self.location)
        if not (self.factors and self.family.scales_locations(self.dims)):
            return total
        return " * ".join([*self.factors, total if len(self.location) == 1 else f"({total})"])

    def shape(self, role: str) -> str | None:
        """A variable in one of the other roles."""
        name = getattr(self.family, role, None)
        return None if name is None else self.of(name)


def response(layout: Layout, *, glm: bool) -> Statements:
    """The statements that end in the response."""
    return FAMILIES[type(layout.spec.family)](Predictor(layout), glm)


def _binary(at: Predictor, glm: bool) -> Statements:
    lower, upper = at.shape("lower"), at.shape("upper")
    curve = f"ilogit({at.whole})"
    if lower is None and upper is None:
        p = f"logit(p[i, j]) <- {at.whole}"
    elif lower is None:
        p = f"p[i, j] <- {upper} * {curve}"
    else:
        p = f"p[i, j] <- {lower} + ({upper or '1'} - {lower}) * {curve}"
    return _each(p, "response[i, j] ~ dbern(p[i, j])")


def _graded(at: Predictor, glm: bool) -> Statements:
    if glm:
        cut = Statement((ITEM, STEP), f"cut[j, k] <- {at.shift}")
        outcome = "response[i, j] ~ dordered.logit(mu[i, j], cut[j, 1:(K[j] - 1)])"
        return [*_each(f"mu[i, j] <- {at.slope}", outcome), cut]
    return [
        *_each("above[i, j, 1] <- 1"),
        *_each(
            f"logit(above[i, j, k + 1]) <- {at.whole}",
            "prob[i, j, k] <- above[i, j, k] - above[i, j, k + 1]",
            steps=True,
        ),
        *_each("prob[i, j, K[j]] <- above[i, j, K[j]]", CATEGORY),
    ]


def _partial_credit(at: Predictor, glm: bool) -> Statements:
    return [
        *_each("score[i, j, 1] <- 0", "weight[i, j, 1] <- 1"),
        *_each(
            f"score[i, j, k + 1] <- score[i, j, k] + {at.whole}",
            "weight[i, j, k + 1] <- exp(score[i, j, k + 1])",
            steps=True,
        ),
        *_each("response[i, j] ~ dcat(weight[i, j, 1:K[j]])"),
    ]


def _nominal(at: Predictor, glm: bool) -> Statements:
    log_odds = f"{at.slope} * (k + {at.shape('deviation')}) + {' + '.join(at.location)}"
    return [
        *_each("weight[i, j, 1] <- 1"),
        *_each(f"log(weight[i, j, k + 1]) <- {log_odds}", steps=True),
        *_each("response[i, j] ~ dcat(weight[i, j, 1:K[j]])"),
    ]


def _sequential(at: Predictor, glm: bool) -> Statements:
    return [
        *_each("reach[i, j, 1] <- 1"),
        *_each(
            f"logit(pass[i, j, k]) <- {at.whole}",
            "prob[i, j, k] <- reach[i, j, k] * (1 - pass[i, j, k])",
            "reach[i, j, k + 1] <- reach[i, j, k] * pass[i, j, k]",
            steps=True,
        ),
        *_each("prob[i, j, K[j]] <- reach[i, j, K[j]]", CATEGORY),
    ]


def _beta(at: Predictor, glm: bool) -> Statements:
    return _each(f"logit(mu[i, j]) <- {at.whole}", _fraction(at))


def _ordered_beta(at: Predictor, glm: bool) -> Statements:
    cut = [element(written(at.family.cutpoint), *_of_item(at, "cutpoint"), end) for end in "12"]  # type: ignore[attr-defined]
    return _each(
        f"eta[i, j] <- {at.whole}",
        f"prob[i, j, 1] <- ilogit({cut[0]} - eta[i, j])",
        "prob[i, j, 2] <- 1 - prob[i, j, 1] - prob[i, j, 3]",
        f"prob[i, j, 3] <- ilogit(eta[i, j] - {cut[1]})",
        "part[i, j] ~ dcat(prob[i, j, 1:3])",
        "mu[i, j] <- ilogit(eta[i, j])",
        _fraction(at),
    )


def _poisson(at: Predictor, glm: bool) -> Statements:
    return _each(f"log(rate[i, j]) <- {at.whole}", "response[i, j] ~ dpois(rate[i, j])")


CATEGORY = "response[i, j] ~ dcat(prob[i, j, 1:K[j]])"


def _fraction(at: Predictor) -> str:
    phi = at.shape("precision")
    return f"response[i, j] ~ dbeta(mu[i, j] * {phi}, (1 - mu[i, j]) * {phi})"


def _of_item(at: Predictor, role: str) -> list[str]:
    return ["j"] if "item" in at.dims[getattr(at.family, role)] else []


def _each(*texts: str, steps: bool = False) -> Statements:
    """Statements of each response, or of each step from one of its categories to the next."""
    return [Statement((*RESPONSE, STEP) if steps else RESPONSE, text) for text in texts]


FAMILIES: dict[type[Family], Callable[[Predictor, bool], Statements]] = {
    families.Binary: _binary,
    families.Graded: _graded,
    families.PartialCredit: _partial_credit,
    families.Nominal: _nominal,
    families.Sequential: _sequential,
    families.Beta: _beta,
    families.OrderedBeta: _ordered_beta,
    families.Poisson: _poisson,
}


def data(family: Family, values: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Responses (person, item), NaN where missing, as the statements want them: categories count from 1."""
    if isinstance(family, families.OrderedBeta):
        between = (values > 0) & (values < 1)
        part = np.where(np.isnan(values), np.nan, 1.0 + between + 2 * (values == 1))
        return {"part": part, "response": np.where(between, values, np.nan)}
    from_one = family.kind == "categories" and not isinstance(family, families.Binary)
    return {"response": values + from_one}
