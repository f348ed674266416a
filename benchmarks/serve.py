"""How fast a test is served to many at once: ``python -m benchmarks.serve``.

With ``persons=200``, ``items=4000``, ``length=20``, ``think=2`` (mean seconds that a person takes for an answer,
exponential; 0 answers at once), ``selection=max_info``, ``seed=1``, ``results=DIR``. The service runs in a process of
its own, as `irtbridge serve-test` starts it; persons in this one are coroutines, each with a connection of its own. A
row has the time from sending an answer to having the next item, and how many answers the final tokens lack.
"""

from __future__ import annotations

import asyncio
import csv
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
from itsdangerous import URLSafeTimedSerializer

from benchmarks.run import RESULTS
from benchmarks.table import describe_machine
from irtbridge.data.files import write_text

DEFAULTS: dict[str, Any] = {
    "persons": 200,
    "items": 4000,
    "length": 20,
    "think": 2.0,
    "selection": "max_info",
    "seed": 1,
    "results": str(RESULTS),
}
PATIENCE = 60  # seconds until a service must stand, and for a reply


def main(words: Sequence[str]) -> int:
    """Measure, print and write."""
    given = dict(word.split("=", 1) for word in words)
    settings = {name: type(value)(given.get(name, value)) for name, value in DEFAULTS.items()}
    with tempfile.TemporaryDirectory() as folder, served(Path(folder), settings) as address:
        waits, lost, seconds = asyncio.run(load(address, settings))
    row = {name: settings[name] for name in ("persons", "items", "length", "think", "selection")}
    row |= {f"p{q}_ms": round(float(np.percentile(waits, q)) * 1e3, 2) for q in (50, 95, 99)}
    row |= {"requests_a_second": round(len(waits) / seconds, 1), "answers": len(waits), "lost": lost}
    row |= {"load_average": round(os.getloadavg()[0], 1), "cores": os.cpu_count()}
    lines = [f"{name}: {value}" for name, value in row.items()]
    print("\n".join(lines))
    _keep(Path(settings["results"]) / "serve.csv", row)
    return int(lost > 0)


@contextmanager
def served(folder: Path, settings: dict[str, Any]) -> Iterator[str]:
    """The service of a simulated bank, and its address."""
    rng, count = np.random.default_rng(settings["seed"]), settings["items"]
    bank = folder / "bank.csv"
    pd.DataFrame({"a": rng.lognormal(0, 0.3, count), "b": rng.normal(0, 1, count)}).to_csv(bank, index=False)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["serve-test", str(bank), f"port={port}", f"stop=items={settings['length']}"]
    command = [sys.executable, "-m", "irtbridge_experiments.cli", *words, f"selection={settings['selection']}"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_for(address)
        yield address
    finally:
        process.terminate()
        process.wait()


def _wait_for(address: str) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        try:
            httpx.get(address)
            return
        except httpx.TransportError:
            time.sleep(0.2)
    raise TimeoutError(f"no service at {address} after {PATIENCE} s.")


async def load(address: str, settings: dict[str, Any]) -> tuple[list[float], int, float]:
    """Seconds that each answer took, answers lost, and seconds in all."""
    begin = time.perf_counter()
    people = [_person(address, settings, row) for row in range(settings["persons"])]
    each = await asyncio.gather(*people)
    waits = [wait for own, _ in each for wait in own]
    return waits, sum(lost for _, lost in each), time.perf_counter() - begin


async def _person(address: str, settings: dict[str, Any], row: int) -> tuple[list[float], int]:
    """One person's test: seconds that each answer took, and how many the last token lacks."""
    rng, waits, sent = np.random.default_rng([settings["seed"], row]), [], []
    async with httpx.AsyncClient(base_url=address, timeout=PATIENCE) as client:
        await asyncio.sleep(rng.uniform(0, settings["think"]))
        reply = (await client.post("/api/start")).json()
        while not reply["finished"]:
            await asyncio.sleep(rng.exponential(settings["think"]))
            item, answer = reply["question"]["item"], int(rng.integers(2))
            body = {"token": reply["token"], "item": item, "answer": answer, "attempt": str(len(sent))}
            begin = time.perf_counter()
            response = await _post(client, "/api/answer", body)
            waits.append(time.perf_counter() - begin)
            reply = response.raise_for_status().json()
            sent.append((item, answer))
        return waits, _lacking(reply["token"], sent)


async def _post(client: httpx.AsyncClient, path: str, body: dict[str, Any]) -> httpx.Response:
    """A reply; where none comes the request is sent once more, as the page does."""
    try:
        return await client.post(path, json=body)
    except httpx.TransportError:
        return await client.post(path, json=body)


def _lacking(token: str, sent: list[tuple[str, int]]) -> int:
    """How many of the answers sent do not stand in a token, in their order."""
    _, content = URLSafeTimedSerializer("").loads_unsafe(token)
    session = json.loads(content[-1])
    kept = list(zip(session["items"], session["answers"], strict=True))
    return sum(one != other for one, other in zip(sent, kept, strict=False)) + abs(len(sent) - len(kept))


def _keep(path: Path, row: dict[str, Any]) -> None:
    """One more row."""
    before = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines())) if path.exists() else []
    table = pd.DataFrame([*before, row | {"machine": describe_machine()}])
    write_text(path, table.to_csv(index=False))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
