"""What `program.native` hands over is what a user of the library expects."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest
from numpy.typing import NDArray

from irtbridge.model.quadrature import Quadrature
from irtbridge.plugin.entry_points import backend_names
from irtbridge.plugin.loading import load_backend
from irtbridge.testing.cases import CASES, Case

SOME = [case for case in CASES if case.name in ("2pl", "grm-correlated", "2pl-hierarchical", "testlet")]
INSTALLED = "numpyro" in backend_names() and find_spec("numpyro") is not None
needs_numpyro = pytest.mark.skipif(not INSTALLED, reason="irtbridge-numpyro is not installed")
some_cases = pytest.mark.parametrize("case", SOME, ids=[case.name for case in SOME])


@some_cases
@pytest.mark.parametrize("collapse", [None, Quadrature(11)], ids=["joint", "collapsed"])
def test_pyro_model_has_plates_and_a_site_for_each_variable(case: Case, collapse: Quadrature | None) -> None:
    import pyro
    from pyro import poutine

    program = load_backend("pyro").compile(case.spec, case.responses(), device="cpu", collapse=collapse)
    sites = poutine.trace(program.native).get_trace(*program.data).nodes  # type: ignore[attr-defined]
    assert set(program.layout.slots) | {"response"} <= set(sites)
    assert {"item", "person"} <= set(sites) if collapse is None else "pattern" in sites
    graph = pyro.render_model(program.native, model_args=program.data, render_distributions=True)  # type: ignore[attr-defined]
    assert all(name in graph.source for name in program.layout.slots)
    assert "plate" in graph.source or "cluster" in graph.source


@some_cases
@pytest.mark.parametrize("collapse", [None, Quadrature(11)], ids=["joint", "collapsed"])
def test_tfp_joint_distribution_samples_and_scores(case: Case, collapse: Quadrature | None) -> None:
    import tensorflow_probability as tfp

    program = load_backend("tfp").compile(case.spec, case.responses(), device="cpu", collapse=collapse)
    assert isinstance(program.native, tfp.distributions.JointDistribution)
    draw = program.native.sample(seed=(1, 2))
    assert list(draw._fields) == [*program.layout.slots, "response"]
    assert np.isfinite(program.native.log_prob(draw).numpy())
    rows, columns = program.data[0].shape  # type: ignore[attr-defined]
    above_lowest = program.layout.exists[:, 1:].size
    assert draw.response.shape == (rows, columns if collapse is None else above_lowest)


@needs_numpyro
@some_cases
@pytest.mark.parametrize("collapse", [None, Quadrature(11)], ids=["joint", "collapsed"])
def test_numpyro_model_has_plates_and_a_site_for_each_variable(case: Case, collapse: Quadrature | None) -> None:
    import numpyro
    from numpyro import handlers

    program = load_backend("numpyro").compile(case.spec, case.responses(), device="cpu", collapse=collapse)
    with program.running():  # type: ignore[attr-defined]
        sites = handlers.trace(handlers.seed(program.native, 0)).get_trace(*program.data)  # type: ignore[attr-defined]
        graph = numpyro.render_model(program.native, model_args=program.data, render_distributions=True)  # type: ignore[attr-defined]
    assert set(program.layout.slots) | {"response"} <= set(sites)
    assert ({"person", "item"} if collapse is None else {"pattern"}) <= set(sites)
    assert all(name in graph.source for name in program.layout.slots)
    assert "cluster" in graph.source


@needs_numpyro
def test_numpyro_simulates_what_the_family_says() -> None:
    """Predictive draws of a response: frequencies by the reference's probabilities; chi-square at 1e-4."""
    import jax
    from numpyro.infer import Predictive
    from scipy import stats

    from irtbridge.model.density import category_log_probs
    from irtbridge.model.simulate import draw_from_prior

    case = next(c for c in CASES if c.name == "grm")
    program = load_backend("numpyro").compile(case.spec, case.responses(), device="cpu")
    params = draw_from_prior(program.layout, np.random.default_rng(5))
    sites = {name: value[None].repeat(800, 0) for name, value in program._sites(params).items()}  # type: ignore[attr-defined]
    with program.running():  # type: ignore[attr-defined]
        draws = Predictive(program.native, posterior_samples=sites)(jax.random.key(1))["response"]
    expected = np.exp(category_log_probs(program.layout, params)[0, 1])
    observed = np.bincount(np.asarray(draws)[:, 0, 1].astype(int), minlength=4)
    assert stats.chisquare(observed, 800 * expected).pvalue > 1e-4


def test_pyro_simulates_what_the_family_says() -> None:
    """Predictive draws of the responses: frequencies by the reference's probabilities; chi-square at 1e-4."""
    import torch
    from pyro import poutine
    from scipy import stats

    from irtbridge.model.density import category_log_probs
    from irtbridge.model.simulate import draw_from_prior

    case = next(c for c in CASES if c.name == "gpcm")
    program = load_backend("pyro").compile(case.spec, case.responses(), device="cpu")
    params = draw_from_prior(program.layout, np.random.default_rng(5))
    sites = {s.name: torch.as_tensor(s.slot.to_site(params[s.name])).reshape(s.shape) for s in program.sites}  # type: ignore[attr-defined]
    torch.manual_seed(1)
    held = poutine.condition(program.native, data=sites)
    draws = np.stack([held(None).numpy() for _ in range(800)])
    expected = np.exp(category_log_probs(program.layout, params)[0, 1])
    observed = np.bincount(draws[:, 0, 1].astype(int), minlength=4)
    assert stats.chisquare(observed, 800 * expected).pvalue > 1e-4


@pytest.mark.parametrize("backend", ["pyro", "tfp", pytest.param("numpyro", marks=needs_numpyro)])
def test_a_program_takes_missing_responses_only_where_it_has_a_mask(backend: str) -> None:
    """Complete data first, then data with missing responses, and the other way round: the reference's density."""
    from irtbridge.model.catalogue import two_pl
    from irtbridge.model.density import log_joint
    from irtbridge.model.simulate import simulate_parameters, simulate_responses

    params = simulate_parameters(two_pl(), 30, [2] * 4, seed=1)
    complete, holed = (simulate_responses(two_pl(), params, [2] * 4, seed=2, missing=share) for share in (0.0, 0.3))
    for first, second in ((complete, holed), (holed, complete)):
        program = load_backend(backend).compile(two_pl(), first, device="cpu")
        bound = program.bind(second)
        for one, data in ((program, first), (bound, second)):
            assert one.log_density(params) == pytest.approx(log_joint(one.layout, params, data), rel=1e-10)


@pytest.mark.parametrize("shapes", [((3, 2), (5, 3, 2)), ((5, 1, 2), (3, 2)), ((3, 2), ()), ((4, 3, 2), (3, 2))])
def test_tfp_bernoulli_broadcasts_as_the_library_does(shapes: tuple[tuple[int, ...], ...]) -> None:
    """Log density and gradient of logits and responses of different shapes."""
    import tensorflow as tf
    import tensorflow_probability as tfp
    from irtbridge_tfp.families import Bernoulli

    rng = np.random.default_rng(8)
    logits = tf.constant(rng.normal(scale=5.0, size=shapes[0]))
    response = tf.constant(rng.integers(0, 2, shapes[1]), tf.int32)

    def value_and_gradient(distribution: type) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        value, gradient = tfp.math.value_and_gradient(lambda x: distribution(logits=x).log_prob(response), logits)
        return value.numpy(), gradient.numpy()

    for ours, theirs in zip(
        value_and_gradient(Bernoulli), value_and_gradient(tfp.distributions.Bernoulli), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_constant_masks_among_indices_become_places() -> None:
    """What masks select has to be counted at each call; a mask that depends on the arguments still is."""
    import torch
    from irtbridge_pyro.tracing import _as_graph

    below = torch.ones(4, 4).tril(-1).bool()

    def function(x: torch.Tensor) -> torch.Tensor:
        products = torch.func.vmap(lambda row: (row[:, None] * row)[below])(x)
        return torch.stack([products.sum(), x[x > 0].prod()])

    x = torch.as_tensor(np.random.default_rng(1).normal(size=(3, 4)))
    graph = _as_graph(function, (x,))
    for point in (x, -x):
        assert torch.equal(graph(point), function(point))
    indices = [part for n in graph.graph.nodes if n.target == torch.ops.aten.index.Tensor for part in n.args[1]]
    masks = [part for part in indices if part is not None and part.op != "get_attr"]
    assert len(masks) == 1
    assert len(indices) > 2
