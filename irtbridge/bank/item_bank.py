"""Items and what is known of their parameters: what calibration gives and adaptive tests are made of.

A bank holds draws of the item parameters, full arrays as a spec has them; a bank whose parameters are taken as known
has one. Whatever is asked of it (probabilities, information, likelihoods) is the family's own mathematics at those
draws, or at their mean (`ItemBank.at_mean`), at any abilities.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from irtbridge.assess.posterior import Posterior
from irtbridge.data.labels import positions
from irtbridge.errors import SpecError
from irtbridge.model.families import Categories, ExponentialForm
from irtbridge.model.spec import ModelSpec

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ItemBank:
    """Items with their parameters, the uncertainty of these, and what else is known of each item.

    Attributes
    ----------
    spec : ModelSpec
        The model: its family says how a response depends on the ability. Of its variables, those that the family uses
        for items are in `params`; its traits name the abilities.
    items : tuple of str
        Labels.
    categories : tuple of tuple of float
        The values that each item's responses may have, the lowest first; code k stands for the k-th.
    params : mapping of str to ndarray
        Full arrays (draw, *shape), by name of the variable: draws from the distribution of the item parameters, which
        belong together; one draw where they are taken as known.
    about : DataFrame
        One row per item, labels as its index: ``content`` (area), ``enemies`` (labels of items never given in the same
        test, separated by spaces), ``exposure`` (how often the item was given) and any other columns, as item features.
    mean, covariance : ndarray, shape (trait,) and (trait, trait)
        Of the distribution of abilities that a test starts from.
    provenance : dict
        Where the parameters come from, as plain data.
    """

    spec: ModelSpec
    items: tuple[str, ...]
    categories: tuple[tuple[float, ...], ...]
    params: Mapping[str, Array]
    about: pd.DataFrame
    mean: Array
    covariance: Array
    provenance: dict[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, posterior: Posterior, provenance: Mapping[str, Any] | None = None) -> ItemBank:
        """From the posterior of a fit, all its draws.

        Abilities start from the normal distribution that the model's have, at posterior means, or where they differ
        by person from the mean and covariance of all persons.
        """
        responses, spec = posterior.responses, posterior.spec
        names = [name for role, name in spec.family.roles() if role != "ability"]
        about = responses.item_data
        about = pd.DataFrame(index=pd.Index(responses.items, name="item")) if about is None else about
        mean, covariance = _population(posterior)
        params = {name: np.asarray(posterior.params[name]) for name in names}
        own = dict(provenance or {})
        return cls(spec, responses.items, responses.categories, params, about, mean, covariance, own)

    @property
    def n_items(self) -> int:
        """Number of items."""
        return len(self.items)

    @property
    def n_draws(self) -> int:
        """Number of draws of the parameters."""
        return len(next(iter(self.params.values())))

    @property
    def traits(self) -> tuple[str, ...]:
        """Labels of the traits."""
        return self.spec.traits

    @cached_property
    def exists(self) -> NDArray[np.bool_]:
        """Which categories each item has, shape (item, category), the lowest included."""
        counts = np.array([len(own) for own in self.categories])
        return np.asarray(np.arange(counts.max()) < counts[:, None])

    @cached_property
    def at_mean(self) -> ItemBank:
        """The mean of every parameter as one draw."""
        return replace(self, params={name: value.mean(axis=0, keepdims=True) for name, value in self.params.items()})

    def draw(self, row: int) -> ItemBank:
        """One draw of all parameters, as if they were known."""
        return replace(self, params={name: value[row : row + 1] for name, value in self.params.items()})

    def select(self, items: Sequence[str]) -> ItemBank:
        """Some items, in the order given.

        Raises
        ------
        SpecError
            A label that the bank does not have.
        """
        places = positions("items of the bank", self.items, list(items), others=True)
        params = {
            name: value.take(places, axis=1) if self.spec.dims[name][:1] == ("item",) else value
            for name, value in self.params.items()
        }
        categories = tuple(self.categories[i] for i in places)
        return replace(self, items=tuple(items), categories=categories, params=params, about=self.about.iloc[places])

    def log_probs(self, ability: ArrayLike) -> Array:
        """Log probability of each category, (draw, node, item, category); -inf where an item lacks it.

        Parameters
        ----------
        ability : array_like, shape (node,) or (node, trait)

        Raises
        ------
        SpecError
            Responses are numbers, not categories.
        """
        if not isinstance(self.spec.family, Categories):
            raise SpecError(f"model {self.spec.name!r} is of {self.spec.family.kind}, which have no categories.")
        return self.spec.family.log_probs(self._at(ability), self.spec.dims, self.exists)

    def exponential(self, ability: ArrayLike) -> ExponentialForm:
        """Natural parameters (draw, node, item, statistic) and base (draw, node, item): the likelihood as a product."""
        return self.spec.family.exponential(self._at(ability), self.spec.dims, self.exists)

    def information(self, ability: ArrayLike, direction: ArrayLike = 1.0) -> Array:
        """Fisher information of each item, (draw, node, item), with several traits along a direction (trait,)."""
        return self.spec.family.information(self._at(ability), self.spec.dims, self.exists, direction)

    def moments(self, ability: ArrayLike) -> tuple[Array, Array]:
        """Mean and variance of each response, each (draw, node, item); categories count as their codes."""
        return self.spec.family.moments(self._at(ability), self.spec.dims, self.exists)

    def _at(self, ability: ArrayLike) -> dict[str, Array]:
        """Full arrays of everything at abilities, the same for each draw."""
        nodes = np.asarray(ability, dtype=float)
        nodes = nodes.reshape(len(nodes), *([len(self.traits)] if "trait" in self._ability_dims else []))
        return {**self.params, self.spec.family.ability: np.broadcast_to(nodes, (self.n_draws, *nodes.shape))}

    @property
    def _ability_dims(self) -> tuple[str, ...]:
        return self.spec.dims[self.spec.family.ability]


def _population(posterior: Posterior) -> tuple[Array, Array]:
    """Mean and covariance of the abilities of all persons: within their posteriors and between them."""
    abilities = posterior.abilities.reshape(posterior.n_draws, -1, len(posterior.traits))
    if posterior.point or posterior.layout.collapse is not None:
        nodes, log_weights = posterior.at_mean.nodes()
        if log_weights.ndim == 2:
            return _moments(nodes[0].reshape(len(nodes[0]), -1), np.exp(log_weights[0]))
    return _moments(abilities.reshape(-1, abilities.shape[-1]), np.tile(posterior.weights, posterior.n_draws))


def _moments(values: Array, weights: Array) -> tuple[Array, Array]:
    mean = np.average(values, axis=0, weights=weights)
    return mean, np.atleast_2d(np.cov(values, rowvar=False, aweights=weights, ddof=0))
