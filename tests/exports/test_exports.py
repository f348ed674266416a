"""Exported scripts: they need no irtbridge, have its log density and posterior, read the same csv, and look right."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import arviz as az
import numpy as np
import pandas as pd
import pytest
from irtbridge_experiments.cli import main
from numpy.typing import NDArray

import irtbridge as irt
from irtbridge.errors import ResultsError, Unsupported
from irtbridge.fitting.export import write_script
from irtbridge.inference import make_settings
from irtbridge.model.catalogue import build_model
from irtbridge.model.density import log_joint
from irtbridge.model.layout import Layout
from irtbridge.model.simulate import simulate_parameters_like
from irtbridge.plugin import Backend, Recipe
from irtbridge.plugin.scripts.variables import own_elements
from irtbridge.testing.cases import CASES, EQUAL, UNEQUAL, Case

Array = NDArray[np.float64]
RUNNER = Path(__file__).parent / "densities.py"
LIBRARIES = {"pyro": {"pyro", "torch"}, "tfp": {"tensorflow", "tensorflow_probability", "tf_keras"}}
LIBRARIES |= {"numpyro": {"numpyro", "jax"}, "jags": {"subprocess", "tempfile", "pathlib"}}
ALWAYS = {"numpy", "pandas"}
CLASSES = {"pyro": "PyroBackend", "tfp": "TfpBackend", "numpyro": "NumpyroBackend", "jags": "JagsBackend"}
DECREASING = [
    Case(name, lambda prior=prior: build_model("grm", parameterization="intercept", intercept=prior), categories)
    for name, prior, categories in (
        ("grm-intercept-away", "DecreasingNormal(0.7, 2)", EQUAL),
        ("grm-intercept-centred", "DecreasingNormal([1, 0, -1], 2)", UNEQUAL),
    )
]
SHORT = ("2pl", "grm", "m2pl-groups")
CSV = "q1,q2,q3,sex,age\n1,2,1,f,20\n2,1,,m,30\n1,1,2,f,44\n2,2,2,m,25\n,1,2,f,61\n2,2,1,m,33\n"
each_engine = pytest.mark.parametrize("engine", CLASSES)


def backend(engine: str) -> Backend:
    made: Backend = getattr(import_module(f"irtbridge_{engine}"), CLASSES[engine])()
    return made


def needs(engine: str) -> None:
    for library in LIBRARIES[engine] - {"tf_keras"}:
        pytest.importorskip(library)


def can_say(engine: str, case: Case) -> bool:
    return engine != "jags" or "LKJ" not in str(case.spec)


def sites_of(layout: Layout, params: dict[str, Array]) -> dict[str, Array]:
    """What a script samples, from full arrays: ordered vectors increase, and those of a length are one site."""
    sites: dict[str, Array] = {}
    for name, slot in layout.slots.items():
        direction, own = slot.variable.prior.direction, own_elements(slot)
        site = f"minus_{name}" if direction < 0 else name
        if slot.variable.prior.support != "ordered":
            sites[name] = slot.to_site(params[name])
        elif own.all():
            sites[site] = direction * params[name]
        else:
            lengths = own.sum(axis=1)
            groups = {k: params[name][lengths == k][:, :k] for k in np.unique(lengths[lengths > 0])}
            sites |= {f"{site}_{k}": direction * rows for k, rows in groups.items()}
    return sites


def write(engine: str, case: Case, folder: Path, method: str = "", **settings: Any) -> tuple[Layout, dict[str, Array]]:
    """Export a case, with a point drawn from its prior beside it."""
    made, responses = backend(engine), case.responses()
    method = method or made.exports[0]
    recipe = Recipe(method, make_settings(method, **settings))
    write_script(made, case.spec, responses, recipe, "", folder / f"{case.name}.py")
    layout = Layout.of(case.spec, responses)
    params = simulate_parameters_like(case.spec, responses, 3)
    point = {name: np.asarray(params[name]) for name in layout.slots}
    np.savez(folder / f"{case.name}.npz", **sites_of(layout, point))
    return layout, point


def run(what: str, folder: Path) -> dict[str, Any]:
    """What the runner prints, in a process whose path lacks irtbridge."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, str(RUNNER), what, str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def check_densities(engine: str, cases: list[Case], folder: Path) -> None:
    needs(engine)
    expected: dict[str, Any] = {}
    for case in cases:
        layout, point = write(engine, case, folder)
        expected[case.name] = log_joint(layout, point, case.responses())
        if engine == "jags":
            from irtbridge_jags.files import dumped
            from irtbridge_jags.model import BugsModel

            model = BugsModel.of(layout, glm=True)
            expected[case.name] = [model.text, dumped(model.data(case.responses()))]
    found = run(engine, folder)
    for name, value in expected.items():
        if engine == "jags":
            assert found[name][0] == value[0]
            assert numbers_of(found[name][1]) == numbers_of(value[1])
        else:
            assert found[name] == pytest.approx(value, rel=1e-9), name


def numbers_of(dump: str) -> dict[str, list[str]]:
    """Numbers of R's dump by name, whatever their order and digits."""
    pairs = (line.split(" <- ") for line in dump.splitlines())
    clean = {name: text.replace("structure(", "").replace(".Dim = ", "") for name, text in pairs}
    return {
        name: [
            w if w == "NA" else f"{float(w) + 0.0:.12g}" for w in text.replace("c(", "").replace(")", "").split(", ")
        ]
        for name, text in sorted(clean.items())
    }


@each_engine
def test_scripts_have_the_log_density(engine: str, tmp_path: Path) -> None:
    short = [case for case in CASES if case.name in SHORT and can_say(engine, case)]
    check_densities(engine, [*short, *DECREASING], tmp_path)


@pytest.mark.long
@each_engine
def test_every_script_has_the_log_density(engine: str, tmp_path: Path) -> None:
    check_densities(engine, [case for case in CASES if can_say(engine, case)], tmp_path)


def check_looks(engine: str, cases: list[Case], folder: Path) -> None:
    """As ruff has it, and importing one library."""
    pytest.importorskip(f"irtbridge_{engine}")
    for case in cases:
        write(engine, case, folder, backend(engine).exports[-1])
    config = str(Path(__file__).parents[2] / "pyproject.toml")
    for command in (["check"], ["format", "--check"]):
        words = [sys.executable, "-m", "ruff", *command, "--no-cache", "--config", config, str(folder)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-2000:]
    for path in folder.glob("*.py"):
        nodes = list(ast.walk(ast.parse(path.read_text())))
        names = {a.name.split(".")[0] for n in nodes if isinstance(n, ast.Import) for a in n.names}
        names |= {(n.module or "").split(".")[0] for n in nodes if isinstance(n, ast.ImportFrom)}
        assert names <= LIBRARIES[engine] | ALWAYS, path


@each_engine
def test_scripts_look_as_ruff_has_it(engine: str, tmp_path: Path) -> None:
    check_looks(engine, [*(case for case in CASES if case.name in SHORT), *DECREASING], tmp_path)


@pytest.mark.long
@each_engine
def test_every_script_looks_as_ruff_has_it(engine: str, tmp_path: Path) -> None:
    check_looks(engine, [case for case in CASES if can_say(engine, case)], tmp_path)


@pytest.mark.parametrize(
    ("engine", "method", "left_out"),
    [
        ("pyro", "nuts", "without init_radius."),
        ("numpyro", "nuts", "without init_radius."),
        ("tfp", "vi", "without init_scale."),
        ("jags", "gibbs", "without init_radius."),
    ],
)
def test_a_script_says_which_settings_it_leaves_out(engine: str, method: str, left_out: str, tmp_path: Path) -> None:
    needs(engine)
    recipe = Recipe(method, make_settings(method), 1)
    write_script(backend(engine), build_model("1pl"), irt.load_responses("lsat7"), recipe, "", tmp_path / "script.py")
    said = " ".join((ast.get_docstring(ast.parse((tmp_path / "script.py").read_text())) or "").split())
    assert f"Starting values are the library's own, {left_out}" in said


def test_a_plain_csv_is_read_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "my.csv").write_text(CSV)
    how = {"group": "sex", "data_options": {"items": ["q1", "q2", "q3"], "covariates": ["age"]}}
    options = {"ability_on": "age"}
    script = irt.export(tmp_path / "my.csv", "2pl", **how, model_options=options, output=tmp_path / "two.py")
    assert not script.with_suffix(".csv").exists()
    text = script.read_text()
    assert 'table["age"]' in text
    assert 'GROUPS = ["f", "m"]' in text


def test_other_data_stand_in_a_csv_beside_the_script(tmp_path: Path) -> None:
    script = irt.export("lsat7", "1pl", output=tmp_path / "rasch.py", chains=2)
    table = pd.read_csv(script.with_suffix(".csv"))
    data = irt.load_responses("lsat7").expanded()
    np.testing.assert_array_equal(table[list(data.items)], data.values)
    assert "num_chains=2" in script.read_text()


def test_labels_of_any_kind_are_read_back(tmp_path: Path) -> None:
    labels = ['a "quoted" one', "a, b", "back\\slash", "it's"]
    frame = pd.DataFrame(np.random.default_rng(1).integers(1, 4, (30, 4)), columns=labels)
    script = irt.export(frame, "grm", output=tmp_path / "odd.py")
    ast.parse(script.read_text())


class NoScripts(Backend):
    name = "speechless"
    description = "A backend without scripts."

    def build(self, *arguments: Any) -> Any:
        raise AssertionError


def test_a_backend_without_scripts_names_those_that_have_them(tmp_path: Path) -> None:
    recipe = Recipe("nuts", make_settings("nuts"))
    with pytest.raises(Unsupported, match=r"'speechless' does not support export.*supported by: .*pyro, tfp"):
        write_script(NoScripts(), irt.two_pl(), CASES[2].responses(), recipe, "", tmp_path / "x.py")


@pytest.mark.parametrize(
    ("how", "match"),
    [
        ({"method": "laplace"}, "export with method=laplace"),
        ({"noncentred": True}, "noncentred"),
        ({"output": "x.txt"}, ".py"),
    ],
)
def test_what_cannot_be_exported_is_said(how: dict[str, Any], match: str, tmp_path: Path) -> None:
    where = tmp_path / how.pop("output", "x.py")
    with pytest.raises((Unsupported, ResultsError), match=match):
        irt.export("lsat7", "2pl", output=where, **how)
    assert not list(tmp_path.iterdir())


def draws_of(folder: Path) -> dict[str, Any]:
    """Run the scripts of a folder, and read their draws."""
    found = run("fit", folder)
    for name, sites in found.items():
        assert isinstance(sites, list), f"{name}: {sites}"
    return {name: dict(np.load(folder / f"{name}.draws.npz")) for name in found}


@pytest.mark.long
@each_engine
def test_scripts_fit(engine: str, tmp_path: Path) -> None:
    """A few steps of every method and kind of site."""
    needs(engine)
    few = {"nuts": {"chains": 2, "warmup": 20, "draws": 10}, "vi": {"steps": 20, "draws": 10}}
    few |= {"gibbs": {"chains": 2, "adapt": 20, "warmup": 10, "draws": 10}}
    names = (
        "grm",
        "rsm",
        "2pl-hierarchical",
        "ordered-beta",
        "grm-intercept",
        "m2pl-groups",
        "2pl-explained",
        "poisson",
    )
    for method in backend(engine).exports:
        for case in (case for case in CASES if case.name in names):
            name = f"model_{case.name}_{method}".replace("-", "_")  # of a module
            write(engine, replace(case, name=name), tmp_path, method, **few[method])
    for name, draws in draws_of(tmp_path).items():
        for site, values in draws.items():
            assert values.shape[:2] == ((1, 10) if name.endswith("_vi") else (2, 10)), (name, site)
            assert np.isfinite(values).all(), (name, site)
            if site.startswith(("threshold", "cutpoint", "minus_")) and values.ndim > 2:
                assert (np.diff(values) > 0).all(), (name, site)


# Engine, model and data, and a setting each: what is long enough for a mean to be known to a tenth of a posterior SD.
POSTERIORS = {
    "pyro": ("2pl", {"chains": 2, "warmup": 300, "draws": 400}),
    "tfp": ("grm", {"chains": 4, "warmup": 400, "draws": 400}),
    "numpyro": ("gpcm", {"chains": 4, "warmup": 400, "draws": 400}),
    "jags": ("2pl", {"chains": 4, "adapt": 500, "warmup": 500, "draws": 2000}),
}


@pytest.mark.long
@each_engine
def test_scripts_have_the_posterior(engine: str, tmp_path: Path) -> None:
    """Means within four Monte Carlo errors of those of importance-weighted draws from the mode."""
    needs(engine)
    model, settings = POSTERIORS[engine]
    data = irt.load_responses("lsat7" if model == "2pl" else "bfi:N").expanded().select(slice(0, 300))
    made = backend(engine)
    recipe = Recipe(made.exports[0], make_settings(made.exports[0], **settings), 1)
    write_script(made, build_model(model), data, recipe, "", tmp_path / "script.py")
    draws = draws_of(tmp_path)["script"]
    expected = irt.fit(data, model, method="laplace", draws=2000, seed=2).idata.posterior
    names = [v.name for v in build_model(model).variables if v.dims[0] == "item"]
    for name in names:
        theirs = expected[name].to_numpy()
        ours = stacked(draws, name, theirs.shape[2:])
        error = np.hypot(ours.std((0, 1)) / np.sqrt(ess_of(ours)), theirs.std((0, 1)) / np.sqrt(ess_of(theirs)))
        assert (np.abs(ours.mean((0, 1)) - theirs.mean((0, 1))) < 4 * error).all(), name


def stacked(draws: dict[str, Array], name: str, shape: tuple[int, ...]) -> Array:
    """Draws (chain, draw, ...) of a variable; JAGS has them node by node."""
    if name in draws:
        return draws[name]
    nodes = [f"{name}[{','.join(str(i + 1) for i in place)}]" for place in np.ndindex(shape)]
    return np.stack([draws[node] for node in nodes], axis=-1).reshape(*draws[nodes[0]].shape, *shape)


def ess_of(draws: Array) -> Array:
    """Effective sample size of each element."""
    flat = draws.reshape(*draws.shape[:2], -1)
    each = [float(az.ess(flat[:, :, k])) for k in range(flat.shape[2])]
    return np.reshape(each, draws.shape[2:])


def test_the_command_writes_what_the_function_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "my.csv").write_text(CSV)
    words = [f"data={tmp_path}/my.csv", "items=q1,q2,q3", "model=2pl", "model.difficulty=Normal(0, 1)", "backend=tfp"]
    assert main(["export", *words, f"output={tmp_path}/by_command.py"]) == 0
    assert capsys.readouterr().out.strip() == f"{tmp_path}/by_command.py"
    options: dict[str, Any] = {"model_options": {"difficulty": "Normal(0, 1)"}, "backend": "tfp", "seed": 1}
    options |= {"data_options": {"items": ["q1", "q2", "q3"]}}
    written = irt.export(f"{tmp_path}/my.csv", "2pl", output=tmp_path / "by_function.py", **options)
    codes = [ast.parse(p.read_text()).body[1:] for p in (written, tmp_path / "by_command.py")]
    assert ast.dump(ast.Module(codes[0], [])) == ast.dump(ast.Module(codes[1], []))


def test_the_command_writes_one_script(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "data=lsat7", "model=2pl", "backend=pyro,tfp"]) == 1
    assert "one script: backend=pyro,tfp" in capsys.readouterr().err
