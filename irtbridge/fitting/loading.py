"""Fits taken up again from where `Fit.save` or the command ``irtbridge fit`` put them down."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from irtbridge.data.labels import few
from irtbridge.errors import ResultsError
from irtbridge.fitting.fitted import Fit, compile_as
from irtbridge.results.stored import read_stored

ENDING = ".nc"


def load_fit(path: str | Path) -> Fit:
    """Take up a fit that was put down with `Fit.save`.

    It is the same in every table, score and verdict, and goes on as the original does. Its program is compiled when it
    is first asked for, so that only what samples or evaluates densities needs the backend's library.

    Parameters
    ----------
    path : str or Path
        A file of `Fit.save`, or a folder of ``irtbridge fit`` with one fit in it.

    Returns
    -------
    Fit

    Raises
    ------
    ResultsError
        There is no such file, it is damaged, no fit, or of another version; or the folder has several fits, or none.
    """
    files = fit_files(path)
    if len(files) > 1:
        raise ResultsError(f"{path} has {len(files)} fits, name one of them: {few(map(str, files))}.")
    stored = read_stored(files[0])
    return Fit(
        stored.idata,
        stored.spec,
        stored.responses,
        partial(compile_as, stored.spec, stored.responses, stored.provenance),
        stored.draws,
        stored.provenance,
        stored.quadrature_error,
    )


def fit_files(path: str | Path) -> list[Path]:
    """The files with the fits of a folder of ``irtbridge fit``, by name; of a file, itself.

    Raises
    ------
    ResultsError
        There is none.
    """
    place = Path(path)
    if not place.is_dir():
        return [place]
    # Names with a dot in front are of files that were being written when a run was killed.
    files = sorted(file for file in place.rglob(f"*{ENDING}") if not file.name.startswith("."))
    if not files:
        raise ResultsError(
            f"no fit in {place}: files of Fit.save end in {ENDING}, and `irtbridge fit` leaves them in its folder "
            "unless save_draws=false."
        )
    return files
