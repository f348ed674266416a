"""The commands that need a configuration: run, fit, tables."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

from omegaconf import OmegaConf

from irtbridge.data.responses import Responses, load_responses
from irtbridge.errors import ConfigError, IRTBridgeWarning, ResultsError
from irtbridge.model.layout import Layout
from irtbridge_experiments.config.compose import read_config
from irtbridge_experiments.display import display, make_console, plain_warnings
from irtbridge_experiments.reports.fit import write_fit
from irtbridge_experiments.reports.paper import write_paper
from irtbridge_experiments.reports.study import write_study
from irtbridge_experiments.study.cell import check_nothing_is_replaced
from irtbridge_experiments.study.conditions import Task, data_options, spec_of
from irtbridge_experiments.study.launch import check_only_cells_are_swept, launch_study
from irtbridge_experiments.study.locks import claimed
from irtbridge_experiments.study.run import make_cells, run_cells, run_study

MULTIRUN = ("-m", "--multirun")
FIT_HELP = """\
usage: irtbridge fit data=FILE model=NAME [KEY=VALUE ...]

  data=my.csv            csv, tsv or parquet, persons in rows and items in columns; or long with columns person, item,
                         response; or a named data set: lsat6, lsat7, bfi, bfi:N, verbagg
  items=q1,q2            of a table with other columns; drop=total,age leaves columns out
  missing=99,-9          codes that mean missing; key=ABCDA scores answers; header=false where a file has none
  model=2pl              1pl, 2pl, 3pl, 4pl, m2pl, grm, pcm, gpcm, rsm
  'model.difficulty=Normal(0, 1)'   another prior (the quotes are for the shell)
  model.q_matrix=q.csv   which items load on which traits (m2pl, grm, gpcm)
  backend=pyro,tfp       one or several
  method=nuts            one or several of nuts, laplace, nuts_collapsed, nuts_whitened, map, vi, vi_newton,
                         vi_collapsed
  method.nuts.draws=1000 settings of a method
  seed=1  device=auto  dtype=float64  results=results  overwrite=false
  allow_empty=true       keep persons without any response; allow_constant=true items with one category

Prints the item tables side by side; writes draws (NetCDF), tables and records to results/fits/DATA-MODEL."""

RUN_HELP = """\
usage: irtbridge run study=NAME [KEY=VALUE ...]

  study=quickstart       2PL on LSAT section 7, NUTS and VI on both built-in backends
  study=basic            also prior_sensitivity, large_scale, m2pl7: simulations; bfi, verbagg, bfi5: real data
  preset=smoke           the same study, small enough for a first look
  backend=pyro method=vi,laplace
                         other cells: every condition x backend x method
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

TABLES_HELP = """\
usage: irtbridge tables DIR
       irtbridge tables --paper [RESULTS]

Rebuild tables (csv, md, tex) and figures (png, svg) of the study in DIR from its records alone; with --paper those of
every study in RESULTS (by default results), and what the paper reports beside what was measured: RESULTS/paper."""


def _wants_help(words: Sequence[str]) -> bool:
    return bool({"-h", "--help"} & set(words))


def run(words: Sequence[str]) -> int:
    """``irtbridge run``: all cells of a study, then its tables and figures; 1 if a fit failed."""
    if _wants_help(words):
        print(RUN_HELP)
        return 0
    console = make_console()
    words, spread = [word for word in words if word not in MULTIRUN], bool(set(MULTIRUN) & set(words))
    if spread:
        check_only_cells_are_swept(words)
    config = read_config("run", words)
    with plain_warnings(console):
        records = launch_study(config, words, console) if spread else run_study(config, console)
    write_study(Path(config.results) / config.folder, console)
    return int(any("error" in record for record in records))


def fit(words: Sequence[str]) -> int:
    """``irtbridge fit``: one model to one data set on the chosen backends; 1 if a fit failed."""
    if _wants_help(words):
        print(FIT_HELP)
        return 0
    given = {word.partition("=")[0] for word in words}
    for key in ("data", "model"):
        if key not in given:
            raise ConfigError(f"`irtbridge fit` needs {key}=...; see `irtbridge fit --help`.")
    console = make_console()
    config = read_config("fit", words)
    spec = spec_of(OmegaConf.to_container(config.model))  # type: ignore[arg-type]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", IRTBridgeWarning)  # they are among the notes
        responses = load_responses(str(config.data), **data_options(config))
    Layout.of(spec, responses)
    cells = make_cells(config, Task("", spec, responses=responses))
    folder = Path(config.results) / "fits" / f"{responses.name}-{spec.name}".replace(":", "-")
    with claimed(folder, cells):
        if not config.overwrite:
            check_nothing_is_replaced(folder, cells)
        console.print(str(spec), style="dim")
        for codes, items in _same_recoding(responses).items():
            console.print(f"categories recoded {codes} of {', '.join(items)}", style="dim")
        for note in responses.notes:
            console.print(note, style="dim")
        with display(console) as show:
            records = run_cells(cells, folder, show, save_draws=config.save_draws, overwrite=config.overwrite)
        write_fit(folder, spec, responses, config.seed, console)
    return int(any("error" in record for record in records))


def _same_recoding(responses: Responses) -> dict[str, list[str]]:
    """Items by how their categories were recoded, as text."""
    recodings: dict[str, list[str]] = {}
    for item, codes in responses.recoded.items():
        recodings.setdefault(str(codes), []).append(item)
    return recodings


def tables(words: Sequence[str]) -> int:
    """``irtbridge tables DIR``: rebuild tables and figures of a study, or of all and the paper's."""
    folders = [word for word in words if word != "--paper"]
    if _wants_help(words) or not words:
        print(TABLES_HELP)
        return 0 if _wants_help(words) else 1
    if len(folders) > 1 or (folders[:1] and folders[0].startswith("-")):
        raise ConfigError(f"`irtbridge tables` takes one folder, and --paper; not {' '.join(words)!r}.")
    folder = Path(folders[0] if folders else "results")
    if not folder.is_dir():
        raise ResultsError(f"no such folder: {folder}; run the study first: irtbridge run study=NAME.")
    if "--paper" in words:
        write_paper(folder, make_console())
    else:
        write_study(folder, make_console())
    return 0
