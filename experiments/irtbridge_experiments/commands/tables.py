"""``irtbridge tables``: the tables and figures of a study, or of all and the paper's, from records alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console

from irtbridge.errors import ConfigError, ResultsError
from irtbridge_experiments.display import make_console
from irtbridge_experiments.reports.adaptive import EXPOSURE, TESTS, write_simulations, write_tests
from irtbridge_experiments.reports.paper import write_paper
from irtbridge_experiments.reports.study import write_study

# By a file that such a folder has; any other is that of a study with fits.
TOLD_BY: dict[str, Callable[[Path, Console], object]] = {TESTS: write_tests, EXPOSURE: write_simulations}
HELP = """\
usage: irtbridge tables DIR
       irtbridge tables --paper [RESULTS]

Rebuild tables (csv, md, tex) and figures (png, svg) of the study in DIR from its records alone; with --paper those of
every study in RESULTS (by default results), and what the paper reports beside what was measured: RESULTS/paper. DIR may
also be what `irtbridge simulate-cat` has written."""


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
        writer = next((write for name, write in TOLD_BY.items() if (folder / name).exists()), write_study)
        writer(folder, make_console())
    return 0
