"""A fitted model: draws, tables and diagnostics."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from irtbridge import summaries
from irtbridge.backend import Draws, Optimum, Program, Timings
from irtbridge.data import Responses
from irtbridge.files import write_atomic
from irtbridge.joint import quadrature_error
from irtbridge.quiet_arviz import az
from irtbridge.spec import ModelSpec
from irtbridge.verdict import Evidence, Verdict, judge

FEW, LARGE_GRID = 6, 10_000  # draws that tell the quadrature's error; nodes above which two must do


@dataclass(frozen=True, eq=False)
class Fit:
    """A fitted model.

    Attributes
    ----------
    idata : arviz.InferenceData
        Draws, sample statistics and data, labelled by person, item, trait and category.
    spec : ModelSpec
        The model.
    responses : Responses
        The data, with the recoding of their categories.
    program : Program
        The compiled program; ``program.native`` is the library's own object.
    draws : Draws
        Draws in the program's unconstrained coordinates, with timings.
    """

    idata: az.InferenceData
    spec: ModelSpec
    responses: Responses
    _program: Program | Callable[[], Program] = field(repr=False)
    draws: Draws

    @cached_property
    def program(self) -> Program:
        """Compiled when first asked for, where the model was fitted in another process."""
        return self._program if isinstance(self._program, Program) else self._program()

    @property
    def timings(self) -> Timings:
        """Wall-clock seconds of compiling, warm-up and sampling."""
        return self.draws.timings

    @cached_property
    def _item_summary(self) -> xr.Dataset:
        """Summaries of everything but the persons."""
        return self._summary(of_persons=False)

    @cached_property
    def _person_summary(self) -> xr.Dataset:
        return self._summary(of_persons=True)

    def _summary(self, *, of_persons: bool) -> xr.Dataset:
        posterior = self.idata.posterior
        chosen = posterior[[n for n in posterior.data_vars if ("person" in posterior[n].dims) == of_persons]]
        if self.draws.standard_errors is not None:
            return summaries.of_point(chosen, self.draws.standard_errors)
        summary = summaries.summarise(chosen)
        return summary if self.draws.ess is None else summaries.with_ess(summary, self.draws.ess)

    def items(self) -> pd.DataFrame:
        """One row per item; columns (parameter, statistic): mean, SD, 95 % HDI, ESS, R-hat."""
        return summaries.table(self._item_summary, "item")

    def persons(self) -> pd.DataFrame:
        """One row per person; columns as in `items`."""
        return summaries.table(self._person_summary, "person")

    def shared(self) -> pd.DataFrame:
        """One row for each parameter that belongs to no single item or person: steps, correlations, hyperparameters."""
        return summaries.shared_table(self._item_summary)

    @property
    def min_ess(self) -> float:
        """Smallest bulk effective sample size over the item and shared parameters.

        Where the draws are no Markov chain, the method's own: their number for independent draws, one over the sum of
        squared weights for weighted ones, NaN for a point estimate.
        """
        if self.draws.ess is not None:
            return self.draws.ess
        return _extreme(self._item_summary, "ess_bulk", np.nanmin)

    @property
    def pareto_k(self) -> float:
        """k-hat of importance weights (above 0.7 they cannot be trusted); NaN where the method has none."""
        return float("nan") if self.draws.pareto_k is None else self.draws.pareto_k

    @cached_property
    def quadrature_error(self) -> float:
        """By how much twice as many quadrature nodes would move a parameter, in its standard errors, at most.

        Above 0.05 the nodes are too few for discriminations so steep: raise `n_nodes`. NaN where the abilities are not
        integrated out.
        """
        layout = self.program.layout
        if layout.collapse is None:
            return float("nan")
        points = self.draws.z.reshape(-1, self.draws.z.shape[-1]) if self.draws.around is None else self.draws.around
        few = FEW if layout.collapse.size(len(self.spec.traits)) < LARGE_GRID else 2
        chosen = points[np.unique(np.linspace(0, len(points) - 1, few).astype(int))]
        return quadrature_error(layout, [self.program.constrain(z) for z in chosen], self.responses)

    @cached_property
    def verdict(self) -> Verdict:
        """Whether the fit is to be trusted, by what its method can tell; see docs/trust.md."""
        draws = self.draws
        optimum = {f.name: getattr(draws.optimum, f.name) for f in fields(Optimum)} if draws.optimum else {}
        optimum.pop("distance", None)
        chains = 0 if draws.chain_method in ("independent", "point") else draws.z.shape[0]
        method = str(self.idata.posterior.attrs.get("method", ""))
        evidence = Evidence(
            method=method,
            chains=chains,
            max_r_hat=self.max_r_hat if chains else float("nan"),
            min_ess=self.min_ess,
            divergences=self.divergences,
            pareto_k=self.pareto_k,
            replaced=method == "laplace" and chains > 0,
            quadrature_error=self.quadrature_error,
            finite=bool(np.isfinite(draws.z).all()),
            **optimum,
        )
        return judge(evidence)

    @property
    def max_r_hat(self) -> float:
        """Largest R-hat over the item and shared parameters; NaN with one chain."""
        return _extreme(self._item_summary, "r_hat", np.nanmax)

    @property
    def divergences(self) -> int:
        """Number of divergent transitions after warm-up."""
        return int(np.sum(self.draws.stats.get("diverging", 0)))

    def save(self, path: str | Path) -> Path:
        """Write the InferenceData as NetCDF, whole or not at all.

        Raises
        ------
        ResultsError
            The path cannot be written.
        """
        return write_atomic(Path(path), lambda target: self.idata.to_netcdf(str(target), engine="h5netcdf"))


def _extreme(summary: xr.Dataset, statistic: str, reduce: Any) -> float:
    values = np.concatenate([v.sel(statistic=statistic).values.ravel() for v in summary.data_vars.values()])
    return float(reduce(values)) if np.isfinite(values).any() else float("nan")
