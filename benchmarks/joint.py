"""Joint mode of a 2PL over a complete matrix, beside girth and py-irt: ``python -m benchmarks.joint``.

With ``sizes=1000x2000,2000x4000,5000x10000``, ``contestants=irtbridge,girth``, ``seed=1``, ``results=DIR``. irtbridge's
row is `jmle` with priors and with standard errors, and without; reading the matrix stands apart. girth's joint
estimation gives no standard errors and runs at the first size alone: at others its seconds are in proportion to
responses. ``contestants=py_irt`` adds py-irt's seconds by ten of its epochs. Each in a process of its own, processor
seconds on one core.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.alone import measured_alone
from benchmarks.run import RESULTS
from benchmarks.table import describe_machine
from benchmarks.worker import pin
from irtbridge.data.files import write_text
from irtbridge.data.load import load_responses
from irtbridge.fitting import fit

DEFAULTS = {
    "sizes": "1000x2000,2000x4000,5000x10000",
    "contestants": "irtbridge,girth",
    "seed": "1",
    "results": str(RESULTS),
}
KEY = ["contestant", "persons", "items"]
EPOCHS = 1000  # py-irt's default


def simulate(persons: int, items: int, seed: int) -> NDArray[np.int8]:
    """Codes (person, item): abilities and difficulties standard normal, slopes lognormal with a scale of 0.3."""
    rng = np.random.default_rng(seed)
    ability, difficulty = rng.standard_normal(persons), rng.standard_normal(items)
    slopes, codes = np.exp(rng.normal(0, 0.3, items)), np.empty((persons, items), dtype=np.int8)
    for own, row in zip(ability, codes, strict=True):
        row[:] = rng.uniform(size=items) < 1 / (1 + np.exp(-slopes * (own - difficulty)))
    return codes


def of_irtbridge(codes: NDArray[np.int8], seed: int) -> dict[str, Any]:
    """Reading, a fit with standard errors, and one without."""
    fit("lsat7", "1pl", method="jmle", standard_errors=False)  # loads the libraries
    reading, responses = _timed(lambda: load_responses(codes, allow_constant=True))
    how: dict[str, Any] = {"method": "jmle", "priors": True, "observed_only": True, "seed": seed, "device": "cpu"}
    seconds, found = _timed(lambda: fit(responses, "2pl", **how))
    peak, steps = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, len(found.draws.objective) - 1
    del found
    without, _ = _timed(lambda: fit(responses, "2pl", standard_errors=False, **how))
    return {"seconds": seconds, "without_errors": without, "iterations": steps, "reading": reading, "peak_mib": peak}


def of_girth(codes: NDArray[np.int8], seed: int) -> dict[str, Any]:
    """Joint maximum likelihood, without standard errors."""
    from girth import twopl_jml

    seconds, _ = _timed(lambda: twopl_jml(codes.T))
    return {"without_errors": seconds, "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def of_py_irt(codes: NDArray[np.int8], seed: int) -> dict[str, Any]:
    """Its default epochs, by ten of them."""
    import torch
    from py_irt.models.two_param_logistic import TwoParamLog

    person, item = (torch.tensor(index.ravel()) for index in np.indices(codes.shape))
    right = torch.tensor(codes.ravel(), dtype=torch.float)

    def epochs(number: int) -> float:
        model = TwoParamLog("vague", "cpu", *codes.shape[::-1])
        return _timed(lambda: model.fit(person, item, right, number))[0]

    epochs(1)  # loads what it needs
    seconds = EPOCHS * (epochs(11) - epochs(1)) / 10
    return {"without_errors": seconds, "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


CONTESTANTS: dict[str, Callable[[NDArray[np.int8], int], dict[str, Any]]] = {
    "irtbridge": of_irtbridge,
    "girth": of_girth,
    "py_irt": of_py_irt,
}


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    found = work()
    return time.process_time() - start, found


def with_proportions(table: pd.DataFrame) -> pd.DataFrame:
    """The table with girth's seconds at sizes where it did not run, in proportion to responses from the largest run."""
    ran = table[(table.contestant == "girth")]
    if ran.empty:
        return table
    largest = ran.loc[(ran.persons * ran["items"]).idxmax()]
    rows = [
        {"contestant": "girth (by proportion)", "persons": persons, "items": items}
        | {"without_errors": largest.without_errors * persons * items / (largest.persons * largest["items"])}
        for persons, items in table[["persons", "items"]].drop_duplicates().itertuples(index=False)
        if not ((ran.persons == persons) & (ran["items"] == items)).any()
    ]
    return pd.concat([table, pd.DataFrame(rows)], ignore_index=True)


def write_results(records: list[dict[str, Any]], folder: Path) -> str:
    """New rows over those on disk, as CSV and Markdown; the Markdown."""
    path, table = folder / "joint.csv", pd.DataFrame(records)
    if path.exists():
        table = pd.concat([pd.read_csv(path), table]).drop_duplicates(KEY, keep="last")
    table = table.sort_values(KEY, ignore_index=True)
    write_text(path, table.to_csv(index=False, float_format="%.5g"))
    shown = with_proportions(table).map(lambda cell: f"{cell:,.4g}" if isinstance(cell, float) else str(cell))
    shown = shown.replace("nan", "")
    rows = [" | ".join(row) for row in (shown.columns, ["---"] * shown.shape[1], *shown.to_numpy())]
    text = "\n".join(["# Joint mode of a 2PL over a complete matrix\n", *(f"| {row} |" for row in rows)])
    text += f"\n\nProcessor seconds on one core; see `benchmarks/joint.py`.\n\n{describe_machine()}\n"
    write_text(folder / "joint.md", text)
    return text


def main(words: Sequence[str]) -> int:
    """Measure each, and write what there is after it."""
    if words[:1] == ["--measure"]:
        pin(1)
        persons, items, seed = (int(word) for word in words[2:])
        found = CONTESTANTS[words[1]](simulate(persons, items, seed), seed)
        print(json.dumps({"contestant": words[1], "persons": persons, "items": items} | found))
        return 0
    settings = DEFAULTS | dict(word.split("=", 1) for word in words)
    sizes = [tuple(int(number) for number in size.split("x")) for size in settings["sizes"].split(",")]
    text = ""
    for contestant in settings["contestants"].split(","):
        for persons, items in sizes if contestant == "irtbridge" else sizes[:1]:
            words = [contestant, str(persons), str(items), settings["seed"]]
            record = measured_alone("joint", words, contestant)
            text = write_results([record], Path(settings["results"]))
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
