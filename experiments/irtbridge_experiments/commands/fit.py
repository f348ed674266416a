"""``irtbridge fit``: one model to one data set on the chosen backends."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from irtbridge.data.load import load_responses
from irtbridge.data.named import dataset_names
from irtbridge.data.responses import Responses
from irtbridge.errors import ConfigError, IRTBridgeWarning
from irtbridge.fitting import read_known
from irtbridge.inference import METHODS
from irtbridge.model.catalogue import MODELS, with_option
from irtbridge.model.design import split_for
from irtbridge.model.known import with_known
from irtbridge.model.layout import Layout
from irtbridge.model.spec import ModelSpec
from irtbridge_experiments.commands.help_text import entry
from irtbridge_experiments.config.compose import read_config
from irtbridge_experiments.display import display, make_console
from irtbridge_experiments.reports.fit import write_fit
from irtbridge_experiments.study.cell import check_nothing_is_replaced
from irtbridge_experiments.study.conditions import Task, data_options, spec_of
from irtbridge_experiments.study.locks import claimed
from irtbridge_experiments.study.run import left_out, make_cells, run_cells

DATA = (
    "csv, tsv or parquet, persons in rows and items in columns; or long with columns person, item, response; or a "
    f"named data set: {', '.join(dataset_names())}"
)
HELP = f"""\
usage: irtbridge fit data=FILE model=NAME [KEY=VALUE ...]

{entry("data=my.csv", DATA)}
  items=q1,q2            of a table with other columns; drop=total,age leaves columns out
  group=gender           the column of each person's group; covariates=age,anger columns that tell more about persons
  person_data=p.csv      covariates of the persons in a file of their own; item_data=i.csv those of the items
  weights=count          the column that counts the persons with a row's responses
  missing=99,-9          codes that mean missing; key=ABCDA scores answers; header=false where a file has none
{entry("model=2pl", ", ".join(MODELS))}
  'model.difficulty=Normal(0, 1)'   another prior (the quotes are for the shell)
  model.invariance=scalar  of items over the groups: scalar (the default with group=), metric, configural
  'model.free=[q1,q2]'   items with parameters of their own in each group; model.free_in=both, location, discrimination
  'model.ability_on=[anger,gender]'      abilities that depend on covariates: latent regression
  'model.difficulty_on=[mode,type]'      difficulties that do, model.residual=none without a residual (LLTM);
                         'model.difficulty_on="mode * type"' is a formula; model.discrimination_on likewise
  fixed=bank.csv         item parameters that are known: columns item, parameter, mean
  model.q_matrix=q.csv   which items load on which traits ({", ".join(with_option("q_matrix"))})
  'model.groups=[0,0,1,1,null]'   groups of items with a trait of their own ({", ".join(with_option("groups"))})
  backend=pyro,tfp       one or several; each runs those of the methods that it has
{entry("method=nuts", f"one or several of {', '.join(METHODS)}")}
  method.nuts.draws=1000 settings of a method
  seed=1  device=auto  dtype=float64  results=results  overwrite=false
  allow_empty=true       keep persons without any response
  allow_constant=true    keep items with one category; allow_constant=drop leaves them out

Prints the item tables side by side; writes draws (NetCDF), tables and records to results/fits/DATA-MODEL."""


def main(words: Sequence[str]) -> int:
    """Fit; 1 if a fit failed."""
    given = {word.partition("=")[0] for word in words}
    for key in ("data", "model"):
        if key not in given:
            raise ConfigError(f"`irtbridge fit` needs {key}=...; see `irtbridge fit --help`.")
    console = make_console()
    config = read_config("fit", words)
    spec = model_of(config)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", IRTBridgeWarning)  # they are among the notes
        responses = load_responses(str(config.data), kind=spec.family.kind, **data_options(config))
    responses = split_for(spec, responses)
    if config.fixed is not None:
        spec = with_known(spec, read_known(config.fixed), responses)
    Layout.of(spec, responses)
    cells = make_cells(config, Task("", spec, responses=responses))
    folder = Path(config.results) / "fits" / f"{responses.name}-{spec.name}".replace(":", "-")
    with claimed(folder, cells):
        if not config.overwrite:
            check_nothing_is_replaced(folder, cells)
        console.print(str(spec), style="dim")
        for codes, items in _same_recoding(responses).items():
            console.print(f"categories recoded {codes} of {', '.join(items)}", style="dim")
        for note in [*responses.notes, *(left_out(config) if "method" in given else ())]:
            console.print(note, style="dim")
        with display(console) as show:
            records = run_cells(cells, folder, show, save_draws=config.save_draws, overwrite=config.overwrite)
        write_fit(folder, spec, responses, config.seed, console)
    return int(any("error" in record for record in records))


def model_of(config: DictConfig) -> ModelSpec:
    """The model; where the data have groups, one with groups."""
    options: dict[str, Any] = OmegaConf.to_container(config.model)  # type: ignore[assignment]
    if config.group is not None and options["invariance"] is None:
        options["invariance"] = "scalar"
    return spec_of(options)


def _same_recoding(responses: Responses) -> dict[str, list[str]]:
    """Items by how their categories were recoded, as text."""
    recodings: dict[str, list[str]] = {}
    for item, codes in responses.recoded.items():
        recodings.setdefault(str(codes), []).append(item)
    return recodings
