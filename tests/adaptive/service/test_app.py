"""The service over HTTP: what is wrong is said in JSON, nothing of the server's is; a browser takes the test."""

import socket
import sys
import threading
import time
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest
from irtbridge_experiments.cli import main

import irtbridge as irt
from irtbridge.adaptive.service import administration
from irtbridge.bank.item_bank import ItemBank

pytest.importorskip("fastapi")
testclient = pytest.importorskip("fastapi.testclient")

from irtbridge.adaptive.service.app import LARGEST, create_app  # noqa: E402

SECRET = "a secret of the tests"
WORDS = ["<b>house</b>", "plinth", "glabe", "ossify"]


@pytest.fixture(scope="module")
def app():
    own = {"text": WORDS, "options": "yes|no", "key": ["yes", "yes", "no", "yes"]}
    bank = ItemBank.load(pd.DataFrame({"a": 1.0, "b": np.linspace(-1, 1, 4), **own}))
    return create_app(irt.AdaptiveTest(bank, stop="items=3"), SECRET, title="Words & more")


@pytest.fixture
def client(app):
    return testclient.TestClient(app, raise_server_exceptions=False)


def post(client, path, body=None):
    return client.post(f"/api/{path}", json=body or {})


def test_a_test_from_start_to_score(client):
    reply = post(client, "start").json()
    while not reply["finished"]:
        body = {"token": reply["token"], "item": reply["question"]["item"], "answer": "yes"}
        response = post(client, "answer", body)
        assert response.status_code == 200
        reply = response.json()
    score = post(client, "score", {"token": reply["token"]}).json()
    assert score["items"] == 3
    row = score["traits"]["trait"]
    assert row["lower"] < row["mean"] < row["upper"]


def test_refusals_say_why(client):
    first = post(client, "start").json()
    held, item = {"token": first["token"]}, first["question"]["item"]
    for path, body, status, said in (
        ("next", {"token": first["token"][:-2] + "zz"}, 401, "unknown session"),
        ("next", {}, 422, "token: Field required"),
        ("answer", {**held, "item": item, "answer": "perhaps"}, 422, f"answer 'perhaps' to '{item}': its options are"),
        ("answer", {**held, "item": item, "answer": None}, 422, "answer"),
        ("answer", {**held, "item": item, "answer": True}, 422, "answer"),
        ("score", held, 409, "the test has not ended"),
    ):
        response = post(client, path, body)
        assert response.status_code == status, (path, body)
        assert said in response.json()["error"]
    assert post(client, "answer", {**held, "item": item, "answer": "yes"}).status_code == 200
    again = post(client, "answer", {**held, "item": item, "answer": "no"})
    assert again.status_code == 409
    assert "answered before" in again.json()["error"]


def test_requests_that_are_too_large_or_no_json(client):
    large = client.post("/api/next", content=b"{" + b" " * LARGEST + b"}", headers={"content-type": "application/json"})
    assert large.status_code == 413
    unsaid = client.post("/api/next", content=iter([b"{}"]), headers={"content-type": "application/json"})
    assert unsaid.status_code == 413
    broken = client.post("/api/next", content=b"{", headers={"content-type": "application/json"})
    assert broken.status_code == 422
    assert broken.json() == {"error": "the request: JSON decode error."}


def test_what_goes_wrong_inside_stays_inside(client, monkeypatch):
    def fail(self):
        raise RuntimeError("/home/secret/path")

    monkeypatch.setattr(administration.Administration, "start", fail)
    response = post(client, "start")
    assert response.status_code == 500
    assert response.json()["error"].startswith("the service failed")
    assert "secret" not in response.text


def test_the_page_asks_nothing_of_anyone_else(client):
    response = client.get("/")
    assert "<title>Words &amp; more</title>" in response.text
    assert "http" not in response.text
    assert "default-src 'none'" in response.headers["content-security-policy"]
    assert response.headers["x-content-type-options"] == "nosniff"
    absent = client.get("/docs")
    assert absent.status_code == 404
    assert "GET /docs" in absent.json()["error"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "takes one bank"),
        (["none.csv"], "no such bank: none.csv"),
        (["{bank}", "stop=items"], "is no condition"),
        (["{bank}", "content.verb=many"], "least and the most"),
        (["{bank}", "content.verb=2"], "content area"),
        (["{bank}", "port=99999"], "from 1 to 65535"),
        (["{bank}", "secret=short"], "16 or more"),
        (["{bank}", "stop=items=2", "titel=red"], "'titel'; valid: title"),
        (["{bank}", "stop=items=2", "selection=best"], "best"),
    ],
)
def test_bad_words_on_the_command_line(words, said, tmp_path, capsys):
    path = tmp_path / "bank.csv"
    pd.DataFrame({"a": [1.0, 1.0], "b": [0.0, 1.0]}).to_csv(path, index=False)
    assert main(["serve-test", *(word.format(bank=path) for word in words)]) == 1
    assert said in capsys.readouterr().err


def test_every_word_of_the_help_is_taken(tmp_path, monkeypatch):
    uvicorn = pytest.importorskip("uvicorn")
    monkeypatch.setattr(uvicorn, "run", lambda app, **how: None)
    path = tmp_path / "bank.csv"
    columns = {"a": 1.0, "b": np.linspace(-2, 2, 40), "content": ["noun", "verb"] * 20}
    pd.DataFrame(columns).to_csv(path, index=False)
    words = ["selection=bandit", "draws=5", "exposure=.6", "content.noun=2", "items=mean", "stop=items=4", "title=T"]
    own = ["host=127.0.0.1", "port=18765", "secret=long enough to sign with", "model=2pl", "nodes=61"]
    assert main(["serve-test", str(path), *words, *own]) == 0


def test_a_port_in_use_is_said_before_anything_is_served(tmp_path, capsys):
    path = tmp_path / "bank.csv"
    pd.DataFrame({"a": [1.0, 1.0], "b": [0.0, 1.0]}).to_csv(path, index=False)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["serve-test", str(path), f"port={port}"]) == 1
    said = capsys.readouterr()
    assert f"port={port} cannot be served" in said.err
    assert "http://" not in said.out


def test_what_is_not_installed_is_named(tmp_path, capsys, monkeypatch):
    monkeypatch.delitem(sys.modules, "irtbridge.adaptive.service.app")
    monkeypatch.setitem(sys.modules, "fastapi", None)
    assert main(["serve-test", str(tmp_path / "bank.csv")]) == 1
    assert 'pip install "irtbridge[serve]"' in capsys.readouterr().err


@pytest.fixture
def address(app):
    """Where the service listens."""
    with served(app) as url:
        yield url


@contextmanager
def served(app):
    """A service in a thread."""
    uvicorn = pytest.importorskip("uvicorn")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}/"
    server.should_exit = True
    thread.join()


@pytest.mark.long
def test_digits_choose_the_options_that_they_are(browser):
    plain = ItemBank.load(pd.DataFrame({"a": 1.0, "b": np.linspace(-1, 1, 4)}))
    test = create_app(irt.AdaptiveTest(plain, stop="items=3"), SECRET)
    with served(test) as url:
        page = browser.new_page()
        page.goto(url)
        page.click("#begin")
        page.wait_for_selector("#options label")
        assert page.locator("#options kbd").count() == 0
        for digit in "10":
            page.keyboard.press(digit)
            assert page.inner_text("label:has(:checked) span") == digit


@pytest.mark.long
@pytest.mark.parametrize("width", [390, 1280])
def test_a_browser_takes_it_by_keyboard(width, address, browser):
    asked, said = [], []
    page = browser.new_page(viewport={"width": width, "height": 800})
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(address)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    for step in range(1, 4):
        page.wait_for_selector(f"#progress:text-is('Question {step} of at most 3')")
        assert page.inner_text("#question") in WORDS
        page.keyboard.press("Enter")
        assert page.inner_text("#problem") == "Choose an answer first."
        if step == 2:
            page.reload()
            page.wait_for_selector("#options label")
            assert page.inner_text("#progress") == "Question 2 of at most 3"
        assert page.locator("#options kbd").all_inner_texts() == ["1", "2"]
        page.keyboard.press("1")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.keyboard.press("Enter")
    page.wait_for_selector("#end:not([hidden])")
    score = page.inner_text("#score")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert "You answered 3 questions." in score
    assert "standard error" in score
    assert said == []
    assert all(url.startswith(address) for url in asked)
