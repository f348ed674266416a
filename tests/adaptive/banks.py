"""Banks whose parameters are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import irtbridge as irt
from irtbridge.adaptive.pool import Pool
from irtbridge.adaptive.selection import Selection
from irtbridge.adaptive.simulation.answers import Answer, TrueAnswers
from irtbridge.adaptive.simulation.lockstep import administer
from irtbridge.adaptive.simulation.sessions import Sessions
from irtbridge.adaptive.stopping import Stopping
from irtbridge.bank.item_bank import ItemBank


def known_bank(model: str = "2pl", about: dict[str, Any] | None = None, **params: Any) -> ItemBank:
    """A bank of a model of the catalogue and full arrays of its item parameters; abilities are standard normal."""
    several = np.ndim(next(iter(params.values()))) == 2 and model == "m2pl"
    options = {"traits": np.shape(params["discrimination"])[1]} if several else {}
    spec = irt.build_model(model, **options)
    n = len(next(iter(params.values())))
    items = tuple(f"i{i + 1}" for i in range(n))
    n_categories = np.shape(params["threshold"])[1] + 1 if "threshold" in params else 2
    arrays = {name: np.asarray(value, dtype=float)[None] for name, value in params.items()}
    table = pd.DataFrame(about or {}, index=pd.Index(items, name="item"))
    categories = (tuple(float(k) for k in range(n_categories)),) * n
    n_traits = len(spec.traits)
    return ItemBank(spec, items, categories, arrays, table, np.zeros(n_traits), np.eye(n_traits))


def drawn_bank(n: int, seed: int = 0, guessing: float | None = None, **kwargs: Any) -> ItemBank:
    """Items with lognormal discriminations and standard normal difficulties."""
    rng = np.random.default_rng(seed)
    a, b = np.exp(rng.normal(0.1, 0.3, n)), rng.normal(size=n)
    if guessing is None:
        return known_bank("2pl", discrimination=a, difficulty=b, **kwargs)
    return known_bank("3pl", discrimination=a, difficulty=b, lower=np.full(n, guessing), **kwargs)


def sessions_of(
    pool: Pool, rule: Selection, stop: str | Stopping, ability: NDArray[Any], seed: int = 0, truth: Answer | None = None
) -> Sessions:
    """Persons of these abilities (person,) take a test of one trait, and answer at the bank's mean parameters."""
    answers = TrueAnswers(pool.bank.at_mean) if truth is None else truth
    ended = Stopping.parse(stop) if isinstance(stop, str) else stop
    return administer(pool, rule, ended, answers, ability[:, None], seed)
