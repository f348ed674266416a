"""``irtbridge run``: all cells of a study, then its tables and figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from irtbridge_experiments.commands.help_text import entry
from irtbridge_experiments.config.compose import read_config
from irtbridge_experiments.config.studies import STUDIES, is_simulation
from irtbridge_experiments.display import make_console, plain_warnings
from irtbridge_experiments.reports.adaptive import run_tests
from irtbridge_experiments.reports.study import write_study
from irtbridge_experiments.study.launch import check_only_cells_are_swept, launch_study
from irtbridge_experiments.study.run import run_study

MULTIRUN = ("-m", "--multirun")


def _other_studies() -> str:
    others = {name: is_simulation(name) for name in STUDIES if name not in ("quickstart", "basic")}
    simulated = ", ".join(name for name, drawn in others.items() if drawn)
    real = ", ".join(name for name, drawn in others.items() if not drawn)
    return f"also {simulated}: simulations; {real}: real data"


HELP = f"""\
usage: irtbridge run study=NAME [KEY=VALUE ...]

  study=quickstart       2PL on LSAT section 7, NUTS and VI on both built-in backends
{entry("study=basic", _other_studies())}
  preset=smoke           the same study, small enough for a first look
  backend=pyro method=vi,laplace
                         other cells: every condition x backend x method
  mask=rows,columns      predict responses that were held out: of any study, each condition once for each mask
  replications=20        fewer response matrices; the first 20 are the same ones
  method.nuts.draws=1000 change a setting
  conditions.two_pl.simulate.n_persons=300
                         change a condition
  --config-dir DIR       studies of your own: DIR/study/NAME.yaml
  -m hydra/launcher=joblib hydra.launcher.n_jobs=2
                         cells side by side; also ray, submitit_local, submitit_slurm
  parts=4                with -m: each cell as four jobs
  overwrite=true         run again what is on disk

Each finished fit is a record on disk; run again to go on where it stopped. Writes records, tables (csv, md, tex) and
figures (png, svg) to results/NAME."""


def main(words: Sequence[str]) -> int:
    """Run a study; 1 if a fit failed."""
    console = make_console()
    words, spread = [word for word in words if word not in MULTIRUN], bool(set(MULTIRUN) & set(words))
    if spread:
        check_only_cells_are_swept(words)
    config = read_config("run", words)
    if config.tests:
        return run_tests(config, console)
    with plain_warnings(console):
        records = launch_study(config, words, console) if spread else run_study(config, console)
    write_study(Path(config.results) / config.folder, console)
    return int(any("error" in record for record in records))
