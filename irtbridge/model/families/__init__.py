"""Response families: statistics, natural parameters and rules, in NumPy; one file each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from irtbridge.errors import UnknownName
from irtbridge.model.families.base import STEEPEST, ExponentialForm, Family
from irtbridge.model.families.beta import Beta
from irtbridge.model.families.binary import Binary
from irtbridge.model.families.categories import Categories
from irtbridge.model.families.graded import Graded
from irtbridge.model.families.nominal import Nominal
from irtbridge.model.families.numbers import Numbers
from irtbridge.model.families.ordered_beta import OrderedBeta
from irtbridge.model.families.partial_credit import PartialCredit
from irtbridge.model.families.poisson import Poisson
from irtbridge.model.families.sequential import Sequential

__all__ = [
    "FAMILIES",
    "STEEPEST",
    "Beta",
    "Binary",
    "Categories",
    "ExponentialForm",
    "Family",
    "Graded",
    "Nominal",
    "Numbers",
    "OrderedBeta",
    "PartialCredit",
    "Poisson",
    "Sequential",
    "family_from_dict",
]

FAMILIES: dict[str, type[Family]] = {
    family.name: family for family in (Binary, Graded, PartialCredit, Nominal, Sequential, Beta, OrderedBeta, Poisson)
}


def family_from_dict(data: Mapping[str, Any]) -> Family:
    """Rebuild a family from `Family.to_dict`.

    Raises
    ------
    UnknownName
        No family of that name.
    """
    name = data["name"]
    if name not in FAMILIES:
        raise UnknownName("response family", name, FAMILIES)
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items() if k != "name"}
    return FAMILIES[name](**values)  # type: ignore[arg-type]
