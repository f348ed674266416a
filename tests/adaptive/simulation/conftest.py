"""Banks with known parameters, drawn from the priors of the catalogue's models."""

import numpy as np
import pandas as pd
import pytest

import irtbridge as irt
from irtbridge.bank.item_bank import ItemBank


def made_bank(model, counts, seed=1, **options):
    """A bank of items with so many categories each, its abilities standard normal."""
    spec, items = irt.build_model(model, **options), tuple(f"q{i}" for i in range(len(counts)))
    drawn = irt.simulate_parameters(spec, 2, counts, seed=seed)
    names = [name for role, name in spec.family.roles() if role != "ability"]
    categories = tuple(tuple(map(float, range(count))) for count in counts)
    about, traits = pd.DataFrame(index=pd.Index(items, name="item")), len(spec.traits)
    params = {name: drawn[name][None] for name in names}
    return ItemBank(spec, items, categories, params, about, np.zeros(traits), np.eye(traits))


@pytest.fixture
def bank_of():
    return made_bank


@pytest.fixture
def bank():
    return made_bank("2pl", [2] * 60)
