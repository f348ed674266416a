"""Figures of persons: abilities under two models side by side, and sum scores against what the model predicts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from irtbridge.assess.plots.style import (
    BAND,
    COLOURS,
    MARKERS,
    ROW,
    axes_of,
    draw_intervals,
    legend_below,
    name_rows,
)
from irtbridge.assess.posterior import Posterior
from irtbridge.assess.predict import predict
from irtbridge.data.kinds import CATEGORIES
from irtbridge.data.labels import Label
from irtbridge.errors import StatisticError, UnknownName
from irtbridge.inference.abilities import expected_abilities
from irtbridge.plugin.options import check_number
from irtbridge.results.quiet_arviz import az

Array = NDArray[np.float64]
PERSONS = 20
MOST_BINS = 40


def draw_abilities(
    posteriors: Sequence[Posterior],
    names: Sequence[str],
    persons: int | Sequence[Label],
    trait: str | None,
    ax: Axes | None,
) -> Axes:
    """Posterior mean and 95 % HDI of persons' abilities, one mark for each model."""
    chosen = chosen_persons(posteriors, persons, trait)
    axis = axes_of(ax, height=ROW * len(chosen) * (1 if len(posteriors) == 1 else 1.25) + 1.0)
    shifts = np.linspace(-0.18, 0.18, len(posteriors)) if len(posteriors) > 1 else [0.0]
    handles = []
    for place, (posterior, name) in enumerate(zip(posteriors, names, strict=True)):
        rows = [posterior.responses.persons.index(label) for label in chosen]
        mean, lower, upper = ability_intervals(posterior, rows, trait)
        style = {"color": COLOURS[place], "marker": MARKERS[place]}
        handles.append(draw_intervals(axis, np.arange(len(chosen)) + shifts[place], mean, lower, upper, **style))
        handles[-1].set_label(name)
    name_rows(axis, chosen)
    axis.set_ylim(len(chosen) - 0.5, -0.5)
    axis.set_ylabel("person")
    axis.set_xlabel(f"{posteriors[0].ability}, mean and 95 % HDI")
    legend_below([axis], handles if len(handles) > 1 else [], ax is None, 2)
    return axis


def chosen_persons(posteriors: Sequence[Posterior], persons: int | Sequence[Label], trait: str | None) -> list[Label]:
    """The persons asked for, or so many of those that all models have, from the lowest mean ability to the highest."""
    first = posteriors[0]
    common = set(first.responses.persons).intersection(*(p.responses.persons for p in posteriors[1:]))
    if not common:
        raise StatisticError("abilities of two models side by side: they have no person in common; fit the same data.")
    if not isinstance(persons, int):
        for label in persons:
            if label not in common:
                raise UnknownName("person", label, sorted(map(str, common)))
        return list(persons)
    check_number("persons", persons)
    mean = of_trait(first, trait).mean(axis=0)
    ordered = [first.responses.persons[row] for row in np.argsort(mean) if first.responses.persons[row] in common]
    places = np.linspace(0, len(ordered) - 1, min(persons, len(ordered))).round().astype(int)
    return [ordered[place] for place in places]


def of_trait(posterior: Posterior, trait: str | None) -> Array:
    """Abilities (draw, person) on one trait, the first by default."""
    if trait is not None and trait not in posterior.traits:
        raise UnknownName("trait", trait, posterior.traits)
    place = 0 if trait is None else posterior.traits.index(trait)
    abilities = posterior.in_memory.abilities
    return abilities.reshape(*abilities.shape[:2], -1)[..., place]


def ability_intervals(posterior: Posterior, rows: Sequence[int], trait: str | None) -> tuple[Array, Array, Array]:
    """Mean and ends of the 95 % HDI of persons' abilities; of a point estimate, of the normal with their SD."""
    abilities = of_trait(posterior, trait)[:, rows]
    if not posterior.point:
        hdi = az.hdi(abilities[None], hdi_prob=0.95)
        return abilities.mean(axis=0), hdi[:, 0], hdi[:, 1]
    posterior.check_integrable("intervals of abilities at a point estimate", "a fit with draws")
    one = {name: value[0] for name, value in posterior.params.items()}
    sd = expected_abilities(posterior.layout, one, posterior.responses)[1]
    place = 0 if trait is None else posterior.traits.index(trait)
    half = 1.96 * sd.reshape(len(sd), -1)[rows, place]
    return abilities[0], abilities[0] - half, abilities[0] + half


def draw_sum_scores(posterior: Posterior, draws: int, seed: int, ax: Axes | None) -> Axes:
    """How many persons have each sum score, beside 95 % of data sets replicated from the posterior."""
    edges = score_edges(posterior, draws, seed)

    def distribution(responses: Array) -> Array:
        return np.histogram(np.nansum(responses, axis=1), edges)[0].astype(float)

    table = predict(posterior, distribution, draws, seed).table()
    axis = axes_of(ax)
    axis.stairs(table["upper"], edges, baseline=table["lower"], fill=True, color=COLOURS[0], alpha=BAND)
    axis.stairs(table["predicted"], edges, baseline=None, color=COLOURS[0], linewidth=1)
    axis.plot((edges[1:] + edges[:-1]) / 2, table["observed"], "o", markersize=3.5, color=COLOURS[1])
    axis.set_ylim(bottom=0)
    axis.set_xlabel("sum score")
    axis.set_ylabel("persons")
    legend_below([axis], _handles(), ax is None, 2)
    return axis


def _handles() -> list[Line2D | Patch]:
    return [
        Line2D([], [], linestyle="none", marker="o", markersize=3.5, color=COLOURS[1], label="observed"),
        Patch(color=COLOURS[0], alpha=BAND, label="predicted, 95 %"),
    ]


def score_edges(posterior: Posterior, draws: int, seed: int) -> Array:
    """Ends of the bins: one for each sum of categories; of numbers, so many of the same width, over all replicates."""
    if posterior.spec.family.kind == CATEGORIES:
        return np.arange(0, posterior.layout.n_categories.sum() - posterior.responses.n_items + 2) - 0.5

    def ends(responses: Array) -> Array:
        sums = np.nansum(responses, axis=1)
        return np.array([sums.min(), sums.max()])

    found = predict(posterior, ends, draws, seed)
    every = np.concatenate([found.observed, found.replicated])
    low, high = every[:, 0].min(), every[:, 1].max()
    return np.linspace(low, high if high > low else low + 1, MOST_BINS + 1)
