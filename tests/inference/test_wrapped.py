"""A wrapper hands on everything that a program has; whatever `Program` gains, it gains."""

from __future__ import annotations

import inspect
from types import SimpleNamespace
from typing import Any

import pytest

from irtbridge import errors
from irtbridge.inference.intercepts import InterceptProgram
from irtbridge.inference.large_data import StreamedProgram
from irtbridge.inference.wrapped import WrappedProgram
from irtbridge.plugin.program import Program

ATTRIBUTES = tuple(inspect.get_annotations(Program))
METHODS = {name: member for name, member in vars(Program).items() if inspect.isfunction(member) and name[0] != "_"}
OWN = {"bind"}  # by the wrapper's own layout, and then `with_data`
NATIVE = {
    "nuts",
    "resume_nuts",
    "vi",
    "gibbs",
    "resume_gibbs",
}  # they would draw in other coordinates, or from other data


class Other(Program):
    """A program that says what it was asked; it is another one for chains and over other data."""

    def __init__(self, number: int = 0) -> None:
        self.number = number
        for name in ATTRIBUTES:
            setattr(self, name, f"{name} {number}")


def telling(name: str) -> Any:
    def tell(self: Other, *given: object, **named: object) -> object:
        return Other(self.number + 1) if name in ("prepare", "for_chains", "with_data") else (name, given, named)

    return tell


for name in METHODS:
    setattr(Other, name, telling(name))
Other.__abstractmethods__ = frozenset()


def asked(name: str) -> tuple[list[object], dict[str, object]]:
    """Arguments for a method of a program."""
    parameters = list(inspect.signature(METHODS[name]).parameters.values())[1:]
    given = {kind: [p.name for p in parameters if (p.kind is p.KEYWORD_ONLY) == kind] for kind in (False, True)}
    return [f"a {name}" for name in given[False]], {name: f"a {name}" for name in given[True]}


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_attributes_are_those_of_the_program(name: str) -> None:
    assert getattr(WrappedProgram(Other()), name) == f"{name} 0"


@pytest.mark.parametrize("name", sorted(METHODS.keys() - OWN - NATIVE))
def test_methods_are_those_of_the_program(name: str) -> None:
    """What makes another program of it gives a wrapper around that one, with its attributes."""
    other, (given, named) = Other(), asked(name)
    expected, got = (getattr(one, name)(*given, **named) for one in (other, WrappedProgram(other)))
    if isinstance(expected, Other):
        assert isinstance(got, WrappedProgram)
        assert isinstance(got.program, Other)
        assert got.program.number == 1
        assert [getattr(got, name) for name in ATTRIBUTES] == [f"{name} 1" for name in ATTRIBUTES]
    else:
        assert got == expected


@pytest.mark.parametrize("name", sorted(NATIVE))
@pytest.mark.parametrize("wrapper", [WrappedProgram, InterceptProgram, StreamedProgram])
def test_native_methods_are_not_handed_on(wrapper: type[WrappedProgram], name: str) -> None:
    given, named = asked(name)
    with pytest.raises(errors.Unsupported):
        getattr(wrapper, name)(SimpleNamespace(), *given, **named)


@pytest.mark.parametrize("name", sorted(OWN))
@pytest.mark.parametrize("wrapper", [WrappedProgram, InterceptProgram, StreamedProgram])
def test_a_wrapper_checks_data_by_its_own_layout(wrapper: type[WrappedProgram], name: str) -> None:
    assert getattr(wrapper, name) is METHODS[name]
