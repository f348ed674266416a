"""Small data that tests of curvature and of EM share."""

from __future__ import annotations

import numpy as np
import pandas as pd

import irtbridge as irt


def simulated(spec: irt.ModelSpec, persons: int, categories: list[int], missing: float = 0.0) -> irt.Responses:
    params = irt.simulate_parameters(spec, persons, categories, seed=3)
    return irt.simulate_responses(spec, params, categories, seed=4, missing=missing)


def beside(persons: int) -> irt.Responses:
    """Two groups, with another mean and spread each, and a covariate."""
    rng = np.random.default_rng(5)
    age = rng.normal(size=persons)
    ability = rng.normal(np.repeat([0.0, 0.7], persons // 2) + 0.5 * age, 1.2)
    right = rng.uniform(size=(persons, 6)) < 1 / (1 + np.exp(np.linspace(-1, 1, 6) - ability[:, None]))
    frame = pd.DataFrame(right.astype(int), columns=[f"i{j}" for j in range(6)])
    frame = frame.assign(site=np.repeat(["a", "b"], persons // 2))
    return irt.load_responses(frame, group="site", person_data=pd.DataFrame({"age": age}))
