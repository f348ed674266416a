"""A factor model of a large matrix of which little was asked, beside a loop in torch: ``python -m benchmarks.sparse``.

With ``persons=6600``, ``items=37700``, ``share=0.05``, ``factors=1``, ``epochs=24``, ``contestants=irtbridge,torch``,
``seed=1``, ``results=DIR``. Both minimise minus the log likelihood plus half the sum of squares of all parameters.
irtbridge's row is one `fit` to its own end, and one with as many iterations as it takes to come within 1e-4 of that
loss of a response; torch's loop runs to the same loss, of as many epochs as it is given for its rate to fall.
Processor seconds, without reading the table, which stands beside them.
"""

from __future__ import annotations

import json
import resource
import sys
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.alone import measured_alone
from benchmarks.run import RESULTS
from benchmarks.table import describe_machine
from benchmarks.worker import pin
from irtbridge.data.files import write_atomic, write_text
from irtbridge.data.load import load_responses
from irtbridge.fitting import fit

DEFAULTS: dict[str, Any] = {
    "persons": 6600, "items": 37700, "share": 0.05, "factors": 1, "epochs": 24, "contestants": "irtbridge,torch",
    "seed": 1, "results": str(RESULTS),
}  # fmt: skip
KEY = ["contestant", "factors", "persons", "items", "responses"]
NEAR = 1e-4  # of the loss of a response


def simulate(settings: dict[str, Any]) -> pd.DataFrame:
    """A long table: abilities and slopes normal, a random share of the items to each person."""
    rng, size, factors = np.random.default_rng(settings["seed"]), settings["items"], settings["factors"]
    counts = rng.binomial(size, settings["share"], settings["persons"])
    person = np.repeat(np.arange(len(counts)), counts)
    item = np.concatenate([np.sort(rng.choice(size, count, replace=False)) for count in counts])
    abilities, slopes = rng.standard_normal((len(counts), factors)), rng.normal(0, 1.2, (size, factors))
    odds = rng.standard_normal(size)[item]
    for own, of_item in zip(abilities.T, slopes.T / np.sqrt(factors), strict=True):
        odds += own[person] * of_item[item]
    right = rng.uniform(size=len(item)) < 1 / (1 + np.exp(-odds))
    return pd.DataFrame({"person": person, "item": item, "response": right.astype(np.int8)})


def of_irtbridge(settings: dict[str, Any], table: pd.DataFrame) -> dict[str, Any]:
    """Reading, a fit to its own end, and one that is stopped near it."""
    start = time.process_time()
    responses = load_responses(table, allow_constant=True)
    reading = time.process_time() - start
    how = {"method": "jmle", "priors": True, "standard_errors": False, "seed": settings["seed"], "device": "cpu"}
    how |= {"model_options": {"traits": settings["factors"]}}
    start = time.process_time()
    objective = fit(responses, "lfm", **how).draws.objective
    whole = time.process_time() - start
    assert objective is not None
    loss = -(objective + _constant(settings)) / len(table)
    enough = int(np.argmax(loss < loss[-1] + NEAR))
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it was stopped
        fit(responses, "lfm", max_iterations=enough, **how)
    near = time.process_time() - start
    return {"seconds": near, "iterations": enough, "loss": loss[enough], "least": loss[-1], "reading": reading} | {
        "to_the_end": whole, "iterations_to_the_end": len(loss) - 1
    }  # fmt: skip


def _constant(settings: dict[str, Any]) -> float:
    """What turns the log density of standard normal priors into a penalty."""
    persons, items, factors = settings["persons"], settings["items"], settings["factors"]
    return 0.5 * np.log(2 * np.pi) * (persons * factors + items * (factors + 1))


def of_torch(settings: dict[str, Any], table: pd.DataFrame) -> dict[str, Any]:
    """The loop, until it is as near."""
    from benchmarks.contestants.torch_factors import descend

    shape, arrays = (settings["persons"], settings["items"]), (table[name].to_numpy() for name in table)
    passed = []
    for each in descend(*arrays, shape, settings["factors"], settings["epochs"], settings["seed"]):
        passed.append(each)
        if each[1] < settings["least"] + NEAR:
            break
    seconds, loss = passed[-1]
    return {"seconds": seconds, "iterations": len(passed), "loss": loss, "least": settings["least"]}


def measure(settings: dict[str, Any], contestant: str) -> dict[str, Any]:
    """One contestant in this process."""
    pin(1)
    fit("lsat7", "1pl", method="jmle", standard_errors=False)  # loads the libraries
    table = simulate(settings)
    found = {"irtbridge": of_irtbridge, "torch": of_torch}[contestant](settings, table)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    names = ("factors", "persons", "items")
    key = {"contestant": contestant, **{name: settings[name] for name in names}, "responses": len(table)}
    return key | found | {"peak_mib": peak}


def write_results(records: list[dict[str, Any]], folder: Path) -> str:
    """New rows over those on disk, as CSV, Markdown and a figure; the Markdown."""
    path, table = folder / "sparse.csv", pd.DataFrame(records)
    if path.exists():
        table = pd.concat([pd.read_csv(path), table]).drop_duplicates(KEY, keep="last")
    table = table.sort_values(KEY, ignore_index=True)
    write_text(path, table.to_csv(index=False, float_format="%.7g"))
    shown = table.map(lambda cell: f"{cell:,.5g}" if isinstance(cell, float) else str(cell))
    lines = [" | ".join(row) for row in (shown.columns, ["---"] * shown.shape[1], *shown.to_numpy())]
    text = "\n".join(
        ["# A factor model of a large matrix of which little was asked\n", *(f"| {line} |" for line in lines)]
    )
    text += f"\n\nProcessor seconds on one core; see `benchmarks/sparse.py`.\n\n{describe_machine()}\n"
    write_text(folder / "sparse.md", text)
    draw(table[table.contestant == "irtbridge"], folder)
    return text


def draw(table: pd.DataFrame, folder: Path) -> None:
    """Seconds of a fit to its end, and of an iteration, against observed responses."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    for factors, rows in table.groupby("factors"):
        for axes, seconds in ((left, rows.to_the_end), (right, rows.to_the_end / rows.iterations_to_the_end)):
            axes.plot(rows.responses / 1e6, seconds, "o", label=f"K = {factors}")
    left.set(ylabel="processor seconds of a fit", xlabel="observed responses, millions")
    right.set(ylabel="processor seconds of an iteration", xlabel="observed responses, millions")
    for axes in (left, right):
        axes.set(xlim=(0, None), ylim=(0, None))
        axes.grid(alpha=0.3)
    left.legend()
    for ending in ("png", "svg"):
        write_atomic(
            folder / f"sparse.{ending}", lambda target, how=ending: figure.savefig(target, format=how, dpi=150)
        )


def main(words: Sequence[str]) -> int:
    """Measure both, and write what there is after each."""
    if words[:1] == ["--measure"]:
        print(json.dumps(measure(json.loads(words[1]), words[2])))
        return 0
    given = dict(word.split("=", 1) for word in words)
    settings: dict[str, Any] = {name: type(value)(given.get(name, value)) for name, value in DEFAULTS.items()}
    text = ""
    for contestant in settings["contestants"].split(","):
        record = measured_alone("sparse", [json.dumps(settings), contestant], contestant)
        settings["least"] = record["least"]
        text = write_results([record], Path(settings["results"]))
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
