"""What users hold: a fitted model, whose tables and verdict are made when they are asked for."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from irtbridge.assess import idata_groups
from irtbridge.assess.posterior import Posterior
from irtbridge.assess.predict import DRAWS
from irtbridge.bank import item_bank
from irtbridge.bank.item_bank import ItemBank
from irtbridge.data.responses import Responses
from irtbridge.errors import IRTBridgeWarning
from irtbridge.fitting.extension import extended
from irtbridge.fitting.questions import Questions
from irtbridge.inference import compile_for, make_settings
from irtbridge.inference.methods import check_resumes
from irtbridge.model.density import quadrature_error
from irtbridge.model.reduction import grid_dimensions
from irtbridge.model.spec import ModelSpec
from irtbridge.plugin.loading import load_backend
from irtbridge.plugin.options import check_number
from irtbridge.plugin.program import Program, Progress, silent
from irtbridge.results import tables
from irtbridge.results.ability_moments import GROUP
from irtbridge.results.check import Check
from irtbridge.results.diagnostics import diagnostics, e_bfmi
from irtbridge.results.draws import Draws, Optimum, Timings
from irtbridge.results.goal import Goal
from irtbridge.results.quiet_arviz import az
from irtbridge.results.stored import Stored, write_stored
from irtbridge.results.verdict import Evidence, Verdict, judge

FEW, LARGE_GRID = 6, 10_000  # draws that tell the quadrature's error; nodes above which two must do


@dataclass(frozen=True, eq=False)
class Fit(Questions):
    """A fitted model.

    Attributes
    ----------
    idata : arviz.InferenceData
        Draws, sample statistics and data, labelled by person, item, trait and category.
    spec : ModelSpec
        The model; what it has by item stands in the order of the data's items.
    responses : Responses
        The data, with the recoding of their categories.
    program : Program
        The compiled program; ``program.native`` is the library's own object.
    draws : Draws
        Draws in the program's unconstrained coordinates, with timings.
    provenance : dict
        What was fitted to what, by what, how, on what machine and in what time, as plain data: the attributes of the
        posterior in `idata` have it as text and numbers.
    """

    idata: az.InferenceData
    spec: ModelSpec
    responses: Responses
    _program: Program | Callable[[], Program]
    draws: Draws
    provenance: dict[str, Any]
    _quadrature_error: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "spec", self.spec.for_items(self.responses.items, self.responses.origins))

    def __getstate__(self) -> dict[str, Any]:
        """What is pickled: all but the compiled program, which is compiled again when asked for."""
        state = {f.name: getattr(self, f.name) for f in fields(self)}
        return state | {"_program": partial(compile_as, self.spec, self.responses, self.provenance)}

    def __repr__(self) -> str:
        how, (chains, draws) = self.provenance, self.draws.z.shape[:2]
        by = f"{how['backend']} {how['method']}, {chains} x {draws:,} draws"
        return f"Fit({self.spec.name} of {self.responses.name!r}, {by}; see items(), persons(), verdict)"

    @cached_property
    def program(self) -> Program:
        """Compiled when first asked for, where the model was fitted in another process."""
        return self._program if isinstance(self._program, Program) else self._program()

    @cached_property
    def posterior(self) -> Posterior:
        """Draws of item parameters and abilities as arrays: what every question after the fit is asked of."""
        point = self.draws.standard_errors is not None
        means = self.idata[GROUP]["mean"].values if GROUP in self.idata else None
        return Posterior.of(self.spec, self.responses, self.idata.posterior, point=point, means=means)

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
        if GROUP in self.idata:
            return tables.of_moments(self.spec.family.ability, self.idata[GROUP])
        return self._summary(of_persons=True)

    def _summary(self, *, of_persons: bool) -> xr.Dataset:
        posterior = self.idata.posterior
        chosen = posterior[[n for n in posterior.data_vars if ("person" in posterior[n].dims) == of_persons]]
        if self.draws.standard_errors is not None:
            return tables.of_point(chosen, self.draws.standard_errors)
        if self.draws.ess is None:
            return tables.summarise(chosen)
        return tables.with_ess(tables.summarise(chosen, chains=False), self.draws.ess)

    def items(self, *, tidy: bool = False) -> pd.DataFrame:
        """One row per item; columns (parameter, statistic): mean, SD, 95 % HDI, ESS, R-hat.

        Parameters
        ----------
        tidy : bool
            One row per item and parameter instead, with columns item, parameter, mean, sd, ...: as plain csv.
        """
        wide = tables.table(self._item_summary, "item")
        return tables.tidy(wide) if tidy else wide

    def persons(self, *, tidy: bool = False) -> pd.DataFrame:
        """One row per person, or per person and parameter; columns as in `items`."""
        wide = tables.table(self._person_summary, "person")
        return tables.tidy(wide) if tidy else wide

    def shared(self) -> pd.DataFrame:
        """One row for each parameter that belongs to no single item or person: steps, correlations, hyperparameters."""
        return tables.shared_table(self._item_summary)

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

        Above 0.05 the nodes are too few for discriminations so steep: raise `n_nodes`. Of a mode it is one step of
        Newton's method with twice the nodes; of draws a bound, for the contrast of parameters that moves most; of a
        mode without standard errors the change of its log density, which may be a hundred times less. NaN where the
        abilities are not integrated out.
        """
        if self._quadrature_error is not None:
            return self._quadrature_error
        if self.draws.quadrature_error is not None:
            return self.draws.quadrature_error
        layout = self.program.layout
        if layout.collapse is None:
            return float("nan")
        points = self.draws.z.reshape(-1, self.draws.z.shape[-1])
        few = FEW if layout.collapse.size(grid_dimensions(layout.spec)) < LARGE_GRID else 2
        chosen = points[np.unique(np.linspace(0, len(points) - 1, few).astype(int))]
        return quadrature_error(layout, [self.program.constrain(z) for z in chosen], self.responses)

    @cached_property
    def verdict(self) -> Verdict:
        """Whether the fit is to be trusted, by what its method can tell; see docs/trust.md."""
        return judge(self._evidence)

    @cached_property
    def _evidence(self) -> Evidence:
        """What the method says of itself."""
        draws = self.draws
        optimum = {f.name: getattr(draws.optimum, f.name) for f in fields(Optimum)} if draws.optimum else {}
        optimum.pop("distance", None)
        chains = draws.z.shape[0] if draws.kind == "chains" else 0
        method = self.provenance["method"]
        return Evidence(
            method=method,
            chains=chains,
            max_r_hat=self.max_r_hat if chains else float("nan"),
            min_ess=self.min_ess,
            divergences=self.divergences,
            adapted=draws.adapted,
            pareto_k=self.pareto_k,
            replaced=method == "laplace" and chains > 0,
            quadrature_error=self.quadrature_error,
            finite=bool(np.isfinite(draws.z).all()),
            **optimum,
        )

    @property
    def max_r_hat(self) -> float:
        """Largest R-hat over the item and shared parameters; NaN with one chain."""
        return _extreme(self._item_summary, "r_hat", np.nanmax)

    @property
    def divergences(self) -> int:
        """Number of divergent transitions after warm-up."""
        return int(np.sum(self.draws.stats.get("diverging", 0)))

    def record(self) -> dict[str, Any]:
        """The fit in numbers and texts, without its draws: provenance, seconds, diagnostics and verdict.

        Returns
        -------
        dict
            Plain data, for JSON; a diagnostic that the method does not have is NaN.
        """
        return self.provenance | {
            "min_ess": self.min_ess,
            "max_r_hat": self.max_r_hat,
            "pareto_k": self.pareto_k,
            "divergences": self.divergences,
            "verdict": self.verdict.to_dict(),
        }

    def check(self) -> Check:
        """Whether the fit has converged, which parameters fail which limit, and what usually cures it.

        Returns
        -------
        Check
            It prints as plain words; ``check.parameters`` is the table of diagnostics by parameter.
        """
        draws = self.draws
        return Check(
            self.verdict,
            self._evidence,
            e_bfmi(draws.stats.get("energy")),
            self._parameters,
            (draws.z.shape[0], draws.z.shape[1]),
            draws.kind,
        )

    @cached_property
    def _parameters(self) -> pd.DataFrame:
        """Diagnostics by item and shared parameter."""
        return diagnostics(self.idata.posterior, self._item_summary, chains=self.draws.kind == "chains")

    def extend(
        self,
        draws: int | None = None,
        *,
        until: str | None = None,
        max_draws: int = 20_000,
        progress: Progress = silent,
    ) -> Fit:
        """Go on: further draws, each chain from its last state with the step size and metric it has adapted to.

        Independent draws (``laplace``, ``vi``, ``vi_newton``, ``vi_collapsed``) are further ones of the same
        distribution. The draws that there are stay the first ones; the further ones have a seed of their own, which
        follows from the fit's, so that a loaded fit goes on as the original does.

        Parameters
        ----------
        draws : int, optional
            How many further draws of each chain, or of all where they are independent; with `until`, in each round. By
            default as many as there are.
        until : str, optional
            Conditions that every item and shared parameter is to meet, as ``"rhat<1.01, ess>400"`` or ``"psrf<1.10"``:
            rounds go on until then. Of ``rhat``, ``psrf``, ``psrf_upper``, ``ess`` (bulk), ``ess_tail`` and
            ``mcse_percent`` (Monte Carlo error as a percentage of the SD).
        max_draws : int
            With `until`: draws of each chain at most; where they do not suffice, there is a warning.
        progress : callable
            Called with (stage, steps done, steps in all).

        Returns
        -------
        Fit
            A new one. Groups of its InferenceData that were made of the old draws alone are left out.

        Raises
        ------
        ConfigError
            A point estimate (``map``), which has no draws to add to, or conditions that cannot be.
        Unsupported
            A backend whose native sampler cannot go on.
        """
        check_resumes(self.provenance["method"])
        for name, number in {"max_draws": max_draws, "draws": self._n_draws if draws is None else draws}.items():
            check_number(name, number)
        if until is None:
            return self._longer(self._n_draws if draws is None else draws, progress)
        goal, fit = Goal.of(until), self
        while not goal.met(fit._parameters) and fit._n_draws < max_draws:
            size = fit._n_draws if draws is None else draws
            fit = fit._longer(min(size, max_draws - fit._n_draws), progress)
        if not goal.met(fit._parameters):
            what = f"until={until!r} is not reached with max_draws={max_draws}: {goal.lacking(fit._parameters)}"
            warnings.warn(what, IRTBridgeWarning, stacklevel=2)
        return fit

    @property
    def _n_draws(self) -> int:
        """Draws of each chain."""
        return int(self.draws.z.shape[1])

    def _longer(self, draws: int, progress: Progress) -> Fit:
        found = extended(self.program, self.idata, self.draws, self.provenance, draws, progress)
        idata, joined, provenance = found
        program: dict[str, Any] = {"_program": self.program, "_quadrature_error": None}
        return replace(self, idata=idata, draws=joined, provenance=provenance, **program)

    def bank(self, draws: int | None = None, seed: int = 0) -> ItemBank:
        """The items with the uncertainty of their parameters, as adaptive tests are made of them.

        Parameters
        ----------
        draws : int, optional
            At most so many of the fit's draws, at even distances; by default all. Of a point estimate, whose standard
            errors become draws (see `irtbridge.bank.uncertainty.drawn`), so many, by default 400.
        seed : int
            Of the draws of a point estimate.
        """
        check_number("draws", item_bank.DRAWS if draws is None else draws)
        posterior = self.posterior if draws is None else self.posterior.thinned(draws)
        count = item_bank.DRAWS if draws is None else draws
        return ItemBank.of(posterior, self.provenance, self.draws.standard_errors, draws=count, seed=seed)

    def with_log_likelihood(self, *kinds: str) -> Fit:
        """The fit with the group ``log_likelihood`` in its InferenceData; see `irtbridge.assess.idata_groups`.

        Parameters
        ----------
        *kinds : {"person", "response"}
            By default both. ``response`` takes 8 bytes for each draw, person and item.
        """
        chosen = kinds or idata_groups.KINDS
        group = idata_groups.log_likelihood(self.posterior, self.idata.posterior, chosen)
        return self._with_group("log_likelihood", group)

    def with_posterior_predictive(self, draws: int = DRAWS, seed: int = 0) -> Fit:
        """The fit with the group ``posterior_predictive``; see `irtbridge.assess.idata_groups.posterior_predictive`.

        Parameters
        ----------
        draws : int
            At most so many draws of each chain, at even distances.
        seed : int
            Of the replicated responses.
        """
        check_number("draws", draws)
        rows = np.unique(np.linspace(0, self._n_draws - 1, min(draws, self._n_draws)).round().astype(int))
        some = self.idata.posterior.isel(draw=rows)
        thinned = Posterior.of(self.spec, self.responses, some, point=self.posterior.point)
        return self._with_group("posterior_predictive", idata_groups.posterior_predictive(thinned, some, seed))

    def _with_group(self, name: str, group: xr.Dataset) -> Fit:
        there = {each: self.idata[each] for each in self.idata.groups()}
        known = {"_program": self.__dict__.get("program", self._program), "_quadrature_error": self.quadrature_error}
        return replace(self, idata=az.InferenceData(**{**there, name: group}), **known)

    def save(self, path: str | Path) -> Path:
        """Write all of the fit as NetCDF, whole or not at all; `load_fit` reads it, and ArviZ its InferenceData.

        Parameters
        ----------
        path : str or Path
            The file; its folder is made.

        Raises
        ------
        ResultsError
            The path cannot be written.
        """
        stored = Stored(self.idata, self.spec, self.responses, self.draws, self.provenance, self.quadrature_error)
        return write_stored(Path(path), stored)


def compile_as(spec: ModelSpec, responses: Responses, provenance: Mapping[str, Any]) -> Program:
    """The program of a fit of this provenance; on whatever device there is, if it was not the CPU."""
    return compile_for(
        load_backend(provenance["backend"], **provenance["backend_options"]),
        spec,
        responses,
        make_settings(provenance["method"], **provenance["settings"]),
        device="cpu" if provenance["device"] == "cpu" else "auto",
        dtype=provenance["dtype"],
    )


def _extreme(summary: xr.Dataset, statistic: str, reduce: Any) -> float:
    values = np.concatenate([v.sel(statistic=statistic).values.ravel() for v in summary.data_vars.values()])
    return float(reduce(values)) if np.isfinite(values).any() else float("nan")
