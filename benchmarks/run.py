"""Run a suite: ``python -m benchmarks.run suite=NAME``.

With ``limit=600`` seconds for each contestant, ``threads=1``, ``seed=1``, ``overwrite=false``, ``only=A,B``,
``results=DIR``.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks.job import Job
from benchmarks.suites import SUITES, Contestant, Suite, make_jobs
from benchmarks.table import describe_machine, write_tables
from irtbridge.data.files import read_json, write_json
from irtbridge.errors import ConfigError, IRTBridgeError, UnknownName

RESULTS = Path(__file__).parent / "results"
DEFAULTS = {"suite": "", "limit": "600", "threads": "1", "seed": "1", "overwrite": "false", "only": "", "results": ""}
THREAD_VARIABLES = (
    "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS",
    "RAYON_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS",
)  # fmt: skip
Record = dict[str, Any]


def run_suite(
    suite: Suite,
    folder: Path = RESULTS,
    *,
    limit: float = 600,
    threads: int = 1,
    seed: int = 1,
    overwrite: bool = False,
    only: Sequence[str] = (),
) -> str:
    """Run every contestant of a suite, one after another, and write its tables.

    Parameters
    ----------
    suite : Suite
        What to run.
    folder : Path
        Tables go there, records to a folder below it, each as its contestant finishes.
    limit : float
        Seconds that the process of a contestant may take, imports included.
    threads, seed : int
        The same for all.
    overwrite : bool
        Run again what is on disk.
    only : sequence of str
        Run these contestants; the others' rows come from their records, or say that they were not run.

    Returns
    -------
    str
        The table in Markdown.
    """
    names = [c.name for c in suite.contestants]
    for name in only:
        if name not in names:
            raise UnknownName(f"contestant of suite {suite.name!r}", name, names)
    records = []
    for contestant, job in zip(suite.contestants, make_jobs(suite, seed, threads), strict=True):
        path = folder / suite.name / f"{contestant.name}.json"
        record = None if overwrite and _chosen(contestant, only) else finished(path, job, limit)
        if record is None and _chosen(contestant, only):
            print(f"{suite.name}: {contestant.name} ...", file=sys.stderr, flush=True)
            record = run_contestant(contestant, job, limit)
            write_json(path, record)
        records.append(record or heading(contestant, job) | {"status": "not run", "note": "not run"})
    return write_tables(suite, records, folder)


def _chosen(contestant: Contestant, only: Sequence[str]) -> bool:
    return not only or contestant.name in only


def finished(path: Path, job: Job, limit: float) -> Record | None:
    """The record of this very job, if it need not run again: done, or out of time under no shorter a limit."""
    record = read_json(path) if path.exists() else {}
    if record.get("job_hash") != job.hash:
        return None
    return record if record["status"] == "done" or record.get("over", 0) >= limit else None


def run_contestant(contestant: Contestant, job: Job, limit: float) -> Record:
    """Run a job in a process of its own; what keeps it from finishing becomes the record's note."""
    record, versions = heading(contestant, job), {name: _version(name) for name in contestant.requires}
    missing = [name for name, version in versions.items() if version is None]
    if missing:
        return record | {"status": "missing", "note": f"not installed: {', '.join(missing)}"}
    versions |= {name: _version(name) for name in ("irtbridge", "numpy")}
    record |= {"machine": describe_machine(), "load_average": _load(), "versions": versions}
    return record | _run_process(job, limit)


def heading(contestant: Contestant, job: Job) -> Record:
    """What is known of a contestant before it runs."""
    record = {key: getattr(job, key) for key in ("contestant", "threads", "dtype", "seed", "options")}
    return record | {"engine": contestant.engine, "method": contestant.method, "job_hash": job.hash}


def _run_process(job: Job, limit: float) -> Record:
    with tempfile.TemporaryDirectory() as scratch:
        task, answer, log = (Path(scratch) / name for name in ("job.json", "record.json", "log.txt"))
        write_json(task, asdict(job))
        environment = os.environ | dict.fromkeys(THREAD_VARIABLES, str(job.threads)) | {"TF_CPP_MIN_LOG_LEVEL": "2"}
        command = [sys.executable, "-m", "benchmarks.worker", str(task), str(answer)]
        how: dict[str, Any] = {"env": environment, "start_new_session": True, "cwd": Path(__file__).parent.parent}
        with log.open("w") as output, subprocess.Popen(command, stdout=output, stderr=output, **how) as process:
            try:
                process.wait(limit)
            except BaseException as error:
                os.killpg(process.pid, signal.SIGKILL)
                if isinstance(error, subprocess.TimeoutExpired):
                    return {"status": "over", "over": limit, "note": f"over {limit:g} s"}
                raise
        if process.returncode == 0:
            return {"status": "done"} | read_json(answer)
        last = (log.read_text(errors="replace").strip().splitlines() or [f"exit {process.returncode}"])[-1]
        return {"status": "failed", "note": f"failed: {last[:200]}".replace("|", "/")}


def _load() -> float | None:
    """What else the machine does: its load average before the contestant starts."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def read_arguments(words: Sequence[str]) -> dict[str, str]:
    """KEY=VALUE words over the defaults.

    Raises
    ------
    UnknownName
        No such key, or no such suite.
    """
    given = dict(word.partition("=")[::2] for word in words)
    for key in given:
        if key not in DEFAULTS:
            raise UnknownName("setting", key, DEFAULTS)
    settings = DEFAULTS | given
    if settings["suite"] not in SUITES:
        raise UnknownName("suite", settings["suite"], SUITES)
    return settings


def main(words: Sequence[str]) -> int:
    """Run the suite that the words name and print its table."""
    try:
        settings = read_arguments(words)
        text = run_suite(
            SUITES[settings["suite"]],
            Path(settings["results"] or RESULTS),
            limit=_number(settings, "limit"),
            threads=int(_number(settings, "threads")),
            seed=int(_number(settings, "seed")),
            overwrite=settings["overwrite"].lower() == "true",
            only=[name for name in settings["only"].split(",") if name],
        )
    except IRTBridgeError as error:
        print(f"benchmarks: error: {error}", file=sys.stderr)
        return 1
    print(text)
    return 0


def _number(settings: dict[str, str], key: str) -> float:
    try:
        return float(settings[key])
    except ValueError:
        raise ConfigError(f"{key}={settings[key]!r} must be a number.") from None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
