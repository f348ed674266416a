"""The table of `irtbridge fit`: four engines side by side are within the 80 letters of a terminal."""

from __future__ import annotations

import io

import pytest
from irtbridge_experiments.tables.real_data import compact, side_by_side
from irtbridge_experiments.tables.render import print_table
from rich.console import Console

ENGINES = (("pyro", "nuts"), ("tfp", "nuts"), ("numpyro", "nuts"), ("jags", "gibbs"))


def record(backend: str, method: str) -> dict[str, object]:
    names = ("mean", "sd", "mcse", "hdi_2.5%", "hdi_97.5%", "ess_bulk", "ess_tail", "r_hat")
    row = dict(zip(names, (-1.234, 0.123, 0.01, -1.5, -1.0, 900.0, 900.0, 1.0), strict=True))
    items = [{"item": f"item{i}", "parameter": "discrimination", **row} for i in range(1, 6)]
    return {"backend": backend, "method": method, "items": items, "shared": []}


@pytest.mark.parametrize("fits", [1, 2, 3, 4])
def test_fits_side_by_side_are_within_80_letters(fits: int) -> None:
    console = Console(width=80, file=io.StringIO())
    print_table(compact(side_by_side([record(*engine) for engine in ENGINES[:fits]])), console, decimals=2)
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert max(map(len, lines)) <= 80
    assert sum("item3" in line and "-1.23" in line for line in lines) >= 1


def test_fits_without_parameters_of_no_item_are_left_out_of_their_table() -> None:
    shared = {"shared": [{"parameter": "ability_mean"} | record("", "")["items"][0]]}  # type: ignore[index]
    table = side_by_side([record("pyro", "map"), record("pyro", "cmle") | shared], "shared")
    assert [column for column in table if column.endswith("mean")] == ["pyro cmle mean"]
