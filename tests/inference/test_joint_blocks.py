"""Standard errors by blocks of persons and items are those by a gradient for each item parameter."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import irtbridge as irt
from irtbridge.data.sparse_responses import SparseResponses
from irtbridge.inference import joint_blocks, joint_information

pytestmark = pytest.mark.usefixtures("compiled_once")


def data(persons: int, items: int) -> irt.Responses:
    spec = irt.two_pl(difficulty="Normal(0, 1)")
    true = irt.simulate_parameters(spec, persons, [2] * items, seed=3)
    return irt.simulate_responses(spec, true, [2] * items, seed=4, missing=0.15)


@pytest.mark.parametrize(("persons", "items"), [(60, 12), (40, 60)])
@pytest.mark.parametrize(
    ("model", "settings"), [("2pl", {"priors": True}), ("1pl", {}), ("2pl", {}), ("lfm", {"priors": True})]
)
def test_they_are_those_by_gradients(
    persons: int, items: int, model: str, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Either side the shorter one, with missing responses, with priors and with conventions in their place."""

    def errors() -> dict[str, np.ndarray]:
        fit = irt.fit(data(persons, items), model, method="jmle", seed=1, max_iterations=500, **settings)
        assert fit.draws.standard_errors is not None
        return fit.draws.standard_errors

    blocks = errors()
    monkeypatch.setattr(joint_information, "serves", lambda program: False)
    for name, gradients in errors().items():
        np.testing.assert_allclose(blocks[name], gradients, rtol=1e-6)
    if settings or persons > items:
        assert np.isfinite(blocks["ability"]).any()


def test_sparse_responses_have_them_as_whole_ones_do(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = data(40, 25)
    sparse = SparseResponses(whole.entries, whole.persons, whole.items, whole.categories, name="sparse")
    how: dict[str, Any] = {"method": "jmle", "priors": True, "seed": 1}
    one, other = irt.fit(whole, "lfm", observed_only=True, **how), irt.fit(sparse, "lfm", **how)
    for name, errors in (one.draws.standard_errors or {}).items():
        np.testing.assert_allclose((other.draws.standard_errors or {})[name], errors, rtol=1e-6)
        assert np.isfinite(errors).all()
    monkeypatch.setattr(joint_blocks, "MOST_KEPT", 24)
    assert np.isnan((irt.fit(sparse, "lfm", **how).draws.standard_errors or {})["ability"]).all()


def test_chunks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    fits = []
    for size in (joint_blocks.AT_ONCE, 500):
        monkeypatch.setattr(joint_blocks, "AT_ONCE", size)
        fits.append(irt.fit(data(40, 25), "2pl", method="jmle", priors=True, seed=1))
    np.testing.assert_allclose(fits[0].items(), fits[1].items(), rtol=1e-9)
    np.testing.assert_allclose(fits[0].persons(), fits[1].persons(), rtol=1e-9)


def test_where_traits_can_be_rotated_there_are_none() -> None:
    fit = irt.fit(data(40, 25), "lfm", method="jmle", priors=True, seed=1, model_options={"traits": 2})
    assert np.isnan((fit.draws.standard_errors or {})["ability"]).all()
