"""PyPI's mirt, which runs beside ours wherever the tests do."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from typing import Any

import numpy as np

import irtbridge as irt
from irtbridge.assess.items.item_fit import item_fit
from irtbridge.assess.items.overall_fit import overall_fit

from . import fits
from .maxima import means
from .rows import Row
from .scores import of_each_sum

TITLE = "The Python package mirt"
TEXT = """PyPI's `mirt`, fitted here to the same data with `tol=1e-9` and 61 nodes; its EM stops about 1e-5 short of the
maximum. Scores are those of one pattern for each sum score. These rows are computed wherever the tests run."""
NODES, ABILITIES = fits.NODES, np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
OF_WLE = "one over the root of the test's information; R's mirt 1.45.1 has ours, see the scores above"
METHODS = {"EAP": "eap", "MAP": "map", "WLE": "wle", "EAPsum": "sum"}


@cache
def theirs_of(name: str) -> Any:
    """Their fit."""
    import mirt

    how = {"n_quadpts": NODES, "tol": 1e-9, "max_iter": 20_000, "se_method": "oakes"}
    return mirt.fit_mirt(fits.data(name).values, model="2PL", **how)


def rows() -> Iterator[Row]:
    """All of this question."""
    for name in ("LSAT 6", "LSAT 7"):
        yield from estimates(name, theirs_of(name), fits.maximum(name, "2pl"))
        yield from scores(name, theirs_of(name), fits.maximum(name, "2pl"))
        yield from fit_of(name, theirs_of(name), fits.maximum(name, "2pl"))


def row(name: str, quantity: str, theirs: Any, ours: Any, why: str = "") -> Row:
    """Of the 2PL."""
    return Row(quantity, name, "2PL", f"mirt {version('mirt')} (PyPI)", theirs, ours, why=why)


def estimates(name: str, theirs: Any, fit: irt.Fit) -> Iterator[Row]:
    """Log likelihood, parameters and their standard errors."""
    names = ("discrimination", "difficulty")
    yield row(name, "log likelihood", theirs.log_likelihood, fits.log_likelihood(fit))
    for quantity, values, statistic in (
        ("a and b", theirs.model.parameters, "mean"),
        ("SE of a and b (Oakes)", theirs.standard_errors, "sd"),
    ):
        ours = means(fit, *names) if statistic == "mean" else fit.items().xs("sd", axis=1, level=1)[[*names]]
        yield row(name, quantity, np.column_stack([values[key] for key in names]), ours)


def scores(name: str, theirs: Any, fit: irt.Fit) -> Iterator[Row]:
    """Scores, their standard errors, marginal reliability and information."""
    import mirt

    persons = of_each_sum(fit.responses)
    for method, own in METHODS.items():
        values, ours = (
            mirt.fscores(theirs, persons.to_numpy(), method=method, n_quadpts=NODES),
            fit.scores(persons, own),
        )
        yield row(name, method, np.ravel(values.theta), ours["score"])
        why = OF_WLE if method == "WLE" else ""
        yield row(name, f"SE of {method}", np.ravel(values.standard_error), ours["se"], why)
    yield row(name, "marginal reliability", mirt.marginal_rxx(theirs), fit.reliability().loc["marginal", "estimate"])
    curve = fit.curves("test_information", ability=ABILITIES)["at_mean"]
    yield row(name, "information of the test", mirt.testinfo(theirs.model, ABILITIES), curve)


def fit_of(name: str, theirs: Any, fit: irt.Fit) -> Iterator[Row]:
    """S-X2, mean squares, M2."""
    import mirt

    data, ours = fits.data(name).values, item_fit(fit.posterior, ("s_x2", "infit"), draws=2)
    s_x2 = mirt.itemfit(theirs, data, statistics=["S_X2"], n_quadpts=NODES)
    for title, key, own in (
        ("S-X2", "S_X2", "s_x2"),
        ("df of S-X2", "df", "s_x2_df"),
        ("p of S-X2", "p_value", "s_x2_p"),
    ):
        yield row(name, title, s_x2[key], ours[own])
    for key in ("infit", "outfit"):
        yield row(name, key, mirt.itemfit(theirs, data, statistics=[key], n_quadpts=NODES)[key], ours[key])
    m2, overall = mirt.compute_m2(theirs, data, n_quadpts=NODES), overall_fit(fit.posterior).iloc[0]
    for title, key, own in (("M2", "M2", "statistic"), ("df of M2", "df", "df"), ("p of M2", "p_value", "p")):
        yield row(name, title, m2[key], overall[own])
