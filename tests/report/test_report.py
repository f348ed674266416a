"""The page of a fit: whole in one file, readable without sight, mouse or network, honest about what is missing."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from irtbridge_experiments.cli import main
from irtbridge_experiments.commands.report import _command

import irtbridge as irt
from irtbridge.report.page import write_report
from irtbridge.report.parts import _inline, cell
from irtbridge.report.sections import data, fairness

ITEMS = ["<b>&amp;", "it's $5", "q3", "q4", "q5", "q6"]
SIZES = {"desktop": 1280, "phone": 390}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two fits of a graded model as the command line leaves them, one that failed, and one that cannot be read."""
    place = tmp_path_factory.mktemp("fits")
    (place / "draws").mkdir()
    (place / "records").mkdir()
    spec = irt.graded()
    params = irt.simulate_parameters(spec, 400, [3] * 6, seed=1)
    frame = irt.simulate_responses(spec, params, [3] * 6, seed=2, missing=0.05).to_frame().set_axis(ITEMS, axis=1)
    told = {"person_data": pd.DataFrame({"sex": ["f", "m"] * 200}, index=frame.index), "group": "sex"}
    for method in ("laplace", "map"):
        settings = {"draws": 200, "fallback": "none"} if method == "laplace" else {}
        fit = irt.fit(frame, spec, method=method, data_options=told, **settings)
        fit.save(place / "draws" / f"pyro-{method}.nc")
    (place / "draws" / "tfp-vi.nc").write_bytes(b"nothing")
    (place / "records" / "tfp-nuts.json").write_text(json.dumps({"error": {"type": "X", "message": "no memory"}}))
    return place


@pytest.fixture(scope="module")
def page(folder: Path) -> str:
    assert main(["report", str(folder), "fit=pyro-laplace"]) == 1  # something is missing
    return (folder / "report.html").read_text()


class Read(HTMLParser):
    """What a reader's programs see."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


def test_the_page_is_whole_in_one_file(page: str) -> None:
    read = Read(page)
    assert not read.of("script")
    assert not read.of("link")
    assert not read.of("img")
    targets = [attrs[name] for _, attrs in read.tags for name in ("href", "src", "xlink:href") if name in attrs]
    assert targets
    assert all(str(target).startswith("#") for target in targets)
    assert "url(http" not in page


def test_links_and_names_fit(page: str) -> None:
    read = Read(page)
    names = [attrs["id"] for _, attrs in read.tags if "id" in attrs]
    assert len(names) == len(set(names))
    assert {str(attrs["href"])[1:] for attrs in read.of("a")} <= set(names)


def test_it_can_be_read_without_sight_or_mouse(page: str) -> None:
    read = Read(page)
    assert read.of("html")[0]["lang"] == "en"
    assert len(read.of("h1")) == 1
    assert all(attrs["aria-label"] for attrs in read.of("figure"))
    assert len(read.of("caption")) == len(read.of("table"))
    assert all("tabindex" in attrs for attrs in read.of("pre"))
    assert {attrs["scope"] for attrs in read.of("th")} == {"col", "row"}


def test_labels_are_shown_as_they_are(page: str) -> None:
    words = "".join(Read(page).words)
    for item in ITEMS:
        assert item in words


def test_the_numbers_are_those_of_the_fit(page: str, folder: Path) -> None:
    items = irt.load_fit(folder / "draws" / "pyro-laplace.nc").items()
    for mean in items["discrimination", "mean"]:
        assert f"{mean:.2f} [" in page


def test_what_is_missing_is_said_and_the_rest_reported(page: str) -> None:
    words = "".join(Read(page).words)
    assert "tfp-nuts failed: no memory" in words
    assert re.search(r"Missing from this report: tfp-vi: .*tfp-vi\.nc", words)
    for title in ("The data", "The items", "The persons", "Fairness", "Backends and methods side by side"):
        assert title in words
    assert "f 200, m 200" in words


def test_fairness_is_a_row_for_each_item_with_intervals(page: str) -> None:
    section = page[page.index('<h2 id="fairness">') :]
    section = section[: section.index("</section>")]
    assert section.count('<th scope="row">') == len(ITEMS)
    for name in ("Wald X2", "df", "p", "discrimination", "area", "SIDS", "ESSD"):
        assert f'<th scope="col">{name}</th>' in section
    assert "(&#39;" not in section  # no column is called by the text of a tuple


def test_fairness_is_by_scores_where_a_group_lacks_a_category() -> None:
    """Nobody of a group gave an item's highest category: the model cannot be fitted to it, scores can be matched."""
    spec = irt.graded()
    params = irt.simulate_parameters(spec, 300, [3] * 5, seed=1)
    frame = irt.simulate_responses(spec, params, [3] * 5, seed=2).to_frame()
    frame.loc[frame.index[1::2], "item2"] = frame.loc[frame.index[1::2], "item2"].clip(upper=1)
    told = {"person_data": pd.DataFrame({"sex": ["f", "m"] * 150}, index=frame.index), "group": "sex"}
    fit = irt.fit(frame, spec, method="map", data_options=told)
    why, words, table = fairness.section(fit, {}).blocks
    assert "'item2'" in why.words
    assert "sum scores" in words.words
    by_scores = fit.dif("sex", "mantel-haenszel")
    assert table.marked == tuple(by_scores["flagged"])
    assert [row[0] for row in table.rows] == [f"item{k} (m)" for k in range(1, 6)]
    assert [row[4] for row in table.rows] == [cell(delta) for delta in by_scores["delta"]]


def test_a_section_that_the_model_does_not_admit_says_why(tmp_path: Path) -> None:
    spec = irt.poisson_counts()
    params = irt.simulate_parameters(spec, 60, [1] * 4, seed=1)
    fit = irt.fit(irt.simulate_responses(spec, params, [1] * 4, seed=2), spec, method="map")
    text = write_report({"map": fit}, tmp_path / "page.html").read_text()
    assert "Not reported: " in text
    assert "of counts" in text
    assert not re.search(r"\bnan\b", " ".join(Read(text).words))


def test_a_drawing_has_the_same_names_on_every_page_and_another_one_others() -> None:
    one, other = (f'<svg viewBox="0 0 1 1"><g id="a"/><use href="#a"/>{word}</svg>' for word in ("one", "other"))
    assert _inline(one) == _inline(one)
    names = {re.search(r'id="(.*?)"', _inline(svg)).group(1) for svg in (one, other)}  # type: ignore[union-attr]
    assert len(names) == 2


def test_rows_that_stand_for_several_persons_count_as_many() -> None:
    rows = pd.DataFrame({"q1": [0, 3], "q2": [np.nan, 5], "n": [3, 1]})
    responses = irt.load_responses(rows, weights="n", kind="counts")
    assert (
        data._size(responses) == "4 persons, 2 items; 37.5 % of the responses are missing, 1 persons have none missing."
    )
    assert data.moments(responses).loc["q1", ["mean", "n"]].tolist() == [0.75, 4]


def test_the_command_says_that_a_model_has_options() -> None:
    plain, scaled = (
        irt.fit("lsat7", "2pl", method="map", standard_errors=False, model_options=options)
        for options in ({}, {"scaling": 1.702})
    )
    assert _command(plain) == (
        "irtbridge fit data=lsat7 model=2pl backend=pyro method=map method.map.standard_errors=False seed=0"
    )
    assert _command(scaled).endswith("# and model.NAME=... for each option of the model above")


def test_nothing_to_report_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.nc").write_bytes(b"nothing")
    assert main(["report", str(tmp_path)]) == 1
    assert "nothing to report" in capsys.readouterr().err
    assert main(["report", str(tmp_path), "fits=a"]) == 1
    assert "'fits'; valid: fit, out" in capsys.readouterr().err
    (tmp_path / "a.nc").unlink()
    (tmp_path / "records").mkdir()
    (tmp_path / "records" / "tfp-nuts.json").write_text(json.dumps({"error": {"type": "X", "message": "no memory"}}))
    assert main(["report", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert "tfp-nuts failed: no memory" in said
    assert "no fit in" in said


@pytest.mark.parametrize("size", SIZES)
def test_a_browser_shows_it_whole(size: str, page: str, folder: Path, browser: Any) -> None:
    """No error, no request beyond the file, nothing wider than the window but what scrolls by itself, no tiny text."""
    asked: list[str] = []
    said: list[str] = []
    opened = browser.new_page(viewport={"width": SIZES[size], "height": 900})
    opened.on("request", lambda request: asked.append(request.url))
    opened.on("console", lambda message: said.append(message.text))
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.goto((folder / "report.html").as_uri())
    width = opened.evaluate("document.documentElement.scrollWidth")
    figures = opened.eval_on_selector_all("figure svg", "all => all.map(one => one.getBoundingClientRect().height)")
    opened.keyboard.press("Tab")
    focused = opened.evaluate("document.activeElement.className")
    assert said == []
    assert asked == [(folder / "report.html").as_uri()]
    assert width <= SIZES[size]
    assert len(figures) >= 4
    assert np.min(figures) > 80
    assert focused == "skip"
