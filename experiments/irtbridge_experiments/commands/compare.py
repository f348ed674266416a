"""``irtbridge compare``: which of several saved fits predicts new persons best."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from irtbridge.assess.comparison.anova import anova
from irtbridge.assess.comparison.compare import compare
from irtbridge.errors import ConfigError
from irtbridge.fitting.fitted import Fit
from irtbridge.fitting.loading import fit_files, load_fit
from irtbridge_experiments.display import make_console

HELP = """\
usage: irtbridge compare DIR DIR [DIR ...]

Compare fits that `irtbridge fit` left in folders, or files of Fit.save: expected log predictive density of a new person
(leave-one-out over persons, abilities integrated out), stacking weights, WAIC. A folder with several fits gives them
all. Fits of method=map, which have no draws, get likelihood-ratio tests and information criteria instead."""


def main(words: Sequence[str]) -> int:
    """Print the table, best model first."""
    fits = _fits(words)
    if len(fits) < 2:
        raise ConfigError(f"`irtbridge compare` found {len(fits)} fits in {' '.join(words) or 'nothing'}; name two.")
    console = make_console()
    with warnings.catch_warnings(record=True) as notes:
        warnings.simplefilter("always")
        points = all(fit.posterior.point for fit in fits.values())
        table = anova(*fits.values()) if points else compare(fits)
    console.print(_text(table), highlight=False, markup=False)
    for note in notes:
        console.print(f"note: {note.message}", highlight=False, markup=False)
    return 0


def _fits(words: Sequence[str]) -> dict[str, Fit]:
    """By the shortest end of their path that tells them apart."""
    files = [file for word in words for file in fit_files(word)]
    parts = [file.with_suffix("").parts for file in files]
    deepest = max(map(len, parts), default=1)
    for length in range(1, deepest + 1):
        names = [str(Path(*part[-length:])) for part in parts]
        if len(set(names)) == len(names):
            break
    return {name: load_fit(file) for name, file in zip(names, files, strict=True)} if files else {}


def _text(table: pd.DataFrame) -> str:
    with pd.option_context("display.width", None, "display.max_columns", None):
        return table.round(3).to_string()
