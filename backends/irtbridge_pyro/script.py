"""A spec as a script in Pyro alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from numpy.typing import NDArray

from irtbridge.model.priors import LKJCholesky, MultivariateNormal, TruncatedNormal
from irtbridge.plugin.scripts.frame import Frame
from irtbridge.plugin.scripts.language import Site
from irtbridge.plugin.scripts.recipe import Recipe
from irtbridge.plugin.scripts.text import call, indented

ORDERED_NORMAL = '''\
class OrderedNormal(dist.Independent):
    """Independent normals on the cone of increasing vectors."""

    support = constraints.ordered_vector

    def rsample(self, sample_shape=()):
        return super().rsample(sample_shape).sort(-1).values'''
TRUNCATED_NORMAL = '''\
class TruncatedNormal(dist.Normal):
    """A normal restricted to the interval from low to high."""

    def __init__(self, loc, scale, low, high, validate_args=None):
        super().__init__(loc, scale, validate_args=validate_args)
        self.low, self.high = low, high

    @property
    def support(self):
        if self.high == float("inf"):
            return constraints.greater_than(self.low)
        if self.low == -float("inf"):
            return constraints.less_than(self.high)
        return constraints.interval(self.low, self.high)

    def log_prob(self, value):
        low, high = ((end - self.loc) / self.scale for end in (max(self.low, -1e10), min(self.high, 1e10)))
        low, high = torch.where(low > 0, -high, low), torch.where(low > 0, -low, high)  # where digits are kept
        log_low, log_high = torch.special.log_ndtr(low), torch.special.log_ndtr(high)
        mass = log_high + torch.log1p(-torch.exp(log_low - log_high))
        return super().log_prob(value) - mass

    def rsample(self, sample_shape=()):
        low, high = (torch.special.ndtr((end - self.loc) / self.scale) for end in (self.low, self.high))
        uniform = torch.rand(self._extended_shape(sample_shape)).clamp(1e-6, 1 - 1e-6)
        return self.loc + self.scale * torch.special.ndtri(low + (high - low) * uniform)

    def expand(self, batch_shape, _instance=None):
        return TruncatedNormal(self.loc.expand(batch_shape), self.scale.expand(batch_shape), self.low, self.high)'''


class PyroScript(Frame):
    """Writes scripts in Pyro."""

    backend: ClassVar[str] = "pyro"
    title: ClassVar[str] = "Pyro"
    array: ClassVar[str] = "torch.tensor"
    whole_answers: ClassVar[bool] = False
    log: ClassVar[str] = "torch.log"
    expm1: ClassVar[str] = "torch.expm1"
    exp: ClassVar[str] = "torch.exp"
    sigmoid: ClassVar[str] = "torch.sigmoid"
    log_sigmoid: ClassVar[str] = "logsigmoid"
    where: ClassVar[str] = "torch.where"
    helpers: ClassVar[Mapping[str, str]] = {"OrderedNormal": ORDERED_NORMAL, "TruncatedNormal": TRUNCATED_NORMAL}

    def suffix(self, value: NDArray[Any]) -> str:
        return ", dtype=torch.bool" if value.dtype == bool else ""

    def converted(self, name: str, *, whole: bool) -> str:
        return f"torch.tensor({name}{', dtype=torch.long' if whole else f', dtype=torch.{self.dtype}'})"

    def truth(self, mask: str) -> str:
        return f"torch.tensor({mask})"

    def arange(self, first: int, end: int) -> str:
        return call("torch.arange", str(first) if first else "", str(end))

    def cumsum(self, x: str) -> str:
        return f"{x}.cumsum(-1)"

    def diff(self, x: str) -> str:
        return f"{x}.diff(dim=-1)"

    def padded(self, x: str, before: int, after: int, axes: int = 3) -> str:
        return f"pad({x}, ({before}, {after}))"

    def product(self, matrix: str, vector: str) -> str:
        return f"{matrix} @ {vector}"

    def times_transposed(self, one: str, other: str) -> str:
        return f"{one} @ {other}.T"

    def rows(self, x: str, index: str) -> str:
        return f"{x}[{index}]"

    def broadcast(self, x: str, shape: Sequence[str]) -> str:
        return f"torch.broadcast_to({x}, ({', '.join(shape)}{',' * (len(shape) == 1)}))"

    def masked(self, x: str, mask: str) -> str:
        return f"{x}[{mask}]"

    def zeros(self, shape: Sequence[str]) -> str:
        return call("torch.zeros", *shape)

    def copied(self, x: str) -> str:
        return f"{x}.clone()"

    def placed(self, base: str, mask: str, values: str) -> str:
        return f"{base}.masked_scatter({mask}, {values})"

    def put_rows(self, target: str, items: str, width: str, values: str) -> str:
        return f"{target}[{items}, :{width}] = {values}"

    def sample(self, site: Site) -> tuple[str, str]:
        line = f"{site.target} = pyro.sample({site.written}, {self._distribution(site)})"
        plate = f'pyro.plate(f"{site.name}_items", len(some))' if site.plate == "some" else site.plate
        return line, f"with {plate}:" if plate else ""

    def _distribution(self, site: Site) -> str:
        shape, given = site.shape[bool(site.plate) :], site.given[bool(site.plate) :]
        if isinstance(site.prior, LKJCholesky):
            return call("dist.LKJCholesky", site.shape[0], site.arguments["eta"])
        if isinstance(site.prior, MultivariateNormal):
            return call("dist.MultivariateNormal", self._mean(site), scale_tril=site.arguments["scale_tril"])
        text = call(self._class(site), *site.arguments.values())
        if any(site.given) and not all(given):
            text += f".expand([{', '.join(site.shape)}])"
        elif shape and not any(site.given):
            text += f".expand([{', '.join(shape)}])"
        if site.ordered:
            text = f"OrderedNormal({text}, 1)"
        events = len(shape) - site.ordered
        return f"{text}.to_event({events})" if events else text

    def _class(self, site: Site) -> str:
        if site.ordered:
            return "dist.Normal"
        name = type(site.prior).__name__
        return name if isinstance(site.prior, TruncatedNormal) else f"dist.{name}"

    def _mean(self, site: Site) -> str:
        """Mean of a multivariate normal."""
        loc = site.arguments["loc"]
        if any(site.given):
            return loc if site.given[-1] else f"{loc}.expand({', '.join(site.shape)})"
        return call("torch.full", f"({site.shape[-1]},)", loc) if float(loc) else call("torch.zeros", site.shape[-1])

    def observe(self, name: str, kind: str, arguments: Mapping[str, str], mask: str) -> list[str]:
        at = arguments
        each = {
            "bernoulli": lambda: call("dist.Bernoulli", **at),
            "categorical": lambda: call("dist.Categorical", **at),
            "ordered": lambda: call("dist.OrderedLogistic", at["slope"], at["cut"]),
            "beta": lambda: call("dist.Beta", at["above"], at["below"]),
            "poisson": lambda: call("dist.Poisson", at["rate"]),
        }[kind]()
        masked = f"{each}.mask({mask})" if mask else each
        return [f'pyro.sample("{name}", {masked}.to_event(2), obs={name})']

    def imports(self, body: str) -> Sequence[str]:
        functions = [name for name in ("logsigmoid", "pad") if f"{name}(" in body]
        infer = [n for n in ("MCMC", "NUTS", "SVI", "Trace_ELBO") if f"{n}(" in body]
        return [
            "import numpy as np",
            "import pandas as pd",
            "import pyro",
            "import pyro.distributions as dist",
            "import torch",
            *(["from pyro.distributions import constraints"] if "constraints." in body else []),
            f"from pyro.infer import {', '.join(infer)}",
            *(["from pyro.infer.autoguide import AutoNormal"] if "AutoNormal(" in body else []),
            *(["from pyro.optim import Adam"] if " Adam(" in body else []),
            *([f"from torch.nn.functional import {', '.join(functions)}"] if functions else []),
            *(["", "torch.set_default_dtype(torch.float64)"] if self.dtype == "float64" else []),
        ]

    def model(self, statements: Sequence[str], body: str) -> Sequence[str]:
        used = [name for name in ("persons", "items") if f"with {name}:" in body]
        plates = [f'{name} = pyro.plate("{name}", n_{name}, dim=-1)' for name in used]
        return [
            "def model():",
            '    """The joint distribution of the parameters and the responses."""',
            *indented([*plates, *statements]),
        ]

    def fit(self, recipe: Recipe, observed: Sequence[str]) -> Sequence[str]:
        at = recipe.settings
        if recipe.method == "vi":
            return [
                "def fit():",
                '    """Draws (1, draw, ...) of each site from a mean-field normal approximation."""',
                "    pyro.clear_param_store()",
                f"    pyro.set_rng_seed({recipe.seed})",
                f"    guide = AutoNormal(model, init_scale={at.init_scale})",
                f'    optimizer = Adam({{"lr": {at.learning_rate}}})',
                f"    svi = SVI(model, guide, optimizer, Trace_ELBO({_particles(at.particles)}))",
                f"    for _ in range({at.steps}):",
                "        svi.step()",
                "    with torch.no_grad():",
                f"        draws = [guide() for _ in range({at.draws})]",
                "    return {name: np.stack([draw[name].numpy() for draw in draws])[None] for name in draws[0]}",
            ]
        depth = f", max_tree_depth={at.max_tree_depth}" if at.max_tree_depth != 10 else ""
        return [
            "def fit():",
            '    """Draws (chain, draw, ...) of each site."""',
            f"    pyro.set_rng_seed({recipe.seed})",
            f"    kernel = NUTS(model, target_accept_prob={at.target_accept}{depth}, jit_compile=True)",
            f"    mcmc = MCMC(kernel, num_samples={at.draws}, warmup_steps={at.warmup}, num_chains={at.chains})",
            "    mcmc.run()",
            "    mcmc.summary()",
            "    return {name: draws.numpy() for name, draws in mcmc.get_samples(group_by_chain=True).items()}",
        ]


def _particles(number: int) -> str:
    return f"num_particles={number}" if number > 1 else ""
