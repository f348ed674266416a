"""A spec as a script that runs JAGS, from Python's standard library, NumPy and pandas."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from irtbridge.model.families import OrderedBeta
from irtbridge.plugin import Layout
from irtbridge.plugin.scripts.data import DataSection
from irtbridge.plugin.scripts.frame import docstring
from irtbridge.plugin.scripts.recipe import Recipe
from irtbridge.plugin.scripts.text import WIDTH, assigned, broken, document, indented, literal
from irtbridge_jags.model import BugsModel
from irtbridge_jags.places import own, written

IMPORTS = ["import subprocess", "import tempfile", "from pathlib import Path", "", "import numpy as np"]
DUMP = '''\
def dump(values):
    """Arrays as R's dump writes them; NaN is NA."""
    lines = []
    for name, value in values.items():
        array = np.asarray(value)
        numbers = ["NA" if x != x else f"{x:.17g}" for x in array.ravel(order="F").tolist()]
        text = f"c({', '.join(numbers)})" if array.ndim else numbers[0]
        shape = f"structure({text}, .Dim = c({', '.join(map(str, array.shape))}))"
        lines.append(f'"{name}" <- {shape if array.ndim > 1 else text}')
    return "\\n".join(lines)'''
START = '''\
def start(folder, chain):
    """Write what JAGS needs for a chain, and start it."""
    seed = f'".RNG.name" <- "base::Mersenne-Twister"\\n".RNG.seed" <- {SEED + chain}'
    (folder / f"inits{chain}.R").write_text(f"{seed}\\n{dump(initial)}\\n")
    (folder / f"chain{chain}.cmd").write_text(COMMANDS.format(chain=chain))
    return subprocess.Popen(["jags", f"chain{chain}.cmd"], cwd=folder, stdout=subprocess.DEVNULL)'''
READ = '''\
def read(folder, chain):
    """The draws of a chain, by node."""
    values = np.loadtxt(folder / f"{chain}chain1.txt")[:, 1]
    index = [line.split() for line in (folder / f"{chain}index.txt").read_text().splitlines()]
    return {node: values[int(first) - 1 : int(last)] for node, first, last in index}'''
FIT = '''\
def fit():
    """Draws (chain, draw) of each node; the chains run side by side."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "model.bug").write_text(MODEL)
        (folder / "data.R").write_text(dump(data))
        running = [start(folder, chain) for chain in range(1, CHAINS + 1)]
        if any(process.wait() for process in running):
            raise RuntimeError("JAGS stopped; run `jags` on the files to see why.")
        chains = [read(folder, chain) for chain in range(1, CHAINS + 1)]
    return {node: np.stack([draws[node] for draws in chains]) for node in chains[0]}'''
SUMMARY = """\
if __name__ == "__main__":
    for node, draws in fit().items():
        print(f"{node}: mean {draws.mean():.3f}, SD {draws.std():.3f}")"""


def script(layout: Layout, data: DataSection, recipe: Recipe, *, glm: bool) -> str:
    """The script of a model and its data.

    Parameters
    ----------
    layout : Layout
        The model over the data.
    data : DataSection
        How they are read.
    recipe : Recipe
        Settings of ``gibbs``.
    glm : bool
        Whether the module is loaded.
    """
    model = BugsModel.of(layout, glm=glm)
    long = "  # noqa: E501" if max(map(len, model.text.splitlines())) > WIDTH else ""
    program = [f'MODEL = """{model.text.strip()}', f'"""{long}']
    prepared = broken("\n".join(_data(layout, model)))
    run = _run(layout, model, recipe, glm)
    head = document(docstring(layout, "JAGS", recipe, "\n".join(run)), [*IMPORTS, "import pandas as pd"])
    body = document(data.lines, program, [prepared], run, [DUMP], [START])
    return document([head], [body], [READ], [FIT], [SUMMARY])


def _data(layout: Layout, model: BugsModel) -> list[str]:
    """The data of the program as a dictionary ``data``, and initial values of ordered vectors, ``initial``."""
    lines, entries = ["n_persons, n_items = responses.shape"], []
    for name, value in model.constants.items():
        text = _from_csv(layout, name)
        if text is None:
            variable = re.sub(r"\W", "_", name)
            lines += _array(variable, np.asarray(value))
            text = variable
        entries.append(f"{literal(name)}: {text},")
    lines += _responses(layout, entries)
    lines += ["# What JAGS is given; NaN where it has to find a value.", "data = {", *indented(entries), "}"]
    return [*lines, *_initial(layout, model)]


def _from_csv(layout: Layout, name: str) -> str | None:
    """Data of the program that the script has read, or None."""
    known = {"N": "n_persons", "J": "n_items", "group": "group + 1"}
    for predictor in layout.spec.designs.values():
        if predictor.dim == "person":
            known[f"{written(predictor.weights)}.design"] = f"{predictor.weights}_design"
    return known.get(name)


def _array(name: str, value: NDArray[Any]) -> list[str]:
    if value.size > 1 and (value == value.flat[0]).all():
        return [f"{name} = np.full({literal(list(value.shape))}, {literal(value.flat[0])})"]
    return assigned(name, value, "np.array")


def _responses(layout: Layout, entries: list[str]) -> list[str]:
    """The responses as the program wants them: categories count from 1."""
    family = layout.spec.family
    if isinstance(family, OrderedBeta):
        entries += ['"part": part,', '"response": np.where(between, responses, np.nan),']
        part = (
            "part = np.where(np.isnan(responses), np.nan, 1 + between + 2 * (responses == 1))  # 1: 0, 2: between, 3: 1"
        )
        return ["between = (responses > 0) & (responses < 1)", part]
    from_one = family.kind == "categories" and family.name != "binary"
    entries.append(f'"response": {"responses + 1" if from_one else "responses"},')
    return []


def _initial(layout: Layout, model: BugsModel) -> list[str]:
    """Vectors that are ordered must begin in order; JAGS chooses the other initial values."""
    lines, entries = list[str](), list[str]()
    for name, part in model.parts.items():
        slot = layout.slots[name]
        if slot.variable.prior.support == "ordered":
            steps = np.arange(slot.shape[-1]) - (slot.shape[-1] - 1) / 2
            values = np.broadcast_to(slot.variable.prior.direction * steps, slot.shape)
            variable = f"initial_{re.sub(r'[^0-9a-zA-Z_]', '_', part.drawn)}"
            lines += assigned(variable, np.where(own(slot), values, np.nan), "np.array")
            entries.append(f"{literal(part.drawn)}: {variable}")
    said = ["# Initial values; JAGS chooses those of all other nodes."]
    return [*said, *lines, f"initial = {{{', '.join(entries)}}}"]


def _run(layout: Layout, model: BugsModel, recipe: Recipe, glm: bool) -> Sequence[str]:
    """How long the chains are, and what JAGS is told to do."""
    at = recipe.settings
    nodes = [node for name, node in model.nodes.items() if "person" not in layout.spec.dims[name]]
    commands = [
        *(["load glm"] if glm else []),
        'model in "model.bug"',
        'data in "data.R"',
        "compile, nchains(1)",
        'parameters in "inits{chain}.R", chain(1)',
        "initialize",
        f"adapt {at.adapt}",
        f"update {at.warmup}",
        *(f"monitor {node}, thin({at.thin})" for node in nodes),
        f"update {at.draws * at.thin}",
        'coda *, stem("{chain}")',
    ]
    persons = "# Draws of the persons' abilities take much room: add `monitor` lines for them if you want them."
    return [f"CHAINS, SEED = {at.chains}, {recipe.seed}", persons, 'COMMANDS = """', *commands, '"""']
