"""Tables of item parameters as mirt and catR have them, in the columns and the parameterisation of this project.

catR, and mirt with ``IRTpars=TRUE``: a, b (b1, b2, ...), c, d, or alphaj, betaj1, ..., deltaj1, ...; mirt's g and u are
the asymptotes c and d. Curves are ``D a (theta - b)`` as here, D being a column or 1.

mirt as it is: slopes a1, a2, ..., intercepts d, or d1, d2, ..., asymptotes g and u, D = 1, so that ``a = a1 / D`` and

- one trait:        ``b = -d / a1``;  with ``parameterization="intercept"``  d itself
- several traits:   ``b = -d``
- partial credit:   mirt's intercepts add up, ``d_k = d_{k-1} - (D a) b_k`` with d_0 = 0, and its scores ak_k are k.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from irtbridge.bank.checks import as_numbers
from irtbridge.bank.columns import SD, item_variables
from irtbridge.data.labels import ITEM_COLUMNS, check_unique, item_names, listed
from irtbridge.errors import DataError
from irtbridge.model.catalogue import build_model, options_of, with_option
from irtbridge.model.families import PartialCredit
from irtbridge.model.spec import ModelSpec

SCALING = "D"
SLOPE = re.compile(r"a(\d+)")
INTERCEPT = re.compile(r"d(\d*)")
LABEL = re.compile(r"discrimination\[(.+)\]")
# What the field calls the parameters that catR and mirt give on the scale of the ability.
CLASSIC = {
    "a": "discrimination",
    "alphaj": "discrimination",
    "b": "{location}",
    "c": "lower",
    "g": "lower",
    "d": "upper",
    "u": "upper",
}
CLASSIC_STEP = re.compile(r"(?:b|betaj|deltaj)(\d+)")
# A parameter that a model does not have, as it is in that model: then its column says nothing.
WITHOUT = {"discrimination": 1.0, "lower": 0.0, "upper": 1.0}


def labelled(frame: pd.DataFrame) -> pd.DataFrame:
    """With the items' labels as index: a column called item or label, or a first one without a name; else item1, ..."""
    frame = _flat(frame)
    names = _names(frame)
    label = next((n for n in names if n.lower() in ITEM_COLUMNS), None)
    if label is None and names and (names[0].startswith("Unnamed") or not names[0]):
        label = names[0]
    if label is not None:
        return frame.set_index(label)
    return frame if not isinstance(frame.index, pd.RangeIndex) else frame.set_axis(item_names(len(frame)), axis=0)


def _names(frame: pd.DataFrame) -> list[str]:
    return [str(name) for name in frame.columns]


def _flat(frame: pd.DataFrame) -> pd.DataFrame:
    """A table of `Fit.items`, wide or tidy, as one with plain columns; any other one as it is."""
    if isinstance(frame.columns, pd.MultiIndex):
        parts = {"mean": "", "sd": SD}
        kept = [(p, s) for p, s in frame.columns if s in parts]
        return frame[kept].set_axis([f"{p}{parts[s]}" for p, s in kept], axis=1)
    if {"item", "parameter", "mean", "sd"} <= set(map(str, frame.columns)):
        check_unique("parameter", [*(frame["parameter"].astype(str) + " of " + frame["item"].astype(str))])
        wide = frame.pivot(index="item", columns="parameter", values=["mean", "sd"]).loc[frame["item"].unique()]
        return _flat(wide.swaplevel(axis=1))
    return frame.set_axis(_names(frame), axis=1)


def spec_for(frame: pd.DataFrame, model: str | ModelSpec | None, options: dict[str, Any]) -> ModelSpec:
    """The model of a bank: the one named, with as many traits as there are slopes, or the one its columns speak of.

    Raises
    ------
    DataError
        No model is named, and the columns are those of several.
    """
    name = _model_of(frame) if model is None else model
    if isinstance(name, str):
        if SCALING in frame and "scaling" not in options:
            options = {"scaling": _one_value(frame, SCALING), **options}
        traits = _traits(frame)
        if name in with_option("traits") and "traits" not in options and "q_matrix" not in options and traits:
            options = {"traits": traits, **options}
    return build_model(name, **options)


def translated(frame: pd.DataFrame, spec: ModelSpec) -> pd.DataFrame:
    """The table in this project's columns.

    Raises
    ------
    DataError
        A column that the model has no parameter for, with numbers that say something; standard errors of intercepts
        where difficulties are asked for; scores of categories other than 0, 1, 2, ...
    """
    frame = frame.drop(columns=[SCALING], errors="ignore")
    if any(re.fullmatch(rf"({'|'.join(spec.family.location)})(\[.+\])?", c) for c in _names(frame)):
        return _without_unused(frame, spec)
    frame = _from_intercepts(frame, spec) if _has_intercepts(frame) else _from_classic(frame, spec)
    return _without_unused(frame, spec)


def _has_intercepts(frame: pd.DataFrame) -> bool:
    return any(SLOPE.fullmatch(c) for c in _names(frame)) and any(INTERCEPT.fullmatch(c) for c in _names(frame))


def _one_value(frame: pd.DataFrame, column: str) -> float:
    values = np.unique(as_numbers(frame[column]))
    if len(values) != 1:
        raise DataError(f"column {column!r} differs by item: {values[:5].tolist()}; a bank has one.")
    return float(values[0])


def _traits(frame: pd.DataFrame) -> int | list[str] | None:
    """How many traits there are slopes of, or their labels."""
    labels = [match[1] for c in _names(frame) if (match := LABEL.fullmatch(c))]
    return labels or len([c for c in _names(frame) if SLOPE.fullmatch(c)]) or None


def _varies(frame: pd.DataFrame, names: tuple[str, ...], neutral: float) -> bool:
    return any(name in frame and bool((frame[name] != neutral).any()) for name in names)


def _model_of(frame: pd.DataFrame) -> str:
    """The model that columns speak of."""
    names = set(frame.columns)
    intercepts = _has_intercepts(frame)
    slopes = bool({"a", "a1", "alphaj", "discrimination"} & names)
    if "threshold[1]" in names or "betaj1" in names:
        return "grm"
    if "step[1]" in names or "deltaj1" in names:
        return "rsm" if "difficulty" in names else "gpcm" if slopes else "pcm"
    if {"b1", "d1"} & names or not ({"b", "difficulty"} & names or intercepts):
        raise DataError(
            f"which model is the bank of? Its columns, {', '.join(map(str, frame.columns[:10]))}, do not say. Of right "
            "and wrong there must be b or difficulty, or mirt's d; of more categories name it with model=, as "
            "model='grm' or model='gpcm'. A csv has commas between its columns."
        )
    if isinstance(traits := _traits(frame), list) or (traits or 1) > 1:
        return "m2pl"
    if _varies(frame, ("upper", "u") if intercepts else ("upper", "u", "d"), 1.0):
        return "4pl"
    if _varies(frame, ("lower", "g", "c"), 0.0):
        return "3pl"
    return "2pl" if slopes else "1pl"


def _from_classic(frame: pd.DataFrame, spec: ModelSpec) -> pd.DataFrame:
    names = {}
    for column in _names(frame):
        bare, sd = column.removesuffix(SD), SD if column.endswith(SD) else ""
        if bare in CLASSIC:
            names[column] = CLASSIC[bare].format(location=spec.family.location[0]) + sd
        elif step := CLASSIC_STEP.fullmatch(bare):
            names[column] = f"{spec.family.location[-1]}[{step[1]}]{sd}"
    return frame.rename(columns=names)


def _from_intercepts(frame: pd.DataFrame, spec: ModelSpec) -> pd.DataFrame:
    """From slopes a1, ... and intercepts d, ... with D = 1."""
    scaling, traits = spec.family.scaling, len(spec.traits)
    slopes = {
        f"a{t + 1}": f"discrimination[{spec.traits[t]}]" if traits > 1 else "discrimination" for t in range(traits)
    }
    if lacking := [column for column in slopes if column not in frame]:
        raise DataError(f"the bank has no column {listed(lacking)}, slopes of its {traits} trait(s); add it.")
    given = sorted((c for c in _names(frame) if INTERCEPT.fullmatch(c)), key=lambda c: int(c[1:] or 0))
    intercepts = pd.DataFrame({c: as_numbers(frame[c]) for c in given if c != "d0"}, frame.index)
    if isinstance(spec.family, PartialCredit) and "d" not in given:
        _check_scores(frame)
        intercepts = intercepts.diff(axis=1).fillna(intercepts.iloc[:, :1])
    renamed = {column: _location(column, spec) for column in _names(intercepts)}
    asymptotes = {"g": "lower", "u": "upper"}
    out = frame.drop(columns=given).drop(columns=[c for c in _names(frame) if re.fullmatch(r"ak\d+", c)])
    out = out.rename(columns=_with_errors(slopes | asymptotes))
    for column in slopes.values():
        out[column] = as_numbers(out[column])
    unit = out["discrimination"] if spec.family.scales_locations(spec.dims) else 1.0
    sign = 1.0 if spec.family.parameterization == "intercept" else -1.0
    out = out.assign(**{renamed[c]: sign * intercepts[c] / unit for c in renamed})
    for column in slopes.values():
        out[column] /= scaling
        if column + SD in out:
            out[column + SD] = as_numbers(out[column + SD]) / scaling
    return _with_errors_of_intercepts(out, renamed, spec)


def _location(column: str, spec: ModelSpec) -> str:
    number = column.removeprefix("d")
    return f"{spec.family.location[-1]}[{number}]" if number else spec.family.location[0]


def _with_errors(names: dict[str, str]) -> dict[str, str]:
    return names | {column + SD: name + SD for column, name in names.items()}


def _with_errors_of_intercepts(frame: pd.DataFrame, renamed: dict[str, str], spec: ModelSpec) -> pd.DataFrame:
    given = {column + SD: name + SD for column, name in renamed.items() if column + SD in frame}
    if given and (spec.family.scales_locations(spec.dims) or isinstance(spec.family, PartialCredit)):
        raise DataError(
            f"the bank has {next(iter(given))!r}, standard errors of intercepts, and model {spec.name!r} has "
            f"{spec.family.location[0]}; give parameterization='intercept', or columns {spec.family.location[0]!r} and "
            f"'{spec.family.location[0]} sd'."
        )
    return frame.rename(columns=given)


def _check_scores(frame: pd.DataFrame) -> None:
    for column in _names(frame):
        if match := re.fullmatch(r"ak(\d+)", column):
            wrong = frame[column].notna() & (frame[column] != int(match[1]))
            if wrong.any():
                raise DataError(
                    f"item {frame.index[wrong][0]!r} has the score {frame[column][wrong].iloc[0]:g} in column "
                    f"{column!r}; partial credit has 0, 1, 2, ... Is it a nominal model?"
                )


def _without_unused(frame: pd.DataFrame, spec: ModelSpec) -> pd.DataFrame:
    """Without columns of parameters that the model does not have: allowed where they say nothing."""
    unused = [name for name in WITHOUT if name in frame and name not in item_variables(spec)]
    for name in unused:
        values: NDArray[np.float64] = pd.to_numeric(frame[name], errors="coerce").fillna(WITHOUT[name]).to_numpy()
        if (values != WITHOUT[name]).any():
            at = int(np.flatnonzero(values != WITHOUT[name])[0])
            raise DataError(
                f"item {frame.index[at]!r} has {name} {values[at]:g}, and model {spec.name!r} has none (it is "
                f"{WITHOUT[name]:g} there): name another model, as model='{_with(name)}'."
            )
    return frame.drop(columns=[c for name in unused for c in (name, name + SD) if c in frame])


def _with(name: str) -> str:
    return next(model for model in ("2pl", "3pl", "4pl") if name in options_of(model))
