"""``irtbridge serve-test``: a test that someone can take in a browser."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Mapping, Sequence
from dataclasses import fields
from inspect import signature
from typing import Any

from irtbridge.adaptive.constraints import Bounds
from irtbridge.adaptive.selection import SELECTIONS
from irtbridge.adaptive.test import AdaptiveTest
from irtbridge.bank.item_bank import ItemBank
from irtbridge.errors import ConfigError, UnknownName
from irtbridge_experiments.commands.help_text import entry
from irtbridge_experiments.display import make_console

SECRET = "IRTBRIDGE_SECRET"
SHORTEST = 16  # characters of a secret
CONTENT = "content."
KEEP_ALIVE = 120  # seconds: longer than most people take for an answer
OF_SERVICE = ("model", "host", "port", "title", "secret")
NEEDED = 'the service needs fastapi, uvicorn and itsdangerous: pip install "irtbridge[serve]"'
HELP = f"""\
usage: irtbridge serve-test BANK.csv [KEY=VALUE ...]

{entry("selection=max_info", f"which item comes next, one of {', '.join(SELECTIONS)}; further settings are the rule's")}
  exposure=.2            to no item more than this share of the persons
  content.AREA=4         items of a content area, or content.AREA=2-6; content.AREA=.5: by lot
  items=draws            posteriors averaged over draws of the item parameters, where the bank has standard errors
  stop='se<.3 or items=30'
                         when a test ends
  title='Vocabulary'     of the page
  host=127.0.0.1         port=8000; host=0.0.0.0 is open to the network
{entry("secret=TEXT", f"signs sessions, which then outlive a restart; better in {SECRET}; by default drawn at random")}
  model=2pl              where the bank does not say its model

The bank's columns text, options ("no|yes", the lowest category first) and key (the right one) say what is shown.
Sessions are signed tokens that the browser holds: the service keeps none, only which step of each was answered."""


def main(words: Sequence[str]) -> int:
    """Serve until interrupted; 0 then."""
    path, given = _read(words)
    try:
        import uvicorn

        from irtbridge.adaptive.service.app import TITLE, create_app
    except ImportError as error:
        raise ConfigError(f"{NEEDED} ({error}).") from None
    host, port, secret = given.get("host", "127.0.0.1"), _port(given.get("port", "8000")), _secret(given)
    _check_free(host, port)
    bank = ItemBank.load(path, given.get("model"))
    test = _test(bank, given)
    app = create_app(test, secret, title=given.get("title", TITLE))
    make_console().print(f"{bank.n_items} items of {path}: http://{host}:{port} (Ctrl-C ends)")
    quiet: dict[str, Any] = {"log_level": "warning", "server_header": False}
    uvicorn.run(app, host=host, port=port, timeout_keep_alive=KEEP_ALIVE, **quiet)
    return 0


def _read(words: Sequence[str]) -> tuple[str, dict[str, str]]:
    """The bank, and what is said with KEY=VALUE."""
    places = [word for word in words if "=" not in word]
    if len(places) != 1:
        raise ConfigError("`irtbridge serve-test` takes one bank, as bank.csv; see `irtbridge serve-test --help`.")
    return places[0], dict(word.split("=", 1) for word in words if "=" in word)


def _test(bank: ItemBank, given: Mapping[str, str]) -> AdaptiveTest:
    """With the rule, the settings and the content areas that are said."""
    areas = {name: text for name, text in given.items() if name.startswith(CONTENT)}
    content = {name.removeprefix(CONTENT): _bounds(name, text) for name, text in areas.items()}
    settings = {name: _number(text) for name, text in given.items() if name not in (*OF_SERVICE, *areas)}
    _check_names(settings)
    return AdaptiveTest(bank, content=content or None, **settings)


def _check_names(settings: Mapping[str, Any]) -> None:
    """Raise `UnknownName` for a word that is nobody's; a rule that there is not is told of by the test."""
    rule = SELECTIONS.get(str(settings.get("selection", "max_info")))
    of_rule = [] if rule is None else [field.name for field in fields(rule)]
    of_test = [name for name in signature(AdaptiveTest).parameters if name not in ("bank", "arrays", "settings")]
    valid = [*OF_SERVICE, *of_test, *of_rule]
    for name in settings if rule is not None else ():
        if name not in valid:
            raise UnknownName("setting of `irtbridge serve-test`", name, valid)


def _secret(given: Mapping[str, str]) -> str:
    secret = given.get("secret") or os.environ.get(SECRET)
    if secret is None:
        make_console().print(f"sessions end with this service; {SECRET}=... in the environment keeps them", style="dim")
        return secrets.token_urlsafe(32)
    if len(secret) < SHORTEST:
        raise ConfigError(f"the secret has {len(secret)} characters; {SHORTEST} or more cannot be guessed.")
    return secret


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 2**16:
        raise ConfigError(f"port={text!r} must be a whole number from 1 to {2**16 - 1}.")
    return int(text)


def _check_free(host: str, port: int) -> None:
    """Raise `ConfigError` where nothing can be served."""
    try:
        socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError as error:
        hint = f"host=127.0.0.1 is this machine, port={port % 65_535 + 1} another port"
        why = str(error.strerror).split(" (")[0]
        raise ConfigError(f"host={host} port={port} cannot be served: {why}; {hint}.") from None


def _bounds(name: str, text: str) -> Bounds:
    """How many items of an area: 4, or 2-6, or the share .5."""
    if isinstance(share := _number(text), float):
        return share
    ends = [int(part) for part in text.split("-") if part.isdecimal()]
    if len(ends) != text.count("-") + 1 or len(ends) > 2:
        raise ConfigError(f"{name}={text!r} must be a number of items, the least and the most, as 2-6, or a share.")
    return ends[0] if len(ends) == 1 else (ends[0], ends[1])


def _number(text: str) -> Any:
    try:
        return float(text) if "." in text or "e" in text.lower() else int(text)
    except ValueError:
        return text
