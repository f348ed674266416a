"""The variables of a spec in a BUGS program: what is estimated, what is known and what follows from others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from irtbridge.errors import Unsupported
from irtbridge.model.priors import Exactly
from irtbridge.model.slot import Slot
from irtbridge.plugin import Layout
from irtbridge_jags.bugs import Statement, element, number
from irtbridge_jags.places import Place, at, everywhere, listed, own, written
from irtbridge_jags.priors import distribution

Array = NDArray[np.float64]
Data = dict[str, NDArray[Any]]


@dataclass
class Part:
    """A part of a program.

    Attributes
    ----------
    statements : list of Statement
    data : dict of str to ndarray
        What the statements need; NaN where nothing is known.
    drawn : str
        Name of the node that is drawn, which initial values are for; the variable itself unless that follows from it.
    """

    statements: list[Statement] = field(default_factory=list)
    data: Data = field(default_factory=dict)
    drawn: str = ""

    def say(self, place: Place, text: str) -> None:
        """Add a statement."""
        self.statements.append(Statement(place.loops, text))
        self.data |= place.data


def variable(layout: Layout, slot: Slot) -> Part:
    """A variable of which something is estimated."""
    part = Part(drawn=written(slot.name))
    if slot.variable.prior.support == "ordered":
        _ordered(layout, slot, part)
    elif slot.variable.prior.event_ndim:
        _vector(layout, slot, part)
    elif slot.variable.zero_sum:
        _zero_sum(layout, slot, part)
    else:
        _elements(layout, slot, part)
    _known(slot, part)
    _tied(slot, part)
    return part


def derived(layout: Layout, slot: Slot) -> Part:
    """A variable that nothing is estimated of: it follows from others, or stands among the data."""
    name, prior = written(slot.name), slot.variable.prior
    if not (isinstance(prior, Exactly) and prior.references()):
        numbers = prior.numbers()["value"] if isinstance(prior, Exactly) else slot.fill()
        return Part(data={name: np.broadcast_to(np.asarray(numbers, dtype=float), slot.shape)})
    part, place = Part(), everywhere(layout, slot.variable.dims)
    part.say(place, f"{at(name, place)} <- {_arguments(layout, slot, place, part)['value']}")
    return part


def _elements(layout: Layout, slot: Slot, part: Part) -> None:
    """Elements that are drawn one by one."""
    name, dims = written(slot.name), slot.variable.dims
    mask = own(slot)
    if mask.all() or (slot.exists is not None and np.array_equal(mask, slot.exists)):
        place = everywhere(layout, dims)
    else:
        place = listed(f"free.{name}", dims, np.argwhere(mask))
    part.say(place, f"{at(name, place)} ~ {_distribution(layout, slot, place, part)}")


def _tied(slot: Slot, part: Part) -> None:
    """Elements that are the same parameter as another."""
    if slot.ties is None or slot.free is None:
        return
    name, dims = written(slot.name), slot.variable.dims
    tied = np.argwhere(slot.free & ~own(slot))
    first = np.stack(np.unravel_index(slot.ties[tuple(tied.T)], slot.shape), axis=1)
    place, like = listed(f"tied.{name}", dims, tied), listed(f"first.{name}", dims, first)
    if len(tied):
        part.say(replace(place, data={**place.data, **like.data}), f"{at(name, place)} <- {at(name, like)}")


def _known(slot: Slot, part: Part) -> None:
    """Elements that are numbers."""
    name, dims = written(slot.name), slot.variable.dims
    mask = np.zeros(slot.shape, dtype=bool) if slot.free is None else _existing(slot) & ~slot.free
    values = slot.fill()[mask]
    if not mask.any():
        return
    place = listed(f"known.{name}", dims, np.argwhere(mask))
    if (values == values[0]).all():
        part.say(place, f"{at(name, place)} <- {number(values[0])}")
    else:
        part.data[f"{name}.known"] = values
        part.say(place, f"{at(name, place)} <- {name}.known[s]")


def _zero_sum(layout: Layout, slot: Slot, part: Part) -> None:
    """Normals less their mean, which are normals restricted to the plane: a projection leaves their density."""
    name, dims = written(slot.name), slot.variable.dims
    rows = everywhere(layout, dims[:-1])
    place, span = rows.along(layout, dims[-1]), rows.span(layout, dims[-1])
    part.drawn = f"{name}.raw"
    part.say(place, f"{at(part.drawn, place)} ~ {_distribution(layout, slot, place, part)}")
    part.say(place, f"{at(name, place)} <- {at(part.drawn, place)} - mean({at(part.drawn, rows, span)})")


def _vector(layout: Layout, slot: Slot, part: Part) -> None:
    """Vectors that are multivariate normal."""
    if slot.index is not None:
        raise Unsupported("jags", f"{slot.variable}, of whose vectors some elements are known")
    name, dims = written(slot.name), slot.variable.dims
    rows = everywhere(layout, dims[:-1])
    place = Place(rows.loops, {**rows.index, dims[-1]: f"1:{slot.shape[-1]}"})
    part.say(place, f"{at(name, place)} ~ {_distribution(layout, slot, place, part)}")


def _ordered(layout: Layout, slot: Slot, part: Part) -> None:
    """Normals in order.

    Where all of a vector have the same mean and scale, they are independent ones, sorted (Curtis 2010). Otherwise each
    is a normal, and an observed `dinterval` says of each pair that it is in order. (To truncate each at the one before
    would be another distribution: its normalising constants depend on the values.)
    """
    mask, exists = own(slot), _existing(slot)
    rows = mask.any(axis=-1)
    whole = bool((mask == exists)[rows].all())
    if not (whole and _alike(layout, slot)):
        _in_order(layout, slot, part)
        return
    name, dims, sign = written(slot.name), slot.variable.dims, "-" if slot.variable.prior.direction < 0 else ""
    leading = everywhere(layout, dims[:-1])
    if not rows.all():
        leading = listed(f"free.{name}", dims[:-1], np.argwhere(rows))
    place, span = leading.along(layout, dims[-1]), leading.span(layout, dims[-1])
    part.drawn = f"{name}.raw"
    part.say(place, f"{at(part.drawn, place)} ~ {_distribution(layout, slot, place, part)}")
    part.say(leading, f"{at(name, leading, span)} <- {sign}sort({sign}{at(part.drawn, leading, span)})")


def _in_order(layout: Layout, slot: Slot, part: Part) -> None:
    """Normals, and of each pair of neighbours in a vector that it is in order."""
    _elements(layout, slot, part)
    name, dims, order = written(slot.name), slot.variable.dims, f"{written(slot.name)}.order"
    leading = everywhere(layout, dims[:-1])
    pairs = leading.along(layout, dims[-1], less=1)
    ends = at(name, pairs), at(name, leading, f"{pairs.index[dims[-1]]} + 1")
    lower, upper = ends[:: slot.variable.prior.direction]
    part.data[order] = _pairs(slot)
    part.say(pairs, f"{at(order, pairs)} ~ dinterval({lower}, {upper})")


def _existing(slot: Slot) -> NDArray[np.bool_]:
    return np.ones(slot.shape, dtype=bool) if slot.exists is None else slot.exists


def _pairs(slot: Slot) -> Array:
    """0 for each pair of neighbours that is to be in order, NaN where there is none."""
    exists = _existing(slot)
    return np.where(exists[..., 1:] & exists[..., :-1], 0.0, np.nan)


def _alike(layout: Layout, slot: Slot) -> bool:
    """Whether all elements of a vector have the same mean and scale."""
    prior, name = slot.variable.prior, slot.name
    by_element = any(slot.variable.dims[-1] in layout.given_dims(name, argument) for argument in prior.references())
    arrays = [np.atleast_1d(np.asarray(value, dtype=float)) for value in prior.numbers().values()]
    return not by_element and all(bool(np.all(array == array[..., :1])) for array in arrays)


def _distribution(layout: Layout, slot: Slot, place: Place, part: Part) -> str:
    return distribution(slot.variable.prior, _arguments(layout, slot, place, part))


def _arguments(layout: Layout, slot: Slot, place: Place, part: Part) -> dict[str, str]:
    """The arguments of a variable's prior as expressions, at a place; what they need of data goes to the part."""
    prior, found = slot.variable.prior, {}
    for argument, value in prior.arguments().items():
        if argument == "scale_tril":
            found[argument] = _precision_matrix(slot, np.asarray(value), part)
        elif argument in prior.references():
            found[argument] = _reference(layout, slot, argument, place, part)
        else:
            found[argument] = _numbers(slot, argument, np.asarray(value, dtype=float), place, part)
    return found


def _precision_matrix(slot: Slot, factor: Array, part: Part) -> str:
    name = f"{written(slot.name)}.precision"
    part.data[name] = np.linalg.inv(factor @ factor.T)
    return f"{name}[,]"


def _numbers(slot: Slot, argument: str, value: Array, place: Place, part: Part) -> str:
    """A number, or an element of an array among the data."""
    if slot.variable.prior.event_ndim and slot.variable.prior.support == "real":  # a whole vector
        value = np.broadcast_to(value, (*value.shape[:-1], slot.shape[-1]))
    kept = [axis for axis, size in enumerate(value.shape) if size > 1]
    if not kept:
        return number(float(value.ravel()[0]))
    name, dims = f"{written(slot.name)}.{argument}", slot.variable.dims[-value.ndim :]
    part.data[name] = value.reshape([value.shape[axis] for axis in kept])
    return element(name, *(place.index[dims[axis]] for axis in kept))


def _reference(layout: Layout, slot: Slot, argument: str, place: Place, part: Part) -> str:
    """Another variable: the element that belongs to this place, or a linear predictor."""
    prior, dims = slot.variable.prior, slot.variable.dims
    reference = layout.spec[prior.references()[argument]]
    name, matrix = written(reference.name), layout.matrix(slot.name, argument)
    if (predictor := prior.predictors().get(argument)) is not None:
        part.data[f"{name}.design"] = np.asarray(matrix)
        text = f"inprod({name}.design[{place.index[predictor.dim]}, ], {name}[])"
    else:
        index: Mapping[str, str] = place.index
        if matrix is not None:
            part.data["group"] = matrix.argmax(axis=1) + 1
            index = {**index, "group": f"group[{index['person']}]"}
        text = element(name, *(index[dim] for dim in reference.dims))
    whole = prior.event_ndim and prior.support == "real" and dims[-1] not in reference.dims
    return f"rep({text}, {slot.shape[-1]})" if whole else text
