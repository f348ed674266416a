"""What is compiled once in a process: the same functions for the same model and shape, and others for others."""

from __future__ import annotations

import numpy as np
import pytest

import irtbridge as irt
from irtbridge.model.quadrature import Quadrature
from irtbridge.plugin.recent import LARGEST, MOST, Recent


def test_made_once_for_each_key_and_forgotten_in_order() -> None:
    recent, made = Recent[int](), []

    def get(key: int, size: int = 1) -> int:
        return recent.get(key, lambda: made.append(key) or len(made), ((size,),))

    first = get(0)
    assert get(0) == first
    assert made == [0]
    for key in range(1, MOST + 1):
        get(key)
    get(0)
    assert made[-1] == 0, "the oldest is forgotten"
    assert get(-1, LARGEST + 1) != get(-1, LARGEST + 1), "what holds on to large data is not kept"


@pytest.mark.parametrize("backend", ["pyro", "tfp"])
def test_a_second_program_has_the_numbers_of_one_compiled_alone(backend: str) -> None:
    rng = np.random.default_rng(3)
    one, other = (irt.load_responses(rng.integers(0, 2, (40, 4))) for _ in range(2))
    engine, z = irt.load_backend(backend), rng.normal(size=8)

    def value(model: str, data: irt.Responses) -> tuple[np.ndarray, np.ndarray]:
        program = engine.compile(irt.build_model(model), data, collapse=Quadrature())
        return program.value_and_grad(z[: program.dim])

    before = value("2pl", other)
    value("2pl", one)
    again = value("2pl", other)
    assert before[0] == again[0]
    np.testing.assert_array_equal(before[1], again[1])
    assert value("2pl", one)[0] != before[0]
    wider = irt.build_model("2pl", difficulty="Normal(0, 9)")
    assert engine.compile(wider, other, collapse=Quadrature()).value_and_grad(z)[0] != before[0], "another prior"
