"""``irtbridge calibrate``: item banks from responses and item features, one for each start."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from irtbridge.bank.item_bank import ItemBank
from irtbridge.calibration.banks import STARTS, Calibration
from irtbridge.calibration.features import features_of
from irtbridge.calibration.graders import GRADERS, grader_of
from irtbridge.data.files import check_writable, write_text
from irtbridge.data.kinds import MISSING
from irtbridge.data.load import load_responses
from irtbridge.data.responses import Responses
from irtbridge.errors import ConfigError, DataNotFound, IRTBridgeWarning, UnknownName
from irtbridge.model.catalogue import build_model
from irtbridge.plugin.options import check_number
from irtbridge.plugin.program import silent
from irtbridge_experiments.commands.help_text import entry
from irtbridge_experiments.display import make_console, plain_warnings
from irtbridge_experiments.tables.render import print_table

HELP = f"""\
usage: irtbridge calibrate data=long.csv item_data=features.csv [KEY=VALUE ...]

Item parameters from what is known of the items and the responses that they have: a bank for adaptive tests.

{entry("data=long.csv", "responses, persons in rows and items in columns, or long with columns person, item, response")}
  missing=99,-9          codes that mean missing; key=ABCDA scores answers; drop=q7 leaves items out
{entry("item_data=features.csv", "a row for each item, with or without responses: numbers, categories, texts")}
  text=word,sentence     columns that are texts, by default those of more than 20 different ones; language=en
{entry("model=2pl", "1pl, 2pl, or 3pl with lower=0.2, the lower asymptote of all items; grm, gpcm, pcm")}
{entry("grader=hgb", f"one of {', '.join(GRADERS)}: what learns the probability of a right answer")}
{entry("start=cold,jump", f"one or several of {', '.join(f'{name} ({text})' for name, text in STARTS.items())}")}
  few=20                 the jump start uses at most so many responses of an item, to see what these would tell
  budget=300             seconds that its graders may take, which grader=auto fills; draws take their own
  abilities=scores.csv   known abilities of the persons, columns person and ability
  residual=true          estimate what features leave of items; false is the plain form, of the projection alone
  folds=5  members=4  draws=300  seed=0
  results=results        banks are written to results/banks/DATA-MODEL

Writes bank-START.csv for each start, prints and writes a table that compares them."""

NUMBERS = ("folds", "members", "draws", "seed", "few")
LISTS = ("missing", "drop", "text")
READING = ("missing", "drop", "key", "person", "item", "response")
SETTINGS = {"folds": 5, "members": 4, "draws": 300, "seed": 0}
KEYS = (
    *("data", "item_data", "model", "grader", "start", "budget", "abilities", "lower", "residual", "text", "language"),
    *("results", *NUMBERS, *READING),
)


def main(words: Sequence[str]) -> int:
    """Calibrate; 0 if all went well."""
    given, console = _read(words), make_console()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", IRTBridgeWarning)  # they are among the notes
        reading = {name: given[name] for name in READING if name in given}
        data = load_responses(given["data"], allow_constant=True, allow_empty=True, **reading)
    if "item_data" not in given and data.item_data is None:
        raise ConfigError("`irtbridge calibrate` needs item_data=..., the items' features; see its --help.")
    model = build_model(given["model"]).name
    folder = Path(given["results"]) / "banks" / f"{data.name}-{model}".replace(":", "-")
    check_writable(folder)
    for note in data.notes:
        console.print(note, style="dim")
    banks: dict[str, ItemBank] = {}
    with plain_warnings(console):
        for some in _banks(given, data):
            for start, bank in some.items():
                banks[start] = bank
                console.print(f"written: {bank.save(folder / f'bank-{start}.csv')}", style="dim")
    table = compared({start: banks[start] for start in given["start"]})
    write_text(folder / "starts.csv", table.to_csv(index=False, float_format="%.6g"))
    print_table(table, console, f"{data.name}, {model}: banks by start", decimals=3)
    if len(banks) > 1:
        last = given["start"][-1]
        console.print(f"r and RMSE of difficulties: with those of {last}, of items with responses", style="dim")
    console.print(f"written: {folder}")
    return 0


def _banks(given: Mapping[str, Any], data: Responses) -> Iterator[dict[str, ItemBank]]:
    """Banks by start, those of one loop together, as they are done."""
    settings = Calibration(
        grader=grader_of(given["grader"]),
        features=features_of(given.get("text"), None, given["language"]),
        budget=given["budget"],
        lower=given.get("lower"),
        residual=given["residual"],
        **{name: given[name] for name in SETTINGS},
    )
    abilities = None if "abilities" not in given else _abilities(given["abilities"])

    def of(responses: Responses, starts: Sequence[str]) -> dict[str, ItemBank]:
        return settings.banks(responses, given.get("item_data"), given["model"], starts, abilities, None, silent)

    starts = given["start"]
    if "few" not in given or "jump" not in starts:
        yield of(data, starts)
        return
    if others := [start for start in starts if start != "jump"]:
        yield of(data, others)
    yield of(thinned(data, given["few"], given["seed"]), ["jump"])


def thinned(data: Responses, few: int, seed: int) -> Responses:
    """At most `few` responses of each item, drawn at random."""
    order = np.random.default_rng(seed).uniform(size=data.values.shape)
    order[~data.observed] = np.inf
    rank = order.argsort(axis=0).argsort(axis=0)
    return data.with_values(np.where(rank < few, data.values, MISSING))


def compared(banks: Mapping[str, ItemBank]) -> pd.DataFrame:
    """A row for each start: how many items and responses, how uncertain, how near to the last start.

    The standard deviations are means over items of those over draws. Correlation and RMSE of difficulties are with
    those of the last start, over its items with responses.
    """
    last = list(banks.values())[-1]
    location, _ = _difficulty(last)
    seen = last.about["responses"].to_numpy() > 0
    rows = []
    for start, bank in banks.items():
        mean, sd = _difficulty(bank)
        row: dict[str, str | float] = {
            "start": start,
            "items": str(bank.n_items),
            "responses": str(int(bank.about["responses"].sum())),
        }
        row |= {"SD of difficulty": float(sd.mean())}
        if bank is not last:
            off = (mean - location)[seen]
            row |= {"r with last": float(np.corrcoef(mean[seen], location[seen])[0, 1])}
            row |= {"RMSE from last": float(np.sqrt(np.mean(off**2)))}
        rows.append(row | {"log prob. set aside": bank.provenance["log_prob"][-1], "s": bank.provenance["seconds"]})
    return pd.DataFrame(rows)


def _difficulty(bank: ItemBank) -> tuple[np.ndarray[Any, np.dtype[np.float64]], np.ndarray[Any, np.dtype[np.float64]]]:
    """Mean and standard deviation over draws, (item,); of several locations those of their mean."""
    drawn = bank.params[bank.spec.family.location[0]].reshape(bank.n_draws, bank.n_items, -1).mean(axis=-1)
    return drawn.mean(axis=0), drawn.std(axis=0)


def _read(words: Sequence[str]) -> dict[str, Any]:
    """What is said with KEY=VALUE, and what holds where nothing is said."""
    given: dict[str, Any] = {"model": "2pl", "grader": "hgb", "start": "cold,jump", "budget": "300", "residual": "true"}
    given |= {"language": "en", "results": "results"} | {name: str(value) for name, value in SETTINGS.items()}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or key not in KEYS:
            raise UnknownName("setting of `irtbridge calibrate`", key, KEYS, "Settings are KEY=VALUE.")
        given[key] = value
    if "data" not in given:
        raise ConfigError("`irtbridge calibrate` needs data=...; see `irtbridge calibrate --help`.")
    read = {key: _value(key, value) for key, value in given.items()}
    if "few" in read:
        check_number("few", read["few"])
    return read


def _value(key: str, text: str) -> Any:
    if key in NUMBERS:
        return _number(key, text, int, "a whole number")
    if key in ("budget", "lower"):
        return _number(key, text, float, "a number")
    if key == "residual":
        if text.lower() not in ("true", "false"):
            raise ConfigError(f"residual={text!r} must be true or false.")
        return text.lower() == "true"
    return text.split(",") if key in (*LISTS, "start") else text


def _number(key: str, text: str, kind: Callable[[str], Any], what: str) -> Any:
    try:
        return kind(text)
    except ValueError as error:
        raise ConfigError(f"{key}={text!r} must be {what}.") from error


def _abilities(path: str) -> pd.Series[Any]:
    if not Path(path).is_file():
        raise DataNotFound(f"abilities={path!r}: no such file; give a csv with columns person and ability.")
    table = pd.read_csv(path)
    if lacking := [name for name in ("person", "ability") if name not in table]:
        raise ConfigError(f"abilities={path!r} has no column {lacking[0]!r}; it needs person and ability.")
    return table.set_index("person")["ability"]
