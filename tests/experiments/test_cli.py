"""The command line: whole fits, bad input, interrupts."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import metadata
from importlib.resources import files
from pathlib import Path

import arviz as az
import numpy as np
import pandas as pd
import pytest
import yaml
from irtbridge_experiments.cli import main
from irtbridge_experiments.commands import COMMANDS, tested

from irtbridge.data.load import load_responses
from irtbridge.data.named import dataset_names
from irtbridge.inference import METHODS
from irtbridge.model.catalogue import MODELS, graded, two_pl
from irtbridge.model.simulate import simulate_parameters, simulate_responses

QUICK = ["method.nuts.chains=1", "method.nuts.warmup=40", "method.nuts.draws=30"]


@pytest.fixture
def graded_csv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """60 persons x 4 items with categories 1 to 3 as a csv file, in the working directory."""
    monkeypatch.chdir(tmp_path)
    params = simulate_parameters(graded(), 60, [3] * 4, seed=1)
    frame = simulate_responses(graded(), params, [3] * 4, seed=2, missing=0.1).to_frame() + 1
    frame.columns = [f"mood {i}" for i in range(1, 5)]
    frame.to_csv(tmp_path / "my answers.csv")
    return tmp_path / "my answers.csv"


def failed(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Run a command that must be refused; its message."""
    assert main(words) == 1
    message = capsys.readouterr().err
    assert message.startswith("irtbridge: error: ")
    assert "Traceback" not in message
    return message


def test_help_answers_without_numpy() -> None:
    code = "import sys; from irtbridge_experiments.cli import main; main(['--help']); print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "irtbridge run study=quickstart" in done.stdout
    assert done.stdout.splitlines()[-1] == "False"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    assert f"usage: irtbridge {command}" in capsys.readouterr().out
    assert main(["--help"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert f"{command} {COMMANDS[command].usage}".strip() in said
    assert COMMANDS[command].summary in said


def test_help_of_fit_names_all_that_can_be_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "--help"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    for names in (MODELS, METHODS, dataset_names()):
        assert ", ".join(names) in said


def test_help_of_run_names_every_study_by_where_its_data_come_from(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--help"]) == 0
    simulations, _, real = " ".join(capsys.readouterr().out.split()).partition(": simulations; ")
    tree = files("irtbridge_configs") / "study"
    studies = {path.name.removesuffix(".yaml"): yaml.safe_load(path.read_text()) for path in tree.iterdir()}
    for name, study in studies.items():
        study |= {} if name != "engines" else {"conditions": studies["basic"]["conditions"]}
        parts = [part for kind in ("conditions", "tests", "calibrations") for part in study.get(kind, {}).values()]
        simulated = any({"simulate", "vocabulary"} & set(part) for part in parts)
        shown = simulations if simulated or name == "quickstart" else real.partition(": real data")[0]
        assert re.search(rf"\b{name}\b", shown), name


def test_doctor_names_versions_and_devices(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    said = capsys.readouterr().out
    for word in ("Python", "numpy", "backend pyro", "torch", "backend tfp", "tensorflow", "devices: cpu"):
        assert word in said
    assert "tested together: Python 3.11" in said


def test_other_versions_than_the_tested_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert tested.tested_versions()["numpy"].count(".") == 2
    here = metadata.version("rich")
    monkeypatch.setattr(tested, "tested_versions", lambda: {"rich": here, "numpy": "1.0", "no-such-distribution": "3"})
    assert tested.differences()["numpy"] == (metadata.version("numpy"), "1.0")
    assert not {"rich", "no-such-distribution"} & set(tested.differences())
    monkeypatch.setattr(tested, "tested_pythons", lambda: ["2.7"])
    assert tested.differences()["Python"][1] == "2.7"


def test_fit_shows_what_is_on_disk_as_it_showed_it_new(graded_csv: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A mode has no interval and no ESS, draws have: side by side they come back from disk as they went."""
    words = ["fit", f"data={graded_csv.name}", "model=graded", "backend=pyro", "method=laplace,map"]
    tables = []
    for _ in range(2):
        assert main(words) == 0
        tables.append(capsys.readouterr().out.split(" on my answers", 1)[1])
    assert tables[0] == tables[1]
    assert "k-hat" in tables[0]
    assert "nan" not in tables[0]


def test_fit_says_when_the_quadrature_is_too_coarse(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    spec = two_pl(discrimination="LogNormal(3, 0.1)")
    params = simulate_parameters(spec, 400, [2] * 20, seed=1)
    frame = simulate_responses(spec, params, [2] * 20, seed=2).to_frame()
    frame.loc[:, frame.nunique() > 1].to_csv("levels.csv")
    words = ["fit", "data=levels.csv", "model=2pl", "model.discrimination=LogNormal(3, 0.1)", "backend=pyro"]
    for nodes, too_few in ((41, True), (401, False)):
        run = [*words, "method=map", f"method.map.n_nodes={nodes}", "overwrite=true"]
        assert main(run) == 0
        assert ("raise method.map.n_nodes" in capsys.readouterr().out) is too_few


def test_fit_says_what_is_not_to_be_trusted_and_what_to_do(
    graded_csv: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In plain words, on the command line and in the record; the fit is done all the same."""
    words = ["fit", f"data={graded_csv.name}", "model=graded", "backend=pyro", "method=map", "overwrite=true"]
    for iterations, doubtful in ((2, True), (1000, False)):
        assert main([*words, f"method.map.max_iterations={iterations}"]) == 0
        said = capsys.readouterr().out
        assert ("the optimiser stopped" in said) is doubtful
        assert ("raise method.map.max_iterations" in said) is doubtful
        (record,) = Path("results").rglob("pyro-map.json")
        assert json.loads(record.read_text())["verdict"]["trusted"] is not doubtful


def test_fit_names_a_sooner_method_before_it_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(rng.integers(0, 2, (30, 170)), columns=[f"q{i}" for i in range(170)])
    frame.loc[[0, 1]] = [[0] * 170, [1] * 170]
    frame.to_csv("wide.csv", index=False)
    words = ["fit", "data=wide.csv", "backend=pyro", "method=laplace", "method.laplace.max_iterations=1"]
    for model, many in (("1pl", False), ("2pl", True)):
        main([*words, f"model={model}"])
        said = capsys.readouterr().out.partition("started")[0]
        assert ("340 item parameters: laplace" in said) is many
        assert ("method=vi_newton" in said) is many


def test_fit_on_two_backends_side_by_side(graded_csv: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["fit", f"data={graded_csv.name}", "model=graded", "backend=pyro,tfp", *QUICK]
    assert main(words) == 0
    said = capsys.readouterr().out
    for word in ("mood 1", "pyro nuts 95 % HDI", "tfp nuts 95 % HDI", "MCSE", "threshold[2]", "categories recoded"):
        assert word in said, said
    folder = graded_csv.parent / "results" / "fits" / "my answers-grm"
    for backend in ("pyro", "tfp"):
        idata = az.from_netcdf(folder / "draws" / f"{backend}-nuts.nc")
        assert idata.posterior.threshold.dims == ("chain", "draw", "item", "category")
        assert list(idata.posterior.item.values) == [f"mood {i}" for i in range(1, 5)]
        assert list(idata.posterior.category.values) == [1, 2]
        record = json.loads((folder / "records" / f"{backend}-nuts.json").read_text())
        assert record["total_seconds"] == pytest.approx(
            sum(record[f"{part}_seconds"] for part in ("compile", "warmup", "sampling"))
        )
        provenance = {"seed", "device", "device_name", "dtype", "versions", "git_commit", "cell_hash", "cpu_count"}
        assert provenance <= set(record)
        assert record["recoded"]["mood 1"] == {"1": 0, "2": 1, "3": 2}
    assert len(pd.read_csv(folder / "items.csv")) == 4 * 3
    assert main(words) == 0
    assert capsys.readouterr().out.count("on disk already") == 2


def test_fit_reads_groups_covariates_and_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """From files, as `load_responses` reads them; the items are those of the long data."""
    monkeypatch.chdir(tmp_path)
    long = simulate_responses(two_pl(), simulate_parameters(two_pl(), 80, [2] * 4, seed=1), [2] * 4, seed=2).to_frame()
    long = long.astype(int).assign(sex=["f", "m"] * 40)
    short = long.value_counts().rename("how often").reset_index()
    short.index = pd.Index([f"r{i}" for i in range(len(short))], name="id")
    short.drop(columns="sex").to_csv("short.csv")
    short[["sex"]].assign(height=range(len(short))).iloc[::-1].to_csv("their own.csv")
    pd.DataFrame({"item": ["item4", "item3", "item2", "item1"], "mode": [*"abab"]}).to_csv("design.csv", index=False)
    long.to_csv("long.csv", index_label="id")
    words = ["fit", "model=2pl", "backend=pyro", "method=map", "method.map.standard_errors=false"]
    of_short = ["data=short.csv", "group=sex", "covariates=height", "weights=how often"]
    assert main([*words, *of_short, "person_data=their own.csv", "item_data=design.csv"]) == 0
    said = capsys.readouterr().out
    assert "groups by 'sex', the first one the reference: f (" in said
    assert "covariate 'mode' is categorical: a, b; the first one is the reference." in said
    assert main([*words, "data=long.csv", "group=sex"]) == 0
    tables = {path.parent.name: pd.read_csv(path) for path in Path("results").rglob("items.csv")}
    pd.testing.assert_frame_equal(tables["short-2pl"], tables["long-2pl"], rtol=1e-4)
    (record,) = Path("results/fits/short-2pl/records").rglob("pyro-map.json")
    data = load_responses(
        "short.csv",
        group="sex",
        covariates=["height"],
        weights="how often",
        person_data="their own.csv",
        item_data="design.csv",
    )
    assert json.loads(record.read_text())["data_fingerprint"] == data.fingerprint


REFUSED = {
    "no such file": (["fit", "data=nowhere.csv", "model=2pl"], ["nowhere.csv", "lsat7"]),
    "unknown model": (["fit", "data=lsat7", "model=grn"], ["'grn'; valid: grm"]),
    "unknown backend": (["fit", "data=lsat7", "model=2pl", "backend=pyro,tpf"], ["'tpf'; valid: tfp"]),
    "unknown method": (["fit", "data=lsat7", "model=2pl", "method=nutz"], ["'nutz'; valid: nuts"]),
    "unknown study": (["run", "study=quickstrt"], ["'quickstrt'; valid: quickstart"]),
    "unknown setting": (["fit", "data=lsat7", "model=2pl", "method.nuts.drawz=9"], ["drawz", "method.nuts.draws"]),
    "unknown key": (["fit", "data=lsat7", "model=2pl", "sead=9"], ["'sead'", "seed"]),
    "unknown model option": (["fit", "data=lsat7", "model=2pl", "model.discrim=9"], ["model.discrimination"]),
    "unknown backend option": (["fit", "data=lsat7", "model=2pl", "backend.pyro.jitt=1"], ["backend.pyro.jit"]),
    "wrong type": (["fit", "data=lsat7", "model=2pl", "method.nuts.draws=many"], ["many", "draws"]),
    "wrong range": (["fit", "data=lsat7", "model=2pl", "method.nuts.draws=0"], ["draws=0", "positive"]),
    "wrong prior": (["fit", "data=lsat7", "model=2pl", "model.difficulty=Norml(0, 1)"], ["'Norml'; valid: Normal"]),
    "not a setting": (["fit", "data=lsat7", "model=2pl", "draws"], ["key=value"]),
    "no data": (["fit", "model=2pl"], ["data="]),
    "no model": (["fit", "data=lsat7"], ["model="]),
    "Q-matrix file": (["fit", "data=lsat7", "model=m2pl", "model.q_matrix=q.csv"], ["q.csv", "no such file"]),
    "unknown command": (["fitt"], ["'fitt'; valid: fit"]),
    "no folder": (["tables", "nowhere"], ["nowhere", "irtbridge run"]),
    "binary model, three categories": (["fit", "data=my answers.csv", "model=2pl"], ["mood 1", "grm"]),
    "two models": (["fit", "data=lsat7", "model=2pl,3pl"], ["model=2pl,3pl", "one model at a time"]),
    "too few draws": (["fit", "data=lsat7", "model=2pl", "method=laplace", "method.laplace.draws=1"], ["draws=1", "4"]),
    "unknown flag": (["tables", "--papr"], ["--paper", "--papr"]),
    "no study's folder": (["tables", "."], ["irtbridge run study=NAME"]),
    "unknown group": (["fit", "data=my answers.csv", "model=grm", "group=sex"], ["'sex'", "mood 1"]),
    "unknown covariates": (["fit", "data=my answers.csv", "model=grm", "covariates=a,b"], ["'a'", "mood 1"]),
    "no covariates' file": (["fit", "data=my answers.csv", "model=grm", "person_data=p.csv"], ["p.csv"]),
    "weights of no persons": (["fit", "data=my answers.csv", "model=grm", "weights=mood 1"], ["mood 1", "whole"]),
    "unknown dtype": (["fit", "data=lsat7", "model=2pl", "dtype=float16"], ["'float16'; valid: float"]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_refused_with_a_way_out(case: str, graded_csv: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words, expected = REFUSED[case]
    message = failed(words, capsys)
    for word in expected:
        assert word in message
    assert not (graded_csv.parent / "results").exists()


def test_unwritable_results_are_refused(graded_csv: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("taken").write_text("a file, not a folder")
    words = ["fit", f"data={graded_csv.name}", "model=grm", "results=taken", *QUICK]
    message = failed(words, capsys)
    assert "taken" in message
    assert "results=DIR" in message
    assert Path("taken").read_text() == "a file, not a folder"


def test_results_are_probed_before_anything_is_fitted(graded_csv: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("taken").write_text("")
    assert main(["fit", f"data={graded_csv.name}", "model=grm", "results=taken"]) == 1
    assert "started" not in capsys.readouterr().out


def test_a_fit_never_replaces_one_of_other_data_unasked(graded_csv: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["fit", "model=grm", "backend=pyro", "method=map"]
    Path("other").mkdir()
    pd.read_csv(graded_csv).iloc[:40].to_csv(Path("other") / graded_csv.name, index=False)
    assert main([*words, f"data={graded_csv.name}"]) == 0
    before = {path: path.read_bytes() for path in Path("results").rglob("*.*") if path.is_file()}
    capsys.readouterr()
    assert "overwrite=true" in failed([*words, f"data=other/{graded_csv.name}"], capsys)
    assert {path: path.read_bytes() for path in Path("results").rglob("*.*") if path.is_file()} == before
    assert main([*words, f"data=other/{graded_csv.name}", "overwrite=true"]) == 0


def test_failing_cell_is_recorded_and_the_other_goes_on(graded_csv: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["fit", f"data={graded_csv.name}", "model=grm", "backend=pyro", "method=nuts,vi", "device=cuda", *QUICK]
    assert main(words) == 1
    said = capsys.readouterr().out
    assert said.count("device 'cuda' is not available") == 2
    folder = graded_csv.parent / "results" / "fits" / "my answers-grm" / "records"
    for method in ("nuts", "vi"):
        error = json.loads((folder / f"pyro-{method}.json").read_text())["error"]
        assert error["type"] == "DeviceError"
        assert "device=auto" in error["message"]


def _workers_of(cwd: Path) -> list[str]:
    """Processes that still fit a cell from this folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_text()
            if "irtbridge_experiments.study.worker" in command and (process / "cwd").resolve() == cwd.resolve():
                found.append(command)
        except OSError:
            continue
    return found


def _wait_until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.parametrize("stop", [signal.SIGINT, pytest.param(signal.SIGKILL, marks=pytest.mark.long)])
def test_a_stopped_run_keeps_what_is_finished(graded_csv: Path, stop: signal.Signals) -> None:
    """Stop after the first of two fits: its record and draws are whole, nothing half-written stands beside them."""
    folder = graded_csv.parent / "results" / "fits" / "my answers-grm"
    long = ["method.nuts.chains=1", "method.nuts.warmup=40", "method.nuts.draws=1000000"]
    quick = ["method.vi.steps=20", "method.vi.draws=20"]
    words = ["fit", f"data={graded_csv.name}", "model=grm", "backend=pyro", "method=[vi,nuts]", *long, *quick]
    process = subprocess.Popen(
        [sys.executable, "-m", "irtbridge_experiments.cli", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell that runs the tests in the background has children ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    record = folder / "records" / "pyro-vi.json"
    deadline = time.monotonic() + 120
    while not record.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(1.0)
    os.kill(process.pid, stop)
    process.communicate(timeout=60)
    _wait_until(lambda: not _workers_of(graded_csv.parent))
    assert process.returncode == (130 if stop == signal.SIGINT else -signal.SIGKILL)
    assert json.loads(record.read_text())["method"] == "vi"
    assert np.isfinite(az.from_netcdf(folder / "draws" / "pyro-vi.nc").posterior.discrimination.values).all()
    left = [path.name for path in folder.rglob("*") if path.is_file() and ".locks" not in path.parts]
    assert sorted(left) == ["pyro-vi.json", "pyro-vi.nc"]


def test_a_prior_on_the_command_line_is_the_one_that_is_used(
    graded_csv: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["fit", f"data={graded_csv.name}", "model=grm", "model.discrimination=LogNormal(0.1, 0.2)"]
    assert main([*words, "backend=pyro", "method=map"]) == 0
    assert "discrimination[item] ~ LogNormal(0.1, 0.2)" in capsys.readouterr().out
