"""A small simulated test whose item parameters depend on features, not linearly and not alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import expit

from irtbridge.data.kinds import MISSING
from irtbridge.data.responses import Responses


@dataclass(frozen=True, eq=False)
class Truth:
    responses: Responses
    features: pd.DataFrame
    difficulty: np.ndarray
    discrimination: np.ndarray
    ability: np.ndarray


def simulated(
    n_items: int = 100, per_item: int = 20, seed: int = 0, residual: float = 0.4, n_new: int = 0, per_person: int = 20
) -> Truth:
    """The first items have so many answers each, of persons with so many each; the last `n_new` have none."""
    rng = np.random.default_rng(seed)
    x, z = rng.standard_normal((2, n_items))
    difficulty = 1.4 * np.tanh(2 * x) * np.where(z > 0, 1, -0.3) + residual * rng.standard_normal(n_items)
    discrimination = np.exp(0.2 * rng.standard_normal(n_items))
    given = n_items - n_new
    n_persons = given * per_item // per_person
    ability = rng.standard_normal(n_persons)
    slots = np.concatenate([rng.permutation(given) for _ in range(per_item)])[: n_persons * per_person]
    values = np.full((n_persons, n_items), MISSING)
    person = np.arange(len(slots)) // per_person
    chance = expit(discrimination[slots] * (ability[person] - difficulty[slots]))
    values[person, slots] = rng.uniform(size=len(slots)) < chance
    items = [f"w{i:04d}" for i in range(n_items)]
    features = pd.DataFrame({"x": x, "kind": np.where(z > 0, "real", "fake")}, index=pd.Index(items, name="item"))
    responses = Responses.from_codes(values[:, :given], n_categories=2, items=items[:given])
    return Truth(responses, features, difficulty, discrimination, ability)
