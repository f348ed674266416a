"""Maximum-likelihood estimates by Python mirt for studies of real data: ``python -m benchmarks.maximum_likelihood``.

Writes ``bfi_ml``, ``verbagg_ml`` and ``bfi5_ml`` (csv) to the package's references; ``only=verbagg`` writes one.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mirt
import numpy as np
import pandas as pd

from irtbridge.data.files import write_text
from irtbridge.data.load import load_responses
from irtbridge.data.responses import Responses

FOLDER = Path(__file__).parents[1] / "configs" / "irtbridge_configs" / "reference"
SOURCE = f"ML, Python mirt {mirt.__version__}"
FACTORS = "A = 1-5\nC = 6-10\nE = 11-15\nN = 16-20\nO = 21-25\nCOV = A*C*E*N*O"
Row = dict[str, Any]


@dataclass(frozen=True)
class Estimate:
    """What is fitted, and on how many quadrature nodes for each trait."""

    data: str
    model: str
    location: str
    n_nodes: int
    factors: str | None = None


ESTIMATES = {
    "bfi": Estimate("bfi:N", "GPCM", "step", 61),
    "verbagg": Estimate("verbagg", "GRM", "threshold", 61),
    "bfi5": Estimate("bfi:keyed", "GRM", "threshold", 7, FACTORS),
}


def estimate(what: Estimate) -> tuple[Any, Responses]:
    """Fit by EM until no parameter moves by more than 1e-5, with several traits 1e-4."""
    responses = load_responses(what.data, allow_empty=True)
    values = np.where(responses.values < 0, np.nan, responses.values)
    spec = None if what.factors is None else mirt.mirt_model(what.factors, list(responses.items))
    factors = {} if spec is None else {"spec": spec, "n_factors": 5, "compute_standard_errors": False}
    how = {"n_quadpts": what.n_nodes, "max_iter": 5000, "tol": 1e-4 if spec else 1e-5, "accelerate": "squarem"}
    return mirt.fit_mirt(values, model=what.model, item_names=list(responses.items), **how, **factors), responses


def rows_of(fit: Any, what: Estimate, responses: Responses) -> Iterator[Row]:
    """Item, parameter, value and standard error; with several traits thresholds are those of a theta - b_k."""
    names, values = fit.model.parameters, fit.standard_errors
    slopes = np.asarray(names["discrimination"]).reshape(len(responses.items), -1)
    scale = slopes.sum(axis=1) if what.factors else np.ones(len(slopes))
    locations = np.asarray(names[f"{what.location}s"]) * scale[:, None]
    errors = {name: np.asarray(value) for name, value in values.items()}
    traits = [line[0] for line in str(what.factors).splitlines()]
    for j, item in enumerate(responses.items):
        label = "discrimination" if not what.factors else f"discrimination[{traits[int(np.argmax(slopes[j]))]}]"
        yield {"item": item, "parameter": label, "mean": slopes[j].max(), "sd": _of(errors, "discrimination", j)}
        for k in range(int(responses.n_categories[j]) - 1):
            error = _of(errors, f"{what.location}s", j, k)
            label = f"{what.location}[{k + 1}]"
            yield {"item": item, "parameter": label, "mean": locations[j, k], "sd": error}
    correlation = fit.factor_correlation
    for j, k in zip(*np.tril_indices(slopes.shape[1], -1), strict=True):
        name = f"trait_correlation[{traits[j]}, {traits[k]}]"
        yield {"item": "", "parameter": name, "mean": correlation[j, k], "sd": np.nan}


def main(only: str | None = None) -> None:
    """Write the references."""
    for name, what in ESTIMATES.items():
        if only in (None, name):
            fit, responses = estimate(what)
            frame = pd.DataFrame(rows_of(fit, what, responses)).assign(source=SOURCE)
            header = (
                f"# Marginal maximum likelihood by Python mirt {mirt.__version__}: {what.model} on {what.data}, "
                f"{what.n_nodes} quadrature nodes for each trait; log likelihood {fit.log_likelihood:.4f}; "
                f"python -m benchmarks.maximum_likelihood\n"
            )
            write_text(FOLDER / f"{name}_ml.csv", header + frame.to_csv(index=False, float_format="%.6f"))
            print(header, flush=True)


def _of(errors: dict[str, Any], name: str, *place: int) -> float:
    return float(errors[name].reshape(len(errors[name]), -1)[(*place, 0)[:2]]) if name in errors else np.nan


if __name__ == "__main__":
    main(sys.argv[1].removeprefix("only=") if len(sys.argv) > 1 else None)
