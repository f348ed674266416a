"""A backend's tables say every prior and every family that it declares."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

import pytest

from irtbridge.model.families import FAMILIES
from irtbridge.model.priors import PRIORS
from irtbridge.plugin.entry_points import backend_names
from irtbridge.plugin.loading import load_backend

NUMPYRO = "numpyro" in backend_names() and find_spec("numpyro") is not None
TRANSLATORS = ["pyro", "tfp", *(["numpyro"] if NUMPYRO else [])]


@pytest.mark.parametrize("backend", TRANSLATORS)
def test_what_a_backend_declares_is_what_its_tables_translate(backend: str) -> None:
    declared = type(load_backend(backend))
    priors, families = (import_module(f"irtbridge_{backend}.{name}").DISTRIBUTIONS for name in ("priors", "families"))
    assert set(priors) == {PRIORS[name] for name in declared.priors}
    assert set(families) == {FAMILIES[name] for name in declared.families}
