"""The models in Pyro, as a tutorial writes them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pyro
import pyro.distributions as dist
import torch
from pyro.distributions import constraints
from torch import Tensor

from benchmarks.job import Job

NO_SHAPE = torch.Size()


class Thresholds(dist.Independent):
    """Normals restricted to their order; irtbridge's OrderedNormal."""

    support = constraints.ordered_vector

    def sample(self, sample_shape: Any = NO_SHAPE) -> Tensor:
        """Any point of the support will do: NUTS wants one to start from."""
        return super().sample(sample_shape).sort(-1).values


def two_pl(y: Tensor, a_scale: float, b_scale: float) -> None:
    """Bernoulli responses of logit a (theta - b)."""
    persons, items = pyro.plate("persons", len(y), dim=-2), pyro.plate("items", y.shape[1], dim=-1)
    with items:
        a = pyro.sample("discrimination", dist.LogNormal(0.0, a_scale))
        b = pyro.sample("location", dist.Normal(0.0, b_scale))
    with persons:
        theta = pyro.sample("ability", dist.Normal(0.0, 1.0))
    with persons, items:
        pyro.sample("y", dist.Bernoulli(logits=a * (theta - b)), obs=y)


def multidimensional(y: Tensor, a_scale: float, b_scale: float, trait: Tensor) -> None:
    """Bernoulli responses of logit a theta - b; item j loads on `trait[j]`, and the traits correlate."""
    n_traits = int(trait.max()) + 1
    persons, items = pyro.plate("persons", len(y), dim=-2), pyro.plate("items", y.shape[1], dim=-1)
    cholesky = pyro.sample("cholesky", dist.LKJCholesky(n_traits, torch.tensor(2.0)))
    with items:
        a = pyro.sample("discrimination", dist.LogNormal(0.0, a_scale))
        b = pyro.sample("location", dist.Normal(0.0, b_scale))
    with persons:
        theta = pyro.sample("ability", dist.MultivariateNormal(torch.zeros(n_traits), scale_tril=cholesky))
    with persons, items:
        pyro.sample("y", dist.Bernoulli(logits=a * theta.squeeze(1)[:, trait] - b), obs=y)


def graded(y: Tensor, a_scale: float, b_scale: float, categories: int) -> None:
    """Ordered logistic responses of logits a (theta - b_k)."""
    persons, items = pyro.plate("persons", len(y), dim=-2), pyro.plate("items", y.shape[1], dim=-1)
    with items:
        a = pyro.sample("discrimination", dist.LogNormal(0.0, a_scale))
        b = pyro.sample("location", Thresholds(dist.Normal(0.0, b_scale).expand([categories - 1]), 1))
    with persons:
        theta = pyro.sample("ability", dist.Normal(0.0, 1.0))
    with persons, items:
        pyro.sample("y", dist.OrderedLogistic(a * theta, a.unsqueeze(-1) * b), obs=y)


def partial_credit(y: Tensor, a_scale: float, b_scale: float, categories: int) -> None:
    """Categorical responses of adjacent logits a (theta - b_k)."""
    persons, items = pyro.plate("persons", len(y), dim=-2), pyro.plate("items", y.shape[1], dim=-1)
    with items:
        a = pyro.sample("discrimination", dist.LogNormal(0.0, a_scale))
        b = pyro.sample("location", dist.Normal(0.0, b_scale).expand([categories - 1]).to_event(1))
    with persons:
        theta = pyro.sample("ability", dist.Normal(0.0, 1.0))
    with persons, items:
        steps = a.unsqueeze(-1) * (theta.unsqueeze(-1) - b)
        logits = torch.nn.functional.pad(steps.cumsum(-1), (1, 0))
        pyro.sample("y", dist.Categorical(logits=logits), obs=y)


def names(job: Job) -> list[str]:
    """The sites that are compared."""
    return ["discrimination", "location", *(["cholesky"] if job.model == "m2pl" else [])]


def make_model(job: Job) -> tuple[Callable[..., None], Tensor]:
    """The model function of a job, and its data."""
    torch.set_default_dtype(getattr(torch, job.dtype))
    priors: dict[str, Any] = {"a_scale": job.a_scale, "b_scale": job.b_scale}
    y = torch.tensor(job.y)
    if job.model == "2pl":
        return partial(two_pl, **priors), y.to(torch.get_default_dtype())
    if job.model == "m2pl":
        trait = torch.tensor(job.trait_of_item)
        return partial(multidimensional, **priors, trait=trait), y.to(torch.get_default_dtype())
    model = {"grm": graded, "gpcm": partial_credit}[job.model]
    return partial(model, **priors, categories=job.n_categories), y
