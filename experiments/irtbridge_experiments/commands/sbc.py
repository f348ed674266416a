"""``irtbridge sbc``: simulation-based calibration of the catalogue, with as many data sets as one has time for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from omegaconf import DictConfig, OmegaConf

from irtbridge.data.files import check_writable, write_text
from irtbridge.errors import ConfigError, ResultsError, UnknownName
from irtbridge.inference import make_settings
from irtbridge.many import fit_many
from irtbridge.model.catalogue import ALIASES
from irtbridge.plugin.devices import check_dtype
from irtbridge.plugin.loading import backend_class
from irtbridge.testing.calibration import CALIBRATED, FALSE_ALARM, ranks, verdict
from irtbridge.testing.cases import Case
from irtbridge_experiments.config.compose import read_config
from irtbridge_experiments.display import Display, display, make_console
from irtbridge_experiments.tables.render import print_table, to_markdown

CHUNK = 25  # data sets between two writes
HELP = f"""\
usage: irtbridge sbc [KEY=VALUE ...]

  model=grm,2pl          of {", ".join(CALIBRATED)}; all by default
  sets=200  persons=40   data sets of each model, and persons in each
  backend=pyro           one backend
  method=laplace         one method; method.laplace.draws=1000 is a setting of it
  seed=1  device=auto  dtype=float64  results=results  overwrite=false

Simulation-based calibration (Talts et al. 2018): draws parameters from the prior and responses from them, fits, and
ranks the true values among the posterior's draws: the ranks are uniform if all is right. Prints a row for each model
and variable, and returns 1 if one is not calibrated, which happens to calibrated ones in {FALSE_ALARM:g} of all runs at
most. Run again to go on where it stopped, or with more sets. Writes results/sbc: table (csv, md), ranks.csv, figure
(png, svg)."""

CAPTION = (
    "z of mean: positive where the posterior lies too low; z of spread: positive where it is too narrow. "
    f"The probability that any row of a calibrated table says NO is {FALSE_ALARM:g} at most."
)


@dataclass(frozen=True)
class Plan:
    """What defines the ranks of one model, besides the number of data sets."""

    model: str
    spec: str
    n_categories: tuple[int, ...]
    missing: float
    persons: int
    backend: str
    backend_options: dict[str, Any]
    method: str
    settings: dict[str, Any]
    seed: int
    device: str
    dtype: str

    @property
    def case(self) -> Case:
        """The model and the categories of its items."""
        return CALIBRATED[self.model]

    @property
    def file(self) -> str:
        """Name of the file of its ranks: other settings have another."""
        digest = hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:16]
        return f"{self.model}-{self.backend}-{self.method}-{digest}.csv"


def main(words: Sequence[str]) -> int:
    """Calibration of the models; 1 if one is not calibrated."""
    config = read_config("sbc", [_prepared(word) for word in words])
    plans, folder, console = _plans(config), Path(config.results) / "sbc", make_console()
    check_writable(folder)
    with display(console) as show:
        show.expect(config.sets * len(plans))
        found = pd.concat([_ranks(plan, config.sets, folder, show, overwrite=config.overwrite) for plan in plans])
    table = verdict(found)
    _write(table, found, folder)
    print_table(_readable(table), console, f"calibration of {plans[0].method} on {plans[0].backend}", decimals=2)
    console.print(f"{CAPTION}\nwritten: {folder}/table (csv, md), ranks.csv, figure (png, svg)", highlight=False)
    return int(not table["calibrated"].all())


def _prepared(word: str) -> str:
    """Several models, by name: `model` alone is a group of the configuration, which is one model with its options."""
    key, _, value = word.partition("=")
    return f"models=[{value.strip('[]')}]" if key == "model" else word


def _plans(config: DictConfig) -> list[Plan]:
    """One for each model, all settings checked."""
    check_dtype(config.dtype)
    for key, least in (("sets", 2), ("persons", 1), ("seed", 0)):
        if config[key] < least:
            raise ConfigError(f"{key}={config[key]} must be an integer, {least} or greater.")
    backend, options = _single("backend", config)
    method, settings = _single("method", config)
    backend_class(backend).check_installed()
    make_settings(method, **settings)
    names = [ALIASES.get(str(name), str(name)) for name in (CALIBRATED if config.models is None else config.models)]
    for name in names:
        if name not in CALIBRATED:
            raise UnknownName("model", name, CALIBRATED)
    how = {"backend": backend, "backend_options": options, "method": method, "settings": settings}
    how |= {key: config[key] for key in ("persons", "seed", "device", "dtype")}
    return [_plan(CALIBRATED[name], how) for name in dict.fromkeys(names)]


def _plan(case: Case, how: dict[str, Any]) -> Plan:
    return Plan(case.name, case.spec.hash, case.n_categories, case.missing, **how)


def _single(key: str, config: DictConfig) -> tuple[str, dict[str, Any]]:
    chosen: dict[str, Any] = OmegaConf.to_container(config[key], resolve=True)  # type: ignore[assignment]
    if len(chosen) != 1:
        raise ConfigError(f"{key}={','.join(chosen)}: one {key} at a time.")
    return next(iter(chosen.items()))


def _ranks(plan: Plan, sets: int, folder: Path, show: Display, *, overwrite: bool) -> pd.DataFrame:
    """Ranks of one model: those on disk and, written as they come, those that are still missing."""
    path = folder / "ranks" / plan.file
    found = pd.DataFrame(columns=["model", "set", "variable", "u"]) if overwrite else _on_disk(path)
    found = found[found["set"] < sets]
    done = found["set"].nunique()
    show.count(done)
    with show.cell(f"{plan.model} {plan.backend}-{plan.method}", kept=done, total=sets) as view:
        how = asdict(plan)
        how = {key: how[key] for key in ("backend", "backend_options", "method", "device", "dtype")} | plan.settings
        fits = partial(_fits, how=how, finished=lambda *_: view.finished({}))
        for start in range(done, sets, CHUNK):
            numbers = range(start, min(start + CHUNK, sets))
            more = ranks(plan.case, numbers, fits, persons=plan.persons, seed=plan.seed)
            found = pd.concat([found, more]) if len(found) else more
            write_text(path, found.to_csv(index=False))
    return found


def _fits(data: Any, spec: Any, seed: int, *, how: dict[str, Any], finished: Any) -> Any:
    return fit_many(data, spec, seed=seed, progress=finished, **how)


def _on_disk(path: Path) -> pd.DataFrame:
    if not path.exists():
        return pd.DataFrame({"model": [], "set": [], "variable": [], "u": []})
    try:
        return pd.read_csv(path, dtype={"model": str, "set": int, "variable": str, "u": float})
    except (OSError, ValueError) as error:
        raise ResultsError(f"cannot read {path}: {error}; it is damaged, delete it and run again.") from error


def _readable(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(
        sets=table["sets"].astype(str),
        p=table["p"].map("{:.2g}".format),
        calibrated=table["calibrated"].map({True: "yes", False: "NO"}),
    )


def _write(table: pd.DataFrame, found: pd.DataFrame, folder: Path) -> None:
    from irtbridge_experiments.figures.calibration import draw_calibration

    write_text(folder / "ranks.csv", found.to_csv(index=False))
    write_text(folder / "table.csv", table.to_csv(index=False, float_format="%.6g"))
    write_text(folder / "table.md", f"{to_markdown(_readable(table), decimals=2)}\n{CAPTION}\n")
    draw_calibration(found, folder / "figure")
