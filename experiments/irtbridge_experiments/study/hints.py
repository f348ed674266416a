"""What is said before a fit: that another method would be far sooner."""

from __future__ import annotations

from collections.abc import Sequence

from irtbridge.inference import make_settings
from irtbridge.model.layout import Layout
from irtbridge.model.spec import ModelSpec
from irtbridge_experiments.study.cell import Cell
from irtbridge_experiments.study.design import Design

MANY_PARAMETERS = 300
"""2PL, 40 persons, Pyro: `laplace` takes 30 seconds of a CPU with 390 item parameters; `map` 0.5, `vi_newton` 0.6."""
QUICK = ("map",)
"""Methods whose work is in proportion to the number of items."""


def hints(cells: Sequence[Cell]) -> list[str]:
    """A line for each condition with very many item parameters and methods that integrate abilities out."""
    found: dict[tuple[str, int], list[str]] = {}
    for cell in cells:
        if cell.calibration is not None or cell.method in QUICK:
            continue
        if hasattr(make_settings(cell.method, **cell.settings), "collapse"):
            found.setdefault((cell.condition, item_parameters(cell)), []).append(cell.method)
    return [_hint(*what, methods) for what, methods in found.items() if what[1] > MANY_PARAMETERS]


def item_parameters(cell: Cell) -> int:
    """Number of parameters that a method which integrates abilities out has to find."""
    if cell.design is not None:
        layout = Design.from_dict(cell.design).layout
    else:
        assert cell.data is not None
        layout = Layout.of(ModelSpec.from_dict(cell.spec), cell.data)
    return layout.dim - layout.slots[layout.spec.family.ability].size


def _hint(condition: str, count: int, methods: Sequence[str]) -> str:
    title = f"{condition}: " if condition else ""
    return (
        f"{title}{count} item parameters: {', '.join(dict.fromkeys(methods))} may take long, the work growing with the "
        "square of that number; where persons are few method=nuts_whitened is sooner, and method=vi_newton far sooner, "
        "with good means and intervals that are too short."
    )
