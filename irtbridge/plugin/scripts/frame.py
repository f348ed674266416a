"""A whole script: the data, the numbers that the model needs, the model, and how it is fitted."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import ClassVar

from irtbridge.data.responses import Responses
from irtbridge.model.families import OrderedBeta
from irtbridge.model.layout import Layout
from irtbridge.plugin.scripts.data import DataSection
from irtbridge.plugin.scripts.language import Language
from irtbridge.plugin.scripts.recipe import Recipe
from irtbridge.plugin.scripts.response import Response
from irtbridge.plugin.scripts.text import INDENT, WIDTH, broken, document, indented, nested
from irtbridge.plugin.scripts.variables import Variables

METHODS = {"nuts": "NUTS", "vi": "variational inference", "gibbs": "Gibbs sampling"}
STARTS = ("init_radius", "init_scale")  # settings of where irtbridge begins
SUMMARY = """\
if __name__ == "__main__":
    np.set_printoptions(precision=3, suppress=True, threshold=100)
    for name, draws in fit().items():
        print(f"{name}: mean {draws.mean((0, 1))}, SD {draws.std((0, 1))}")"""


class Frame(Language):
    """A language with what stands around a model in a script of its library.

    Class attributes
    ----------------
    title : str
        The library, as people call it.
    helpers : mapping of str to str
        Classes that the library lacks, by name: they are printed where the model names them.
    """

    title: ClassVar[str]
    helpers: ClassVar[Mapping[str, str]] = {}

    @abstractmethod
    def imports(self, body: str) -> Sequence[str]:
        """Import statements, and what sets the precision, for a script with this body."""

    @abstractmethod
    def model(self, statements: Sequence[str], body: str) -> Sequence[str]:
        """The model as a function or an object ``model``."""

    @abstractmethod
    def fit(self, recipe: Recipe, observed: Sequence[str]) -> Sequence[str]:
        """A function ``fit`` that returns draws (chain, draw, ...) by name.

        Parameters
        ----------
        recipe : Recipe
            The method and its settings.
        observed : sequence of str
            Names of what is observed.
        """

    def script(self, layout: Layout, responses: Responses, data: DataSection, recipe: Recipe) -> str:
        """The script of a model and its data."""
        missing = not responses.observed.all()
        variables, response = Variables(layout, self), Response(layout, self, missing)
        statements = [*nested(variables.statements), *response.lines]
        said = "\n".join([*variables.constants, *statements])
        observed = ["part", "response"] if isinstance(layout.spec.family, OrderedBeta) else ["response"]
        model = self.model(statements, said)
        helpers = [[text] for name, text in self.helpers.items() if re.search(rf"\b{name}\b", said)]
        prepared = [*self._sizes(layout, said), *self._prepared(response, responses, said)]
        fit = self.fit(recipe, observed)
        body = document(data.lines, prepared, variables.constants, *helpers, model, fit, [SUMMARY])
        return broken(document(docstring(layout, self.title, recipe, "\n".join(fit)), self.imports(body), [body]))

    def _sizes(self, layout: Layout, said: str) -> list[str]:
        """Lengths that the model names."""
        exists, labels = layout.exists, {"n_traits": layout.spec.traits}
        sizes = {"n_steps": "category", "n_traits": "trait", "n_groups": "group"}
        named = [(name, dim) for name, dim in sizes.items() if re.search(rf"\b{name}\b", said)]
        lines = ["n_persons, n_items = responses.shape"]
        for name, dim in named:
            note = f"  # {', '.join(labels[name])}" if len(", ".join(labels.get(name, ()))) in range(1, 80) else ""
            note = "  # categories less one" if name == "n_steps" else note
            lines.append(f"{name} = {layout.sizes[dim]}{note}")
        if re.search(r"\bhas_(step|category)\b", said):
            counts = f"n_categories = {self.array}({exists.sum(axis=1).tolist()})  # of each item"
            lines += [counts, f"has_category = {self.arange(0, exists.shape[1])} < n_categories[:, None]"]
            lines += ["has_step = has_category[:, 1:]  # from each category to the next"]
        if re.search(r"\bsteps \+", said):
            lines.append(f"steps = {self.arange(1, exists.shape[1])}")
        return lines

    def _prepared(self, response: Response, responses: Responses, said: str) -> list[str]:
        """The data as arrays of the library."""
        lines = []
        names = {"group": True} | dict.fromkeys(re.findall(r"\b\w+_design\b", said), False)
        given = [name for name in names if re.search(rf"\b{name}\b", said) and not re.search(rf"(?m)^{name} = ", said)]
        lines += [f"{name} = {self.converted(name, whole=names[name])}" for name in given]
        if isinstance(response.family, OrderedBeta):
            lines += ["between = (responses > 0) & (responses < 1)"]
            lines += ["part = np.nan_to_num(np.where(between, 1, 2 * responses))  # 0: 0, 1: between, 2: 1"]
            lines += [f"part = {self.converted('part', whole=True)}"]
            lines += [f"response = {self.converted('np.where(between, responses, 0.5)', whole=False)}"]
            lines += [f"between = {self.truth('between')}"]
        else:
            filled = (
                "np.nan_to_num(responses, nan=0.5)" if responses.kind == "fractions" else "np.nan_to_num(responses)"
            )
            filled = filled if response.mask else "responses"
            lines += [f"response = {self.converted(filled, whole=response.whole_numbers)}"]
        return lines + ([f"observed = {self.truth('~np.isnan(responses)')}"] if response.mask else [])

    @abstractmethod
    def arange(self, first: int, end: int) -> str:
        """Whole numbers from the first to the one before the end."""

    @abstractmethod
    def truth(self, mask: str) -> str:
        """A NumPy array of truth values as one of the library."""


def docstring(layout: Layout, title: str, recipe: Recipe, fit: str) -> list[str]:
    """The first lines of a script: the model, where it is from, and which settings its lines that fit leave out."""
    spec = str(layout.spec).splitlines()
    how = f"Written by `{recipe.command}`." if recipe.command else "Written by irtbridge."
    starts = [name for name in STARTS if hasattr(recipe.settings, name) and name not in fit]
    how += f" Starting values are the library's own, without {' and '.join(starts)}." if starts else ""
    said = [row for line in spec[1:] for row in wrap(line, WIDTH - 4, subsequent_indent=INDENT)]
    method = METHODS.get(recipe.method, recipe.method)
    text = [f'"""{spec[0]} in {title}, fitted by {method}.', "", *indented(said), "", *wrap(how, WIDTH), '"""']
    return [line.replace("\\", "/") for line in text]
