"""What every question after the fit is asked of: the model over its data, draws of item parameters, and abilities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from irtbridge.data.kinds import CATEGORIES
from irtbridge.data.responses import Responses
from irtbridge.errors import SpecError, StatisticError
from irtbridge.inference.abilities import draw_abilities
from irtbridge.inference.node_posterior import log_posterior_at, of_persons
from irtbridge.model.density import category_log_probs
from irtbridge.model.layout import Layout
from irtbridge.model.noncentred import nodes_of
from irtbridge.model.others import layout_of_rows
from irtbridge.model.quadrature import Quadrature, check_normal_abilities
from irtbridge.model.spec import ModelSpec
from irtbridge.plugin.options import check_number

Array = NDArray[np.float64]
IN_MEMORY = 2**24  # abilities drawn at once, where a fit keeps none: 128 MiB


@dataclass(frozen=True, eq=False)
class Posterior:
    """Draws of the item parameters and abilities of one fit, over its data.

    Attributes
    ----------
    layout : Layout
        The model over the data; with a quadrature wherever the abilities can be integrated out, whatever the method.
    responses : Responses
        The data that were fitted; a row stands for as many persons as its weight says.
    params : mapping of str to ndarray
        Full arrays (draw, *shape) of all variables but the abilities, in the order of the spec.
    kept : ndarray, shape (draw, person) or (draw, person, trait), optional
        Abilities that belong to the draws of `params`; of a point estimate, expected abilities. None where a fit has
        too many to keep: `abilities` are then drawn when they are asked for.
    point : bool
        Whether it is a point estimate: one draw, and no spread.
    means : ndarray, shape (person,) or (person, trait), optional
        Expected abilities, where draws are not kept.
    seed : int
        Of abilities that are drawn when they are asked for.
    """

    layout: Layout
    responses: Responses
    params: Mapping[str, Array]
    kept: Array | None
    point: bool = False
    means: Array | None = None
    seed: int = 0

    @classmethod
    def of(
        cls, spec: ModelSpec, responses: Responses, draws: xr.Dataset, *, point: bool, means: Array | None = None
    ) -> Posterior:
        """From the labelled draws of a fit.

        Parameters
        ----------
        spec : ModelSpec
            The model.
        responses : Responses
            The data that were fitted.
        draws : Dataset
            The group ``posterior`` of its InferenceData, dims (chain, draw, ...).
        point : bool
            Whether it is a point estimate.
        means : ndarray, shape (person,) or (person, trait), optional
            Expected abilities, where there are no draws of them.
        """
        layout = layout_of(spec, responses)
        ability = layout.spec.family.ability
        flat = {str(name): value.values.reshape(-1, *value.shape[2:]) for name, value in draws.data_vars.items()}
        own = {name: _own(layout, name, flat) for name in layout.slots if name != ability}
        each = _each_draw(layout, own, draws.sizes["chain"] * draws.sizes["draw"])
        return cls(layout, responses, each, flat.get(ability), point, means)

    @cached_property
    def abilities(self) -> Array:
        """Draws (draw, person) or (draw, person, trait) of the abilities that belong to those of the parameters."""
        if self.kept is not None:
            return self.kept
        params = {name: value[None] for name, value in self.params.items()}
        return np.asarray(draw_abilities(self.layout, params, self.responses, self.seed)[0])

    @property
    def expected(self) -> Array:
        """Mean abilities, shape (person,) or (person, trait)."""
        return np.asarray(self.abilities.mean(axis=0) if self.means is None else self.means)

    @property
    def spec(self) -> ModelSpec:
        """The model, items in the data's order."""
        return self.layout.spec

    @property
    def ability(self) -> str:
        """Name of the variable that the abilities are."""
        return self.spec.family.ability

    @property
    def n_draws(self) -> int:
        """Number of draws."""
        return len(next(iter(self.params.values())))

    @property
    def traits(self) -> tuple[str, ...]:
        """Labels of the traits."""
        return self.spec.traits

    @property
    def weights(self) -> Array:
        """How many persons each row stands for, shape (person,)."""
        return self.responses.weights_or_ones

    def thinned(self, draws: int) -> Posterior:
        """At most so many draws, at even distances.

        Raises
        ------
        ConfigError
            Not a whole number, 1 or greater.
        """
        check_number("draws", draws)
        if draws >= self.n_draws:
            return self
        return self.at_draws(np.linspace(0, self.n_draws - 1, draws).round().astype(int))

    def at_draws(self, rows: NDArray[Any]) -> Posterior:
        """At some draws."""
        params = {name: value[rows] for name, value in self.params.items()}
        if self.kept is not None:
            return replace(self, params=params, kept=self.kept[rows])
        # Each set of draws has random numbers of its own, as its abilities have to differ from those of another.
        seed = int(np.random.SeedSequence([self.seed, *rows.tolist()]).generate_state(1)[0])
        return replace(self, params=params, seed=seed)

    @property
    def in_memory(self) -> Posterior:
        """Itself where draws of the abilities are kept; else at few enough of its draws that theirs fit."""
        few = max(1, IN_MEMORY // (self.responses.n_persons * len(self.traits)))
        return self if self.kept is not None else self.thinned(few)

    def of_rows(self, rows: slice) -> Posterior:
        """Over some of the persons."""
        layout, kept = layout_of_rows(self.layout, rows), np.arange(self.responses.n_persons)[rows]
        abilities = None if self.kept is None else self.kept[:, rows]
        means = None if self.means is None else self.means[rows]
        return replace(self, layout=layout, responses=self.responses.select(kept), kept=abilities, means=means)

    @cached_property
    def at_mean(self) -> Posterior:
        """The posterior mean of every parameter as one draw; of a Cholesky factor, the factor of the mean matrix."""
        mean = {name: _mean(self.spec, name, value)[None] for name, value in self.params.items()}
        return replace(self, params=mean, kept=self.expected[None])

    def with_abilities(self, abilities: Array) -> dict[str, Array]:
        """Full arrays of everything at other abilities: (draw, node) or (draw, node, trait); draw may be 1."""
        lead = (self.n_draws, *np.shape(abilities)[1:])
        return {**self.params, self.ability: np.broadcast_to(abilities, lead)}

    def moments(self, abilities: Array | None = None) -> tuple[Array, Array]:
        """Mean and variance of each response, (draw, person, item), at the draws' abilities or at others."""
        at = self.with_abilities(self.abilities if abilities is None else abilities)
        return self.spec.family.moments(at, self.spec.dims, self.layout.exists)

    def category_probs(self, abilities: Array | None = None) -> Array:
        """Probability of each category, (draw, person, item, category); 0 where an item lacks it.

        Raises
        ------
        StatisticError
            Responses are numbers, not categories.
        """
        self.check_categories("category probabilities", "moments")
        at = self.with_abilities(self.abilities if abilities is None else abilities)
        return np.exp(category_log_probs(self.layout, at))

    def nodes(self) -> tuple[Array, Array]:
        """Abilities at the quadrature's nodes, and the logarithms of their weights.

        Returns
        -------
        nodes : ndarray, shape (draw, node) or (draw, node, trait)
        log_weights : ndarray, shape (draw, node), or (draw, person, node) where the abilities' prior differs by person
        """
        self.check_integrable("a distribution of abilities on a grid", "person_fit")
        each = [nodes_of(self.layout, self.layout.standard_nodes, row) for row in self.rows()]
        nodes, log_weights = map(np.stack, zip(*each, strict=True))
        return nodes, log_weights

    def at_nodes(self, responses: Responses | None = None) -> tuple[Array, Array]:
        """Abilities at the nodes, and the posterior probability of each node for each person, (draw, node, person).

        Parameters
        ----------
        responses : Responses, optional
            Of other persons; by default the fit's.
        """
        self.check_integrable("a posterior of abilities on a grid", "scores(method='map')")
        if self.layout.reduction is not None:
            raise StatisticError(
                f"model {self.spec.name!r} is integrated out trait by trait, so there is no grid of all its traits "
                "together; use scores() or draws of the abilities."
            )
        patterns = of_persons(self.layout, self.responses if responses is None else responses, np.float64)
        standard = np.broadcast_to(self.layout.standard_nodes, (self.n_draws, *self.layout.standard_nodes.shape))
        nodes, log_posterior = log_posterior_at(self.layout, self.params, patterns, standard)
        log_posterior -= log_posterior.max(axis=1, keepdims=True)
        weights = np.exp(log_posterior, out=log_posterior)
        weights /= weights.sum(axis=1, keepdims=True)
        return nodes, weights

    def check_categories(self, what: str, instead: str) -> None:
        """Raise `StatisticError` where responses are numbers: a statistic is not defined, another is."""
        if self.spec.family.kind != CATEGORIES:
            raise StatisticError(
                f"{what}: model {self.spec.name!r} is of {self.spec.family.kind}, which have no categories; "
                f"use {instead}."
            )

    def check_integrable(self, what: str, instead: str) -> None:
        """Raise `StatisticError` where the abilities cannot be integrated out."""
        if self.layout.collapse is None:
            raise StatisticError(
                f"{what}: the abilities of model {self.spec.name!r} ({len(self.traits)} traits) cannot be integrated "
                f"out on a grid; use {instead}."
            )

    def check_normal(self, what: str, instead: str) -> None:
        """Raise `StatisticError` unless the abilities' prior is normal and no other variable refers to them."""
        try:
            check_normal_abilities(self.spec)
        except SpecError:
            raise StatisticError(
                f"{what}: the abilities of model {self.spec.name!r} are not normal, {self.spec[self.ability].prior}, "
                f"or another variable refers to them; use {instead}."
            ) from None

    def rows(self) -> list[dict[str, Array]]:
        """Full arrays of each draw, no leading axes."""
        return [{name: value[i] for name, value in self.params.items()} for i in range(self.n_draws)]


def layout_of(spec: ModelSpec, responses: Responses) -> Layout:
    """The layout with the default quadrature; without one where the abilities cannot be integrated out."""
    try:
        return Layout.of(spec, responses, Quadrature())
    except SpecError:
        return Layout.of(spec, responses)


def _each_draw(layout: Layout, own: Mapping[str, Array], draws: int) -> dict[str, Array]:
    """What is estimated and what follows from it, all with an axis for draws."""
    complete, dims = layout.complete(own), layout.spec.dims
    shapes = {name: value.shape[value.ndim - len(dims[name]) :] for name, value in complete.items()}
    return {name: np.broadcast_to(value, (draws, *shapes[name])) for name, value in complete.items()}


def _own(layout: Layout, name: str, reported: Mapping[str, Array]) -> Array:
    """Draws (draw, *shape) of a variable: a Cholesky factor from its correlation matrix."""
    if name in reported:
        return reported[name]
    variable = layout.spec[name]
    shape = layout.slots[name].shape
    shown, _, _ = variable.prior.reported(name, variable.dims, np.zeros(shape))
    return np.asarray(np.linalg.cholesky(reported[shown]), dtype=float)


def _mean(spec: ModelSpec, name: str, value: Array) -> Array:
    if spec[name].prior.support == "cholesky":
        return np.asarray(np.linalg.cholesky((value @ np.swapaxes(value, -1, -2)).mean(axis=0)))
    return np.asarray(value.mean(axis=0))
