"""The models in TensorFlow Probability, as a tutorial writes them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp

from benchmarks.job import Job

tfb, tfd = tfp.bijectors, tfp.distributions


class Thresholds(tfd.Sample):
    """Normals restricted to their order, which a sampler keeps through the bijector."""

    def _default_event_space_bijector(self) -> Any:
        return tfb.Ascending()


def make_model(job: Job) -> Any:
    """Joint distribution of discrimination, location, ability and y."""
    if job.model == "m2pl":
        return _multidimensional(job)
    persons, items = job.y.shape
    zero, one, a_scale, b_scale = (tf.constant(v, job.dtype) for v in (0.0, 1.0, job.a_scale, job.b_scale))
    shape = [items] if job.model == "2pl" else [items, job.n_categories - 1]
    sample = Thresholds if job.model == "grm" else tfd.Sample
    respond = {"2pl": _binary, "grm": _graded, "gpcm": _partial_credit}[job.model]

    @tfd.JointDistributionCoroutineAutoBatched
    def model() -> Iterator[Any]:
        a = yield tfd.Sample(tfd.LogNormal(zero, a_scale), items, name="discrimination")
        b = yield sample(tfd.Normal(zero, b_scale), shape, name="location")
        theta = yield tfd.Sample(tfd.Normal(zero, one), persons, name="ability")
        yield tfd.Independent(respond(a, b, theta[:, tf.newaxis]), 2, name="y")

    return model


def _multidimensional(job: Job) -> Any:
    """Item j loads on one trait; the traits correlate."""
    persons, items = job.y.shape
    traits = int(job.trait_of_item.max()) + 1
    zero, a_scale, b_scale, two = (tf.constant(v, job.dtype) for v in (0.0, job.a_scale, job.b_scale, 2.0))

    @tfd.JointDistributionCoroutineAutoBatched
    def model() -> Iterator[Any]:
        cholesky = yield tfd.CholeskyLKJ(traits, two, name="cholesky")
        a = yield tfd.Sample(tfd.LogNormal(zero, a_scale), items, name="discrimination")
        b = yield tfd.Sample(tfd.Normal(zero, b_scale), items, name="location")
        theta = yield tfd.Sample(
            tfd.MultivariateNormalTriL(tf.zeros(traits, job.dtype), cholesky), persons, name="ability"
        )
        slope = a * tf.gather(theta, job.trait_of_item, axis=-1)
        yield tfd.Independent(tfd.Bernoulli(logits=slope - b), 2, name="y")

    return model


def names(job: Job) -> list[str]:
    """The variables that are compared."""
    return ["discrimination", "location", *(["cholesky"] if job.model == "m2pl" else [])]


def _binary(a: Any, b: Any, theta: Any) -> Any:
    return tfd.Bernoulli(logits=a * (theta - b))


def _graded(a: Any, b: Any, theta: Any) -> Any:
    return tfd.OrderedLogistic(a[:, tf.newaxis] * b, a * theta)


def _partial_credit(a: Any, b: Any, theta: Any) -> Any:
    steps = tf.cumsum(a[:, tf.newaxis] * (theta[..., tf.newaxis] - b), axis=-1)
    return tfd.Categorical(logits=tf.pad(steps, [[0, 0], [0, 0], [1, 0]]))


def response(job: Job) -> Any:
    """The data as the model wants them."""
    return tf.constant(job.y, tf.int32)
