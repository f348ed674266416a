"""NumPyro's NUTS on a hand-written model, abilities and items together."""

from __future__ import annotations

import time
from typing import Any

import jax
import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
from numpyro.distributions import constraints
from numpyro.infer import MCMC, NUTS

from benchmarks.job import Job


def model(y: Any, job: Job) -> None:
    """The model of the job."""
    persons, items = numpyro.plate("persons", len(y), dim=-2), numpyro.plate("items", y.shape[1], dim=-1)
    with items:
        a = numpyro.sample("discrimination", dist.LogNormal(0.0, job.a_scale))
        b = _location(job)
    with persons:
        theta = numpyro.sample("ability", _ability(job))
    if job.model == "m2pl":
        theta = theta.squeeze(1)[:, job.trait_of_item]
    with persons, items:
        numpyro.sample("y", _response(job, a, b, theta), obs=y)


def _ability(job: Job) -> Any:
    if job.model != "m2pl":
        return dist.Normal(0.0, 1.0)
    traits = int(job.trait_of_item.max()) + 1
    cholesky = numpyro.sample("cholesky", dist.LKJCholesky(traits, 2.0))
    return dist.MultivariateNormal(jnp.zeros(traits), scale_tril=cholesky)


def _location(job: Job) -> Any:
    prior, shape = dist.Normal(0.0, job.b_scale), (job.n_categories - 1,)
    if job.model in ("2pl", "m2pl"):
        return numpyro.sample("location", prior)
    if job.model == "gpcm":
        return numpyro.sample("location", prior.expand(shape).to_event(1))
    b = numpyro.sample("location", dist.ImproperUniform(constraints.ordered_vector, (), shape))
    numpyro.factor("threshold_prior", prior.log_prob(b).sum(-1))
    return b


def _response(job: Job, a: Any, b: Any, theta: Any) -> Any:
    if job.model == "2pl":
        return dist.Bernoulli(logits=a * (theta - b))
    if job.model == "m2pl":
        return dist.Bernoulli(logits=a * theta - b)
    if job.model == "grm":
        return dist.OrderedLogistic(a * theta, a[:, None] * b)
    steps = jnp.cumsum(a[:, None] * (theta[..., None] - b), axis=-1)
    return dist.Categorical(logits=jnp.pad(steps, ((0, 0), (0, 0), (1, 0))))


def run(job: Job) -> dict[str, Any]:
    """Warm up and draw."""
    start = time.perf_counter()
    numpyro.enable_x64(job.dtype == "float64")
    mcmc = MCMC(NUTS(model), num_warmup=job.warmup, num_samples=job.draws, progress_bar=False)
    mcmc.run(jax.random.PRNGKey(job.seed), jnp.array(job.y), job)
    samples = mcmc.get_samples(group_by_chain=True)
    names = ("discrimination", "location", "cholesky")
    draws = {name: jax.device_get(samples[name]) for name in names if name in samples}
    return {"total_seconds": time.perf_counter() - start, "draws": draws}
