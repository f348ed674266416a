"""Seconds and memory against the number of persons: ``python -m benchmarks.scale``.

With ``largest=100000``, ``items=50``, ``backend=pyro``, ``method=map``, ``threads=1``, ``seed=1``, ``results=DIR``. A
2PL for 1,000 persons, ten times as many, and so on up to `largest`, each in a process of its own.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.alone import measured_alone
from benchmarks.run import RESULTS, THREAD_VARIABLES
from benchmarks.table import describe_machine
from benchmarks.worker import pin
from irtbridge.data.files import write_atomic, write_text
from irtbridge.data.responses import Responses
from irtbridge.errors import ConfigError, IRTBridgeError, UnknownName
from irtbridge.fitting import fit
from irtbridge.model.catalogue import two_pl
from irtbridge.model.simulate import simulate_responses
from irtbridge.plugin.loading import backend_class

DEFAULTS: dict[str, Any] = {
    "largest": 100_000,
    "items": 50,
    "backend": "pyro",
    "method": "map",
    "threads": 1,
    "seed": 1,
    "results": str(RESULTS),
}
KEY = ["backend", "method", "items", "threads", "persons"]
SMALLEST, AT_ONCE = 1000, 10_000


def simulate(persons: int, items: int, seed: int) -> tuple[dict[str, Any], Responses]:
    """True parameters of a 2PL and its responses, drawn in blocks of persons so that memory is the data's."""
    rng = np.random.default_rng(seed)
    truth = {"discrimination": rng.lognormal(0, 0.3, items), "difficulty": rng.standard_normal(items)}
    values = np.empty((persons, items), dtype=np.int8)
    for start in range(0, persons, AT_ONCE):
        rows = values[start : start + AT_ONCE]
        ability = {"ability": rng.standard_normal(len(rows))}
        rows[:] = simulate_responses(two_pl(), truth | ability, [2] * items, rng).values
    return truth, Responses.from_codes(values, 2, name=f"simulated {persons} x {items}")


def measure(settings: dict[str, Any], persons: int) -> dict[str, Any]:
    """Fit once in this process."""
    pin(settings["threads"])
    with suppress(ImportError):  # of libraries, before the clock starts
        import_module(f"{backend_class(settings['backend']).__module__}.program")
    truth, responses = simulate(persons, settings["items"], settings["seed"])
    before, start = peak_mib(), time.perf_counter()
    options = {"threads": settings["threads"]} if settings["backend"] == "pyro" else {}
    how = {name: settings[name] for name in ("backend", "method", "seed")}
    result = fit(responses, "2pl", device="cpu", backend_options=options, **how)
    record = {name: settings[name] for name in KEY[:-1]} | {"persons": persons}
    record |= {"seconds": time.perf_counter() - start} | result.timings.to_dict()
    estimate = result.idata.posterior[list(truth)].mean(["chain", "draw"])
    error = {f"rmse_{n}": float(np.sqrt(np.mean((estimate[n].values - truth[n]) ** 2))) for n in truth}
    return record | error | {"data_mib": before, "peak_mib": peak_mib()}


def peak_mib() -> float:
    """Largest memory that this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run_process(settings: dict[str, Any], persons: int) -> dict[str, Any]:
    """`measure` in a process of its own."""
    environment = dict.fromkeys(THREAD_VARIABLES, str(settings["threads"])) | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    load = os.getloadavg()[0]
    record = measured_alone("scale", [json.dumps(settings), str(persons)], f"{persons} persons", environment)
    return record | {"load_before": load}


def merge(path: Path, records: list[dict[str, Any]]) -> pd.DataFrame:
    """New rows over those on disk."""
    table = pd.DataFrame(records)
    if path.exists():
        table = pd.concat([pd.read_csv(path), table]).drop_duplicates(KEY, keep="last")
    return table.sort_values(KEY, ignore_index=True)


def write_results(table: pd.DataFrame, folder: Path) -> str:
    """The table as CSV and Markdown, and the figure as PNG and SVG; the Markdown."""
    write_text(folder / "scale.csv", table.to_csv(index=False, float_format="%.4g"))
    shown = table[[*KEY, "seconds", "data_mib", "peak_mib", "load_before"]].map(
        lambda v: f"{v:,.1f}" if isinstance(v, float) else str(v)
    )
    lines = [" | ".join(row) for row in (shown.columns, ["---"] * shown.shape[1], *shown.to_numpy())]
    text = "# Seconds and memory against persons\n\n" + "\n".join(f"| {line} |" for line in lines)
    text += (
        "\n\nSeconds: wall clock of `fit`, compilation included, imports apart. Peak: of the whole process, simulated "
        f"data included; data: before `fit` begins. Load: average of the last minute before.\n\n{describe_machine()}\n"
    )
    write_text(folder / "scale.md", text)
    draw(table, folder)
    return text


def draw(table: pd.DataFrame, folder: Path) -> None:
    """Seconds and peak memory against persons, both axes logarithmic; the dotted line is proportional to persons."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), layout="constrained")
    panels = zip(figure.subplots(1, 2), ("seconds", "peak_mib"), ("seconds", "peak memory, MiB"), strict=True)
    for axes, column, label in panels:
        for (backend, method, items), rows in table.groupby(KEY[:3]):
            axes.plot(rows.persons, rows[column], marker="o", label=f"{backend}, {method}, {items} items")
        top = table.loc[table.persons.idxmax()]
        line = np.unique(table.persons)
        axes.plot(line, top[column] * line / top.persons, ":", color="grey", label="proportional")
        axes.set(xscale="log", yscale="log", xlabel="persons", ylabel=label, ylim=(table[column].min() / 2, None))
        axes.grid(alpha=0.3)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
    for ending in ("png", "svg"):
        write_atomic(folder / f"scale.{ending}", lambda path, how=ending: figure.savefig(path, format=how, dpi=150))


def read_settings(words: Sequence[str]) -> dict[str, Any]:
    """KEY=VALUE words over the defaults."""
    settings = dict(DEFAULTS)
    for key, _, value in (word.partition("=") for word in words):
        if key not in DEFAULTS:
            raise UnknownName("setting", key, DEFAULTS)
        try:
            settings[key] = type(DEFAULTS[key])(value)
        except ValueError:
            raise ConfigError(f"{key}={value!r} must be an integer.") from None
    return settings


def main(words: Sequence[str]) -> int:
    """Measure size after size, and write what there is after each."""
    if words[:1] == ["--measure"]:
        print(json.dumps(measure(json.loads(words[1]), int(words[2]))))
        return 0
    try:
        settings, text = read_settings(words), ""
        folder, persons = Path(settings["results"]), SMALLEST
        while persons <= settings["largest"]:
            print(f"{persons:,} persons ...", file=sys.stderr, flush=True)
            record = run_process(settings, persons)
            text, persons = write_results(merge(folder / "scale.csv", [record]), folder), 10 * persons
    except IRTBridgeError as error:
        print(f"benchmarks: error: {error}", file=sys.stderr)
        return 1
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
