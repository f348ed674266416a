"""The table of a suite, from its records alone."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.suites import Suite
from irtbridge.data.files import write_text

Record = Mapping[str, Any]

COLUMNS = {
    "sampling": {
        "compile s": "compile_seconds",
        "total s": "total_seconds",
        "min ESS": "min_ess",
        "ESS/s": "ess_per_second",
        "RMSE a": "rmse_discrimination",
        "RMSE b": "rmse_location",
    },
    "mode": {
        "compile s": "compile_seconds",
        "total s": "total_seconds",
        "log likelihood": "log_likelihood",
        "RMSE a": "rmse_discrimination",
        "RMSE b": "rmse_location",
    },
    "elbo": {
        "compile s": "compile_seconds",
        "total s": "total_seconds",
        "last ELBO": "last_elbo",
        "s to ELBO": "seconds_to_elbo",
        "RMSE a": "rmse_discrimination",
        "RMSE b": "rmse_location",
    },
    "sets": {"sets": "sets", "total s": "total_seconds", "fell back": "fell_back"},
    "gradient": {"first call s": "total_seconds", "gradient ms": "gradient_milliseconds"},
}
DECIMALS = {
    "load": 1,
    "compile s": 1,
    "import s": 1,
    "min ESS": 0,
    "sets": 0,
    "fell back": 0,
    "log likelihood": 2,
    "last ELBO": 1,
    "RMSE a": 4,
    "RMSE b": 4,
}
CAPTIONS = {
    "sampling": "seconds for each effective draw: total s / min ESS. Min ESS: the smallest bulk ESS of an item "
    "parameter; of weighted draws 1 / sum of squared weights. RMSE: of posterior means from the simulated truth",
    "mode": "total seconds. Log likelihood: marginal, of the estimates, by one function for all",
    "elbo": "seconds until the ELBO, averaged over a sixtieth of the steps, is first within 2 of the last one of "
    "the reference. py-irt has other priors, so no ELBO that compares: its ratio is of all its default epochs",
    "sets": "total seconds. Fell back: data sets whose k-hat exceeded 0.7, so that collapsed NUTS took over",
    "gradient": "seconds for each gradient, the median of many calls after the first",
}


ELBO_TOLERANCE = 2.0


def cost(record: Record, measure: str) -> float | None:
    """What the suite compares, in seconds: for each effective draw, in total, or for each gradient."""
    if measure == "sampling":
        return record["total_seconds"] / record["min_ess"] if record.get("min_ess") else None
    if measure == "elbo":
        return record.get("seconds_to_elbo") if "elbo" in record else record.get("total_seconds")
    return record.get("gradient_seconds" if measure == "gradient" else "total_seconds")


def make_table(suite: Suite, records: Sequence[Record]) -> pd.DataFrame:
    """One row for each contestant, in the suite's order."""
    records = _with_elbo(suite, records)
    costs = {r["contestant"]: cost(r, suite.measure) for r in records}
    reference, rows = costs.get(suite.reference), []
    for r in records:
        values = dict(r) | _derived(r)
        own = costs[r["contestant"]]
        ratio = own / reference if own and reference else None
        row = {"contestant": r["contestant"], "engine": r["engine"], "method": r["method"]}
        row |= {"load": r.get("load_average"), "import s": r.get("import_seconds")}
        row |= {column: values.get(key) for column, key in COLUMNS[suite.measure].items()}
        rows.append(row | {"ratio": ratio, "note": r.get("note", "")})
    return pd.DataFrame(rows)


def _with_elbo(suite: Suite, records: Sequence[Record]) -> Sequence[Record]:
    """Records with the seconds to the reference's last ELBO, where there are ELBOs."""
    traces = {r["contestant"]: r["elbo"] for r in records if "elbo" in r}
    if suite.reference not in traces:
        return records
    target = traces[suite.reference][-1][1] - ELBO_TOLERANCE
    first = {name: next((s for s, elbo in trace if elbo >= target), None) for name, trace in traces.items()}
    return [
        {**r, "last_elbo": r["elbo"][-1][1], "seconds_to_elbo": first[r["contestant"]]} if "elbo" in r else r
        for r in records
    ]


def _derived(record: Record) -> dict[str, float]:
    out = {}
    if record.get("min_ess"):
        out["ess_per_second"] = record["min_ess"] / record["total_seconds"]
    if record.get("gradient_seconds"):
        out["gradient_milliseconds"] = 1000 * record["gradient_seconds"]
    return out


def to_markdown(table: pd.DataFrame) -> str:
    """A GitHub table."""
    left = ("contestant", "engine", "method", "note")
    lines = ["| " + " | ".join(table.columns) + " |"]
    lines.append("|" + "|".join(" --- " if c in left else " ---: " for c in table.columns) + "|")
    for row in table.to_dict("records"):
        lines.append("| " + " | ".join(_text(value, str(column)) for column, value in row.items()) + " |")
    return "\n".join(lines) + "\n"


def _text(value: Any, column: str) -> str:
    if isinstance(value, str):
        return value
    if value is None or pd.isna(value):
        return "-"
    return f"{value:.{DECIMALS[column]}f}" if column in DECIMALS else _three_digits(value)


def _three_digits(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def describe_machine() -> str:
    """Processor, cores and system."""
    return f"{_processor()}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def write_tables(suite: Suite, records: Sequence[Record], folder: Path) -> str:
    """Write ``<suite>.csv`` and ``<suite>.md``; returns the Markdown."""
    table = make_table(suite, records)
    write_text(folder / f"{suite.name}.csv", table.to_csv(index=False, float_format="%.6g"))
    versions: dict[str, str] = {}
    for record in records:
        versions |= record.get("versions", {})
    seen = {key: sorted({str(r[key]) for r in records if key in r}) for key in ("machine", "threads", "dtype", "seed")}
    lines = [
        f"# {suite.name}: {suite.description}",
        "",
        to_markdown(table),
        f"Ratio: to {suite.reference}, of {CAPTIONS[suite.measure]}. Seconds: wall clock of the first call, "
        "compilation included, imports apart; each contestant in its own process. Load: average of the last minute "
        "before it began, the contestant before it included; much above 1 the machine had other work, and the "
        "seconds are too many.",
        "",
        *(f"- {key}: {', '.join(values)}" for key, values in seen.items()),
        f"- versions: {', '.join(f'{name} {version}' for name, version in sorted(versions.items()))}",
    ]
    text = "\n".join(lines) + "\n"
    write_text(folder / f"{suite.name}.md", text)
    return text
