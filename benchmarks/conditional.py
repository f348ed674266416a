"""Processor seconds of conditional maximum likelihood on simulated Rasch data: ``python -m benchmarks.conditional``.

Standard errors are included, reading and compiling are not. eRm 1.0-2 took 5.1 seconds for 5,000 x 100 without standard
errors and 16.9 with them, R 4.2.2 with reference BLAS and one thread.
"""

from __future__ import annotations

import time

import numpy as np

from irtbridge.inference.cmle import conditioned
from irtbridge.inference.conditional import CategoryWeights, maximise
from irtbridge.model.catalogue import one_pl
from irtbridge.model.layout import Layout
from irtbridge.model.simulate import simulate_parameters, simulate_responses

CASES = ((1000, 20, 0.0), (5000, 100, 0.0), (5000, 100, 0.1), (5000, 500, 0.0))
"""Persons, items, share of responses that are missing."""


def seconds(persons: int, items: int, missing: float, seed: int = 1) -> tuple[float, float]:
    """Processor seconds to the maximum, and the largest error of an estimate in its standard errors."""
    spec = one_pl(difficulty="Normal(0, 1)")
    params = simulate_parameters(spec, persons, [2] * items, seed=seed)
    responses = simulate_responses(spec, params, [2] * items, seed=seed)
    holes = np.random.default_rng([seed, 1]).uniform(size=responses.values.shape) < missing
    values = np.where(holes, -1, responses.values)
    weights, start = CategoryWeights.of(Layout.of(conditioned(spec), responses)), time.process_time()
    found = maximise(weights, values, np.ones(persons))
    took = time.process_time() - start
    away = found.parameters - (params["difficulty"] - params["difficulty"].mean())
    return took, float(np.max(np.abs(away) / np.linalg.norm(found.factor, axis=1)))


def main() -> None:
    """Print the table."""
    print(f"{'persons':>8} {'items':>6} {'missing':>8} {'seconds':>8} {'worst z':>8}")
    for persons, items, missing in CASES:
        took, worst = seconds(persons, items, missing)
        print(f"{persons:8d} {items:6d} {missing:8.0%} {took:8.2f} {worst:8.2f}", flush=True)


if __name__ == "__main__":
    main()
