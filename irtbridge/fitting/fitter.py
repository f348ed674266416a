"""All that a fit needs but data and seed.

A `Fitter` compiles the model once and makes a `Fit` of each data set: draws by the method, a fallback where they cannot
be trusted, traits in their order, abilities, labels. `irtbridge.many` drives one over many data sets.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import repeat
from typing import Any

from irtbridge.data.responses import Responses
from irtbridge.fitting.fitted import Fit
from irtbridge.inference import (
    METHODS,
    compile_for,
    compile_joint,
    make_settings,
    of_constant_items,
    run_method,
    run_stack,
)
from irtbridge.inference.alignment import align, sign_items
from irtbridge.inference.laplace import fall_back, needs_fallback
from irtbridge.inference.large_data import add_all_abilities
from irtbridge.model.catalogue import build_model
from irtbridge.model.design import split_for
from irtbridge.model.spec import ModelSpec
from irtbridge.plugin.backend import Backend
from irtbridge.plugin.loading import load_backend
from irtbridge.plugin.program import Program, Progress, silent
from irtbridge.results.draws import Draws
from irtbridge.results.inference_data import to_inference_data
from irtbridge.results.provenance import environment


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
        The model; then as the method fits it (`Method.adapt`).
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

    def __post_init__(self) -> None:
        self.spec = METHODS[self.method].adapt(self.spec)

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
        made = make_settings(method, **settings)
        return cls(
            spec=build_model(model, **dict(model_options or {})),
            method=method,
            settings=made,
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
            draws = fall_back(alone, self.settings, draws, seed, progress, self._joint(bound.responses))
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
    def data_options(self) -> dict[str, Any]:
        """How data are read unless the user says otherwise: options of `load_responses`."""
        return {"kind": self.spec.family.kind, "allow_constant": of_constant_items({self.method: self.settings})}

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

    def _joint(self, responses: Responses) -> Callable[[], Program]:
        return partial(compile_joint, self.engine, self.spec, responses, device=self.device, dtype=self.dtype)

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
