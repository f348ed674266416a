"""The command line: ``irtbridge COMMAND [KEY=VALUE ...]``."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence

from irtbridge.errors import IRTBridgeError, UnknownName
from irtbridge_experiments.commands import COMMANDS
from irtbridge_experiments.commands.help_text import entry

COLUMN = 24
HELP = f"""\
irtbridge: say a Bayesian item response model once, fit it on several engines, and compare them.

usage: irtbridge COMMAND [KEY=VALUE ...]

commands:
{chr(10).join(entry(f"{command.name} {command.usage}", command.summary, COLUMN) for command in COMMANDS.values())}

examples:
  irtbridge run study=quickstart
  irtbridge fit data=lsat7 model=2pl backend=pyro,tfp method=nuts method.nuts.draws=1000
  irtbridge fit data=my.csv model=grm backend=pyro allow_empty=true

`irtbridge COMMAND --help` says more."""


def _help(words: Sequence[str]) -> int:
    print(HELP, flush=True)
    return 0


def _version(words: Sequence[str]) -> int:
    from importlib.metadata import version

    print(f"irtbridge {version('irtbridge')}")
    return 0


FIRST_WORDS: dict[str, Callable[[Sequence[str]], int]] = {
    **COMMANDS,
    **dict.fromkeys(("--help", "-h", "help"), _help),
    "--version": _version,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 where it worked, 1 on bad input, 130 on an interrupt."""
    words = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    try:
        if words[0] not in FIRST_WORDS:
            raise UnknownName("command", words[0], FIRST_WORDS)
        return FIRST_WORDS[words[0]](words[1:])
    except IRTBridgeError as error:
        print(f"irtbridge: error: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # The reader, `head` say, has seen enough; Python would complain once more on exit.
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
        return 0
    except KeyboardInterrupt:
        print("irtbridge: interrupted; finished fits are on disk.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
