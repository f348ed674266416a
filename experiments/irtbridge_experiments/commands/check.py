"""``irtbridge check``: whether the fits of a folder have converged, in plain words."""

from __future__ import annotations

from collections.abc import Sequence

from irtbridge.errors import ConfigError, ResultsError
from irtbridge.fitting.loading import fit_files, load_fit

HELP = """\
usage: irtbridge check DIR
       irtbridge check FILE.nc

Print for every fit in DIR, a folder of `irtbridge fit`, whether it has converged: which parameters fail which limit,
what usually cures it, and the numbers behind it. The libraries of the backends are not needed.

The exit status is 1 where a fit fails a check or cannot be read, else 0."""


def main(words: Sequence[str]) -> int:
    """Print the checks; 1 if not all are passed."""
    if not words:
        print(HELP)
        return 1
    if len(words) > 1 or words[0].startswith("-"):
        raise ConfigError(f"`irtbridge check` takes one folder or file, not {' '.join(words)!r}.")
    passed = True
    for file in fit_files(words[0]):
        print(f"{file}:")
        try:
            check = load_fit(file).check()
        except ResultsError as error:
            print(f"{error}\n")
            passed = False
            continue
        print(f"{check}\n")
        passed = passed and check.converged
    return int(not passed)
