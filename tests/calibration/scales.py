"""A small simulated questionnaire of ordered categories, whose thresholds depend on features, but not on them alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

import irtbridge as irt
from irtbridge.bank.item_bank import ItemBank
from irtbridge.data.kinds import MISSING
from irtbridge.data.responses import Responses


@dataclass(frozen=True, eq=False)
class Scale:
    responses: Responses
    features: pd.DataFrame
    location: np.ndarray
    discrimination: np.ndarray
    ability: np.ndarray


def simulated_scale(
    model: str = "grm", n_items: int = 100, per_item: int = 60, seed: int = 0, n_new: int = 0, n_categories: int = 4
) -> Scale:
    """The middle of an item's locations depends on x, their distance on z, neither linearly; each with a residual.

    The first items have so many answers each, of persons with twenty each; the last `n_new` have none.
    """
    rng = np.random.default_rng(seed)
    x, z = rng.standard_normal((2, n_items))
    middle = 1.2 * np.tanh(2 * x) + 0.3 * rng.standard_normal(n_items)
    distance = np.exp(0.4 * np.tanh(2 * z) + 0.15 * rng.standard_normal(n_items))
    location = middle[:, None] + distance[:, None] * (np.arange(n_categories - 1) - (n_categories - 2) / 2)
    discrimination = np.exp(0.3 + 0.2 * rng.standard_normal(n_items))
    given = n_items - n_new
    ability = rng.standard_normal(given * per_item // 20)
    places = np.concatenate([rng.permutation(given) for _ in range(per_item)])[: 20 * len(ability)].reshape(-1, 20)
    spec, labels = irt.build_model(model), tuple(f"q{i:03d}" for i in range(n_items))
    categories = (tuple(range(n_categories)),) * n_items
    params = {"discrimination": discrimination[None], spec.family.location[0]: location[None]}
    bank = ItemBank(spec, labels, categories, params, pd.DataFrame(index=list(labels)), np.zeros(1), np.eye(1))
    below = np.cumsum(np.exp(bank.log_probs(ability)[0]), axis=-1)[..., :-1]
    values = np.full((len(ability), given), MISSING)
    rows = np.arange(len(ability))[:, None]
    values[rows, places] = (rng.uniform(size=below.shape[:2])[..., None] > below).sum(axis=-1)[rows, places]
    features = pd.DataFrame({"x": x, "z": z}, index=pd.Index(labels, name="item"))
    responses = Responses.from_codes(values, n_categories=n_categories, items=labels[:given])
    return Scale(responses, features, location, discrimination, ability)
