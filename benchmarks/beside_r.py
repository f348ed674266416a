"""Processor seconds of `map` and `em` on the data of R's timings: ``python -m benchmarks.beside_r data=FOLDER``.

The folder has the simulated and the real data sets whose names stand in `CASES`. What R took is in the table as it was
measured: R 4.2.2, mirt 1.45.1, on one core of such a machine in another hour. Imports do not count, compiling does but
in a warm process, which has fitted the same shape before. ``only=A,B`` runs some cases, ``backend=tfp`` on TFP.
"""

from __future__ import annotations

import sys
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import irtbridge as irt
from irtbridge.errors import IRTBridgeWarning

SLOPES, WIDE = {"discrimination": "HalfNormal(100)"}, "Normal(0, 100)"
THREE = np.kron(np.eye(3, dtype=int), np.ones((5, 1), dtype=int)).tolist()
SEVEN = np.kron(np.eye(7, dtype=int), np.ones((5, 1), dtype=int)).tolist()


@dataclass(frozen=True)
class Case:
    """A fit, and the seconds that R took for the same."""

    file: str
    model: str
    options: dict[str, Any]
    method: str
    errors: bool
    r_seconds: float
    warm: bool = False
    settings: dict[str, Any] = field(default_factory=dict)


GRM = SLOPES | {"threshold": "OrderedNormal(0, 100)"}
TWO_PL = SLOPES | {"difficulty": WIDE}
RASCH = {"discrimination": "HalfNormal(100)", "difficulty": WIDE}
CASES = {
    "grm": Case("sim_grm_5000x50.csv.gz", "grm", GRM, "map", False, 4.11),
    "grm_errors": Case("sim_grm_5000x50.csv.gz", "grm", GRM, "map", True, 18.48),
    "rasch_em": Case("sim_rasch_5000x100.csv.gz", "1pl", RASCH, "em", False, 0.79),
    "2pl_em": Case("sim_2pl_5000x100.csv.gz", "2pl", TWO_PL, "em", False, 2.71),
    "lsat7_warm": Case("lsat7.csv", "2pl", TWO_PL, "map", True, 0.112, warm=True),
    "bfi_warm": Case("bfiN_complete.csv", "grm", GRM, "map", True, 0.393, warm=True),
    "three_traits": Case(
        "sim_bifactor_1000x15.csv", "m2pl", {"q_matrix": THREE, "correlated": True}, "map", True, 15.0,
        settings={"n_nodes": 2048},
    ),
    "seven_traits": Case(
        "sim_m2pl7_1000x35.csv.gz", "m2pl", {"q_matrix": SEVEN, "correlated": True}, "map", True, 28.8,
        settings={"n_nodes": 4096},
    ),
}  # fmt: skip


def seconds(case: Case, folder: Path, backend: str) -> tuple[float, irt.Fit]:
    """Processor seconds of one fit, reading the csv apart, and the fit."""
    data = pd.read_csv(folder / case.file)
    how = {"backend": backend, "method": case.method, "standard_errors": case.errors, "seed": 1, **case.settings}
    for _ in range(2 if case.warm else 1):
        begin = time.process_time()
        fit = irt.fit(data, case.model, model_options=case.options, **how)
        took = time.process_time() - begin
    return took, fit


def main(data: str, only: str = ",".join(CASES), backend: str = "pyro") -> None:
    """Print a row for each case."""
    warnings.simplefilter("ignore", IRTBridgeWarning)
    irt.fit("lsat6", "1pl", backend=backend, method="map")  # imports
    print(f"{'case':14s} {'seconds':>8s} {'R':>6s} {'ratio':>6s} {'log density':>14s} quadrature error")
    for name in only.split(","):
        took, fit = seconds(CASES[name], Path(data), backend)
        theirs, top = CASES[name].r_seconds, float(fit.draws.stats["lp"].squeeze())
        print(
            f"{name:14s} {took:8.3f} {theirs:6.2f} {theirs / took:6.1f} {top:14.4f} {fit.quadrature_error:.1e}",
            flush=True,
        )


if __name__ == "__main__":
    main(**dict(argument.split("=", 1) for argument in sys.argv[1:]))
