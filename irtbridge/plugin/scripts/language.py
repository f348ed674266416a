"""What a library of arrays and distributions must say for its scripts to be written: expressions, as text."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from numpy.typing import NDArray

from irtbridge.model.priors import Prior


@dataclass(frozen=True)
class Site:
    """What is sampled in one statement.

    Attributes
    ----------
    name : str
        Of the site.
    target : str
        The Python variable.
    prior : Prior
        Its kind; the arguments are given apart.
    arguments : mapping of str to str
        As expressions that broadcast against the shape.
    shape : tuple of str
        Length of each axis, as an expression.
    given : tuple of bool
        For each axis, whether the arguments have it.
    plate : str
        What the first axis counts, where its elements are independent draws: ``persons``, ``items``, ``some`` items
        in a loop over `k`, or nothing.
    """

    name: str
    target: str
    prior: Prior
    arguments: Mapping[str, str]
    shape: tuple[str, ...] = ()
    given: tuple[bool, ...] = ()
    plate: str = ""

    @property
    def written(self) -> str:
        """The name of the site in quotes; that of one in a loop is formatted."""
        return f'{"f" * ("{" in self.name)}"{self.name}"'

    @property
    def ordered(self) -> bool:
        """Whether the last axis is an ordered vector."""
        return self.prior.support == "ordered"


class Language(ABC):
    """The words of one library; each method takes expressions as text, and returns one.

    Class attributes
    ----------------
    backend : str
        The backend that the scripts are of.
    array : str
        The function that makes an array of a nested list.
    whole_answers : bool
        Whether answers of two categories are whole numbers to a Bernoulli distribution.
    log, expm1, exp, sigmoid, log_sigmoid, where : str
        Names of elementwise functions.
    """

    backend: ClassVar[str]
    array: ClassVar[str]
    whole_answers: ClassVar[bool] = True
    log: ClassVar[str]
    expm1: ClassVar[str]
    exp: ClassVar[str]
    sigmoid: ClassVar[str]
    log_sigmoid: ClassVar[str]
    where: ClassVar[str]

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype

    @abstractmethod
    def suffix(self, value: NDArray[Any]) -> str:
        """What follows a nested list in `array`, for these numbers: their precision."""

    @abstractmethod
    def converted(self, name: str, *, whole: bool) -> str:
        """A NumPy array as one of the library, of whole numbers or of numbers in the precision of the script."""

    @abstractmethod
    def cumsum(self, x: str) -> str:
        """Cumulative sums along the last axis."""

    @abstractmethod
    def diff(self, x: str) -> str:
        """Differences along the last axis."""

    @abstractmethod
    def padded(self, x: str, before: int, after: int, axes: int = 3) -> str:
        """With zeros at the ends of the last of some axes."""

    @abstractmethod
    def product(self, matrix: str, vector: str) -> str:
        """A matrix times a vector."""

    @abstractmethod
    def times_transposed(self, one: str, other: str) -> str:
        """A matrix times the transpose of another."""

    @abstractmethod
    def rows(self, x: str, index: str) -> str:
        """Some rows of an array."""

    @abstractmethod
    def broadcast(self, x: str, shape: Sequence[str]) -> str:
        """An array, repeated until it has a shape."""

    @abstractmethod
    def masked(self, x: str, mask: str) -> str:
        """The elements of an array where a mask is true, row by row."""

    @abstractmethod
    def zeros(self, shape: Sequence[str]) -> str:
        """An array of zeros."""

    def copied(self, x: str) -> str:
        """An array that statements may change."""
        return x

    @abstractmethod
    def placed(self, base: str, mask: str, values: str) -> str:
        """An array with values in the places where a mask is true, row by row."""

    @abstractmethod
    def put_rows(self, target: str, items: str, width: str, values: str) -> str:
        """A statement: the first elements of some rows of an array are these values."""

    @abstractmethod
    def sample(self, site: Site) -> tuple[str, str]:
        """A statement that samples a site, and the head of the block that it stands in."""

    @abstractmethod
    def observe(self, name: str, kind: str, arguments: Mapping[str, str], mask: str) -> list[str]:
        """Statements of what is observed.

        Parameters
        ----------
        name : str
            Of the data.
        kind : str
            ``bernoulli`` (``logits`` or ``probs``), ``categorical`` (``logits``), ``ordered`` (``slope``, ``cut``),
            ``beta`` (``above``, ``below``) or ``poisson`` (``rate``).
        arguments : mapping of str to str
            By name.
        mask : str
            An array that says which count; empty where all do.
        """
