"""Studies as configuration: what they simulate, what they refuse, and who wins over whom."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from irtbridge_experiments.cli import main
from irtbridge_experiments.config.compose import read_config
from irtbridge_experiments.study.conditions import Task, read_tasks
from irtbridge_experiments.study.design import Design
from irtbridge_experiments.study.run import make_cells, make_plan, write_study_file
from irtbridge_experiments.tables.reference import read_reference

from irtbridge.data.files import read_json
from irtbridge.errors import IRTBridgeError, UnknownName
from irtbridge.model.catalogue import m2pl, nominal, two_pl

ROOT = Path(__file__).parents[2]
FILES = (ROOT / "configs/irtbridge_configs/study").glob("*.yaml")
ENGINES = "engines"  # has tests of its own, as not all of its backends need be installed
STUDIES = sorted(path.stem for path in FILES if "\nconditions:" in path.read_text() and path.stem != ENGINES)
SIMULATED = ["basic", "large_scale", "m2pl7", "prior_sensitivity"]
OWN = """\
# @package _global_
defaults:
  - override /backend: pyro
  - override /method: vi
name: mine
replications: 3
conditions:
  small:
    model: {name: 2pl, discrimination: "LogNormal(0, 1)"}
    simulate: {n_persons: 40, n_items: 4, priors: {difficulty: "Normal(0, 1)"}}
"""


def tasks(*words: str) -> dict[str, Task]:
    return {task.name: task for task in read_tasks(read_config("run", words))}


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder with a study of one's own."""
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "mine.yaml").write_text(OWN)
    return tmp_path


def change(folder: Path, old: str, new: str) -> list[str]:
    """Words that run the own study with its text changed."""
    assert old in OWN
    (folder / "study" / "mine.yaml").write_text(OWN.replace(old, new))
    return ["--config-dir", str(folder), "study=mine"]


# The studies as they stand


def test_the_studies_of_the_paper_are_there() -> None:
    assert sorted([*SIMULATED, "bfi", "bfi5", "estimators", "generalization", "quickstart", "verbagg"]) == STUDIES


@pytest.mark.parametrize("study", STUDIES)
def test_every_study_can_be_read_and_every_value_says_where_it_is_from(study: str) -> None:
    config = read_config("run", [f"study={study}"])
    assert config.name == config.folder == study
    assert read_tasks(config)
    path = ROOT / "configs/irtbridge_configs/study" / f"{study}.yaml"
    lines = path.read_text().split("conditions:\n")[1].splitlines()
    for before, line in zip(["", *lines], lines, strict=False):
        if not line.rstrip().endswith(":") and not line.lstrip().startswith("#"):
            assert any(word in f"{before} {line}" for word in ("reported", "inferred", "chosen")), line


@pytest.mark.parametrize("study", SIMULATED)
def test_simulations_have_the_papers_hundred_replications(study: str) -> None:
    assert read_config("run", [f"study={study}"]).replications == 100


def test_reported_settings_of_the_prior_study() -> None:
    method = read_config("run", ["study=prior_sensitivity"]).method
    assert (method.nuts.chains, method.nuts.warmup, method.nuts.draws) == (1, 300, 400)
    assert (method.vi.learning_rate, method.vi.steps, method.vi.draws) == (0.03, 4000, 1000)


def test_the_prior_grid_has_nine_conditions_with_the_same_data() -> None:
    grid = tasks("study=prior_sensitivity")
    assert len(grid) == 9
    assert str(grid["prior-a0.5-b2"].spec["discrimination"].prior) == "LogNormal(0, 0.5)"
    assert str(grid["prior-a0.5-b2"].spec["difficulty"].prior) == "Normal(0, 2)"
    assert len({task.design for task in grid.values()}) == 1
    assert len({task.spec for task in grid.values()}) == 9


@pytest.mark.parametrize("study", STUDIES)
def test_smoke_shrinks_any_study(study: str) -> None:
    config = read_config("run", [f"study={study}", "preset=smoke"])
    assert config.folder == f"{study}-smoke"
    assert config.replications <= 2
    assert "nuts" not in config.method or config.method.nuts.draws == 50
    for task in read_tasks(config):
        if task.responses is not None:
            assert task.responses.n_persons == 100
        if task.design is not None:
            assert task.design.n_persons == 100
            spec = task.design.spec
            free = spec["discrimination"].free if "discrimination" in spec.names else None
            assert len(task.design.n_categories) <= (10 if free is None else max(10, 2 * np.shape(free)[1]))
            assert free is None or np.min(np.sum(free, axis=0)) >= 2


# Who wins


@pytest.mark.parametrize(("study", "location"), [("bfi", "step"), ("verbagg", "threshold"), ("bfi5", "threshold")])
def test_maximum_likelihood_is_of_the_studys_own_items_and_categories(study: str, location: str) -> None:
    config = read_config("run", [f"study={study}"])
    (task,) = read_tasks(config)
    assert task.responses is not None
    reference = read_reference(config.reference)
    found = reference[reference["parameter"].str.startswith(location)]
    expected = [
        (item, f"{location}[{k}]")
        for item, count in zip(task.responses.items, task.responses.n_categories, strict=True)
        for k in range(1, count)
    ]
    assert list(zip(found["item"], found["parameter"], strict=True)) == expected
    slopes = reference[reference["parameter"].str.startswith("discrimination")]
    assert slopes["item"].tolist() == list(task.responses.items)
    assert slopes["mean"].between(0.1, 4).all()


def test_the_command_line_wins_over_a_preset_and_over_the_study() -> None:
    words = ["study=basic", "preset=smoke", "replications=7", "method.vi.steps=500"]
    config = read_config("run", [*words, "conditions.grm.simulate.n_persons=150"])
    assert config.replications == 7
    assert config.method.vi.steps == 500
    assert config.method.vi.draws == 200
    assert {task.name: task.design and task.design.n_persons for task in read_tasks(config)} == {
        "two_pl": 100, "m2pl": 100, "grm": 150, "gpcm": 100,
    }  # fmt: skip


def test_options_of_a_backend_are_the_studys_unless_the_command_line_has_others() -> None:
    assert read_config("run", ["study=basic"]).backend.tfp.threads == 1
    assert read_config("run", ["study=basic", "backend.tfp.threads=2"]).backend.tfp.threads == 2
    assert list(read_config("run", ["study=basic", "backend=pyro"]).backend) == ["pyro"]


def test_settings_of_a_method_that_is_not_selected_are_no_error() -> None:
    config = read_config("run", ["study=basic", "method=vi"])
    assert list(config.method) == ["vi"]


def test_a_condition_can_be_left_out_and_what_an_earlier_run_had_stays(tmp_path: Path) -> None:
    words = ["study=basic", "preset=smoke", f"results={tmp_path}"]
    config = read_config("run", [*words, "~conditions.m2pl", "~conditions.gpcm"])
    assert [task.name for task in read_tasks(config)] == ["two_pl", "grm"]
    for others in (["~conditions.grm", "~conditions.two_pl"], ["~conditions.m2pl", "~conditions.gpcm"]):
        config = read_config("run", [*words, *others])
        write_study_file(config, make_plan(config))
    study = read_json(tmp_path / "basic-smoke" / "study.json")
    assert sorted(study["conditions"]) == ["gpcm", "grm", "m2pl", "two_pl"]
    truth = read_json(tmp_path / "basic-smoke" / "truth" / "m2pl.json")["parameters"]
    assert np.shape(truth["discrimination"]) == (10, 2)


def test_a_prior_of_a_condition_can_be_given() -> None:
    words = ["study=basic", "conditions.two_pl.model.discrimination=LogNormal(0, 1)"]
    assert str(tasks(*words)["two_pl"].spec["discrimination"].prior) == "LogNormal(0, 1)"


# A study of one's own


def test_a_study_of_ones_own_needs_one_file(own: Path) -> None:
    config = read_config("run", ["--config-dir", str(own), "study=mine"])
    (task,) = read_tasks(config)
    assert task.design is not None
    assert str(task.spec["difficulty"].prior) == "Normal(0, 2)"
    assert str(task.design.spec["difficulty"].prior) == "Normal(0, 1)"
    assert str(task.design.spec["discrimination"].prior) == "LogNormal(0, 1)"


def test_the_study_in_the_docs_is_one(own: Path) -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/studies.md").read_text(), flags=re.DOTALL)
    (own / "study" / "mine.yaml").write_text(text)
    named = tasks("--config-dir", str(own), "study=mine")
    assert list(named) == ["short-scale0.5", "short-scale2", "two_traits", "real"]
    assert named["two_traits"].design is not None
    assert named["two_traits"].design.n_categories == (4,) * 8
    assert named["real"].responses is not None


REFUSED_IN_FILE = {
    "misspelt key": ("replications", "replicatons", ["'replicatons'; valid there: replications"]),
    "misspelt key of a condition": ("simulate", "simulat", ["conditions.small.simulat", "valid there: simulate"]),
    "misspelt key of a simulation": ("n_persons", "n_person", ["n_person'", "valid there: n_persons"]),
    "wrong type": ("n_items: 4", "n_items: four", ["four", "n_items"]),
    "misspelt model": ("2pl", "2pk", ["'2pk'; valid: 2pl"]),
    "misspelt option": ("discrimination:", "discriminatio:", ["'discriminatio'; valid: discrimination", "2pl"]),
    "misspelt variable": ("difficulty", "dificulty", ["'dificulty'; valid: difficulty"]),
    "misspelt prior": ("LogNormal", "LogNorml", ["'LogNorml'; valid: LogNormal"]),
    "no model": ('model: {name: 2pl, discrimination: "LogNormal(0, 1)"}', "grid: {}", ["'small' has no model"]),
    "no persons": ("n_persons: 40, ", "", ["'small'", "n_persons"]),
    "simulated and real": ("    simulate", "    data: lsat7\n    simulate", ["one of simulate", "data"]),
    "Q-matrix of another size": ("name: 2pl", "name: m2pl, q_matrix: 2 x 10", ["'small'", "Q-matrix"]),
    "impossible correlation": ("n_items: 4", "n_items: 4, correlation: [1, 2, 3]", ["[lowest, highest]"]),
    "correlation of one trait": ("n_items: 4", "n_items: 4, correlation: [0, 0.1]", ["correlated: true"]),
    "condition's name": ("  small:", "  9 small:", ["'9 small'", "letter"]),
    "misspelt method": ("name: mine", "name: mine\nsettings: {nutz: {}}", ["'nutz'; valid: nuts"]),
    "misspelt setting": ("name: mine", "name: mine\nsettings: {nuts: {drawz: 1}}", ["'drawz'; valid: draws"]),
    "misspelt backend": ("name: mine", "name: mine\noptions: {tfq: {}}", ["'tfq'; valid: tfp"]),
    "misspelt option of a backend": (
        "name: mine",
        "name: mine\noptions: {tfp: {thread: 1}}",
        ["'thread'; valid: threads"],
    ),
    "a name that leads elsewhere": ("name: mine", "name: ../mine", ["'../mine'", "name"]),
    "no replications": ("replications: 3", "replications: 0", ["replications=0"]),
    "nothing observed": ("n_items: 4", "n_items: 4, missing: 1", ["missing=1"]),
    "no conditions": (OWN[OWN.index("conditions:") :], "", ["has no conditions"]),
}


@pytest.mark.parametrize("case", REFUSED_IN_FILE)
def test_a_mistake_in_a_study_is_refused_with_a_way_out(
    case: str, own: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(own)
    old, new, expected = REFUSED_IN_FILE[case]
    assert main(["run", *change(own, old, new)]) == 1
    message = capsys.readouterr().err
    assert message.startswith("irtbridge: error: ")
    for word in expected:
        assert word in message
    assert not (own / "results").exists()


BROKEN = {
    "tab": (b"# @package _global_\nname:\tmine\n", ["line 2", "spaces"]),
    "unclosed bracket": (b"# @package _global_\nname: [mine\nseed: 1\n", ["line 3", "begun in line 2", "brackets"]),
    "unclosed quote": (b"# @package _global_\nname: 'mine\n", ["line 3", "begun in line 2", "quotes"]),
    "key twice": (b"# @package _global_\nname: mine\nname: other\n", ["line 3", "duplicate key name"]),
    "unknown alias": (b"# @package _global_\nname: *mine\n", ["line 2", "undefined alias"]),
    "two documents": (b"# @package _global_\nname: mine\n---\nseed: 1\n", ["line 3", "another document"]),
    "a list": (b"# @package _global_\n- name\n", ["settings are expected"]),
    "empty": (b"", ["settings are expected", "nothing"]),
    "a number": (b"7", ["study/mine.yaml"]),
    "another encoding": ("# @package _global_\nname: x\ntitle: Größe\n".encode("latin-1"), ["line 3", "UTF-8"]),
    "two bytes a letter": ("# @package _global_\n".encode("utf-16"), ["line 1", "UTF-8"]),
    "byte order mark": ("\ufeff# @package _global_\nname: mine\n".encode(), ["byte order mark"]),
    "no package": (b"name: mine\n", ["# @package _global_"]),
    "not text": (b"\x00\x01", ["study/mine.yaml"]),
    "defaults that are no list": (b"# @package _global_\ndefaults: {a: b}\nname: mine\n", ["study/mine", "list"]),
}


@pytest.mark.parametrize("case", BROKEN)
@pytest.mark.parametrize("group", ["study", "preset"])
def test_a_broken_file_is_named_with_its_line(
    case: str, group: str, own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content, expected = BROKEN[case]
    (own / group).mkdir(exist_ok=True)
    (own / group / "mine.yaml").write_bytes(content)
    assert main(["run", "--config-dir", str(own), f"{group}=mine", f"results={own}/results"]) == 1
    message = capsys.readouterr().err
    assert message.startswith("irtbridge: error: ")
    for word in expected:
        assert word.replace("study", group) in message
    assert not (own / "results").exists()


def test_a_broken_file_that_another_one_names_is_named_too(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (own / "part").mkdir()
    (own / "part" / "broken.yaml").write_text("title: [\n")
    words = change(own, "defaults:\n", "defaults:\n  - /part: broken\n")
    assert main(["run", *words]) == 1
    message = capsys.readouterr().err
    assert "part/broken.yaml, line 2" in message


REFUSED = {
    "config dir": (["--config-dir", "nowhere", "study=mine"], ["'nowhere'", "study/NAME.yaml"]),
    "study": (["--config-dir", ".", "study=mina"], ["'mina'; valid: mine"]),
    "preset": (["study=basic", "preset=smoky"], ["'smoky'; valid: smoke"]),
    "condition": (["study=basic", "conditions.grn.simulate.n_items=9"], ["nearest: conditions.grm.simulate.n_items"]),
    "no parts": (["study=basic", "parts=0"], ["parts=0"]),
    "negative seed": (["study=basic", "seed=-1"], ["seed=-1"]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_mistake_on_the_command_line_is_refused(
    case: str, own: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(own)
    words, expected = REFUSED[case]
    assert main(["run", *words]) == 1
    message = capsys.readouterr().err
    for word in expected:
        assert word in message


# Designs


def design(**changes: object) -> Design:
    values = {"spec": two_pl(), "n_persons": 30, "n_categories": (2,) * 5} | changes
    return Design(**values)  # type: ignore[arg-type]


def test_a_design_survives_the_way_through_text() -> None:
    first = design(spec=m2pl(q_matrix=[[1, 0], [0, 1], [1, 1]], correlated=True), n_categories=(2,) * 3,
                   correlation=(0.3, 0.6), missing=0.1)  # fmt: skip
    again = Design.from_dict(yaml.safe_load(yaml.safe_dump(first.to_dict())))
    assert again == first
    assert again.hash == first.hash


def test_a_replication_depends_on_seed_design_and_number_alone() -> None:
    """Drawn alone, in any order, or on another day, a replication has the same responses; another one has others."""
    params = design().true_parameters(7)
    forward = {r: design().responses(7, params, r).fingerprint for r in range(4)}
    backward = {r: design().responses(7, design().true_parameters(7), r).fingerprint for r in (3, 2, 1, 0)}
    assert forward == backward
    assert len(set(forward.values())) == 4
    assert design().responses(8, params, 0).fingerprint not in forward.values()


def test_the_responses_of_a_seed_stay_what_they_are() -> None:
    """A change here would make records of the same name incomparable."""
    params = design().true_parameters(7)
    assert design().responses(7, params, 2).fingerprint == "992acc487ba76027"


def test_cells_of_a_condition_share_their_data() -> None:
    config = read_config("run", ["study=basic", "preset=smoke", "method=nuts,vi,laplace"])
    for task in read_tasks(config):
        cells = make_cells(config, task)
        assert len(cells) == 6
        assert len({cell.hash for cell in cells}) == 6
        assert len({(Design.from_dict(cell.design or {}).hash, cell.seed) for cell in cells}) == 1


def test_the_number_of_replications_is_no_part_of_a_cell() -> None:
    few, many = (read_config("run", ["study=m2pl7", f"replications={r}"]) for r in (2, 100))
    hashes = [[cell.hash for task in read_tasks(config) for cell in make_cells(config, task)] for config in (few, many)]
    assert hashes[0] == hashes[1]


def test_nor_is_the_number_that_a_calibration_has_at_most() -> None:
    words = ["study=calibration", "~calibrations.alpaca_eval", "calibrations.verbagg.replications"]
    few, many = (make_plan(read_config("run", [*words[:2], f"{words[2]}={r}"])) for r in (1, 2))
    assert [cell.hash for cell in few.cells] == [cell.hash for cell in many.cells]
    assert {len(few.wanted(cell)) for cell in few.cells if "verbagg" in cell.condition} == {1}


def test_true_correlations_lie_where_the_design_says_and_abilities_have_them() -> None:
    spec = m2pl(traits=4, correlated=True)
    drawn = design(spec=spec, n_persons=20_000, correlation=(0.3, 0.6))
    params = drawn.true_parameters(1)
    factor = params["trait_cholesky"]
    below = (factor @ factor.T)[np.tril_indices(4, -1)]
    assert np.all((below >= 0.3) & (below <= 0.6))
    np.testing.assert_allclose(np.corrcoef(params["ability"].T)[np.tril_indices(4, -1)], below, atol=0.03)


def test_truth_is_of_what_is_estimated() -> None:
    q_matrix = [[1, 0], [0, 1], [1, 1]]
    drawn = design(spec=m2pl(q_matrix=q_matrix, correlated=True), n_categories=(2,) * 3)
    truth = drawn.truth(drawn.true_parameters(1))
    assert set(truth) == {"trait_correlation", "ability", "discrimination", "difficulty"}
    np.testing.assert_array_equal(np.isnan(truth["discrimination"]), np.array(q_matrix) == 0)
    np.testing.assert_array_equal(np.isnan(truth["trait_correlation"]), [[True, True], [False, True]])


def test_truth_leaves_out_what_only_follows_from_others() -> None:
    drawn = design(spec=nominal(), n_categories=(4, 2, 3))
    truth = drawn.truth(drawn.true_parameters(1))
    assert set(truth) == {"ability", "discrimination", "score_deviation", "intercept"}
    fixed = np.isnan(truth["score_deviation"])
    np.testing.assert_array_equal(fixed, [[False, False, True], [True, True, True], [False, True, True]])


def test_a_correlation_matrix_that_cannot_be_is_refused() -> None:
    with pytest.raises(IRTBridgeError, match="no correlation matrix of 4 traits"):
        design(spec=m2pl(traits=4, correlated=True), correlation=(-0.9, -0.8)).true_parameters(1)


def test_unknown_option_names_the_valid_ones() -> None:
    with pytest.raises(UnknownName, match="scaling"):
        tasks("study=basic", "conditions.two_pl.model.scalin=1")


def test_the_study_of_engines_has_the_models_and_data_of_the_first_for_fewer_persons() -> None:
    both = ["backend=pyro,tfp", "method=nuts"]
    engines, basic = tasks("study=engines", "~options.jags", *both), tasks("study=basic", *both)
    assert {name: (task.spec, task.design) for name, task in engines.items()} == {
        name: (task.spec, replace(task.design, n_persons=200)) for name, task in basic.items()
    }


def test_a_study_on_an_engine_that_is_not_installed_says_so(own: Path) -> None:
    with pytest.raises(IRTBridgeError, match="'absent', which is not installed; install it, or choose backend="):
        read_config("run", change(own, "override /backend: pyro", "override /backend: absent"))
