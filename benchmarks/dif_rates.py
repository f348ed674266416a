"""How often tests of DIF flag fair items, and an unfair one: ``python -m benchmarks.dif_rates [SETS]``.

Two groups of 500 persons, the second half a standard deviation less able, 20 items of the 2PL; in the second half of
the runs the first item is harder by .5 for the second group. Prints a table of rates at 5 %: of the other items, and of
the first one. What `Fit.dif` does, over many data sets with one compilation of each model.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy import stats

import irtbridge as irt
from irtbridge.assess.fairness.item_differences import Sides, wald
from irtbridge.assess.fairness.person_groups import grouped
from irtbridge.assess.fairness.scales import drawn
from irtbridge.assess.person_likelihood import person_log_likelihood
from irtbridge.fitting.dif import flattened
from irtbridge.model.groups import with_groups

PERSONS, ITEMS, ABILITY, GAP, LEVEL = 500, 20, -0.5, 0.5, 0.05
GROUP = np.repeat(["a", "b"], PERSONS)
Rows = Iterator[tuple[str, np.ndarray]]


def data(seed: int, gap: float) -> irt.Responses:
    """Both groups' responses."""
    rng = np.random.default_rng(seed)
    items = {"discrimination": rng.uniform(0.7, 1.8, ITEMS), "difficulty": rng.uniform(-1.5, 1.5, ITEMS)}
    parts = []
    for group in range(2):
        own = items | {"ability": ABILITY * group + rng.normal(size=PERSONS)}
        own["difficulty"] = items["difficulty"] + gap * group * (np.arange(ITEMS) == 0)
        parts.append(irt.simulate_responses(irt.two_pl(), own, [2] * ITEMS, seed=[seed, group]).values)
    return grouped(irt.load_responses(np.concatenate(parts)), GROUP)


def by_scores(sets: Sequence[irt.Responses]) -> Rows:
    """Tests that need no model."""
    for responses in sets:
        for purify in (False, True):
            for method in ("mantel-haenszel", "logistic"):
                table = irt.dif(responses, method=method, purify=purify)
                yield method + (", purified" if purify else ""), table["p"].to_numpy()
        yield "mantel-haenszel, uncorrected", irt.dif(responses, correct=False)["p"].to_numpy()


def by_model(sets: Sequence[irt.Responses]) -> Rows:
    """Wald's test after linking."""
    items = np.arange(ITEMS)
    groups = [[replace(one.select(one.group_codes == code), group=None) for one in sets] for code in (0, 1)]
    each = (irt.fit_many(group, method="laplace", draws=400, seed=seed) for seed, group in enumerate(groups, 1))
    for reference, focal in zip(*each, strict=True):
        sides = Sides(drawn(reference.posterior, 400), items, drawn(focal.posterior, 400), items)
        for title, alpha in (("wald", 0.0), ("wald, purified", LEVEL)):
            on_one, _ = sides.linked("stocking-lord", sides.purified("stocking-lord", alpha))
            yield title, stats.chi2.sf(*wald(on_one.parameters()))


def by_likelihood(sets: Sequence[irt.Responses]) -> Rows:
    """Likelihood ratios of the first item."""
    specs = [flattened(with_groups(irt.two_pl(), free=free)) for free in ((), (sets[0].items[0],))]
    how = {"method": "map", "standard_errors": False}
    for same, free in zip(*(irt.fit_many(sets, spec, **how) for spec in specs), strict=True):
        (few, small), (many, large) = (
            (float(person_log_likelihood(fit.posterior).sum()), fit.posterior.layout.dim) for fit in (same, free)
        )
        yield "likelihood ratio", stats.chi2.sf(2 * (many - few), [large - small])


def main(sets: int = 200) -> None:
    """Print the rates."""
    rows = []
    for gap in (0.0, GAP):
        responses = [data(seed, gap) for seed in range(sets)]
        for tests in (by_scores, by_model, by_likelihood):
            for test, p in tests(responses):
                rows.append((test, gap, np.mean(p[1:] < LEVEL) if len(p) > 1 else np.nan, p[0] < LEVEL))
            print(f"gap {gap}: {tests.__name__} done", file=sys.stderr, flush=True)
    table = pd.DataFrame(rows, columns=["test", "gap", "other items", "first item"])
    print(table.groupby(["test", "gap"], sort=False).mean().unstack().round(3).to_string())


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(*map(int, sys.argv[1:]))
