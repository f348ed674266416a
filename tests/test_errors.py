"""Errors: one root, also the builtin they resemble, and whole after a trip to another process."""

from __future__ import annotations

import pickle

import pytest

from irtbridge import errors


def kinds() -> list[type[errors.IRTBridgeError]]:
    found = [v for v in vars(errors).values() if isinstance(v, type) and issubclass(v, errors.IRTBridgeError)]
    return [kind for kind in found if kind is not errors.IRTBridgeError]


@pytest.mark.parametrize("kind", kinds())
def test_each_kind_is_also_a_builtin(kind: type[Exception]) -> None:
    builtins = [base for base in kind.__mro__ if base.__module__ == "builtins"]
    assert set(builtins) - {Exception, BaseException, object}


def test_names_are_listed_nearest_first() -> None:
    message = str(errors.UnknownName("model", "gmr", ["2pl", "gpcm", "grm"]))
    assert message.startswith("no model called 'gmr'; valid: grm")


def test_unsupported_names_who_does() -> None:
    message = str(errors.Unsupported("pyro", "method 'x'", ["tfp", "mine"]))
    assert message == "backend 'pyro' does not support method 'x'; supported by: tfp, mine."


SIMPLE = [errors.DataError, errors.DataNotFound, errors.BackendUnavailable, errors.ResultsError]


@pytest.mark.parametrize(
    "error",
    [errors.UnknownName("model", "x", ["2pl"]), errors.Unsupported("a", "b"), *(kind("no") for kind in SIMPLE)],
)
def test_errors_travel(error: errors.IRTBridgeError) -> None:
    back = pickle.loads(pickle.dumps(error))
    assert (type(back), str(back)) == (type(error), str(error))
