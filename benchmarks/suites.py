"""The table of suites: which data, which model, which contestants.

A `Suite` is data and a model, a `Contestant` a program that fits them; `make_jobs` crosses the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.job import Job
from irtbridge.data.load import load_dataset, load_responses
from irtbridge.data.responses import Responses
from irtbridge.inference import METHODS
from irtbridge.model.catalogue import build_model
from irtbridge.model.simulate import simulate_parameters, simulate_responses
from irtbridge.model.spec import ModelSpec

LOCATION = {"2pl": "difficulty", "m2pl": "difficulty", "grm": "threshold", "gpcm": "step"}


@dataclass(frozen=True)
class Contestant:
    """A program that takes part.

    Attributes
    ----------
    name, engine, method : str
        As in the table.
    module : str
        Of `benchmarks.contestants`.
    requires : tuple of str
        Distributions as pip names them; without them the row says so.
    imports : tuple of str
        Further modules to load before the clock starts.
    options : mapping
        For the module.
    """

    name: str
    engine: str
    method: str
    module: str
    requires: tuple[str, ...]
    imports: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Suite:
    """Work that every contestant does, and what is measured.

    Attributes
    ----------
    name, description : str
    measure : str
        ``sampling``, ``mode``, ``elbo``, ``gradient`` or ``sets``.
    contestants : tuple of Contestant
        In the table's order.
    reference : str
        Name of the contestant that the ratios refer to.
    model : str
        ``2pl``, ``m2pl``, ``grm`` or ``gpcm``.
    persons, items, categories, traits : int
        Of the simulated data. With several traits each item loads on one of them, and they correlate.
    dataset : str, optional
        A named data set in place of simulated data; persons with missing responses are left out.
    a_scale, b_scale : float
        Priors, see `Job`; data are simulated from them.
    flat : bool
        Fit with flat priors: marginal maximum likelihood.
    warmup, draws : int
        Of the hand-written samplers, one chain.
    """

    name: str
    description: str
    measure: str
    contestants: tuple[Contestant, ...]
    reference: str
    model: str = "2pl"
    persons: int = 5000
    items: int = 100
    categories: int = 2
    traits: int = 1
    dataset: str | None = None
    a_scale: float = 0.3
    b_scale: float = 1.0
    flat: bool = False
    warmup: int = 300
    draws: int = 400

    @property
    def spec(self) -> ModelSpec:
        """The model that is fitted."""
        return self._spec("HalfNormal(100)", "Normal(0, 100)") if self.flat else self._informed()

    def _informed(self) -> ModelSpec:
        location = "OrderedNormal" if self.model == "grm" else "Normal"
        return self._spec(f"LogNormal(0, {self.a_scale})", f"{location}(0, {self.b_scale})")

    def _spec(self, discrimination: str, location: str) -> ModelSpec:
        priors: dict[str, Any] = {"discrimination": discrimination, LOCATION[self.model]: location}
        if self.model == "m2pl":
            priors |= {"q_matrix": self.q_matrix.tolist(), "correlated": True}
        return build_model(self.model, **priors)

    @property
    def q_matrix(self) -> NDArray[np.int64]:
        """Which items load on which traits: as many on each, one after another."""
        return np.kron(np.eye(self.traits, dtype=int), np.ones((self.items // self.traits, 1), dtype=int))

    def make_data(self, seed: int) -> tuple[Responses, dict[str, Any] | None]:
        """Responses, and the true item parameters where they are simulated."""
        if self.dataset is not None:
            return load_responses(load_dataset(self.dataset).to_frame().dropna()), None
        spec, counts = self._informed(), np.full(self.items, self.categories)
        params = simulate_parameters(spec, self.persons, counts, seed)
        loadings = params["discrimination"]
        truth = {
            "discrimination": loadings[self.q_matrix > 0] if self.traits > 1 else loadings,
            "location": params[LOCATION[self.model]],
        }
        responses = simulate_responses(spec, params, counts, seed + 1)
        return responses, {name: value.tolist() for name, value in truth.items()}


def make_jobs(suite: Suite, seed: int, threads: int) -> list[Job]:
    """One job for each contestant, all on the same data."""
    responses, truth = suite.make_data(seed)
    return [
        Job(
            suite=suite.name,
            contestant=c.name,
            module=c.module,
            imports=c.imports,
            options=dict(c.options),
            model=suite.model,
            a_scale=suite.a_scale,
            b_scale=suite.b_scale,
            spec=suite.spec.to_dict(),
            data=responses.to_dict(),
            truth=truth,
            warmup=suite.warmup,
            draws=suite.draws,
            seed=seed,
            threads=threads,
        )
        for c in suite.contestants
    ]


PYRO, TFP = ("torch", "pyro-ppl"), ("tensorflow", "tensorflow-probability", "tf-keras")
BACKENDS = {
    "pyro": ("irtbridge on Pyro", PYRO, ("irtbridge_pyro.program",)),
    "tfp": ("irtbridge on TFP", TFP, ("irtbridge_tfp.program",)),
}
JOINT = "joint NUTS"


def _irtbridge(backend: str, method: str, does: str, module: str = "irtbridge_fit", **settings: Any) -> Contestant:
    engine, requires, imports = BACKENDS[backend]
    options = {"backend": backend, "method": method, "settings": settings}
    return Contestant(f"irtbridge-{backend}-{method}", engine, does, module, ("irtbridge", *requires), imports, options)


def _collapsed(backend: str) -> tuple[Contestant, ...]:
    return (
        _irtbridge(backend, "laplace", "Laplace, importance sampling"),
        _irtbridge(backend, "nuts_collapsed", "collapsed NUTS", chains=1, draws=400),
    )


def _joint(backend: str) -> Contestant:
    return _irtbridge(backend, "nuts", JOINT, chains=1, warmup=300, draws=400)


HAND_WRITTEN = (
    Contestant("pyro", "Pyro, hand-written", JOINT, "pyro_nuts", PYRO),
    Contestant("tfp", "TFP, hand-written", JOINT, "tfp_nuts", TFP, options={"xla": False}),
    Contestant("tfp-xla", "TFP, hand-written", "joint NUTS, XLA", "tfp_nuts", TFP, options={"xla": True}),
    Contestant("numpyro", "NumPyro", JOINT, "numpyro_nuts", ("jax", "numpyro")),
    Contestant("pymc-nutpie", "PyMC + nutpie", JOINT, "pymc_nutpie", ("pymc", "nutpie")),
    Contestant("pystan", "Stan (pystan)", JOINT, "stan_nuts", ("pystan",)),
)
PY_IRT = Contestant("py-irt", "py-irt", "variational", "py_irt_vi", ("py-irt",))
COLLAPSED = (*_collapsed("tfp"), *_collapsed("pyro"))
SAMPLERS = (*COLLAPSED, _joint("tfp"), _joint("pyro"), *HAND_WRITTEN)
TIGHT = {"n_quadpts": 61, "tol": 1e-6, "max_iter": 2000}
MODES = (
    *(_irtbridge(b, "map", "marginal ML, L-BFGS", standard_errors=False) for b in ("tfp", "pyro")),
    _irtbridge("pyro", "em", "marginal ML, EM", standard_errors=False),
    Contestant("mirt", "mirt", "marginal ML, EM", "mirt_em", ("mirt",)),
    Contestant("mirt-tight", "mirt", "the same, run to the maximum", "mirt_em", ("mirt",), options=TIGHT),
    Contestant("girth", "girth", "marginal ML", "girth_mml", ("girth",)),
)
GRADIENTS = (
    *(_irtbridge(b, "gradient", "value_and_grad", "irtbridge_gradient", chains=False) for b in ("tfp", "pyro")),
    _irtbridge("tfp", "gradient-xla", "value_and_grad, XLA", "irtbridge_gradient", chains=True),
    Contestant("tfp", "TFP, hand-written", "tf.function", "tfp_gradient", TFP, options={"xla": False}),
    Contestant("tfp-xla", "TFP, hand-written", "tf.function, XLA", "tfp_gradient", TFP, options={"xla": True}),
    Contestant("pyro", "Pyro, hand-written", "potential_fn", "pyro_gradient", PYRO, options={"jit": False}),
    Contestant("pyro-jit", "Pyro, hand-written", "potential_fn, jit", "pyro_gradient", PYRO, options={"jit": True}),
)

TALL = (
    *(_irtbridge(b, "laplace", "Laplace of the abilities, items integrated out") for b in ("pyro", "tfp")),
    *(_irtbridge(b, "nuts_whitened", "joint NUTS, whitened", chains=1, draws=400) for b in ("pyro", "tfp")),
    _joint("pyro"),
    *(c for c in HAND_WRITTEN if c.name in ("pyro", "numpyro")),
    PY_IRT,
)
TALL_MODES = (
    _irtbridge("pyro", "map", "posterior mode", standard_errors=False),
    replace(_irtbridge("pyro", "map", "posterior mode, standard errors"), name="irtbridge-pyro-map-errors"),
)

M2PL_CONTESTANTS = (
    *(_irtbridge(b, "nuts_whitened", "joint NUTS, whitened", chains=1, draws=1000) for b in ("tfp", "pyro")),
    _joint("tfp"),
    _joint("pyro"),
    *(c for c in HAND_WRITTEN if c.name in ("pyro", "tfp", "tfp-xla", "numpyro")),
)


def _many(method: str, sets: int) -> tuple[Contestant, ...]:
    """One data set, and many: one by one, over two processes, and in stacks where that can be chosen."""
    stacks = METHODS[method].stacks
    together = [(f"{sets}-sets", sets, 1, 0, f"{sets} data sets")] if stacks else []
    ways = [
        ("1-set", 1, 1, 1, "one data set"),
        *together,
        (f"{sets}-sets-apart", sets, 1, 1, f"{sets}, one by one"),
        (f"{sets}-sets-2-processes", sets, 2, 10 if stacks else 1, f"{sets}, two processes"),
    ]
    return tuple(
        _irtbridge(b, name, does, "irtbridge_many", by=method, sets=n, processes=processes, stack=stack)
        for b in ("pyro", "tfp")
        for name, n, processes, stack, does in ways
    )


VARIATIONAL = (
    *(_irtbridge(b, "vi_newton", "mean-field, Newton") for b in ("tfp", "pyro")),
    *(_irtbridge(b, "vi", "mean-field, Adam") for b in ("tfp", "pyro")),
    Contestant("pyro-svi", "Pyro, hand-written", "mean-field, Adam", "pyro_svi", PYRO),
    PY_IRT,
)

REFERENCE = "irtbridge-tfp-laplace"
SUITES = {
    suite.name: suite
    for suite in (
        Suite("2pl_large", "2PL, 5,000 persons, 100 items", "sampling",
              (*COLLAPSED, *HAND_WRITTEN, PY_IRT), REFERENCE),
        Suite("2pl_small", "2PL, 500 persons, 20 items", "sampling",
              (*SAMPLERS, PY_IRT), REFERENCE, persons=500, items=20),
        Suite("grm_small", "graded, 500 persons, 10 items of 3 categories", "sampling",
              SAMPLERS, REFERENCE, "grm", 500, 10, 3, a_scale=0.5, b_scale=2.0),
        Suite("gpcm_bfi", "generalised partial credit, bfi neuroticism, complete cases", "sampling",
              SAMPLERS, REFERENCE, "gpcm", dataset="bfi:N", a_scale=0.5, b_scale=2.0),
        Suite("m2pl7", "multidimensional 2PL, 1,000 persons, 35 items, 7 correlated traits", "sampling",
              M2PL_CONTESTANTS, "irtbridge-tfp-nuts_whitened", "m2pl", 1000, 35, traits=7),
        Suite("tall", "2PL, 53 persons, 805 items", "sampling",
              TALL, "irtbridge-pyro-laplace", persons=53, items=805),
        Suite("map_tall", "2PL, 53 persons, 805 items", "mode",
              TALL_MODES, "irtbridge-pyro-map", persons=53, items=805),
        Suite("vi_large", "mean-field variational inference, 2PL, 5,000 persons, 100 items", "elbo",
              VARIATIONAL, "pyro-svi"),
        Suite("map_large", "2PL, 5,000 persons, 100 items, flat priors", "mode",
              MODES, "irtbridge-tfp-map", flat=True),
        Suite("gradient", "2PL, 5,000 persons, 100 items, joint density", "gradient",
              GRADIENTS, "irtbridge-tfp-gradient"),
        Suite("gradient_small", "2PL, 500 persons, 20 items, joint density", "gradient",
              GRADIENTS, "irtbridge-tfp-gradient", persons=500, items=20),
        Suite("many", "Laplace on 1 and on 100 data sets, 2PL, 500 persons, 20 items", "sets",
              _many("laplace", 100), "irtbridge-pyro-1-set", persons=500, items=20),
        Suite("many_map", "posterior modes of 1 and of 100 data sets, 2PL, 500 persons, 20 items", "sets",
              _many("map", 100), "irtbridge-pyro-1-set", persons=500, items=20),
        Suite("many_vi", "mean-field VI on 1 and on 20 data sets, 2PL, 500 persons, 20 items", "sets",
              _many("vi", 20), "irtbridge-pyro-1-set", persons=500, items=20),
        Suite("tiny", "2PL, 50 persons, 4 items: a quick look", "sampling",
              COLLAPSED, REFERENCE, persons=50, items=4),
    )
}  # fmt: skip
