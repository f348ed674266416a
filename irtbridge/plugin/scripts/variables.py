"""The variables of a spec in a script: what is sampled, what is known and what follows from others."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from irtbridge.errors import Unsupported
from irtbridge.model.layout import Layout
from irtbridge.model.priors import Exactly
from irtbridge.model.slot import Slot
from irtbridge.plugin.scripts.language import Language, Site
from irtbridge.plugin.scripts.text import assigned, indented

SIZES = {"person": "n_persons", "item": "n_items", "category": "n_steps", "trait": "n_traits", "group": "n_groups"}
PLATES = {"person": "persons", "item": "items"}


class Variables:
    """Writes the variables of a spec, in its order.

    Parameters
    ----------
    layout : Layout
        The model over the data.
    language : Language
        Of the script.

    Attributes
    ----------
    constants : list of str
        Lines before the model: what it needs of numbers.
    statements : list of tuple of str
        Of the model, each with the head of the block that it stands in.
    """

    def __init__(self, layout: Layout, language: Language) -> None:
        self.layout, self.language = layout, language
        self.constants: list[str] = []
        self.statements: list[tuple[str, str]] = []
        for name in layout.spec.names:
            if name in layout.derived:
                self._derived(layout.derived[name])
            else:
                self._estimated(layout.slots[name])

    def refusal(self, slot: Slot, why: str) -> Unsupported:
        """What is raised of a variable that has no words here."""
        return Unsupported(self.language.backend, f"export of {slot.variable}, {why}")

    def constant(self, name: str, value: Any, note: str = "") -> str:
        """Define an array before the model; its name."""
        value = np.asarray(value)
        shown = value.astype(int) if value.dtype == bool else value
        self.constants += assigned(name, shown, self.language.array, self.language.suffix(value), note)
        return name

    def size(self, dim: str) -> str:
        """The length of a dim, as an expression."""
        return SIZES.get(dim, str(self.layout.sizes[dim]))

    def say(self, line: str) -> None:
        """Add a statement of the model, outside of blocks."""
        self.statements.append(("", line))

    def _derived(self, slot: Slot) -> None:
        """A variable that is known, or follows from others."""
        name, prior = slot.name, slot.variable.prior
        if not isinstance(prior, Exactly):
            self.constant(name, np.nan_to_num(slot.fill()), "known")
        elif prior.references():
            text, given = self._reference(slot, "value")
            full = all(given) or not slot.shape
            self.say(f"{name} = {text if full else self.language.broadcast(text, self._shape(slot))}")
        else:
            self._numbers(slot, np.broadcast_to(np.asarray(prior.numbers()["value"], dtype=float), slot.shape))

    def _numbers(self, slot: Slot, numbers: NDArray[np.float64]) -> None:
        """A variable that is known: an array of numbers, or one number everywhere."""
        if slot.shape and (numbers == numbers.flat[0]).all():
            one = f"{self.language.array}({numbers.flat[0]}{self.language.suffix(numbers)})"
            self.say(f"{slot.name} = {self.language.broadcast(one, self._shape(slot))}")
        else:
            self.constant(slot.name, numbers, "known")

    def _estimated(self, slot: Slot) -> None:
        if slot.variable.prior.support == "ordered":
            self._ordered(slot)
        elif slot.variable.zero_sum:
            self._zero_sum(slot)
        elif slot.index is not None:
            self._some(slot)
        else:
            self._sample(slot, slot.name, slot.name)

    def _sample(self, slot: Slot, name: str, target: str) -> None:
        """All elements of a variable."""
        arguments, given = self._arguments(slot)
        plate = PLATES.get(slot.variable.dims[0], "") if slot.variable.dims else ""
        if len(slot.variable.dims) <= slot.variable.prior.event_ndim:
            plate = ""
        site = Site(name, target, slot.variable.prior, arguments, self._shape(slot), given, plate)
        self._write(site)

    def _write(self, site: Site) -> None:
        line, head = self.language.sample(site)
        self.statements.append((head, line))

    def _shape(self, slot: Slot) -> tuple[str, ...]:
        return tuple(self.size(dim) for dim in slot.variable.dims)

    def _zero_sum(self, slot: Slot) -> None:
        """Coordinates in the plane of vectors that sum to zero: Helmert's contrasts, which keep lengths."""
        if len(slot.shape) > 1:
            raise Unsupported(
                self.language.backend, f"export of {slot.variable}, more than one vector that sums to zero"
            )
        assert slot.basis is not None
        basis = self.constant(f"{slot.name}_basis", slot.basis.round(15), "vectors that sum to 0 (Helmert)")
        arguments, _ = self._arguments(slot)
        shape = (f"{self.size(slot.variable.dims[-1])} - 1",)
        target = f"{slot.name}_contrasts"
        self._write(Site(slot.name, target, slot.variable.prior, arguments, shape, (False,)))
        self.say(f"{slot.name} = {self.language.product(basis, target)}")

    def _some(self, slot: Slot) -> None:
        """Elements that are estimated, among others that are known or not there."""
        if slot.variable.prior.event_ndim:
            raise Unsupported(
                self.language.backend, f"export of {slot.variable}, of whose vectors some elements are known"
            )
        own = own_elements(slot)
        mask, arguments, target = (
            self._mask(slot, own, "own" if slot.ties is not None else "free"),
            {},
            f"free_{slot.name}",
        )
        every, given = self._arguments(slot)
        whole = any(given)
        for argument, text in every.items():
            number = slot.variable.prior.numbers().get(argument)
            if number is not None and np.ndim(number):
                arguments[argument] = self.constant(f"{slot.name}_{argument}", _broadcast(number, slot)[own])
            elif number is not None or not whole or self._is_scalar(slot, argument):
                arguments[argument] = text
            else:
                arguments[argument] = self.language.masked(self.language.broadcast(text, self._shape(slot)), mask)
        any_array = any(self._is_array(slot, argument) for argument in every)
        self._write(Site(slot.name, target, slot.variable.prior, arguments, (str(int(own.sum())),), (any_array,)))
        self._place(slot, mask, target)

    def _is_scalar(self, slot: Slot, argument: str) -> bool:
        return not self._is_array(slot, argument)

    def _is_array(self, slot: Slot, argument: str) -> bool:
        prior = slot.variable.prior
        number = prior.numbers().get(argument)
        return bool(np.ndim(number)) if number is not None else bool(self.layout.given_dims(slot.name, argument))

    def _place(self, slot: Slot, mask: str, target: str) -> None:
        """Estimated elements in their places; those that are the same parameter as another, as often."""
        assert slot.free is not None
        if slot.ties is not None:
            _, source = slot.spread
            places = self.constant(f"{slot.name}_tied", source, "which parameter each element is")
            self.say(f"every_{slot.name} = {self.language.rows(target, places)}")
            target, mask = f"every_{slot.name}", self._mask(slot, slot.free, "free")
        base = self._base(slot)
        self.say(f"{slot.name} = {self.language.placed(base, mask, target)}")

    def _base(self, slot: Slot) -> str:
        """What is known: zeros, or numbers."""
        known = np.nan_to_num(slot.fill())
        if known.any():
            return self.constant(f"{slot.name}_known", known, "known values; 0 where one is estimated")
        return self.language.zeros(self._shape(slot))

    def _mask(self, slot: Slot, mask: NDArray[np.bool_], word: str) -> str:
        if slot.variable.dims == ("item", "category") and np.array_equal(mask, self.layout.exists[:, 1:]):
            return "has_step"
        return self.constant(f"{slot.name}_{word}", mask.astype(int) == 1, "which elements are estimated")

    def _ordered(self, slot: Slot) -> None:
        """Vectors in order: one site for those of the same length."""
        name, down = slot.name, slot.variable.prior.direction < 0
        own = own_elements(slot)
        site, target = (f"minus_{name}", f"minus_{name}") if down else (name, name)
        if own.all():
            self._sample(slot, site, target)
        else:
            self._by_length(slot, own, site, target)
        if slot.ties is not None:
            assert len(slot.shape) == 2
            rows = slot.ties[:, 0] // slot.shape[1]
            tied = self.constant(f"{name}_tied", rows, "which item's each row is")
            self.say(f"{target} = {self.language.rows(target, tied)}")
        if down:
            self.say(f"{name} = -{target}")

    def _by_length(self, slot: Slot, own: NDArray[np.bool_], site: str, target: str) -> None:
        name, lengths, table = slot.name, own.sum(axis=1), f"items_by_{slot.name}s"
        by_length = {int(n): np.flatnonzero(lengths == n).tolist() for n in np.unique(lengths[lengths > 0])}
        self.constants += assigned(table, by_length, note="items by the number of their estimated steps")
        arguments, given = self._arguments(slot)
        for argument in (a for a in arguments if self._is_array(slot, a)):
            whole = f"every_{name}_{argument}"
            self.say(f"{whole} = {self.language.broadcast(arguments[argument], self._shape(slot))}")
            arguments[argument] = f"{self.language.rows(whole, 'some')}[:, :k]"
        base, down = self._base(slot), slot.variable.prior.direction < 0
        known = base == f"{name}_known"
        self.say(f"{target} = {f'-{base}' if known and down else self.language.copied(base) if known else base}")
        head = f"for k, some in {table}.items():"
        every = Site(
            f"{site}_{{k}}", "rows", slot.variable.prior, arguments, ("len(some)", "k"), (any(given),) * 2, "some"
        )
        line, block = self.language.sample(every)
        lines = [block, *indented([line])] if block else [line]
        self.statements += [(head, each) for each in [*lines, self.language.put_rows(target, "some", "k", "rows")]]

    def _arguments(self, slot: Slot) -> tuple[dict[str, str], tuple[bool, ...]]:
        """The prior's arguments as expressions that broadcast, and which axes of the variable they have together."""
        found, together = {}, [False] * len(slot.variable.dims)
        for argument, value in slot.variable.prior.arguments().items():
            if argument == "scale_tril":
                found[argument] = value if isinstance(value, str) else self.constant(f"{slot.name}_factor", value)
                continue
            if argument in slot.variable.prior.references():
                found[argument], given = self._reference(slot, argument)
            elif isinstance(value, tuple):
                numbers = np.asarray(value, dtype=float)
                found[argument] = self.constant(f"{slot.name}_{argument}", numbers)
                given = [size > 1 for size in numbers.shape]
                given = [False] * (len(together) - len(given)) + given
            else:
                found[argument], given = _number(float(value)), []  # type: ignore[arg-type]
            together = [a or b for a, b in zip(together, given or together, strict=True)]
        if slot.variable.prior.direction < 0:
            found["loc"] = _negated(found["loc"])  # what is sampled increases: minus the variable
        return found, tuple(together)

    def _reference(self, slot: Slot, argument: str) -> tuple[str, list[bool]]:
        """Another variable, lined up with this one, and which of this one's axes it has."""
        layout, prior, dims = self.layout, slot.variable.prior, slot.variable.dims
        text, given = prior.references()[argument], layout.given_dims(slot.name, argument)
        order, _ = layout.aligned(slot.name, argument)
        if order != sorted(order):
            raise Unsupported(
                self.language.backend, f"export of {slot.variable}, whose {argument} has its dims in another order"
            )
        if (predictor := prior.predictors().get(argument)) is not None:
            design = f"{text}_design"
            if predictor.dim == "item":
                self.constant(design, layout.designs[layout.spec[text].dims[0]].matrix, predictor.formula)
            text = self.language.product(design, text)
        elif layout.matrix(slot.name, argument) is not None:
            text = self.language.rows(text, "group")
        has = [dim in given for dim in dims]
        first = has.index(True) if any(has) else len(has)
        index = ", ".join(":" if there else "None" for there in has[first:])
        return (f"{text}[{index}]" if "None" in index else text), has


def own_elements(slot: Slot) -> NDArray[np.bool_]:
    """Which elements of the full array are parameters of their own."""
    if slot.index is None:
        return np.ones(slot.shape, dtype=bool)
    mask = np.zeros(slot.shape, dtype=bool)
    mask.ravel()[slot.index] = True
    return mask


def _broadcast(number: Any, slot: Slot) -> NDArray[np.float64]:
    return np.broadcast_to(np.asarray(number, dtype=float), slot.shape)


def _negated(text: str) -> str:
    """Minus an expression, as one would write it."""
    try:
        return _number(0.0 - float(text))
    except ValueError:
        return f"-{text}"


def _number(value: float) -> str:
    return repr(value) if np.isfinite(value) else f'float("{value}")'
