"""Every error irtbridge raises on purpose: one root, each kind also the builtin it resembles."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from typing import Any


class IRTBridgeError(Exception):
    """Root of all errors raised by irtbridge; its message says what to do next."""

    def __reduce__(self) -> tuple[Callable[..., IRTBridgeError], tuple[type[IRTBridgeError], str]]:
        # Subclasses build their message from other arguments, which pickle would not have.
        return rebuild, (type(self), str(self))


class IRTBridgeWarning(UserWarning):
    """Something that deserves a look: a fit that does not pass its checks, data that may not be what they seem."""


class SpecError(IRTBridgeError, ValueError):
    """A model specification that cannot be: a wrong prior argument, dimension or Q-matrix."""


class DataError(IRTBridgeError, ValueError):
    """Responses that cannot be analysed: empty, not numeric, one category only, ..."""


class DataNotFound(DataError, FileNotFoundError):
    """A data file or a named data set that is not there."""


class ConfigError(IRTBridgeError, ValueError):
    """A setting with a wrong name, type or value."""


class UnknownName(ConfigError, LookupError):
    """A model, backend, method, study or option that does not exist."""

    def __init__(self, kind: str, given: object, valid: Iterable[str], hint: str = "") -> None:
        names = nearest_first(str(given), valid)
        listed = ", ".join(names) if names else "none"
        super().__init__(f"no {kind} called {given!r}; valid: {listed}.{' ' + hint if hint else ''}")


class ExposureNotMet(ConfigError):
    """A largest exposure of items that a bank, or a rule of selection, cannot keep; says which it could."""


class BackendUnavailable(IRTBridgeError, ImportError):
    """A backend whose library is not installed."""


class PluginConflict(IRTBridgeError, RuntimeError):
    """Two installed plugins claim one name."""


class Unsupported(IRTBridgeError, NotImplementedError):
    """A feature that this backend does not have; names who does."""

    def __init__(self, backend: str, feature: str, supported_by: Iterable[str] = ()) -> None:
        others = ", ".join(supported_by)
        way_out = f"supported by: {others}" if others else "no installed backend supports it"
        super().__init__(f"backend {backend!r} does not support {feature}; {way_out}.")


class DeviceError(IRTBridgeError, RuntimeError):
    """A device that this machine or this backend does not have."""


class NumericalError(IRTBridgeError, ArithmeticError):
    """A log density that is not finite; names the variable and its prior."""


class StatisticError(IRTBridgeError, ValueError):
    """A statistic that this model, or this pattern of missing responses, does not admit; names one that it does."""


class ResultsError(IRTBridgeError, OSError):
    """Results that cannot be written or read."""


def rebuild(kind: type[IRTBridgeError], message: str) -> IRTBridgeError:
    """An error of a class with a finished message, as it comes from another process."""
    layout: Any = kind.__base__  # the builtin whose memory layout it has, as Python wants of __new__
    error: IRTBridgeError = layout.__new__(kind)
    Exception.__init__(error, message)
    return error


def nearest_first(given: str, valid: Iterable[str]) -> list[str]:
    """Sort names by likeness to `given`, then alphabetically.

    Parameters
    ----------
    given : str
        The misspelt name.
    valid : iterable of str
        The names that exist.
    """

    def distance(name: str) -> tuple[float, str]:
        return (-difflib.SequenceMatcher(None, given.lower(), name.lower()).ratio(), name)

    return sorted(valid, key=distance)
