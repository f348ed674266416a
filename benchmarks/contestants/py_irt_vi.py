"""py-irt's variational 2PL, with its own priors, which differ from the suite's."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pyro
import torch
from py_irt.models.two_param_logistic import TwoParamLog

from benchmarks.job import Job

EPOCHS = 1000


def run(job: Job) -> dict[str, Any]:
    """Fit the guide; its means are the estimate."""
    start = time.perf_counter()
    pyro.set_rng_seed(job.seed)
    person, item = (torch.tensor(index.ravel()) for index in np.indices(job.y.shape))
    model = TwoParamLog("vague", "cpu", job.y.shape[1], job.y.shape[0])
    model.fit(person, item, torch.tensor(job.y.ravel(), dtype=torch.float), EPOCHS)
    names = {"discrimination": "loc_slope", "location": "loc_diff"}
    estimate = {name: pyro.param(site).detach().numpy() for name, site in names.items()}
    return {"total_seconds": time.perf_counter() - start, "estimate": estimate}
