"""The commands of the command line, a module each, named as the command.

Such a module has its help, ``HELP``, and its function, ``main``. It is imported when the command is called: the list
here is all that `irtbridge --help` needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType

HELP_WORDS = frozenset(("-h", "--help"))


@dataclass(frozen=True)
class Command:
    """A command as the list of commands shows it.

    Attributes
    ----------
    name : str
        Of the command, and of its module in this package, which has underscores for hyphens.
    usage : str
        Its most important arguments.
    summary : str
        What it does, in one line.
    """

    name: str
    usage: str
    summary: str

    @property
    def module(self) -> ModuleType:
        """Where its ``HELP``, a text, and its ``main``, a function of the words after its name, are."""
        return import_module(f"{__name__}.{self.name.replace('-', '_')}")

    def __call__(self, words: Sequence[str]) -> int:
        """Do it, or print its help where the words ask for that; 0 if all went well."""
        if HELP_WORDS & set(words):
            print(self.module.HELP)
            return 0
        code: int = self.module.main(words)
        return code


COMMANDS: dict[str, Command] = {
    command.name: command
    for command in (
        Command("run", "study=NAME", "run a study: fit its cells, write records, tables and figures to results/NAME"),
        Command(
            "fit",
            "data=FILE model=NAME [backend=A,B] [method=nuts]",
            "fit one model to your data; item tables side by side, draws saved as NetCDF",
        ),
        Command("check", "DIR", "have the fits of a folder converged? what fails, in words, and what usually cures it"),
        Command("report", "DIR", "one page about a folder of fits: data, model, verdict, items, curves, persons"),
        Command(
            "score", "DIR [data=FILE] [method=eap]", "abilities of new persons, or of those fitted, from saved fits"
        ),
        Command("compare", "DIR DIR [DIR ...]", "which of several saved fits predicts new persons best"),
        Command(
            "calibrate",
            "data=FILE item_data=FILE [grader=hgb] [start=cold,jump,warm]",
            "item banks from item features and the responses that there are",
        ),
        Command(
            "simulate-cat",
            "bank=FILE [selection=A,B] [exposure=.1,.2]",
            "what an adaptive test of a bank would do: accuracy, length, exposure, overlap, reliability",
        ),
        Command(
            "serve-test", "BANK.csv [stop='se<.3 or items=30']", "a test in the browser, adaptive, of a bank's items"
        ),
        Command("tables", "DIR", "rebuild the tables and figures of a study from its records"),
        Command("sbc", "", "simulation-based calibration: is the truth where the posterior says, for every model?"),
        Command("backends", "", "which backends there are, and whether their libraries are installed"),
        Command("check-backend", "NAME", "the conformance suite on any backend: a report card"),
        Command("doctor", "", "versions, devices, what is missing and how to get it"),
    )
}
