"""``irtbridge check-backend``: the conformance suite on any plugin, as a report card."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from irtbridge.data.files import write_text
from irtbridge.errors import ConfigError, UnknownName
from irtbridge.plugin.devices import check_device
from irtbridge_experiments.commands.help_text import entry
from irtbridge_experiments.display import make_console

OPTIONS = ("device", "only", "beside", "json")
HELP = f"""\
usage: irtbridge check-backend NAME [KEY=VALUE ...]

Runs the conformance suite on a backend, built in or not, and prints a report card: what it declares, what passed, how
far its log densities are from the reference, and its seconds per gradient beside those of the others.

{entry("device=cpu", "or cuda")}
{entry("only=2pl", "some of the tests, as pytest's -k takes it")}
{entry("beside=pyro,tfp", "the others; by default all that are installed, beside=none for none")}
{entry("json=card.json", "write the card as JSON, too")}

The exit status is 1 where a test fails, else 0. It needs pytest."""


def main(words: Sequence[str]) -> int:
    """Print the card; 1 if the backend does not conform."""
    if not words or "=" in words[0]:
        raise ConfigError("`irtbridge check-backend` needs the name of a backend; `irtbridge backends` lists them.")
    name, options = words[0], _options(words[1:])
    try:
        from irtbridge.testing.report_card import report_card
    except ModuleNotFoundError as error:
        raise ConfigError(f"`irtbridge check-backend` needs {error.name}: pip install pytest.") from error
    beside = options.get("beside")
    others = None if beside is None else [other for other in beside.split(",") if other not in ("", "none")]
    device = check_device(options.get("device", "cpu"))
    card = report_card(name, device=device, only=options.get("only", ""), beside=others)
    console = make_console()
    for line in _lines(card.to_dict()):
        console.print(line)
    if "json" in options:
        write_text(Path(options["json"]), json.dumps(card.to_dict(), indent=2) + "\n")
    return int(not card.conforms)


def _options(words: Sequence[str]) -> dict[str, str]:
    options = {}
    for word in words:
        key, _, value = word.partition("=")
        if key not in OPTIONS:
            raise UnknownName("option of `irtbridge check-backend`", key, OPTIONS)
        options[key] = value
    return options


def _lines(card: dict[str, Any]) -> Iterator[str]:
    versions = ", ".join(f"{name} {version}" for name, version in card["versions"].items())
    yield f"{card['backend']} on {card['device']} ({versions or 'nothing required'})"
    for what, declared in card["declares"].items():
        shown = ", ".join(declared) if isinstance(declared, tuple) else "yes" if declared else "no"
        yield f"  {what.replace('_', ' ')}: {shown or 'none'}"
    yield f"{card['passed']} tests passed, {len(card['failed'])} failed, in {card['seconds']:.0f} s"
    reasons: dict[str, list[str]] = {}
    for test, why in card["failed"].items():
        reasons.setdefault(why, []).append(test)
    for why, tests in reasons.items():
        yield f"  failed: {why}: {', '.join(tests)}"
    for reason, count in card["left_out"].items():
        yield f"  left out: {count}, as {reason}"
    error = card["log_density_error"]
    unknown = "not measured" if card["declares"]["gradients"] else "irtbridge has its own"
    yield f"log density: {unknown if error is None else f'off by {error:.1e} at most, relative'}"
    for name, seconds in card["seconds_per_gradient"].items():
        yield f"gradient of the 2PL on LSAT 7, {name}: {1000 * seconds:.2f} ms"
    yield "conforms" if card["conforms"] else "does not conform"
