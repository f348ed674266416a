"""``irtbridge simulate-cat``: what adaptive tests of a bank would do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from omegaconf import DictConfig, OmegaConf

from irtbridge.adaptive.selection import SELECTIONS, build_selection
from irtbridge.adaptive.simulate import PERSONS, arrays_of
from irtbridge.bank.item_bank import ItemBank
from irtbridge.data.files import check_writable
from irtbridge.errors import ConfigError, DataError, DataNotFound
from irtbridge.model.catalogue import defaults_of
from irtbridge_experiments.commands.help_text import entry
from irtbridge_experiments.config.compose import read_config
from irtbridge_experiments.display import make_console, plain_warnings
from irtbridge_experiments.reports.adaptive import Unmet, record_simulations, write_simulations
from irtbridge_experiments.study.adaptive import run_trials, trials

HELP = f"""\
usage: irtbridge simulate-cat bank=FILE [KEY=VALUE ...]

  bank=bank.csv          item parameters: what ItemBank.save wrote, or mirt's or catR's columns; model=2pl names
                         the model where the file does not
{entry("selection=bandit,max_info,random", f"rules, of {', '.join(SELECTIONS)}")}
  selection.bandit.draws=20
                         a setting of a rule
  exposure=0,.1,.2       each rule as it comes (0), and tuned until no item is given to more than these shares of
                         the persons
  'content={{algebra:4,geometry:[2,6],numbers:.5}}'
                         items of a content area, at least and at most, or drawn by lot for each item
  stop='se<.3 or items=18'
                         when a session ends
{entry("persons=10000", "drawn from the bank's distribution of abilities, or from history (null: all of it)")}
  history=sessions.csv abilities=proxy.csv
                         sessions that were real: a response is that of the historical person of the nearest ability
                         who was given the item; proxy.csv has an ability for each row of history in its last column
  retest=false           each person once: no retest reliability
  backend=pyro device=cuda dtype=float32
                         computed on the device of a backend's library; by default by NumPy
  nodes=61  seed=1  results=results

Prints the table of all rules; writes tables (csv, md) and figures (png, svg) to results/simulate-cat/BANK."""


def main(words: Sequence[str]) -> int:
    """Simulate; 0 if all went well, 1 if a target cannot be met."""
    if not any(word.startswith("bank=") for word in words):
        raise ConfigError("`irtbridge simulate-cat` needs bank=...; see `irtbridge simulate-cat --help`.")
    config, console = read_config("simulate_cat", words), make_console()
    folder = Path(config.results) / "simulate-cat" / Path(config.bank).stem
    check_writable(folder)
    bank = _bank(config)
    each = trials(_plain(config.selection), _shares(config.exposure))
    outcomes, unmet = [], Unmet(console)
    with plain_warnings(console):
        for outcome in run_trials(bank, each, unmet, **_how(config)):
            console.print(f"{outcome.trial.title}: {outcome.seconds:.1f} s", style="dim")
            outcomes.append(outcome)
    unmet.check(outcomes)
    persons = outcomes[0].simulation.sessions.n_persons
    title = f"{bank.spec.name} bank of {bank.n_items} items, {persons} persons, stop {config.stop}"
    asked: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    record_simulations(folder, outcomes, title, asked)
    write_simulations(folder, console)
    return int(bool(unmet.errors))


def _bank(config: DictConfig) -> ItemBank:
    """From its file, and the model with the options that were said, where one was."""
    if config.model is None:
        return ItemBank.load(config.bank)
    options: dict[str, Any] = OmegaConf.to_container(config.model)  # type: ignore[assignment]
    name = options.pop("name")
    usual = defaults_of(name)
    said = {option: value for option, value in options.items() if str(value) != str(usual[option])}
    return ItemBank.load(config.bank, name, **said)


def _how(config: DictConfig) -> dict[str, Any]:
    """Arguments of `irtbridge.simulate_adaptive`."""
    how = {key: config[key] for key in ("persons", "stop", "retest", "nodes", "seed")}
    how |= _where(config)
    how["content"] = OmegaConf.to_container(config.content) if OmegaConf.is_config(config.content) else config.content
    if config.history is None:
        return how | {"persons": PERSONS if config.persons is None else config.persons}
    if config.abilities is None:
        raise ConfigError("history=... needs abilities=..., a csv with one for each of its persons.")
    return how | {"history": config.history, "abilities": _abilities(config.abilities)}


def _where(config: DictConfig) -> dict[str, Any]:
    """Arguments of `irtbridge.simulate_adaptive` that say what computes, once all rules can; the library is loaded."""
    if len(config.backend) > 1:
        raise ConfigError(f"backend={','.join(config.backend)}: simulations run on one at a time.")
    name, options = next(iter(_plain(config.backend).items()), (None, {}))
    rules = [build_selection(rule, **settings) for rule, settings in _plain(config.selection).items()]
    arrays_of(name, config.device, config.dtype, options, rules)
    return {"backend": name, "backend_options": options, "device": config.device, "dtype": config.dtype}


def _abilities(path: str) -> Any:
    """Numbers of a csv's last column."""
    try:
        table = pd.read_csv(path)
        return table.iloc[:, -1].to_numpy(dtype=float)
    except FileNotFoundError:
        raise DataNotFound(f"no such file: {path}; abilities=FILE has one for each person of history.") from None
    except (ValueError, IndexError) as error:
        raise DataError(f"{path}: its last column must have an ability for each person ({error}).") from None


def _shares(given: Any) -> list[Any]:
    plain = OmegaConf.to_container(given) if OmegaConf.is_config(given) else [given]
    return plain if isinstance(plain, list) else [plain]


def _plain(group: DictConfig) -> Mapping[str, Mapping[str, Any]]:
    """The settings of each choice."""
    chosen: dict[str, dict[str, Any]] = OmegaConf.to_container(group, resolve=True)  # type: ignore[assignment]
    return chosen
