"""A spec as a script in NumPyro alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from numpy.typing import NDArray

from irtbridge.model.priors import LKJCholesky, MultivariateNormal, TruncatedNormal
from irtbridge.plugin.scripts.frame import Frame
from irtbridge.plugin.scripts.language import Site
from irtbridge.plugin.scripts.recipe import Recipe
from irtbridge.plugin.scripts.text import call, indented


class NumpyroScript(Frame):
    """Writes scripts in NumPyro."""

    backend: ClassVar[str] = "numpyro"
    title: ClassVar[str] = "NumPyro"
    array: ClassVar[str] = "jnp.array"
    log: ClassVar[str] = "jnp.log"
    expm1: ClassVar[str] = "jnp.expm1"
    exp: ClassVar[str] = "jnp.exp"
    sigmoid: ClassVar[str] = "sigmoid"
    log_sigmoid: ClassVar[str] = "log_sigmoid"
    where: ClassVar[str] = "jnp.where"

    def suffix(self, value: NDArray[Any]) -> str:
        return ", dtype=bool" if value.dtype == bool else ""

    def converted(self, name: str, *, whole: bool) -> str:
        return f"jnp.array({name}{', dtype=int' if whole else ''})"

    def truth(self, mask: str) -> str:
        return mask

    def arange(self, first: int, end: int) -> str:
        return call("np.arange", str(first) if first else "", str(end))

    def cumsum(self, x: str) -> str:
        return f"{x}.cumsum(-1)"

    def diff(self, x: str) -> str:
        return f"jnp.diff({x})"

    def padded(self, x: str, before: int, after: int, axes: int = 3) -> str:
        return f"jnp.pad({x}, ({'(0, 0), ' * (axes - 1)}({before}, {after})))"

    def product(self, matrix: str, vector: str) -> str:
        return f"{matrix} @ {vector}"

    def times_transposed(self, one: str, other: str) -> str:
        return f"{one} @ {other}.T"

    def rows(self, x: str, index: str) -> str:
        return f"{x}[np.array({index})]" if index == "some" else f"{x}[{index}]"

    def broadcast(self, x: str, shape: Sequence[str]) -> str:
        return f"jnp.broadcast_to({x}, ({', '.join(shape)}{',' * (len(shape) == 1)}))"

    def masked(self, x: str, mask: str) -> str:
        return f"{x}[np.nonzero({mask})]"

    def zeros(self, shape: Sequence[str]) -> str:
        return f"jnp.zeros(({', '.join(shape)}{',' * (len(shape) == 1)}))"

    def placed(self, base: str, mask: str, values: str) -> str:
        return f"{base}.at[np.nonzero({mask})].set({values})"

    def put_rows(self, target: str, items: str, width: str, values: str) -> str:
        return f"{target} = {target}.at[np.array({items}), :{width}].set({values})"

    def sample(self, site: Site) -> tuple[str, str]:
        plate = f'numpyro.plate(f"{site.name}_items", len(some))' if site.plate == "some" else site.plate
        return f"{site.target} = numpyro.sample({site.written}, {self._distribution(site)})", f"with {plate}:" * bool(
            plate
        )

    def _distribution(self, site: Site) -> str:
        shape, given = site.shape[bool(site.plate) :], site.given[bool(site.plate) :]
        if isinstance(site.prior, LKJCholesky):
            return call("dist.LKJCholesky", site.shape[0], site.arguments["eta"])
        if isinstance(site.prior, MultivariateNormal):
            return call("dist.MultivariateNormal", self._mean(site), scale_tril=site.arguments["scale_tril"])
        text = self._elements(site)
        if any(site.given) and not all(given):
            text += f".expand([{', '.join(site.shape)}])"
        elif shape and not any(site.given):
            text += f".expand([{', '.join(shape)}])"
        if site.ordered:
            return f"OrderedNormal({text})" + (f".to_event({len(shape) - 1})" if len(shape) > 1 else "")
        return f"{text}.to_event({len(shape)})" if shape else text

    def _elements(self, site: Site) -> str:
        """The distribution of each element."""
        if site.ordered:
            return call("dist.Normal", *site.arguments.values())
        if isinstance(site.prior, TruncatedNormal):
            ends = {k: "" if "inf" in site.arguments[k] else site.arguments[k] for k in ("low", "high")}
            return call("dist.TruncatedNormal", site.arguments["loc"], site.arguments["scale"], **ends)
        return call(f"dist.{type(site.prior).__name__}", *site.arguments.values())

    def _mean(self, site: Site) -> str:
        """Mean of a multivariate normal."""
        loc = site.arguments["loc"]
        if any(site.given):
            return loc if site.given[-1] else self.broadcast(loc, site.shape)
        return call("jnp.full", site.shape[-1], loc) if float(loc) else call("jnp.zeros", site.shape[-1])

    def observe(self, name: str, kind: str, arguments: Mapping[str, str], mask: str) -> list[str]:
        at = arguments
        words = {"bernoulli": "Bernoulli", "categorical": "Categorical", "ordered": "OrderedLogistic", "beta": "Beta"}
        given = at if kind in ("bernoulli", "categorical") else {}
        each = call(f"dist.{words.get(kind, 'Poisson')}", *([] if given else at.values()), **given)
        masked = f"{each}.mask({mask})" if mask else each
        return [f'numpyro.sample("{name}", {masked}.to_event(2), obs={name})']

    def imports(self, body: str) -> Sequence[str]:
        functions = [name for name in ("log_sigmoid", "sigmoid") if f" {name}(" in body or f"({name}(" in body]
        infer = [n for n in ("MCMC", "NUTS", "SVI", "Trace_ELBO") if f"{n}(" in body]
        return [
            "import jax",
            *(["import jax.numpy as jnp"] if "jnp." in body else []),
            "import numpy as np",
            "import numpyro",
            "import numpyro.distributions as dist",
            "import pandas as pd",
            *([f"from jax.nn import {', '.join(functions)}"] if functions else []),
            *(["from numpyro.distributions import constraints"] if "constraints." in body else []),
            f"from numpyro.infer import {', '.join(infer)}",
            *(["from numpyro.infer.autoguide import AutoNormal"] if "AutoNormal(" in body else []),
            *(["from numpyro.optim import Adam"] if " Adam(" in body else []),
            *(["", "numpyro.enable_x64()"] if self.dtype == "float64" else []),
        ]

    helpers: ClassVar[Mapping[str, str]] = {
        "OrderedNormal": '''\
class OrderedNormal(dist.Distribution):
    """Independent normals on the cone of increasing vectors."""

    support = constraints.ordered_vector
    pytree_data_fields = ("normals",)

    def __init__(self, normals):
        self.normals = normals
        super().__init__(normals.batch_shape[:-1], normals.batch_shape[-1:])

    def sample(self, key, sample_shape=()):
        return self.normals.sample(key, sample_shape).sort(-1)

    def log_prob(self, value):
        return self.normals.log_prob(value).sum(-1)'''
    }

    def model(self, statements: Sequence[str], body: str) -> Sequence[str]:
        used = [name for name in ("persons", "items") if f"with {name}:" in body]
        plates = [f'{name} = numpyro.plate("{name}", n_{name}, dim=-1)' for name in used]
        said = '    """The joint distribution of the parameters and the responses."""'
        return ["def model():", said, *indented([*plates, *statements])]

    def fit(self, recipe: Recipe, observed: Sequence[str]) -> Sequence[str]:
        at = recipe.settings
        if recipe.method == "vi":
            particles = f"num_particles={at.particles}" if at.particles > 1 else ""
            return [
                "def fit():",
                '    """Draws (1, draw, ...) of each site from a mean-field normal approximation."""',
                f"    key, another = jax.random.split(jax.random.PRNGKey({recipe.seed}))",
                f"    guide = AutoNormal(model, init_scale={at.init_scale})",
                f"    svi = SVI(model, guide, Adam({at.learning_rate}), Trace_ELBO({particles}))",
                f"    params = svi.run(key, {at.steps}, progress_bar=False).params",
                f"    draws = guide.sample_posterior(another, params, sample_shape=({at.draws},))",
                "    return {name: np.asarray(value)[None] for name, value in draws.items()}",
            ]
        depth = f", max_tree_depth={at.max_tree_depth}" if at.max_tree_depth != 10 else ""
        counts = f"num_warmup={at.warmup}, num_samples={at.draws}, num_chains={at.chains}"
        return [
            "def fit():",
            '    """Draws (chain, draw, ...) of each site."""',
            f"    kernel = NUTS(model, target_accept_prob={at.target_accept}{depth})",
            f'    mcmc = MCMC(kernel, {counts}, chain_method="vectorized")',
            f"    mcmc.run(jax.random.PRNGKey({recipe.seed}))",
            "    mcmc.print_summary()",
            "    return {name: np.asarray(draws) for name, draws in mcmc.get_samples(group_by_chain=True).items()}",
        ]
