"""How often tests of DIF flag fair items, and an unfair one: ``python -m benchmarks.dif_rates [SETS]``.

Two groups of 500 persons, the second half a standard deviation less able, 20 items of the 2PL; in the second half of
the runs the first item is harder by .5 for the second group. Prints a table of rates at 5 %.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy import stats

import irtbridge as irt
from irtbridge.assess.person_groups import grouped
from irtbridge.fitting.dif import _maximum, flattened
from irtbridge.model.groups import with_groups

PERSONS, ITEMS, ABILITY, GAP = 500, 20, -0.5, 0.5
SOURCE = {"backend": "pyro", "backend_options": {}, "device": "cpu", "dtype": "float64"}
GROUP = np.repeat(["a", "b"], PERSONS)


def data(seed: int, gap: float) -> irt.Responses:
    """Both groups' responses."""
    rng = np.random.default_rng(seed)
    items = {"discrimination": rng.uniform(0.7, 1.8, ITEMS), "difficulty": rng.uniform(-1.5, 1.5, ITEMS)}
    parts = []
    for group in range(2):
        own = items | {"ability": ABILITY * group + rng.normal(size=PERSONS)}
        own["difficulty"] = items["difficulty"] + gap * group * (np.arange(ITEMS) == 0)
        parts.append(irt.simulate_responses(irt.two_pl(), own, [2] * ITEMS, seed=[seed, group]).values)
    return irt.load_responses(np.concatenate(parts))


def p_values(responses: irt.Responses) -> Iterator[tuple[str, np.ndarray]]:
    """Of each test, an item each."""
    for purify in (False, True):
        said = ", purified" if purify else ""
        yield f"Mantel-Haenszel{said}", irt.dif(responses, GROUP, purify=purify)["p"].to_numpy()
        yield f"logistic, both{said}", irt.dif(responses, GROUP, "logistic", purify=purify)["p"].to_numpy()
    yield "Mantel-Haenszel, uncorrected", irt.dif(responses, GROUP, correct=False)["p"].to_numpy()
    fit = irt.fit(responses, "2pl", method="map", standard_errors=False)
    for purify in (False, True):
        said = ", purified" if purify else ""
        yield f"Wald, Stocking-Lord{said}", fit.dif(GROUP, purify=purify)["wald", "p"].to_numpy()
    both = grouped(responses, GROUP)
    (same, few), (free, many) = (
        _maximum(flattened(with_groups(irt.two_pl(), free=free)), both, SOURCE) for free in ((), (responses.items[0],))
    )
    yield "likelihood ratio (first item)", stats.chi2.sf(2 * (free - same), [many - few])


def main(sets: int = 200) -> None:
    """Print the rates."""
    rows = []
    for gap in (0.0, GAP):
        for seed in range(sets):
            for test, p in p_values(data(seed, gap)):
                rows.append((test, gap, np.mean(p[1:] < 0.05) if len(p) > 1 else np.nan, p[0] < 0.05))
            if seed % 20 == 19:
                print(f"gap {gap}: {seed + 1} sets", file=sys.stderr, flush=True)
    table = pd.DataFrame(rows, columns=["test", "gap", "other items", "first item"])
    print(table.groupby(["test", "gap"], sort=False).mean().unstack().round(3).to_string())


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(*map(int, sys.argv[1:]))
