"""The library's arrays without a model: what they compute, and the adaptive tests that are simulated on them."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest

from irtbridge.adaptive.selection import SELECTIONS, Random, SympsonHetter
from irtbridge.adaptive.simulate import simulate_adaptive
from irtbridge.adaptive.simulation.sessions import Sessions
from irtbridge.bank.item_bank import ItemBank
from irtbridge.errors import DeviceError, UnknownName, Unsupported
from irtbridge.plugin.arrays import Arrays
from irtbridge.plugin.devices import DTYPES
from irtbridge.testing.conformance.base import OneBackend

ITEMS, PERSONS = 40, 60
RULES = tuple(name for name, rule in SELECTIONS.items() if rule.portable and rule is not SympsonHetter)
every_dtype = pytest.mark.parametrize("dtype", DTYPES)


class WithoutModel(OneBackend):
    """The library's arrays."""

    def need_arrays(self, dtype: str = "float64") -> Arrays:
        """The arrays on the device under test; leaves a test out where the backend does not declare them."""
        backend = self.load()
        if not backend.has_arrays or dtype not in backend.dtypes:
            pytest.skip(f"{self.backend} does not declare arrays of {dtype}")
        return backend.arrays(self.device, dtype)

    def test_arrays_are_lent_as_declared(self) -> None:
        if not self.load().has_arrays:
            with pytest.raises(Unsupported, match=self.backend):
                self.load().arrays()
            return
        with pytest.raises(DeviceError, match="cpu"):
            self.load().arrays("abacus")
        with pytest.raises(UnknownName, match="float64"):
            self.load().arrays(self.device, "float16")

    @every_dtype
    def test_numbers_come_back_as_they_went(self, dtype: str) -> None:
        arrays = self.need_arrays(dtype)
        sent = np.random.default_rng(1).normal(size=(3, 4))
        with arrays.running():
            for kind in (dtype, "float32", "bool"):
                back = arrays.get(arrays.put(sent, "" if kind == dtype else kind))
                assert back.dtype == kind
                np.testing.assert_array_equal(back, sent.astype(kind))

    @every_dtype
    def test_its_functions_are_numpys(self, dtype: str) -> None:
        arrays, numpy, rng = self.need_arrays(dtype), Arrays("float64"), np.random.default_rng(2)
        scores, allowed = rng.integers(4, size=(50, 9)).astype(float), rng.random((50, 9)) < 0.4
        allowed[:5] = False
        weights, uniform = rng.random((50, 9)), rng.random((50, 3))
        rows, columns, near = np.arange(0, 50, 2), rng.integers(9, size=25), 1e-12 if dtype == "float64" else 1e-6
        with arrays.running():
            there, flags = arrays.put(weights), arrays.put(allowed.copy(), "bool")
            for name, expected in (("exp", np.exp(weights)), ("tanh", np.tanh(weights))):
                np.testing.assert_allclose(arrays.get(getattr(arrays, name)(arrays.put(weights))), expected, rtol=near)
            for places in (slice(3, 7), rows, allowed[:, 0]):
                np.testing.assert_array_equal(arrays.get(arrays.rows(there, places)), arrays.get(there)[places])
            product = arrays.get(arrays.product(there, arrays.put(weights[:9])))
            np.testing.assert_allclose(product, weights @ weights[:9], rtol=10 * near)
            # Of the scores many are equal, and the first counts.
            assert (arrays.best(arrays.put(scores, "float32"), flags) == numpy.best(scores, allowed)).all()
            assert (arrays.draw(there, uniform) == numpy.draw(weights, uniform)).all()
            left = arrays.get(arrays.cleared(flags, rows, columns))
        assert (left == numpy.cleared(allowed.copy(), rows, columns)).all()

    @every_dtype
    @pytest.mark.parametrize("rule", RULES)
    def test_adaptive_tests_are_those_of_numpy(self, rule: str, dtype: str) -> None:
        """The same items and abilities; in single precision a person or two may get the other of two equal items."""
        self.need_arrays(dtype)
        here, there = _simulated(rule, self.backend, self.device, dtype), _simulated(rule)
        same = (here.given == there.given).all(axis=1)
        assert same.all() if dtype == "float64" else same.sum() >= PERSONS - 2
        for name in ("estimates", "sds", "scores"):
            values = getattr(here, name)[same], getattr(there, name)[same]
            np.testing.assert_allclose(*values, atol=1e-9 if dtype == "float64" else 1e-4)

    def test_what_only_numpy_computes_is_unsupported(self) -> None:
        self.need_arrays()
        for rule in ("shadow", "kl"):
            with pytest.raises(Unsupported, match=f"{rule}.*{Random.name}"):
                simulate_adaptive(_bank(), rule, backend=self.backend, persons=2, stop="items=3")


def _simulated(rule: str, backend: str | None = None, device: str = "auto", dtype: str = "float64") -> Sessions:
    how = {"backend": backend, "device": device, "dtype": dtype}
    return simulate_adaptive(_bank(), rule, persons=PERSONS, stop="items=6", **how).sessions  # type: ignore[arg-type]


@cache
def _bank() -> ItemBank:
    rng = np.random.default_rng(3)
    table = pd.DataFrame({"item": [f"i{k}" for k in range(ITEMS)], "a": rng.lognormal(0.2, 0.3, ITEMS)})
    return ItemBank.load(table.assign(b=rng.normal(size=ITEMS)))
