"""Pyro's chains in processes: the same draws, the same errors."""

from __future__ import annotations

import numpy as np
import pytest

import irtbridge as irt
from irtbridge import errors
from irtbridge.inference.nuts import NutsSettings

SETTINGS = NutsSettings(chains=3, warmup=30, draws=20)


def responses() -> irt.Responses:
    params = irt.simulate_parameters(irt.two_pl(), 60, [2] * 5, seed=1)
    return irt.simulate_responses(irt.two_pl(), params, [2] * 5, seed=2, missing=0.1)


@pytest.fixture(scope="module")
def both() -> list[irt.Draws]:
    """One after another, and in two processes."""
    programs = [irt.load_backend("pyro", processes=n).compile(irt.two_pl(), responses()) for n in (1, 2)]
    return [program.nuts(SETTINGS, seed=7) for program in programs]


@pytest.mark.long
def test_chains_in_processes_are_the_same_bit_for_bit(both: list[irt.Draws]) -> None:
    one, other = both
    np.testing.assert_array_equal(other.z, one.z)
    for name, value in one.stats.items():
        np.testing.assert_array_equal(other.stats[name], value, err_msg=name)


def test_chains_say_how_they_ran(both: list[irt.Draws]) -> None:
    assert [draws.chain_method for draws in both] == ["sequential", "processes"]
    for draws in both:
        assert min(draws.timings.warmup, draws.timings.sampling) > 0
    assert both[1].timings.compile > 0


def test_progress_comes_with_each_chain() -> None:
    told = []
    program = irt.load_backend("pyro", processes=2).compile(irt.two_pl(), responses())
    program.nuts(SETTINGS, 7, lambda *report: told.append(report))
    assert told == [("sampling", 20, 60), ("sampling", 40, 60), ("sampling", 60, 60)]


def test_errors_travel_as_themselves() -> None:
    spec = irt.two_pl(difficulty="Normal(0, 1e-200)")
    program = irt.load_backend("pyro", processes=2).compile(spec, responses())
    with pytest.raises(errors.NumericalError, match="not finite where the chain starts"):
        program.nuts(SETTINGS, 7)


@pytest.mark.parametrize("processes", [0, 1.5, True])
def test_impossible_numbers_of_processes_are_refused(processes: object) -> None:
    with pytest.raises(errors.ConfigError, match=f"processes={processes}"):
        irt.load_backend("pyro", processes=processes)
