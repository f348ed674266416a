"""The report card of a backend: what passes, what fails, what is left out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from irtbridge_experiments.cli import main

from irtbridge.testing.conformance import densities
from irtbridge.testing.report_card import report_card

ONE = "log_density_equals and 1pl-scoring or announced"


@pytest.mark.long
def test_card_of_a_backend_that_conforms(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "card.json"
    assert main(["check-backend", "pyro", f"only={ONE}", "beside=none", f"json={file}"]) == 0
    card = json.loads(file.read_text())
    assert (card["conforms"], card["passed"], card["failed"]) == (True, 2, {})
    assert 0 <= card["log_density_error"] < 1e-9
    assert list(card["seconds_per_gradient"]) == ["pyro"]
    assert card["declares"]["methods"] == ["nuts", "vi"]
    printed = capsys.readouterr().out
    assert "2 tests passed, 0 failed" in printed
    assert printed.endswith("conforms\n")


@pytest.mark.long
def test_card_of_a_backend_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reference is moved, so that the density is wrong by 1."""
    right = densities.log_joint
    monkeypatch.setattr(densities, "log_joint", lambda *given: right(*given) + 1)
    card = report_card("pyro", only=ONE, beside=[])
    assert (card.conforms, card.passed) == (False, 1)
    (failed,) = card.failed
    assert failed == "test_log_density_equals_the_reference[1pl-scoring]"


def test_nothing_tested_is_no_conformance() -> None:
    assert not report_card("pyro", only="no_such_test", beside=[]).conforms


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "name of a backend"),
        (["pyroo"], "pyro"),
        (["pyro", "colour=red"], "only"),
        (["pyro", "device=abacus"], "cpu"),
    ],
)
def test_wrong_words_are_refused(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-backend", *words]) == 1
    assert said in capsys.readouterr().err
