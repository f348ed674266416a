"""Items and what is known of their parameters: what calibration gives and adaptive tests are made of.

A bank holds draws of the item parameters, full arrays as a spec has them; a bank whose parameters are taken as known
has one. Whatever is asked of it (probabilities, information, likelihoods) is the family's own mathematics at those
draws, or at their mean (`ItemBank.at_mean`), at any abilities.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from irtbridge.assess.posterior import Posterior
from irtbridge.bank import files, reading
from irtbridge.bank.abilities import population, start_of
from irtbridge.bank.columns import item_variables
from irtbridge.bank.item_table import ItemTable
from irtbridge.bank.uncertainty import drawn, of_items
from irtbridge.data.labels import positions
from irtbridge.errors import SpecError
from irtbridge.model.families import Categories, ExponentialForm
from irtbridge.model.spec import ModelSpec
from irtbridge.plugin.options import check_number

Array = NDArray[np.float64]
DRAWS = 400


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
    estimate : mapping of str to ndarray, optional
        Full arrays (*shape): the parameters that stand for all draws, where they are not the means of these.
    """

    spec: ModelSpec
    items: tuple[str, ...]
    categories: tuple[tuple[float, ...], ...]
    params: Mapping[str, Array]
    about: pd.DataFrame
    mean: Array
    covariance: Array
    provenance: dict[str, Any] = field(default_factory=dict)
    estimate: Mapping[str, Array] | None = None

    def __repr__(self) -> str:
        return f"ItemBank({self.spec.name}, {self.n_items:,} items, {self.n_draws:,} draws of their parameters)"

    @classmethod
    def of(
        cls,
        posterior: Posterior,
        provenance: Mapping[str, Any] | None = None,
        standard_errors: Mapping[str, Array] | None = None,
        *,
        draws: int = DRAWS,
        seed: int = 0,
    ) -> ItemBank:
        """From the posterior of a fit: all its draws, or of a point estimate such as its standard errors say.

        Abilities start from the normal distribution that the model's have, at posterior means, or where they differ
        by person from the mean and covariance of all persons.

        Parameters
        ----------
        posterior : Posterior
            Of the fit.
        provenance : mapping, optional
            Where the parameters come from.
        standard_errors : mapping of str to ndarray, optional
            Of a point estimate, full arrays by name: then draws are made of `irtbridge.bank.uncertainty.drawn`, as
            if parameters were independent; one of them, the estimate, without standard errors.
        draws, seed : int
            Of a point estimate: how many, and their seed.
        """
        responses, spec = posterior.responses, posterior.spec
        params = {name: np.asarray(posterior.params[name]) for name in item_variables(spec)}
        about = responses.item_data
        about = pd.DataFrame(index=pd.Index(responses.items, name="item")) if about is None else about
        start, source = population(posterior), dict(provenance or {})
        bank = cls(spec, responses.items, responses.categories, params, about, *start, source)
        if not posterior.point:
            return bank
        estimate = {name: value[0] for name, value in params.items()}
        sd = {name: np.zeros_like(value) for name, value in estimate.items()} | {
            name: value for name, value in (standard_errors or {}).items() if name in estimate
        }
        return replace(bank, params=drawn(spec, estimate, sd, None, draws, seed), estimate=estimate)

    @classmethod
    def load(
        cls,
        source: str | Path | pd.DataFrame,
        model: str | ModelSpec | None = None,
        *,
        draws: int | None = None,
        seed: int = 0,
        mean: ArrayLike | None = None,
        covariance: ArrayLike | None = None,
        **options: Any,
    ) -> ItemBank:
        """From a file or table of item parameters: one that `save` wrote, `Fit.items` gave, or mirt or catR.

        Columns are those of `irtbridge.bank.item_table`, or mirt's or catR's (see `irtbridge.bank.conventions`), and
        any others. With standard errors there are draws (see `irtbridge.bank.uncertainty.drawn`), else the numbers are
        taken as known.

        Parameters
        ----------
        source : str, Path or DataFrame
            csv, npz (see `save`), or a table with a row for each item.
        model : str or ModelSpec, optional
            By default what the file says, or what its columns speak of.
        draws, seed : int
            How many draws where there are standard errors, and their seed; by default as many as were saved.
        mean, covariance : array_like, optional
            Of the abilities that a test starts from, (trait,) and (trait, trait); by default the file's, else standard
            normal.
        **options
            Of the model, as in `irtbridge.build_model`: ``scaling`` (D), ``traits``, ``parameterization``, ...

        Raises
        ------
        DataNotFound
            No such file.
        DataError
            A missing parameter, a negative discrimination, an asymptote that is no probability, thresholds out of
            order: the item and its column are named.
        UnknownName
            No such model, or no such option of it.
        """
        frame, header, stored = reading.read(source)
        table = reading.item_table(frame, header, model, options)
        count = header.get("draws", DRAWS) if draws is None else draws
        check_number("draws", count)
        params = stored or drawn(table.spec, table.estimate, table.sd, table.correlation, count, seed)
        return cls(
            table.spec, table.items, table.categories, params, table.about,
            *start_of(table.spec, header, mean, covariance), header.get("provenance", {}), table.estimate,
        )  # fmt: skip

    def save(self, path: str | Path) -> Path:
        """Write the bank, whole or not at all; `load` reads it.

        Parameters
        ----------
        path : str or Path
            csv: estimates, standard errors and correlations within items, from which draws can be made again. npz: all
            draws.

        Raises
        ------
        DataError
            Another ending.
        ResultsError
            The path cannot be written.
        """
        path = Path(path).expanduser()
        files.check_ending(path)
        header = {
            "spec": self.spec.to_dict(),
            "mean": self.mean.tolist(),
            "covariance": self.covariance.tolist(),
            "draws": self.n_draws,
            "provenance": self.provenance,
        }
        if path.suffix.lower() == files.NPZ:
            return files.write_draws(path, self.table.to_frame(), header, self.params)
        return files.write_table(path, self.table.to_frame(), header)

    @property
    def table(self) -> ItemTable:
        """Estimates, standard errors and correlations: what a csv has."""
        estimate = {name: value[0] for name, value in self.at_mean.params.items()}
        return ItemTable.of_draws(self.spec, self.items, self.categories, estimate, self.params, self.about)

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
        """The estimate of every parameter, by default its mean, as one draw."""
        estimate = self.estimate or {name: value.mean(axis=0) for name, value in self.params.items()}
        return replace(self, params={name: value[None] for name, value in estimate.items()}, estimate=None)

    def draw(self, row: int) -> ItemBank:
        """One draw of all parameters, as if they were known."""
        params = {name: value[row : row + 1] for name, value in self.params.items()}
        return replace(self, params=params, estimate=None)

    def select(self, items: Sequence[str]) -> ItemBank:
        """Some items, in the order given.

        Raises
        ------
        SpecError
            A label that the bank does not have.
        """
        places = positions("items of the bank", self.items, list(items), others=True)
        params = {name: self._taken(name, value, places, 1) for name, value in self.params.items()}
        estimate = self.estimate and {n: self._taken(n, value, places, 0) for n, value in self.estimate.items()}
        categories, about = tuple(self.categories[i] for i in places), self.about.iloc[places]
        return replace(self, items=tuple(items), categories=categories, params=params, about=about, estimate=estimate)

    def _taken(self, name: str, value: Array, places: NDArray[np.intp], axis: int) -> Array:
        return value.take(places, axis=axis) if of_items(self.spec, name) else value

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
