"""What a GPU makes of it, in one command: ``python -m benchmarks.gpu``.

With ``device=cuda``, ``backends=pyro,numpyro``, ``parts=conformance,laplace,studies``, ``persons=100000,1000000``,
``items=100``, ``replications=3``, ``seed=1``, ``results=results/gpu``. Each step is a process of its own; what it wrote
stays when another fails. ``device=cpu persons=1000`` tries it out without a GPU.

- conformance: the conformance suite of each backend on the device, as a report card in JSON;
- laplace: a whole fit of a 2PL by ``laplace`` at each number of persons, all included but imports;
- studies: ``large_scale`` and ``m2pl7``, the first replications of each.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.scale import peak_mib, simulate
from benchmarks.table import describe_machine
from benchmarks.words import with_defaults
from irtbridge.data.files import write_json, write_text
from irtbridge.errors import IRTBridgeError, UnknownName
from irtbridge.fitting import fit
from irtbridge.plugin.loading import load_backend

ROOT = Path(__file__).parent.parent
DEFAULTS: dict[str, Any] = {
    "device": "cuda",
    "backends": "pyro,numpyro",
    "parts": "conformance,laplace,studies",
    "persons": "100000,1000000",
    "items": 100,
    "replications": 3,
    "seed": 1,
    "results": str(ROOT / "results" / "gpu"),
}
STUDIES = {"large_scale": "nuts,vi,laplace", "m2pl7": "nuts,vi"}
CLI = ("-m", "irtbridge_experiments.cli")
Step = tuple[str, list[str]]


def conformance(settings: dict[str, Any], folder: Path) -> Iterator[Step]:
    """The conformance suite of each backend."""
    for backend in settings["backends"].split(","):
        card = f"json={folder / f'conformance-{backend}.json'}"
        how = [f"device={settings['device']}", "beside=none", card]
        yield f"conformance of {backend}", [*CLI, "check-backend", backend, *how]


def laplace(settings: dict[str, Any], folder: Path) -> Iterator[Step]:
    """A whole fit at each number of persons."""
    for backend in settings["backends"].split(","):
        for persons in map(int, settings["persons"].split(",")):
            path = folder / f"laplace-{backend}-{persons}.json"
            one = {name: settings[name] for name in ("device", "items", "seed")} | {"persons": persons}
            command = ["-m", "benchmarks.gpu", "--measure", json.dumps(one | {"backend": backend}), str(path)]
            yield f"laplace of {persons:,} x {settings['items']} by {backend}", command


def studies(settings: dict[str, Any], folder: Path) -> Iterator[Step]:
    """The first replications of the two studies of many parameters."""
    for study, methods in STUDIES.items():
        how = [f"{key}={settings[key]}" for key in ("device", "replications")]
        what = [f"study={study}", f"backend={settings['backends']}", f"method={methods}"]
        yield f"study {study}", [*CLI, "run", *what, *how, f"results={folder}"]


PARTS = {"conformance": conformance, "laplace": laplace, "studies": studies}


def measure(one: dict[str, Any], path: Path) -> None:
    """Fit twice in this process and write what the second took: the first loads what a library loads late."""
    engine = load_backend(one["backend"])
    engine.preload()
    how = {"backend": one["backend"], "method": "laplace", "device": one["device"], "seed": one["seed"]}
    fit(simulate(500, 10, one["seed"])[1], "2pl", draws=50, **how)
    responses, before = simulate(one["persons"], one["items"], one["seed"])[1], peak_mib()
    start = time.perf_counter()
    done = fit(responses, "2pl", **how)
    trusted = done.verdict.trusted
    seconds = time.perf_counter() - start
    record = one | {"device": done.provenance["device_name"] or done.provenance["device"], "seconds": seconds}
    record |= done.timings.to_dict() | {"pareto_k": done.pareto_k, "ess": done.min_ess, "trusted": trusted}
    write_json(path, record | {"data_mib": before, "peak_mib": peak_mib(), "machine": describe_machine()})


def summary(settings: dict[str, Any], folder: Path, failed: Sequence[str]) -> str:
    """What there is in the folder, as Markdown."""
    card = load_backend(settings["backends"].split(",")[0]).device_name(settings["device"]) or settings["device"]
    lines = [f"# On {card}", "", describe_machine(), ""]
    records = [json.loads(path.read_text()) for path in sorted(folder.glob("laplace-*.json"))]
    if records:
        table = pd.DataFrame(records).drop(columns="machine")
        rows = table.map(lambda value: f"{value:,.3g}" if isinstance(value, float) else str(value))
        cells = (rows.columns, ["---"] * rows.shape[1], *rows.to_numpy())
        lines += ["`laplace`, a second fit in its process, seconds of wall clock.", ""]
        lines += ["| " + " | ".join(row) + " |" for row in cells] + [""]
    for path in sorted(folder.glob("conformance-*.json")):
        found = json.loads(path.read_text())
        lines.append(f"- {path.stem}: {found['passed']} passed, {len(found['failed'])} failed")
    return "\n".join([*lines, *(f"- failed: {name}" for name in failed)]) + "\n"


def run(name: str, command: Sequence[str]) -> bool:
    """Whether a step in a process of its own went well."""
    print(f"{name} ...", file=sys.stderr, flush=True)
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2"}
    return subprocess.run([sys.executable, *command], cwd=ROOT, env=environment, check=False).returncode == 0


def main(words: Sequence[str]) -> int:
    """Run the parts, one step after another."""
    if words[:1] == ["--measure"]:
        measure(json.loads(words[1]), Path(words[2]))
        return 0
    try:
        settings = with_defaults(words, DEFAULTS)
        parts = settings["parts"].split(",")
        for part in parts:
            if part not in PARTS:
                raise UnknownName("part", part, PARTS)
    except IRTBridgeError as error:
        print(f"benchmarks: error: {error}", file=sys.stderr)
        return 1
    folder = Path(settings["results"]).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    failed = [name for part in parts for name, command in PARTS[part](settings, folder) if not run(name, command)]
    text = summary(settings, folder, failed)
    write_text(folder / "gpu.md", text)
    print(text)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
