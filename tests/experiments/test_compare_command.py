"""``irtbridge compare`` over saved fits."""

from __future__ import annotations

from pathlib import Path

import pytest
from irtbridge_experiments.cli import main

import irtbridge as irt


def saved(folder: Path, model: str, method: str) -> str:
    settings = {"draws": 100} if method == "laplace" else {}
    path = folder / f"lsat7-{model}" / f"{method}.nc"
    path.parent.mkdir(exist_ok=True)
    irt.fit("lsat7", model, method=method, **settings).save(path)
    return str(path.parent)


def test_the_model_that_predicts_better_comes_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = [saved(tmp_path, model, "laplace") for model in ("1pl", "2pl")]
    assert main(["compare", *folders]) == 0
    said = capsys.readouterr().out
    assert "elpd_loo" in said
    assert said.index("lsat7-2pl") < said.index("lsat7-1pl")


def test_point_estimates_get_the_likelihood_ratio_test(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", *(saved(tmp_path, model, "map") for model in ("1pl", "2pl"))]) == 0
    said = capsys.readouterr().out
    assert all(word in said for word in ("log_likelihood", "AIC", "X2", "note: '2pl': the priors of"))


@pytest.mark.parametrize("words", [[], ["nowhere", "nowhere else"]])
def test_too_few_fits_are_an_error_in_words(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", *words]) != 0
    assert "irtbridge: error:" in capsys.readouterr().err
