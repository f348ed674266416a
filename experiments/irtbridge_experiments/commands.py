"""The commands that need a configuration: run, fit, tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from irtbridge.data import Responses
from irtbridge.errors import ConfigError, ResultsError
from irtbridge.files import write_text
from irtbridge_experiments.config import read_config, spec_from
from irtbridge_experiments.display import display, make_console
from irtbridge_experiments.study import make_cells, read_responses, run_cells, run_study
from irtbridge_experiments.tables import compact, print_table, side_by_side, write_study

FIT_HELP = """\
usage: irtbridge fit data=FILE model=NAME [KEY=VALUE ...]

  data=my.csv            csv or parquet, persons in rows and items in columns; or long with columns person, item,
                         response; or a named data set: lsat6, lsat7, bfi, bfi:N, verbagg
  model=2pl              1pl, 2pl, 3pl, 4pl, m2pl, grm, pcm, gpcm, rsm
  'model.difficulty=Normal(0, 1)'   another prior (the quotes are for the shell)
  model.q_matrix=q.csv   which items load on which traits (m2pl, grm, gpcm)
  backend=pyro,tfp       one or several
  method=nuts            one or several of nuts, vi, laplace, nuts_collapsed, map
  method.nuts.draws=1000 settings of a method
  seed=1  device=auto  dtype=float64  results=results  allow_empty=false  overwrite=false

Prints the item tables side by side; writes draws (NetCDF), tables and records to results/fits/DATA-MODEL."""

RUN_HELP = """\
usage: irtbridge run study=NAME [KEY=VALUE ...]

  study=quickstart       2PL on LSAT section 7, NUTS and VI on both built-in backends
  backend=pyro method=vi restrict the study to some of its cells
  method.nuts.draws=1000 change a setting
  overwrite=true         run again what is on disk

Writes records, table (csv, md) and figure (png, svg) to results/NAME."""

TABLES_HELP = "usage: irtbridge tables DIR\n\nRebuild table and figure of a study from the records in DIR/records."


def _wants_help(words: Sequence[str]) -> bool:
    return bool({"-h", "--help"} & set(words))


def run(words: Sequence[str]) -> int:
    """``irtbridge run``: all cells of a study, then its table and figure; 1 if a cell failed."""
    if _wants_help(words):
        print(RUN_HELP)
        return 0
    console = make_console()
    config = read_config("run", words)
    records = run_study(config, console)
    write_study(Path(config.results) / config.name, console)
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
    spec, responses = spec_from(config.model), read_responses(config)
    cells = make_cells(config, spec, responses)
    folder = Path(config.results) / "fits" / f"{responses.name}-{spec.name}".replace(":", "-")
    console.print(str(spec), style="dim", highlight=False, markup=False)
    for codes, items in _same_recoding(responses).items():
        console.print(f"categories recoded {codes} of {', '.join(items)}", style="dim", highlight=False, markup=False)
    with display(console) as show:
        records = run_cells(cells, folder, show, save_draws=config.save_draws, overwrite=config.overwrite)
    done = [record for record in records if "error" not in record]
    if done:
        table = side_by_side(done)
        write_text(folder / "items.csv", table.to_csv(index=False, float_format="%.6g"))
        print_table(compact(table), console, f"{spec.name} on {responses.name}", decimals=2)
        for record in done:
            console.print(f"{record['backend']} {record['method']}: compile {record['compile_seconds']:.1f} s, warm-up "
                          f"{record['warmup_seconds']:.1f} s, sampling {record['sampling_seconds']:.1f} s; min ESS "
                          f"{record['min_ess']:.0f}, divergences {record['divergences']}", highlight=False)  # fmt: skip
        console.print(f"written: {folder}/items.csv, records/, draws/", highlight=False)
    return int(len(done) < len(records))


def _same_recoding(responses: Responses) -> dict[str, list[str]]:
    """Items by how their categories were recoded, as text."""
    recodings: dict[str, list[str]] = {}
    for item, codes in responses.recoded.items():
        recodings.setdefault(str(codes), []).append(item)
    return recodings


def tables(words: Sequence[str]) -> int:
    """``irtbridge tables DIR``: rebuild a study's table and figure."""
    if _wants_help(words) or len(words) != 1:
        print(TABLES_HELP)
        return 0 if _wants_help(words) else 1
    folder = Path(words[0])
    if not folder.is_dir():
        raise ResultsError(f"no such folder: {folder}; run the study first: irtbridge run study=NAME.")
    write_study(folder, make_console())
    return 0
