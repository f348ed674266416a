"""The HTTP service: routes over `Administration`, one page, and nothing of the server's in what a client sees."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Awaitable, Callable, MutableMapping
from importlib.resources import files
from typing import Annotated, Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from irtbridge.adaptive.service.administration import Administration
from irtbridge.adaptive.service.refusals import status_of
from irtbridge.adaptive.service.tokens import Tokens
from irtbridge.adaptive.test import AdaptiveTest
from irtbridge.errors import IRTBridgeError

TITLE = "Adaptive test"
LARGEST = 2**16  # bytes of a request: a token of a test of hundreds of items is smaller
Token = Annotated[str, Field(max_length=LARGEST)]
Label = Annotated[str, Field(max_length=1000)]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Asgi = Callable[[Message, Receive, Send], Awaitable[None]]


class Held(BaseModel):
    """A request that holds a session."""

    token: Token


class Answered(Held):
    """An answer to the item that was asked."""

    item: Label
    answer: Annotated[float, Field(strict=True, allow_inf_nan=False)] | Label
    attempt: Annotated[str, Field(max_length=100)] = ""


def create_app(test: AdaptiveTest, secret: str, *, title: str = TITLE) -> FastAPI:
    """The service of a test.

    Parameters
    ----------
    test : AdaptiveTest
        The test.
    secret : str
        That signs sessions: one for as long as they are to be good, the same in no two services.
    title : str
        Of the page.

    Returns
    -------
    FastAPI
        ``GET /`` is the page; ``POST /api/start``, ``/api/next``, ``/api/answer``, ``/api/score`` take and give JSON.
        Each is done on the event loop, one after the other, so that one process takes each answer once.
    """
    desk = Administration(test, Tokens(secret, test.bank))
    page, policy = _page(title)
    app = FastAPI(title=title, docs_url=None, redoc_url=None)
    app.add_middleware(Guard, policy=policy)
    app.add_exception_handler(IRTBridgeError, _refused)
    app.add_exception_handler(RequestValidationError, _misread)
    app.add_exception_handler(HTTPException, _absent)
    app.add_exception_handler(Exception, _failed)

    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    async def show() -> str:
        return page

    @app.post("/api/start")
    async def start() -> JSONResponse:
        return JSONResponse(desk.start())

    @app.post("/api/next")
    async def following(held: Held) -> JSONResponse:
        return JSONResponse(desk.next(held.token))

    @app.post("/api/answer")
    async def answer(given: Answered) -> JSONResponse:
        return JSONResponse(desk.answer(given.token, given.item, given.answer, given.attempt))

    @app.post("/api/score")
    async def score(held: Held) -> JSONResponse:
        return JSONResponse(desk.score(held.token))

    return app


class Guard:
    """Refuses large requests, and says to browsers that the page needs nothing from elsewhere."""

    def __init__(self, app: Asgi, policy: str) -> None:
        self.app = app
        said = {
            "content-security-policy": policy,
            "x-content-type-options": "nosniff",
            "referrer-policy": "no-referrer",
            "cache-control": "no-store",
        }
        self.headers = [(name.encode(), value.encode()) for name, value in said.items()]

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *self.headers]
            await send(message)

        if scope["type"] == "http" and not _is_small(scope):
            refusal = JSONResponse({"error": f"a request has a Content-Length of at most {LARGEST} bytes."}, 413)
            await refusal(scope, receive, with_headers)
        else:
            await self.app(scope, receive, with_headers)


def _is_small(scope: Message) -> bool:
    """Whether a request says its length, and it is not too much."""
    headers = dict(scope["headers"])
    length = headers.get(b"content-length", b"0")
    return b"transfer-encoding" not in headers and length.isdigit() and int(length) <= LARGEST


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, IRTBridgeError)
    return JSONResponse({"error": str(error)}, status_of(error))


async def _misread(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(part for part in first["loc"] if isinstance(part, str) and part != "body")
    return JSONResponse({"error": f"{where or 'the request'}: {first['msg']}."}, 422)


async def _absent(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": f"{request.method} {request.url.path}: {error.detail}."}, error.status_code)


async def _failed(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"error": "the service failed; the answer was not taken. Try again."}, 500)


def _page(title: str) -> tuple[str, str]:
    """The page, and the policy that lets a browser run what stands in it and load nothing else."""
    page = files("irtbridge.adaptive.service").joinpath("page.html").read_text(encoding="utf-8")
    page = page.replace("{{ title }}", html.escape(title))
    hashes = {tag: _hash(re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)[0]) for tag in ("script", "style")}
    rules = ["default-src 'none'", "img-src data:", "connect-src 'self'", "base-uri 'none'", "form-action 'none'"]
    rules += ["frame-ancestors 'none'", *(f"{tag}-src '{hashes[tag]}'" for tag in hashes)]
    return page, "; ".join(rules)


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
