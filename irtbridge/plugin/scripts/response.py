"""The response families in a script; the maths stands in `irtbridge.model.families`."""

from __future__ import annotations

from collections.abc import Callable

from irtbridge.model import families
from irtbridge.model.families import Family
from irtbridge.model.layout import Layout
from irtbridge.plugin.scripts.language import Language


class Response:
    """Writes how the variables make a response: statements of the model, and lines before it that prepare the data.

    Parameters
    ----------
    layout : Layout
        The model over the data.
    language : Language
        Of the script.
    missing : bool
        Whether there are missing responses.
    """

    def __init__(self, layout: Layout, language: Language, missing: bool) -> None:
        self.layout, self.language, self.family = layout, language, layout.spec.family
        self.dims = layout.spec.dims
        self.ragged = not layout.exists.all()
        self.several = "trait" in self.dims[self.family.ability]
        self.sign = "+" if self.family.parameterization == "intercept" else "-"
        self.mask = "observed" if missing else ""
        binary = isinstance(self.family, families.Binary)
        self.whole_numbers = self.family.kind == "categories" and (language.whole_answers or not binary)
        self.lines: list[str] = []
        FAMILIES[type(self.family)](self)

    def role(self, role: str) -> str:
        """Name of the variable in a role that not all families have."""
        return str(getattr(self.family, role))

    def say(self, *lines: str) -> None:
        """Add statements."""
        self.lines += lines

    def observe(self, kind: str, mask: str | None = None, name: str = "response", **arguments: str) -> None:
        """Add the statements of what is observed."""
        self.say(*self.language.observe(name, kind, arguments, self.mask if mask is None else mask))

    def factors(self, none: str = "") -> list[str]:
        """D, and of one trait the discrimination, with axes for what comes after the items."""
        family = self.family
        scaling = [] if family.scaling == 1 else [repr(family.scaling)]
        if family.discrimination is None or self.several:
            return scaling
        by_item = self.dims[family.discrimination] == ("item",)
        return [*scaling, family.discrimination + (f"[:, {none}]" if by_item and none else "")]

    def location(self, categories: bool) -> str:
        """The sum of the locations, (item,) or (item, category)."""
        return f" {self.sign} ".join(self._located(name, categories) for name in self.family.location)

    def _located(self, name: str, categories: bool) -> str:
        return f"{name}[:, None]" if categories and self.dims[name] == ("item",) else name

    def slope(self) -> str:
        """``D a theta`` (person, item), or (person, 1) where no item differs."""
        family = self.family
        if self.several:
            product = self.language.times_transposed(family.ability, family.discrimination or "")
            return " * ".join([*self.factors(), product])
        return " * ".join([*self.factors(), f"{family.ability}[:, None]"])

    def shift(self) -> str:
        """The shift (item, category)."""
        location = self.location(categories=True)
        several = len(self.family.location) > 1
        if self.sign == "+":
            return f"-({location})" if several else f"-{location}"
        if not self.family.scales_locations(self.dims) or not self.factors():
            return location
        return " * ".join([*self.factors("None"), f"({location})" if several else location])

    def x(self, categories: bool = False) -> str:
        """Slope less shift, (person, item) or (person, item, category)."""
        location, family = self.location(categories), self.family
        if self.several:
            slope = f"({self.slope()})[:, :, None]" if categories else self.slope()
            return f"{slope} {self.sign} {location}"
        ability = family.ability + ("[:, None, None]" if categories else "[:, None]")
        factors = self.factors("None" if categories else "")
        if family.scales_locations(self.dims) and factors:
            return " * ".join([*factors, f"({ability} {self.sign} {location})"])
        return f"{' * '.join([*factors, ability])} {self.sign} {location}"


def _binary(r: Response) -> None:
    lower, upper = (getattr(r.family, role) for role in ("lower", "upper"))
    if lower is None and upper is None:
        r.say(f"logits = {r.x()}")
        r.observe("bernoulli", logits="logits")
        return
    curve = f"{r.language.sigmoid}({r.x()})"
    height = f"({upper or 1} - {lower})" if lower else upper
    r.say(f"probs = {f'{lower} + ' if lower else ''}{height} * {curve}")
    r.observe("bernoulli", probs="probs")


def _graded(r: Response) -> None:
    language = r.language
    if not r.ragged:
        r.say(f"slope = {r.slope()}", f"cut = {r.shift()}")
        r.observe("ordered", slope="slope", cut="cut")
        return
    r.say(
        "# P(Y = k) = P(Y >= k) P(Y < k + 1) (1 - exp(cut_k - cut_{k+1})), cuts being a threshold times its slope.",
        f"cut = {r.shift()}",
        f"x = ({r.slope()})[:, :, None] - cut",
        f"at_least, below = {language.log_sigmoid}(x), {_stopped(r)}",
        f"gap = {language.where}(has_step[:, 1:], {language.diff('cut')}, 1.0)",
        f"gap = {language.where}(has_step[:, 1:], {language.log}(-{language.expm1}(-gap)), 0.0)",
        f"logits = {language.padded('at_least', 1, 0)} + {language.padded('below', 0, 1)}",
        f"logits = logits + {language.padded('gap', 1, 1, 2)}",
    )
    _categories(r)


def _stopped(r: Response) -> str:
    negative = f"{r.language.log_sigmoid}(-x)"
    return f"{r.language.where}(has_step, {negative}, 0.0)" if r.ragged else negative


def _categories(r: Response) -> None:
    if r.ragged:
        r.say(f"logits = {r.language.where}(has_category, logits, -1e9)  # impossible")
    r.observe("categorical", logits="logits")


def _partial_credit(r: Response) -> None:
    r.say(f"steps = {r.x(categories=True)}", f"logits = {r.language.padded(r.language.cumsum('steps'), 1, 0)}")
    _categories(r)


def _nominal(r: Response) -> None:
    score = f"steps + {r.role('deviation')}"
    slope = f"({r.slope()})[:, :, None]"
    r.say(f"score = {score}", f"log_odds = score * {slope} + {r.location(categories=True)}")
    r.say(f"logits = {r.language.padded('log_odds', 1, 0)}")
    _categories(r)


def _sequential(r: Response) -> None:
    language = r.language
    r.say(
        f"x = {r.x(categories=True)}",
        f"passed, stopped = {language.log_sigmoid}(x), {_stopped(r)}",
        f"logits = {language.padded(language.cumsum('passed'), 1, 0)} + {language.padded('stopped', 0, 1)}",
    )
    _categories(r)


def _beta(r: Response) -> None:
    r.say(f"x = {r.x()}")
    _fraction(r)


def _fraction(r: Response, mask: str | None = None) -> None:
    sigmoid, precision = r.language.sigmoid, r.role("precision")
    above, below = (f"{sigmoid}({x}) * {precision}" for x in ("x", "-x"))
    r.observe("beta", mask, above=above, below=below)


def _ordered_beta(r: Response) -> None:
    cut = r.role("cutpoint")
    r.say(f"x = {r.x()}", "# Is it 0, between, or 1? And where between?")
    r.observe("ordered", name="part", slope="x", cut=cut)
    _fraction(r, "between")


def _poisson(r: Response) -> None:
    r.say(f"x = {r.x()}")
    r.observe("poisson", rate=f"{r.language.exp}(x)")


FAMILIES: dict[type[Family], Callable[[Response], None]] = {
    families.Binary: _binary,
    families.Graded: _graded,
    families.PartialCredit: _partial_credit,
    families.Nominal: _nominal,
    families.Sequential: _sequential,
    families.Beta: _beta,
    families.OrderedBeta: _ordered_beta,
    families.Poisson: _poisson,
}
