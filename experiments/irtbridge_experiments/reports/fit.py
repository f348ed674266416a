"""What ``irtbridge fit`` shows: the item tables of all fits of one model to one data set, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console

from irtbridge.assess.items.misfit import misfit
from irtbridge.data.files import write_text
from irtbridge.data.responses import Responses
from irtbridge.errors import IRTBridgeError, SpecError
from irtbridge.fitting.loading import load_fit
from irtbridge.inference import METHODS
from irtbridge.model.spec import ModelSpec
from irtbridge.results.verdict import verdict_of_record
from irtbridge_experiments.records import Record
from irtbridge_experiments.records.fits import read_records
from irtbridge_experiments.study.locks import writing
from irtbridge_experiments.tables.real_data import compact, side_by_side
from irtbridge_experiments.tables.render import print_table

WORST = 3  # items named


def write_fit(folder: Path, spec: ModelSpec, responses: Responses, seed: int, console: Console) -> None:
    """Write and print the item tables of every fit in a folder that is of this model, these data and this seed."""
    with writing(folder):
        records = [record for record in read_records(folder) if "error" not in record]
        shown = [record for record in records if _is_of(record, spec, responses, seed)]
        if not shown:
            return
        tables = {part: side_by_side(shown, part) for part in ("items", "shared") if any(r[part] for r in shown)}
        for part, table in tables.items():
            write_text(folder / f"{part}.csv", table.to_csv(index=False, float_format="%.6g"))
    for part, table in tables.items():
        what = "" if part == "items" else ": parameters of no single item"
        print_table(compact(table), console, f"{spec.name} on {responses.name}{what}", decimals=2)
    for method in {record["method"]: METHODS[record["method"]] for record in shown}.values():
        if method.scale:
            console.print(f"{method.name}: {method.scale}")
    for record in shown:
        console.print(f"{_name(record)}: {_seconds_and_checks(record)}")
        verdict = verdict_of_record(record)
        console.print(f"{_name(record)}: {verdict}", style="dim" if verdict.trusted else "bold")
    for line in worst_items(folder, shown):
        console.print(line)
    if others := [_name(record) for record in records if record not in shown]:
        console.print(f"left out, being of other data, priors or another seed: {', '.join(others)}")
    console.print(f"written: {', '.join(f'{folder}/{part}.csv' for part in tables)}, records/, draws/")


def _is_of(record: Record, spec: ModelSpec, responses: Responses, seed: int) -> bool:
    """Whether a record is of this model, as its method fits it, of these data and of this seed."""
    try:
        wanted = METHODS[record["method"]].adapt(spec).hash
    except SpecError:  # a method that cannot fit it has not
        return False
    return bool(
        (record["spec_hash"], record["data_fingerprint"], record["seed"]) == (wanted, responses.fingerprint, seed)
    )


def worst_items(folder: Path, records: Sequence[Record]) -> Iterator[str]:
    """The items that fit worst in the first fit whose draws were saved; the reason where none can be told."""
    files = (folder / "draws" / f"{record['backend']}-{record['method']}.nc" for record in records)
    file = next((file for file in files if file.is_file()), None)
    if file is None:
        return
    try:
        table = misfit(load_fit(file).item_fit())
    except IRTBridgeError as error:
        yield f"item fit: {error}"
        return
    worst = ", ".join(f"{item} (p {_p(p)})" for item, p in table["p"].iloc[:WORST].items())
    flagged = int(table["flag"].sum())
    yield (
        f"worst fit by {table['statistic'].iloc[0]}: {worst}; {flagged} of {len(table)} items fail at .05 for all at "
        f"once. More: irtbridge report {folder}"
    )


def _p(value: float) -> str:
    return "< .001" if value < 0.001 else f"{value:.3f}"


def _name(record: Record) -> str:
    return f"{record['backend']} {record['method']}"


def _seconds_and_checks(record: Mapping[str, Any]) -> str:
    """Where the time went, and the numbers by which a fit is to be believed, those that its method has."""
    stages = {"compile": "compile", "warmup": "warm-up", "sampling": "sampling"}
    seconds = ", ".join(f"{name} {record[f'{key}_seconds']:.1f} s" for key, name in stages.items())
    texts = {"min_ess": "min ESS {:.0f}", "pareto_k": "k-hat {:.2f}", "max_r_hat": "max R-hat {:.3f}"}
    checks = [text.format(record[key]) for key, text in texts.items() if pd.notna(record.get(key))]
    if record["method"] == "laplace" and record["chain_method"] != "independent":
        checks.append("fell back to nuts_collapsed, k-hat being above 0.7")
    if record["method"].startswith("nuts"):
        checks.append(f"divergences {record['divergences']}")
    return "; ".join([seconds, *([", ".join(checks)] if checks else [])])
