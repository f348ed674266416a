"""Fit a model to responses, and what comes of it.

`fit` reads its arguments into a `Fitter`, which compiles the model once and makes a `Fit` of each data set: draws by
the method, a fallback where they cannot be trusted, traits in their order, abilities, labels. `Fit` is what users hold:
its tables and its verdict are made when they are asked for. `irtbridge.many` drives a `Fitter` over many data sets.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property, partial
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from irtbridge.data.files import write_atomic
from irtbridge.data.load import load_responses
from irtbridge.data.responses import Responses
from irtbridge.errors import ConfigError, DataNotFound, IRTBridgeWarning
from irtbridge.inference import compile_for, make_settings, run_method, run_stack
from irtbridge.inference.alignment import align, sign_items
from irtbridge.inference.laplace import fall_back, needs_fallback
from irtbridge.inference.large_data import add_all_abilities
from irtbridge.model.catalogue import build_model
from irtbridge.model.density import quadrature_error
from irtbridge.model.design import split_for
from irtbridge.model.groups import with_groups
from irtbridge.model.known import with_known
from irtbridge.model.reduction import grid_dimensions
from irtbridge.model.spec import ModelSpec
from irtbridge.plugin.backend import Backend
from irtbridge.plugin.devices import check_device, check_dtype
from irtbridge.plugin.loading import load_backend
from irtbridge.plugin.program import Program, Progress, silent
from irtbridge.results import quiet_arviz, tables
from irtbridge.results.draws import Draws, Optimum, Timings
from irtbridge.results.inference_data import to_inference_data
from irtbridge.results.provenance import environment
from irtbridge.results.quiet_arviz import az
from irtbridge.results.verdict import Evidence, Verdict, judge

quiet_arviz.load()  # so that it is never imported within what is timed
FEW, LARGE_GRID = 6, 10_000  # draws that tell the quadrature's error; nodes above which two must do


def fit(
    data: Any,
    model: str | ModelSpec = "2pl",
    *,
    backend: str = "pyro",
    method: str = "nuts",
    seed: int = 0,
    group: str | None = None,
    device: str = "auto",
    dtype: str = "float64",
    model_options: Mapping[str, Any] | None = None,
    backend_options: Mapping[str, Any] | None = None,
    data_options: Mapping[str, Any] | None = None,
    fixed: pd.DataFrame | Mapping[str, Any] | str | Path | Fit | None = None,
    progress: Progress = silent,
    **settings: Any,
) -> Fit:
    """Fit a Bayesian item response model.

    Parameters
    ----------
    data : DataFrame, array_like, path, name of a data set or Responses
        Persons x items, NaN = missing; or long with columns person, item, response. See `load_responses`.
    model : str or ModelSpec
        A model of the catalogue, as ``"2pl"`` or ``"gpcm"``, or a spec of your own.
    backend : str
        A backend's name; `irtbridge.backend_names()` lists them.
    method : str
        A method's name: ``nuts``, ``vi``, ``laplace``, ...; `irtbridge.inference.METHODS` says what each does.
    seed : int
        Same seed, machine and versions: same draws.
    group : str, optional
        The column with each person's group, of the data or of ``person_data`` among the `data_options`.
    device : str
        ``auto``, ``cpu`` or ``cuda``.
    dtype : str
        ``float64`` or ``float32``.
    model_options, backend_options, data_options : mapping, optional
        Arguments of the model's function, of the backend, of `load_responses`.
    fixed : DataFrame, mapping, path or Fit, optional
        Item parameters that are known: as `Fit.items` gives them, as csv of ``Fit.items(tidy=True)``, of an earlier
        fit, or as ``{"difficulty": {"item1": 0.3}}``. The others are estimated, and the persons' mean and standard
        deviation; see `irtbridge.model.known.with_known`.
    progress : callable
        Called with (stage, steps done, steps in all).
    **settings
        Settings of the method: ``draws=1000``, ``chains=2``, ... See `NutsSettings` and `ViSettings`.

    Returns
    -------
    Fit

    Raises
    ------
    IRTBridgeError
        Always of this root: `DataError`, `SpecError`, `UnknownName`, `BackendUnavailable`, `Unsupported`,
        `DeviceError`, `NumericalError`.
    """
    check_seed(seed)
    check_device(device)
    check_dtype(dtype)
    if group is not None and not isinstance(model, ModelSpec):
        model_options = {"invariance": "scalar"} | dict(model_options or {})
    fitter = Fitter.of(model, backend, method, settings, model_options, backend_options, device=device, dtype=dtype)
    if group is not None and not (fitter.spec.split or any("group" in dims for dims in fitter.spec.dims.values())):
        fitter.spec = with_groups(fitter.spec)
    options = {"kind": fitter.spec.family.kind, **dict(data_options or {})}
    responses = load_responses(data, **(options if group is None else options | {"group": group}))
    if fixed is not None:
        fitter.spec = with_known(fitter.spec, read_known(fixed), split_for(fitter.spec, responses))
    done = fitter.fit(responses, int(seed), progress)
    warn_of(done)
    return done


def read_known(fixed: pd.DataFrame | Mapping[str, Any] | str | Path | Fit) -> pd.DataFrame | Mapping[str, Any]:
    """Known item parameters as `with_known` takes them, from a file or from an earlier fit.

    Raises
    ------
    DataNotFound
        There is no such file.
    """
    if isinstance(fixed, Fit):
        return fixed.items(tidy=True)
    if not isinstance(fixed, (str, Path)):
        return fixed
    if not Path(fixed).is_file():
        raise DataNotFound(f"fixed={str(fixed)!r}: no such file; write one with Fit.items(tidy=True).to_csv(path).")
    return pd.read_csv(fixed, dtype={"item": str})


def warn_of(done: Fit) -> None:
    """Warn of a fit that does not pass the checks of its method."""
    if not done.verdict.trusted:
        of = done.provenance
        what = f"{of['model']} on {of['data']} by {of['backend']} {of['method']}"
        warnings.warn(f"{what}: {done.verdict}", IRTBridgeWarning, stacklevel=3)


@dataclass(frozen=True, eq=False)
class Bound:
    """A program over a data set that is about to be fitted.

    Attributes
    ----------
    program : Program
        The program.
    responses : Responses
        The data set as it was given.
    seed : int
        Seed of the fit.
    fresh : bool
        Whether it was compiled for this data set.
    seconds : float
        What compiling or binding took.
    """

    program: Program
    responses: Responses
    seed: int
    fresh: bool
    seconds: float


@dataclass(eq=False)
class Fitter:
    """All that a fit needs but data and seed. It compiles for the first data set and binds the others.

    Parameters
    ----------
    spec : ModelSpec
        The model.
    method : str
        The method.
    settings : object
        Its settings.
    engine : Backend
        The backend, with its options.
    device, dtype : str
        As in `fit`.
    """

    spec: ModelSpec
    method: str
    settings: Any
    engine: Backend
    device: str = "auto"
    dtype: str = "float64"
    _latest: Program | None = field(default=None, init=False, repr=False)

    @classmethod
    def of(
        cls,
        model: str | ModelSpec,
        backend: str,
        method: str,
        settings: Mapping[str, Any],
        model_options: Mapping[str, Any] | None = None,
        backend_options: Mapping[str, Any] | None = None,
        *,
        device: str,
        dtype: str,
    ) -> Fitter:
        """From names and options, as `fit` takes them."""
        return cls(
            spec=build_model(model, **dict(model_options or {})),
            method=method,
            settings=make_settings(method, **settings),
            engine=load_backend(backend, **dict(backend_options or {})),
            device=device,
            dtype=dtype,
        )

    def fit(self, responses: Responses, seed: int, progress: Progress = silent) -> Fit:
        """Fit one data set, of the same shape as the ones before.

        Raises
        ------
        DataError
            The shape is another.
        """
        progress("compile", 0, 0)
        bound = self.bind(responses, seed)
        begin = time.perf_counter()
        draws = run_method(self.engine, bound.program, self.method, self.settings, seed, progress)
        if needs_fallback(self.settings, draws):
            # Chains magnify rounding: a program compiled for this data set alone gives the draws that a single fit has.
            alone = bound.program if bound.fresh else self.compile(bound.program.responses)
            draws = fall_back(alone, self.settings, draws, seed, progress)
        return self._finish(bound, draws, bound.seconds + time.perf_counter() - begin)

    def bind(self, responses: Responses, seed: int) -> Bound:
        """The program over one data set; compiled for the first."""
        begin, latest = time.perf_counter(), self._latest
        responses = split_for(self.spec, responses)
        # Where each person has an ability, a row is one person.
        rows = responses if self.collapses else responses.expanded()
        fresh = latest is None or not latest.layout.has_covariates_of(rows)
        self._latest = self.compile(rows) if latest is None or fresh else latest.bind(rows)
        return Bound(self._latest, responses, seed, fresh, time.perf_counter() - begin)

    @property
    def collapses(self) -> bool:
        """Whether the method integrates the abilities out."""
        return getattr(self.settings, "collapse", None) is not None

    def fit_stack(self, data_sets: Sequence[Bound], places: int) -> Iterator[Fit]:
        """Fit several data sets in one run of the library's own method.

        Parameters
        ----------
        data_sets : sequence of Bound
            Of one shape.
        places : int
            How many to compute, the last one again where they are fewer: for as many it may be compiled already.
        """
        begin, filled = time.perf_counter(), [*data_sets, *repeat(data_sets[-1], places - len(data_sets))]
        seeds = [one.seed for one in filled]
        draws = run_stack([one.program for one in filled], self.method, self.settings, seeds, len(data_sets))
        own = [each.timings.total - one.program.compile_seconds for one, each in zip(data_sets, draws, strict=True)]
        rest = (time.perf_counter() - begin - sum(own)) / len(data_sets)
        for one, each, seconds in zip(data_sets, draws, own, strict=True):
            yield self._finish(one, each, one.seconds + seconds + rest, together=len(data_sets))

    def _finish(self, bound: Bound, draws: Draws, seconds: float, together: int = 1) -> Fit:
        """From draws to a fit that has taken `seconds` so far, among so many data sets."""
        begin, program = time.perf_counter(), bound.program
        draws = align(program, draws)
        draws, abilities = add_all_abilities(program, draws, bound.seed)
        provenance = self._provenance(bound, draws) | {
            "seed": bound.seed,
            "compile_shared": not bound.fresh and program.compile_seconds == 0,
            "together": together,
            "wall_seconds": seconds + time.perf_counter() - begin,
        }
        params, attrs = program.constrain(draws.z), {"spec": self.spec.to_dict()} | provenance
        idata = to_inference_data(program.layout, program.responses, params, draws, attrs, abilities)
        return Fit(idata, self.spec, program.responses, program, draws, provenance)

    def compile(self, responses: Responses) -> Program:
        """Compile the model as the method needs it."""
        return compile_for(self.engine, self.spec, responses, self.settings, device=self.device, dtype=self.dtype)

    def _provenance(self, bound: Bound, draws: Draws) -> dict[str, Any]:
        """What was fitted to what, by what, how and on what machine, and the seconds that it took."""
        program, responses = bound.program, bound.responses
        return {
            "model": self.spec.name,
            "spec_hash": self.spec.hash,
            "data": responses.name,
            "data_fingerprint": responses.fingerprint,
            "backend": self.engine.name,
            "backend_options": asdict(self.engine.options),
            "method": self.method,
            "settings": asdict(self.settings),
            "device": program.device,
            "device_name": self.engine.device_name(program.device),
            "dtype": program.dtype,
            "chain_method": draws.chain_method,
            **({} if draws.pareto_k is None else {"pareto_k": draws.pareto_k}),
            **({"sign_items": signs} if (signs := sign_items(program, draws)) else {}),
            **draws.timings.to_dict(),
            **environment(self.engine.versions(), getattr(self.engine.options, "threads", 0)),
        }


def check_seed(seed: object) -> None:
    """Raise `ConfigError` unless a seed is an integer, 0 or greater."""
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise ConfigError(f"seed={seed!r} must be an integer, 0 or greater.")


@dataclass(frozen=True, eq=False)
class Fit:
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
    _program: Program | Callable[[], Program] = field(repr=False)
    draws: Draws
    provenance: dict[str, Any] = field(repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "spec", self.spec.for_items(self.responses.items, self.responses.origins))

    def __getstate__(self) -> dict[str, Any]:
        """What is pickled: all but the compiled program, which is compiled again when asked for."""
        state = {f.name: getattr(self, f.name) for f in fields(self)}
        return state | {"_program": partial(compile_as, self.spec, self.responses, self.provenance)}

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
            return tables.of_point(chosen, self.draws.standard_errors)
        summary = tables.summarise(chosen)
        return summary if self.draws.ess is None else tables.with_ess(summary, self.draws.ess)

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

        Above 0.05 the nodes are too few for discriminations so steep: raise `n_nodes`. NaN where the abilities are not
        integrated out.
        """
        layout = self.program.layout
        if layout.collapse is None:
            return float("nan")
        points = self.draws.z.reshape(-1, self.draws.z.shape[-1]) if self.draws.around is None else self.draws.around
        few = FEW if layout.collapse.size(grid_dimensions(layout.spec)) < LARGE_GRID else 2
        chosen = points[np.unique(np.linspace(0, len(points) - 1, few).astype(int))]
        return quadrature_error(layout, [self.program.constrain(z) for z in chosen], self.responses)

    @cached_property
    def verdict(self) -> Verdict:
        """Whether the fit is to be trusted, by what its method can tell; see docs/trust.md."""
        draws = self.draws
        optimum = {f.name: getattr(draws.optimum, f.name) for f in fields(Optimum)} if draws.optimum else {}
        optimum.pop("distance", None)
        chains = 0 if draws.chain_method in ("independent", "point") else draws.z.shape[0]
        method = self.provenance["method"]
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

    def save(self, path: str | Path) -> Path:
        """Write the InferenceData as NetCDF, whole or not at all.

        Raises
        ------
        ResultsError
            The path cannot be written.
        """
        return write_atomic(Path(path), lambda target: self.idata.to_netcdf(str(target), engine="h5netcdf"))


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
