"""Figures of a fit, ``fit.plot``: each method draws one, takes Axes and returns them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pandas as pd
from matplotlib.axes import Axes

from irtbridge.assess.curves import DRAWS, LEVEL
from irtbridge.assess.plots.chains import draw_chains, draw_forest, draw_objective
from irtbridge.assess.plots.items import draw_curves, draw_test_information, draw_test_score, draw_wright_map
from irtbridge.assess.plots.persons import PERSONS, draw_abilities, draw_sum_scores
from irtbridge.assess.plots.style import styled
from irtbridge.assess.posterior import Posterior
from irtbridge.data.labels import Label

__all__ = ["Plots"]


class Fitted(Protocol):
    """What figures are made of: a `Fit`."""

    @property
    def posterior(self) -> Posterior:
        """What questions are asked of."""

    @property
    def idata(self) -> Any:
        """Labelled draws by chain."""

    def items(self) -> pd.DataFrame:
        """The table of item parameters."""


@dataclass(frozen=True, eq=False)
class Plots:
    """Figures of a fit.

    Every method takes ``ax``, Axes to draw into (an array of them where there are panels), and returns the Axes; by
    default it makes a figure. Bands are 95 % posterior intervals; a point estimate has none. Options of curves are
    trait, ability, draws and level, as of `irtbridge.assess.curves.curves`.

    Parameters
    ----------
    fit : Fit
        The fit.
    """

    fit: Fitted

    @styled
    def items(self, items: str | Sequence[str] | None = None, *, ax: Any = None, **options: Any) -> Any:
        """Item characteristic curves, the expected item score over ability: a panel for each item."""
        return draw_curves(self.fit.posterior, "score", items, ax, **options)

    @styled
    def categories(
        self, items: str | Sequence[str] | None = None, *, cumulative: bool = False, ax: Any = None, **options: Any
    ) -> Any:
        """Probability of each category over ability, or of it and those above it: a panel for each item."""
        return draw_curves(self.fit.posterior, "cumulative" if cumulative else "category", items, ax, **options)

    @styled
    def information(
        self, item: str | Sequence[str] | None = None, *, items: Sequence[str] | None = None, ax: Any = None,
        **options: Any,
    ) -> Any:  # fmt: skip
        """The test's information with its standard error on a second axis; or of one item, or of some in panels.

        Parameters
        ----------
        item : str or sequence of str, optional
            Items to show each by itself.
        items : sequence of str, optional
            The items that make the test; all by default.
        """
        if item is not None:
            return draw_curves(self.fit.posterior, "information", item, ax, **options)
        return draw_test_information(self.fit.posterior, items, ax, **options)

    @styled
    def expected_score(self, items: Sequence[str] | None = None, *, ax: Axes | None = None, **options: Any) -> Axes:
        """The test characteristic curve: the expected sum score over ability."""
        return draw_test_score(self.fit.posterior, items, ax, **options)

    @styled
    def wright_map(self, *, level: float = LEVEL, ax: Axes | None = None) -> Axes:
        """Persons and items on one scale: the abilities' distribution above, each item's locations below."""
        return draw_wright_map(self.fit.posterior, ax, level)

    @styled
    def abilities(
        self,
        other: Fitted | None = None,
        *,
        persons: int | Sequence[Label] = PERSONS,
        trait: str | None = None,
        names: Sequence[str] | None = None,
        ax: Axes | None = None,
    ) -> Axes:
        """Mean and 95 % HDI of persons' abilities, beside those of another model (McClure 2023, figure 4).

        Parameters
        ----------
        other : Fit, optional
            Of the same persons.
        persons : int or sequence of labels
            Which, or how many, from the lowest ability to the highest at even distances.
        trait : str, optional
            Of several traits, the first by default.
        names : sequence of str, optional
            What the models are called; by default as their specs.
        """
        posteriors = [fit.posterior for fit in (self.fit, other) if fit is not None]
        called = list(names) if names is not None else [p.spec.name for p in posteriors]
        return draw_abilities(posteriors, called, persons, trait, ax)

    @styled
    def ppc(self, *, draws: int = DRAWS, seed: int = 0, ax: Axes | None = None) -> Axes:
        """The distribution of sum scores, beside those of data replicated from the posterior."""
        return draw_sum_scores(self.fit.posterior, draws, seed, ax)

    @styled
    def forest(self, *, ax: Any = None) -> Any:
        """Mean and 95 % interval of every item's parameters: a panel for each parameter, a row for each item."""
        return draw_forest(self.fit.items(), ax)

    @styled
    def trace(self, parameter: str | None = None, kind: str = "trace", *, ax: Any = None, **labels: Any) -> Any:
        """Draws of each element of a parameter by chain.

        Parameters
        ----------
        parameter : str, optional
            A variable of the posterior, as ``difficulty``; by default all that belong to no person.
        kind : str
            ``trace``, ``density``, ``rank`` (uniform where chains agree) or ``autocorrelation``.
        **labels
            Which elements: ``item=["N1", "N2"]``, ``person=[1, 5]``.
        """
        return draw_chains(self.fit.idata.posterior, parameter, kind, ax, labels)

    @styled
    def objective(self, *, ax: Axes | None = None) -> Axes:
        """What an optimisation maximised after each of its steps: a log density (``jmle``), or an ELBO (``vi``)."""
        return draw_objective(self.fit.idata.sample_stats, ax)

    @styled
    def autocorrelation(self, parameter: str | None = None, *, ax: Any = None, **labels: Any) -> Any:
        """Autocorrelation of each element of a parameter by chain, up to 40 draws apart."""
        return draw_chains(self.fit.idata.posterior, parameter, "autocorrelation", ax, labels)
