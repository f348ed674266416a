"""Which responses a model does not see, that it may be judged by what it predicts of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from irtbridge.data.dates import dates_of, from_date
from irtbridge.data.labels import few
from irtbridge.data.load import load_responses
from irtbridge.data.masks import (
    Mask,
    Observed,
    exposed_of,
    extreme_lines,
    mean_scores,
    number_of,
    random_entries,
    random_lines,
)
from irtbridge.data.responses import Responses
from irtbridge.errors import ConfigError, DataError, UnknownName

PARTS = ("train", "exposed", "test")
TRAIN, EXPOSED, TEST = range(3)


@dataclass(frozen=True, eq=False)
class HoldOut:
    """Responses in three parts: every observed one is in exactly one of them.

    Attributes
    ----------
    whole : Responses
        All of them.
    mask : str
        What is held out.
    part : ndarray of int, shape (response,)
        Of each observed one, person by person: `TRAIN`, `EXPOSED`, which may be used to estimate new persons or items
        and nothing else, or `TEST`, which are predicted.
    new_persons : ndarray of bool, shape (person,)
        Who is not among the persons of `train`.
    new_items : ndarray of bool, shape (item,)
        Which items are not among those of `train`.
    """

    whole: Responses
    mask: str
    part: NDArray[np.int8]
    new_persons: Mask
    new_items: Mask

    @property
    def test(self) -> Mask:
        """Where the responses are that are predicted, shape (person, item)."""
        return self.tested.observed

    @property
    def exposed(self) -> Mask:
        """Where those are that may be used to estimate new persons or items, shape (person, item)."""
        return self.whole.only(self.part == EXPOSED).observed

    @property
    def two_stages(self) -> bool:
        """Whether there are persons or items to be estimated after the others."""
        return bool(self.new_persons.any() or self.new_items.any())

    @cached_property
    def train(self) -> Responses:
        """The responses of the first stage: without what is exposed or tested, without new persons and new items."""
        seen = self.whole.only(self.part == TRAIN)
        if not self.two_stages:
            return seen
        return seen.select_items(np.flatnonzero(~self.new_items)).select(np.flatnonzero(~self.new_persons))

    @cached_property
    def second_stage(self) -> Responses:
        """All persons and items with the responses that are not tested."""
        return self.whole.only(self.part != TEST)

    @cached_property
    def tested(self) -> Responses:
        """All persons and items with the responses that are predicted."""
        return self.whole.only(self.part == TEST)

    def table(self) -> pd.DataFrame:
        """A row for each observed response: person, item, response (as in the data), part."""
        observed = Observed.of(self.whole.entries)
        return pd.DataFrame(
            {
                "person": np.array(self.whole.persons, dtype=object)[observed.rows],
                "item": np.array(self.whole.items, dtype=object)[observed.columns],
                "response": self.whole.given,
                "part": pd.Categorical.from_codes(self.part, categories=pd.Index(PARTS)),
            }
        )


def hold_out(
    data: Any,
    mask: str = "entries",
    *,
    share: float = 0.2,
    exposed: float = 0.3,
    seed: int = 0,
    date: str | None = None,
    since: object = None,
) -> HoldOut:
    """Hold out some responses.

    Parameters
    ----------
    data : Responses, or what `load_responses` reads
        Rows that stand for several persons become as many. Items of a single category are kept.
    mask : str
        ``entries``: responses at random, of which each person and each item keeps one. ``rows``: persons at random.
        ``columns``: items at random. ``shifted_rows``: the persons with the highest mean response, so that the new are
        abler than all that the model has seen. ``shifted_columns``: the items with the lowest, the hardest.
        ``block``: some persons' responses to some items, both at random; all others are there (the L-mask). ``time``:
        the persons, or the items, from a date on. Shifted lines are chosen by all of their responses, the tested ones
        among them; of a short test they are those with every response right (wrong), which no model can foresee.
    share : float
        Of the responses, persons or items that is held out; of ``block``, of persons and of items.
    exposed : float
        Share of each new person's (item's) responses that may be used to estimate it; the others are tested. With 0 it
        is predicted from the population of persons (the prior of items) alone.
    seed : int
        Same seed, same parts.
    date : str, optional
        Of ``time``: the column of ``person_data`` (persons are new) or ``item_data`` (items are) that has dates, or
        numbers as years.
    since : str or number, optional
        Of ``time``: the first date that is held out; by default the one from which on about `share` of them are.

    Returns
    -------
    HoldOut

    Raises
    ------
    DataError
        A person or an item would be left without a response, or there is no such column, or no date in it.
    ConfigError, UnknownName
        A share that is none, no such mask, or a date for another one.
    """
    if mask not in MASKS:
        raise UnknownName("mask", mask, MASKS)
    _check_shares(share, exposed)
    _check_seed(seed)
    if (date is None) == (mask == "time") or (since is not None and date is None):
        raise ConfigError(
            f"hold_out(mask={mask!r}, date={date!r}, since={since!r}): mask='time' needs date=, a column of "
            "person_data or item_data, and perhaps since=; the others take neither."
        )
    whole, rng = load_responses(data, allow_constant=True).expanded(), np.random.default_rng([seed, 5])
    observed = Observed.of(whole.entries)
    held = MASKS[mask].held(whole, observed, Asked(share, date, since), rng)
    shown = _exposed(observed, held, exposed, rng)
    persons, items = (_or_none(lines, n) for lines, n in zip(held[1:], observed.shape, strict=True))
    test = (persons[observed.rows] | items[observed.columns]) & ~shown if held.entries is None else held.entries
    parts = HoldOut(whole, mask, part_of(test, shown), persons, items)
    check_seen(parts)
    return parts


def part_of(test: Mask, exposed: Mask) -> NDArray[np.int8]:
    """The part of each response, by whether it is tested or exposed."""
    return np.select([test, exposed], [TEST, EXPOSED], TRAIN).astype(np.int8)


def check_seen(parts: HoldOut) -> None:
    """Raise `DataError` where a person or an item that is not new has no response to be trained on."""
    observed, train = Observed.of(parts.whole.entries), parts.part == TRAIN
    for what, labels, new, lines in (
        ("person", parts.whole.persons, parts.new_persons, observed),
        ("item", parts.whole.items, parts.new_items, observed.transposed),
    ):
        if new.all():
            raise DataError(f"mask {parts.mask!r}: no {what} is left to train on; hold out a smaller share.")
        seen = np.bincount(lines.rows[train], minlength=len(new))
        empty = np.flatnonzero((lines.counts > 0) & (seen == 0) & ~new)
        if len(empty):
            raise DataError(
                f"mask {parts.mask!r} leaves {what} {few(repr(labels[i]) for i in empty)} without a response to train "
                f"on: hold out a smaller share, take another seed, or leave the {what} out."
            )


class Asked(NamedTuple):
    """What a mask is asked for."""

    share: float
    date: str | None
    since: object


class Held(NamedTuple):
    """What a mask takes: responses (response,), or whole persons or items."""

    entries: Mask | None = None
    persons: Mask | None = None
    items: Mask | None = None


def _entries(whole: Responses, observed: Observed, asked: Asked, rng: np.random.Generator) -> Held:
    return Held(entries=random_entries(observed, asked.share, rng))


def _rows(whole: Responses, observed: Observed, asked: Asked, rng: np.random.Generator) -> Held:
    return Held(persons=random_lines(observed, asked.share, rng))


def _columns(whole: Responses, observed: Observed, asked: Asked, rng: np.random.Generator) -> Held:
    return Held(items=random_lines(observed.transposed, asked.share, rng))


def _block(whole: Responses, observed: Observed, asked: Asked, rng: np.random.Generator) -> Held:
    persons, items = (rng.permutation(n) < number_of(asked.share, n) for n in observed.shape)
    return Held(entries=persons[observed.rows] & items[observed.columns])


def _shifted_rows(whole: Responses, observed: Observed, asked: Asked, rng: np.random.Generator) -> Held:
    return Held(persons=extreme_lines(observed, mean_scores(whole.entries, axis=1), asked.share))


def _shifted_columns(whole: Responses, observed: Observed, asked: Asked, rng: np.random.Generator) -> Held:
    return Held(items=extreme_lines(observed.transposed, -mean_scores(whole.entries, axis=0), asked.share))


def _time(whole: Responses, observed: Observed, asked: Asked, rng: np.random.Generator) -> Held:
    what, dates = dates_of(whole, str(asked.date))
    late = from_date(dates, asked.since, asked.share)
    return Held(persons=late) if what == "person" else Held(items=late)


class MaskKind(NamedTuple):
    """A way to hold out, and the options of `hold_out` that it has."""

    held: Callable[[Responses, Observed, Asked, np.random.Generator], Held]
    options: tuple[str, ...] = ("share", "exposed")


MASKS: Mapping[str, MaskKind] = {
    "entries": MaskKind(_entries, ("share",)),
    "rows": MaskKind(_rows),
    "columns": MaskKind(_columns),
    "block": MaskKind(_block, ("share",)),
    "shifted_rows": MaskKind(_shifted_rows),
    "shifted_columns": MaskKind(_shifted_columns),
    "time": MaskKind(_time, ("share", "exposed", "date", "since")),
}


def _exposed(observed: Observed, held: Held, share: float, rng: np.random.Generator) -> Mask:
    if held.persons is not None:
        return exposed_of(observed, held.persons, share, rng)
    if held.items is not None:
        return exposed_of(observed.transposed, held.items, share, rng)
    return np.zeros(len(observed.rows), dtype=bool)


def _or_none(lines: Mask | None, size: int) -> Mask:
    return np.zeros(size, dtype=bool) if lines is None else lines


def _check_shares(share: float, exposed: float) -> None:
    for name, value, low in (("share", share, "above 0"), ("exposed", exposed, "from 0")):
        if not isinstance(value, Real) or not (0 <= value < 1) or (name == "share" and value == 0):
            raise ConfigError(f"{name}={value!r} must be a share, {low} to below 1.")


def _check_seed(seed: object) -> None:
    if isinstance(seed, bool) or not isinstance(seed, Integral) or seed < 0:
        raise ConfigError(f"seed={seed!r} must be an integer, 0 or greater.")
