"""A spec as a script in TensorFlow Probability alone."""

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
class OrderedNormal(tfd.Sample):
    """Independent normals on the cone of increasing vectors."""

    def _default_event_space_bijector(self):
        return tfb.Ascending()'''
KINDS = {"bernoulli": "Bernoulli", "categorical": "Categorical", "beta": "Beta", "poisson": "Poisson"}
# What stands where a response is missing: by default a draw, which XLA cannot make of these.
SAFE = {"beta": "tfd.Beta.mean", "poisson": "tfd.Poisson.mode"}


class TfpScript(Frame):
    """Writes scripts in TensorFlow Probability."""

    backend: ClassVar[str] = "tfp"
    title: ClassVar[str] = "TensorFlow Probability"
    array: ClassVar[str] = "tf.constant"
    log: ClassVar[str] = "tf.math.log"
    expm1: ClassVar[str] = "tf.math.expm1"
    exp: ClassVar[str] = "tf.exp"
    sigmoid: ClassVar[str] = "tf.sigmoid"
    log_sigmoid: ClassVar[str] = "tf.math.log_sigmoid"
    where: ClassVar[str] = "tf.where"
    helpers: ClassVar[Mapping[str, str]] = {"OrderedNormal": ORDERED_NORMAL}

    def suffix(self, value: NDArray[Any]) -> str:
        return f", tf.{self.dtype}" if value.dtype.kind == "f" else ""

    def converted(self, name: str, *, whole: bool) -> str:
        return f"tf.constant({name}, tf.{'int32' if whole else self.dtype})"

    def truth(self, mask: str) -> str:
        return mask

    def arange(self, first: int, end: int) -> str:
        return call("np.arange", str(first) if first else "", str(end))

    def cumsum(self, x: str) -> str:
        return f"tf.cumsum({x}, axis=-1)"

    def diff(self, x: str) -> str:
        return f"{x}[:, 1:] - {x}[:, :-1]"

    def padded(self, x: str, before: int, after: int, axes: int = 3) -> str:
        return f"tf.pad({x}, [{'[0, 0], ' * (axes - 1)}[{before}, {after}]])"

    def product(self, matrix: str, vector: str) -> str:
        return f"tf.linalg.matvec({matrix}, {vector})"

    def times_transposed(self, one: str, other: str) -> str:
        return f"tf.matmul({one}, {other}, transpose_b=True)"

    def rows(self, x: str, index: str) -> str:
        return f"tf.gather({x}, {index})"

    def broadcast(self, x: str, shape: Sequence[str]) -> str:
        return f"tf.broadcast_to({x}, [{', '.join(shape)}])"

    def masked(self, x: str, mask: str) -> str:
        return f"tf.gather_nd({x}, np.argwhere({mask}))"

    def zeros(self, shape: Sequence[str]) -> str:
        return f"tf.zeros([{', '.join(shape)}], tf.{self.dtype})"

    def placed(self, base: str, mask: str, values: str) -> str:
        # By int32, which is what batches of chains add places of their own in.
        return f"tf.tensor_scatter_nd_update({base}, np.argwhere({mask}).astype(np.int32), {values})"

    def put_rows(self, target: str, items: str, width: str, values: str) -> str:
        places = f"[[item, step] for item in {items} for step in range({width})]"
        return f"{target} = tf.tensor_scatter_nd_update({target}, {places}, tf.reshape({values}, [-1]))"

    def sample(self, site: Site) -> tuple[str, str]:
        return f"{site.target} = yield {self._distribution(site)}", ""

    def _distribution(self, site: Site) -> str:
        at, name = dict(site.arguments), site.written
        if isinstance(site.prior, LKJCholesky):
            return call("tfd.CholeskyLKJ", site.shape[0], self._real(at["eta"]), name=name)
        if isinstance(site.prior, MultivariateNormal):
            return self._multivariate(site)
        if not any(site.given):
            return self._alike(site)
        first = next(iter(at))
        if not all(site.given) or len(at) > 1:
            at[first] = self.broadcast(self._real(at[first]), site.shape)
        each = self._each(site, at, "")
        if site.ordered:
            return call("OrderedNormal", call("tfd.Independent", each, str(len(site.shape))), "[]", name=name)
        return call("tfd.Independent", each, str(len(site.shape)), name=name)

    def _alike(self, site: Site) -> str:
        """Elements whose arguments are the same."""
        if not site.shape:
            return self._each(site, site.arguments, site.written)
        shape = site.shape[0] if len(site.shape) == 1 else f"[{', '.join(site.shape)}]"
        kind = "OrderedNormal" if site.ordered else "tfd.Sample"
        return call(kind, self._each(site, site.arguments, ""), shape, name=site.written)

    def _each(self, site: Site, arguments: Mapping[str, str], name: str) -> str:
        """The distribution of one element; one of the arguments has the precision."""
        kind = "Normal" if site.ordered else type(site.prior).__name__
        at = dict(arguments)
        if isinstance(site.prior, TruncatedNormal):
            at = {k: {'float("inf")': "1e10", 'float("-inf")': "-1e10"}.get(v, v) for k, v in at.items()}
        if all(_is_number(value) for value in at.values()):
            first = next(iter(at))
            at[first] = self._real(at[first])
        return call(f"tfd.{kind}", *at.values(), name=name)

    def _multivariate(self, site: Site) -> str:
        loc, factor = site.arguments["loc"], site.arguments["scale_tril"]
        if any(site.given[:1]):
            loc = loc if site.given[-1] else self.broadcast(loc, site.shape)
            return call("tfd.Independent", call("tfd.MultivariateNormalTriL", loc, factor), "1", name=site.written)
        if not any(site.given):
            loc = f"tf.fill([{site.shape[-1]}], {self._real(loc)})" if float(loc) else self.zeros(site.shape[-1:])
        return call("tfd.Sample", call("tfd.MultivariateNormalTriL", loc, factor), site.shape[0], name=site.written)

    def _real(self, number: str) -> str:
        """A number in the precision of the script."""
        return f"np.float64({number})" if self.dtype == "float64" and _is_number(number) else number

    def observe(self, name: str, kind: str, arguments: Mapping[str, str], mask: str) -> list[str]:
        at, named = arguments, "" if mask else f'"{name}"'
        if kind == "ordered":
            each = call("tfd.OrderedLogistic", at["cut"], at["slope"], name=named)
        elif kind in ("bernoulli", "categorical"):
            each = call(f"tfd.{KINDS[kind]}", **at, name=named)
        else:
            each = call(f"tfd.{KINDS[kind]}", *at.values(), name=named)
        if not mask:
            return [f"yield {each}"]
        masked = call("tfd.Masked", each, mask, safe_sample_fn=SAFE.get(kind, ""), name=f'"{name}"')
        return [f"yield {masked}"]

    def imports(self, body: str) -> Sequence[str]:
        return [
            "import numpy as np",
            "import pandas as pd",
            "import tensorflow as tf",
            "import tensorflow_probability as tfp",
            *(["import tf_keras"] if "tf_keras." in body else []),
            "",
            *(["tfb = tfp.bijectors"] if "tfb." in body else []),
            "tfd = tfp.distributions",
        ]

    def model(self, statements: Sequence[str], body: str) -> Sequence[str]:
        said = '    """The joint distribution of the parameters and the responses."""'
        return ["@tfd.JointDistributionCoroutineAutoBatched", "def model():", said, *indented(statements)]

    def fit(self, recipe: Recipe, observed: Sequence[str]) -> Sequence[str]:
        at, data = recipe.settings, ", ".join(f"{name}={name}" for name in observed)
        if recipe.method == "vi":
            size = f", sample_size={at.particles}" if at.particles > 1 else ""
            return [
                "def fit():",
                '    """Draws (1, draw, ...) of each site from a mean-field normal approximation."""',
                f"    tf.random.set_seed({recipe.seed})",
                f"    pinned = model.experimental_pin({data})",
                "    guide = tfp.experimental.vi.build_factored_surrogate_posterior(",
                "        pinned.event_shape,",
                "        bijector=pinned.experimental_default_event_space_bijector(),",
                *([f"        dtype=tf.{self.dtype},"] if self.dtype == "float64" else []),
                "    )",
                f"    optimizer = tf_keras.optimizers.Adam({at.learning_rate})",
                "    tfp.vi.fit_surrogate_posterior(",
                "        pinned.unnormalized_log_prob,",
                "        guide,",
                "        optimizer=optimizer,",
                f"        num_steps={at.steps}{size},",
                "        jit_compile=True,",
                "    )",
                f"    draws = guide.sample({at.draws})",
                "    return {name: value.numpy()[None] for name, value in draws._asdict().items()}",
            ]
        depth = [f"        max_tree_depth={at.max_tree_depth},"] if at.max_tree_depth != 10 else []
        return [
            "@tf.function(autograph=False, jit_compile=True)",
            "def sample():",
            '    """All chains together, step sizes and masses adapted in windows."""',
            "    return tfp.experimental.mcmc.windowed_adaptive_nuts(",
            f"        {at.draws},",
            "        model,",
            f"        n_chains={at.chains},",
            f"        num_adaptation_steps={at.warmup},",
            f'        dual_averaging_kwargs={{"target_accept_prob": {at.target_accept}}},',
            *depth,
            f"        seed=[{recipe.seed}, 0],",
            f"        {data},".replace(", ", ",\n        "),
            "    )",
            "",
            "",
            "def fit():",
            '    """Draws (chain, draw, ...) of each site."""',
            "    draws, _ = sample()",
            "    return {name: np.swapaxes(value.numpy(), 0, 1) for name, value in draws._asdict().items()}",
        ]


def _is_number(text: str) -> bool:
    return text.lstrip("-")[:1].isdigit() or text.startswith("float(")
