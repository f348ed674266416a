"""The command line: ``irtbridge run | fit | tables | sbc | backends | doctor``."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence

from irtbridge.errors import IRTBridgeError, UnknownName

HELP = """\
irtbridge: say a Bayesian item response model once, fit it on several engines, and compare them.

usage: irtbridge COMMAND [KEY=VALUE ...]

commands:
  run study=NAME        run a study: fit its cells, write records, tables and figures to results/NAME
  fit data=FILE model=NAME [backend=A,B] [method=nuts]
                        fit one model to your data; item tables side by side, draws saved as NetCDF
  tables DIR            rebuild the tables and figures of a study from its records
  sbc                   simulation-based calibration: is the truth where the posterior says, for every model?
  backends              which backends there are, and whether their libraries are installed
  doctor                versions, devices, what is missing and how to get it

examples:
  irtbridge run study=quickstart
  irtbridge fit data=lsat7 model=2pl backend=pyro,tfp method=nuts method.nuts.draws=1000
  irtbridge fit data=my.csv model=grm backend=pyro allow_empty=true

`irtbridge COMMAND --help` says more."""


def _run(arguments: Sequence[str]) -> int:
    from irtbridge_experiments.commands.fit import run

    return run(arguments)


def _fit(arguments: Sequence[str]) -> int:
    from irtbridge_experiments.commands.fit import fit

    return fit(arguments)


def _tables(arguments: Sequence[str]) -> int:
    from irtbridge_experiments.commands.fit import tables

    return tables(arguments)


def _sbc(arguments: Sequence[str]) -> int:
    from irtbridge_experiments.commands.sbc import sbc

    return sbc(arguments)


def _backends(arguments: Sequence[str]) -> int:
    from irtbridge_experiments.commands.doctor import print_backends

    return print_backends()


def _doctor(arguments: Sequence[str]) -> int:
    from irtbridge_experiments.commands.doctor import print_doctor

    return print_doctor()


def _help(arguments: Sequence[str]) -> int:
    print(HELP, flush=True)
    return 0


def _version(arguments: Sequence[str]) -> int:
    from importlib.metadata import version

    print(f"irtbridge {version('irtbridge')}")
    return 0


COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {
    "run": _run,
    "fit": _fit,
    "tables": _tables,
    "sbc": _sbc,
    "backends": _backends,
    "doctor": _doctor,
    **dict.fromkeys(("--help", "-h", "help"), _help),
    "--version": _version,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 where it worked, 1 on bad input, 130 on an interrupt."""
    words = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    try:
        if words[0] not in COMMANDS:
            raise UnknownName("command", words[0], COMMANDS)
        return COMMANDS[words[0]](words[1:])
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
