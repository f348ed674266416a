"""An adaptive test as it would run: `simulate_adaptive` and what it gives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from irtbridge.adaptive.constraints import Bounds
from irtbridge.adaptive.selection import Selection, build_selection
from irtbridge.adaptive.selection.wrapping import check_portable
from irtbridge.adaptive.simulation import metrics
from irtbridge.adaptive.simulation.answers import Answer, TrueAnswers, population
from irtbridge.adaptive.simulation.lockstep import administer
from irtbridge.adaptive.simulation.neighbours import Neighbours
from irtbridge.adaptive.simulation.sessions import Sessions
from irtbridge.adaptive.test import AdaptiveTest
from irtbridge.bank.item_bank import ItemBank
from irtbridge.data.kinds import MISSING
from irtbridge.data.new_persons import read_new_persons
from irtbridge.data.notes import Notes
from irtbridge.data.responses import Responses
from irtbridge.errors import ConfigError, DataError
from irtbridge.plugin.arrays import Arrays
from irtbridge.plugin.loading import load_backend
from irtbridge.plugin.options import check_number, check_seed

Array = NDArray[np.float64]
PERSONS = 1000


@dataclass(frozen=True, eq=False)
class Simulation:
    """Sessions of an adaptive test, and tables of what they are worth.

    Attributes
    ----------
    test : AdaptiveTest
    sessions : Sessions
        Arrays: true abilities, items given, responses, estimates.
    """

    test: AdaptiveTest
    sessions: Sessions

    def __repr__(self) -> str:
        people, items = self.sessions.n_persons, self.sessions.lengths.mean()
        return f"Simulation({self.test!r}, {people:,} persons, {items:.3g} items on average; see table())"

    def table(self) -> pd.DataFrame:
        """Every metric with its Monte Carlo error: ``value`` and ``MCSE`` by ``metric`` and ``trait``.

        ``bias``, ``RMSE`` and ``correlation`` of estimates and true abilities; ``SD``, the posterior's, which is what
        the test says that its RMSE is; with retests ``RR``, the correlation of two sessions of a person, and ``SE =
        S_X sqrt(1 - RR)``; ``items``; ``max exposure``, the largest share of persons that were given the same item,
        and ``max share``, its share of all administrations; ``never given``, the share of the bank; ``chi-square``
        (Chang & Ying 1999) and ``overlap`` of the tests of two persons.
        """
        return metrics.summary(self.sessions, self.test.bank.traits)

    def by_ability(self, trait: int = 0) -> pd.DataFrame:
        """Conditional bias, RMSE and standard error by bands of true ability, ten of half a standard deviation."""
        bank = self.test.bank
        edges = bank.mean[trait] + np.array(metrics.BANDS) * np.sqrt(bank.covariance[trait, trait])
        return metrics.by_ability(self.sessions.trait(trait), edges)

    def by_length(self, trait: int = 0) -> pd.DataFrame:
        """RMSE, correlation and with retests RR and SE, after each number of items."""
        return metrics.by_length(self.sessions.trait(trait))

    def exposure(self) -> pd.DataFrame:
        """How often each item was given, with its label as index."""
        return metrics.item_exposure(self.sessions, self.test.bank.items)


def simulate_adaptive(
    bank: ItemBank,
    selection: str | Selection = "max_info",
    *,
    persons: int | None = None,
    stop: str = "items=20",
    abilities: ArrayLike | None = None,
    truth: ItemBank | None = None,
    history: Any = None,
    retest: bool = False,
    nodes: int | ArrayLike | None = None,
    content: Mapping[str, Bounds] | None = None,
    items: str = "mean",
    exposure: float | None = None,
    seed: int = 1,
    backend: str | None = None,
    device: str = "auto",
    dtype: str = "float64",
    backend_options: Mapping[str, Any] | None = None,
    **settings: Any,
) -> Simulation:
    """Give an adaptive test to many simulated persons, all of whom step together.

    Parameters
    ----------
    bank : ItemBank
        The items as the test knows them.
    selection : str or Selection
        A rule's name, or a finished rule.
    persons : int, optional
        How many, 1,000 by default, drawn from the distribution that the bank has for abilities; or from the abilities
        given, with replacement.
    stop : str
        When a session ends, as ``"se<.3 or items=18"``.
    abilities : array_like, shape (person,) or (person, trait), optional
        True abilities; with `history` those of the historical persons, or a proxy such as scores of other tests.
    truth : ItemBank, optional
        The same items as they are, where the test knows them imperfectly: its mean parameters answer.
    history : path, DataFrame, array_like or Responses, optional
        Historical sessions, persons in rows and items in columns, as `irtbridge.load_responses` takes them. The
        response is that of the person of the closest ability who was given the item, one drawn of several, which needs
        no model (Sharpnack et al. 2024). Bias and RMSE are of estimates about these abilities: as they are on the
        bank's scale. The historical persons are those who are simulated, all of them unless `persons` says how many
        are drawn. There is no retest with it: the responses would be the same.
    retest : bool
        Every person takes the test twice.
    nodes, content, items, exposure
        As in `AdaptiveTest`.
    seed : int
        Two rules with the same seed are taken by the same persons.
    backend : str, optional
        Whose library computes posteriors and scores, as ``pyro``; by default NumPy does. The same random numbers are
        drawn, by NumPy: items and abilities are the same to rounding.
    device, dtype, backend_options
        As in `irtbridge.fit`, of the backend: where it computes, in which precision posteriors are (scores are single
        numbers everywhere), and its options.
    **settings
        Of the rule.

    Returns
    -------
    Simulation

    Raises
    ------
    ConfigError
        No such rule or setting, a number that cannot be, or an exposure that cannot be met; one that can is named. A
        device or precision of no backend.
    DataError
        Abilities or history that do not belong to the bank.
    Unsupported
        The backend has no arrays, or the rule is NumPy's alone; names those that can.
    """
    if retest and history is not None:
        raise ConfigError("history answers the same both times, which is no retest; say retest=False.")
    check_seed(seed)
    how: dict[str, Any] = {"nodes": nodes, "content": content, "items": items, "exposure": exposure}
    arrays = arrays_of(backend, device, dtype, backend_options, [build_selection(selection, **settings)])
    test = AdaptiveTest(bank, selection, stop=stop, arrays=arrays, **how, **settings)
    truths = true_abilities(bank, persons, abilities, seed)
    answer = answers(bank, truth, history, abilities)
    pool = test.pool.on(arrays)
    runs = [administer(pool, test.selection, test.stop, answer, truths, [seed, n + 1]) for n in range(1 + retest)]
    if history is not None:
        runs[0] = replace(runs[0], cluster=_by_ability(truths))
    return Simulation(test, runs[0].with_retest(runs[1]) if retest else runs[0])


def _by_ability(abilities: Array) -> NDArray[np.int64]:
    """A number for each person, the same for those of one ability, whom history answers for together; in no order."""
    distinct, cluster = np.unique(abilities, axis=0, return_inverse=True)
    return np.random.default_rng(0).permutation(len(distinct))[np.ravel(cluster)]


def arrays_of(
    backend: str | None, device: str, dtype: str, options: Mapping[str, Any] | None, rules: Iterable[Selection]
) -> Arrays | None:
    """The arrays of a backend on which rules are to be simulated; None where it is NumPy that computes.

    Raises
    ------
    ConfigError
        Without a backend, a device or a precision that NumPy does not have.
    Unsupported
        The backend has no arrays, or a rule is NumPy's alone.
    """
    if backend is None:
        if device not in ("auto", "cpu") or dtype != "float64" or options:
            raise ConfigError(
                f"device={device!r}, dtype={dtype!r}: without backend= NumPy computes, on the processor and in double "
                "precision; say backend='pyro', say."
            )
        return None
    engine = load_backend(backend, **dict(options or {}))
    for rule in rules:
        check_portable(rule, backend)
    return engine.arrays(device, dtype)


def true_abilities(bank: ItemBank, persons: int | None, abilities: ArrayLike | None, seed: int) -> Array:
    """Drawn from the bank's distribution or from those given, shape (person, trait)."""
    if persons is not None:
        check_number("persons", persons, 2)
    if abilities is None:
        return population(bank, persons or PERSONS, seed)
    known = np.asarray(abilities, dtype=float)
    known = known.reshape(len(known), -1) if known.size else np.empty((0, 0))
    if len(known) < 2 or known.shape[1] != len(bank.traits) or not np.isfinite(known).all():
        raise DataError(f"abilities must be finite numbers of two or more persons and {len(bank.traits)} traits.")
    return known if persons is None else np.random.default_rng([seed, 0, 0]).choice(known, persons)


def answers(bank: ItemBank, truth: ItemBank | None, history: Any, abilities: ArrayLike | None) -> Answer:
    """How persons answer: by true parameters, or as their neighbours did.

    Raises
    ------
    ConfigError
        Both, or history without abilities.
    DataError
        Other items or categories than the bank's.
    """
    if history is None:
        true = bank if truth is None else truth
        if true.items != bank.items or true.categories != bank.categories:
            raise DataError("truth must have the same items and categories as the bank; see ItemBank.select.")
        return TrueAnswers(true.at_mean)
    if truth is not None or abilities is None:
        raise ConfigError("history needs abilities, one for each of its persons, and no truth.")
    if len(bank.traits) > 1:
        raise ConfigError("history needs a bank of one trait: the nearest ability is that of one number.")
    categories = tuple(tuple(map(int, own)) for own in bank.categories)
    known = Responses(np.full((1, bank.n_items), MISSING), ("",), bank.items, categories)
    codes = read_new_persons(history, known, Notes()).values
    return Neighbours.of(codes, np.ravel(np.asarray(abilities, dtype=float)), bank.items)
