"""Do four engines have one posterior? ``python -m benchmarks.engines_agree [CASE ...]``.

The 2PL of McClure (2023) on LSAT 7 and the graded model on 400 persons of bfi N, in both of its forms, on every engine:
those with gradients integrate the abilities out and run NUTS on the rest, JAGS draws all by Gibbs sampling. Of each
parameter and each two engines z is the difference of the posterior means in its Monte Carlo standard error. Fits that
are in ``results/engines_agree`` are not run again.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import integrate, stats

import irtbridge as irt
from irtbridge.data.responses import Responses
from irtbridge.model.families import Binary, Graded

FOLDER = Path(__file__).parent / "results" / "engines_agree"
NUTS = {"method": "nuts_collapsed", "chains": 4, "warmup": 300, "draws": 1000}
GIBBS = {"method": "gibbs", "chains": 4, "adapt": 1000, "warmup": 2000, "draws": 5000}
ENGINES = {"pyro": NUTS, "tfp": NUTS, "numpyro": NUTS, "jags": GIBBS}
SEEDS = {"pyro": 1, "tfp": 2, "numpyro": 3, "jags": 1}  # NUTS of irtbridge from one seed is one chain on every engine
THINNING = {"lsat7-2pl": 2, "bfi-grm": 2, "bfi-grm-intercept": 2}  # of JAGS, so that each mean has 400 effective draws
COLUMNS = ["mean", "sd", "mcse", "ess_bulk", "r_hat"]


def lsat7() -> tuple[Responses, irt.ModelSpec]:
    """The tutorial's 2PL; its SDs of 1,000 are 1 and 2 here, as the slope of item 3 has no end under them."""
    variables = (
        irt.Variable("mu_a", (), "Uniform(0.75, 1)"),
        irt.Variable("mu_b", (), "Uniform(-1, 1)"),
        irt.Variable("ability", ("person",), "Normal(0, 1)"),
        irt.Variable("discrimination", ("item",), "TruncatedNormal(mu_a, 1, 0, inf)"),
        irt.Variable("difficulty", ("item",), "Normal(mu_b, 2)"),
    )
    return irt.load_responses("lsat7"), irt.ModelSpec("2pl of the tutorial", variables, Binary(scaling=1.702))


def bfi(location: irt.Variable, **form: str) -> tuple[Responses, irt.ModelSpec]:
    """The tutorial's graded model of four items of neuroticism, two of which have lost categories."""
    ratings = irt.load_dataset("bfi:N").to_frame()[["N1", "N2", "N3", "N4"]].dropna().head(400)
    ratings["N2"] = ratings["N2"].clip(upper=5)
    ratings["N4"] = ratings["N4"].replace(2, 1)
    variables = (
        irt.Variable("mu_a", (), "Uniform(0.75, 1)"),
        irt.Variable("ability", ("person",), "Normal(0, 1)"),
        irt.Variable("discrimination", ("item",), "TruncatedNormal(mu_a, 1000, 0, inf)"),
        location,
    )
    family = Graded(location=(location.name,), scaling=1.702, **form)
    return irt.load_responses(ratings), irt.ModelSpec("grm of the tutorial", variables, family)


CASES: dict[str, Callable[[], tuple[Responses, irt.ModelSpec]]] = {
    "lsat7-2pl": lsat7,
    "bfi-grm": lambda: bfi(irt.Variable("threshold", ("item", "category"), "OrderedNormal(0, 1000)")),
    "bfi-grm-intercept": lambda: bfi(
        irt.Variable("intercept", ("item", "category"), "DecreasingNormal(0, 1000)"), parameterization="intercept"
    ),
}


def means(case: str, engine: str) -> pd.DataFrame:
    """Posterior means of the estimated parameters with their Monte Carlo errors: from disk, else fitted."""
    path = FOLDER / f"{case}-{engine}.csv"
    if not path.exists():
        responses, spec = CASES[case]()
        settings = dict(ENGINES[engine]) | ({"thin": THINNING[case]} if engine == "jags" else {})
        start, processor = time.perf_counter(), time.process_time()
        fit = irt.fit(responses, spec, backend=engine, seed=SEEDS[engine], **settings)
        table = fit.check().parameters[COLUMNS]
        table = table[[name.split("[")[0] in fit.program.layout.slots for name in table.index]]
        FOLDER.mkdir(parents=True, exist_ok=True)
        table.to_csv(path, float_format="%.8g")
        taken = time.perf_counter() - start, time.process_time() - processor
        print(f"{case} {engine}: {taken[0]:.0f} s, of the processor in this process {taken[1]:.0f}", flush=True)
    return pd.read_csv(path, index_col="parameter")


def expected_largest(n: int) -> float:
    """Mean of the largest of n absolute values of independent standard normals."""
    return float(integrate.quad(lambda x: 1 - (2 * stats.norm.cdf(x) - 1) ** n, 0, 10)[0])


def fits_table(fits: dict[str, pd.DataFrame], case: str) -> Iterator[list[str]]:
    """Rows of one case: how many draws of each engine, and what they are worth."""
    for engine, table in fits.items():
        how = ENGINES[engine]
        yield [
            case,
            f"{engine} {how['method']}",
            f"{how['chains']} x {how['draws']}",
            f"{table['ess_bulk'].min():.0f} ({table['ess_bulk'].idxmin()})",
            f"{table['r_hat'].max():.3f}",
        ]


def pairs_table(fits: dict[str, pd.DataFrame], case: str) -> Iterator[list[str]]:
    """Rows of one case: the largest z of each two engines, then that of all."""
    every = {}
    for one, other in combinations(fits, 2):
        a, b = fits[one], fits[other].reindex(fits[one].index)
        z = ((a["mean"] - b["mean"]) / np.hypot(a["mcse"], b["mcse"])).abs()
        every[one, other] = z
        yield [case, f"{one}, {other}", str(len(z)), f"{z.max():.2f} ({z.idxmax()})", f"{expected_largest(len(z)):.2f}"]
    z = pd.concat(every.values())
    yield [case, "all", str(len(z)), f"{z.max():.2f} ({z.idxmax()})", f"{expected_largest(len(z)):.2f}"]


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of text."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def main(words: Sequence[str]) -> int:
    """Fit what has not been fitted, print both tables; 1 if a z exceeds 4."""
    warnings.simplefilter("ignore")
    every = {case: {engine: means(case, engine) for engine in ENGINES} for case in words or CASES}
    draws = [row for case, fits in every.items() for row in fits_table(fits, case)]
    pairs = [row for case, fits in every.items() for row in pairs_table(fits, case)]
    print(markdown(["model", "engine", "chains x draws", "smallest ESS", "largest R-hat"], draws))
    print(markdown(["model", "engines", "means", "largest z", "expected of as many"], pairs), end="")
    return int(any(float(row[3].split()[0]) > 4 for row in pairs))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
