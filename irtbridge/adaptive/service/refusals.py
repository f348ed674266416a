"""What a service refuses, each with the HTTP status that says so."""

from __future__ import annotations

from typing import ClassVar

from irtbridge.errors import DataError, IRTBridgeError


class UnknownSession(DataError):
    """A token that this service has not signed, or too long ago."""

    status: ClassVar[int] = 401


class OutOfStep(DataError):
    """A step that was answered, or a question of a test that has ended or not yet ended."""

    status: ClassVar[int] = 409


def status_of(error: IRTBridgeError) -> int:
    """Of the answer to a request that raised an error; 422 where the request's content was wrong."""
    return error.status if isinstance(error, (UnknownSession, OutOfStep)) else 422
