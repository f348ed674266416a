"""Banks whose parameters are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import irtbridge as irt
from irtbridge.bank.item_bank import ItemBank


def known_bank(model: str = "2pl", about: dict[str, Any] | None = None, **params: Any) -> ItemBank:
    """A bank of a model of the catalogue and full arrays of its item parameters; abilities are standard normal."""
    several = np.ndim(next(iter(params.values()))) == 2 and model == "m2pl"
    options = {"traits": np.shape(params["discrimination"])[1]} if several else {}
    spec = irt.build_model(model, **options)
    n = len(next(iter(params.values())))
    items = tuple(f"i{i + 1}" for i in range(n))
    n_categories = np.shape(params["difficulty"])[1] + 1 if np.ndim(params.get("difficulty", 0)) == 2 else 2
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
    return known_bank("3pl", discrimination=a, difficulty=b, guessing=np.full(n, guessing), **kwargs)


def simulated(bank: ItemBank, ability: NDArray[Any], seed: int = 0) -> Any:
    """What persons of these abilities would answer: a function of persons and items, as `administer` takes it."""
    rng = np.random.default_rng(seed)
    probs = np.exp(bank.at_mean.log_probs(ability)[0])

    def answer(persons: Any, places: Any) -> Any:
        below = np.cumsum(probs[persons, places], axis=-1)[:, :-1]
        return (rng.uniform(size=(len(persons), 1)) > below).sum(axis=1)

    return answer
