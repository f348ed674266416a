"""``irtbridge tables``: the tables and figures of a study, or of all and the paper's, from records alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from irtbridge.errors import ConfigError, ResultsError
from irtbridge_experiments.display import make_console
from irtbridge_experiments.reports.adaptive import TESTS, write_tests
from irtbridge_experiments.reports.paper import write_paper
from irtbridge_experiments.reports.study import write_study

HELP = """\
usage: irtbridge tables DIR
       irtbridge tables --paper [RESULTS]

Rebuild tables (csv, md, tex) and figures (png, svg) of the study in DIR from its records alone; with --paper those of
every study in RESULTS (by default results), and what the paper reports beside what was measured: RESULTS/paper."""


def main(words: Sequence[str]) -> int:
    """Rebuild what is asked for; 1 if nothing is."""
    if not words:
        print(HELP)
        return 1
    folders = [word for word in words if word != "--paper"]
    if len(folders) > 1 or (folders[:1] and folders[0].startswith("-")):
        raise ConfigError(f"`irtbridge tables` takes one folder, and --paper; not {' '.join(words)!r}.")
    folder = Path(folders[0] if folders else "results")
    if not folder.is_dir():
        raise ResultsError(f"no such folder: {folder}; run the study first: irtbridge run study=NAME.")
    if "--paper" in words:
        write_paper(folder, make_console())
    else:
        write = write_tests if (folder / TESTS).exists() else write_study
        write(folder, make_console())
    return 0
