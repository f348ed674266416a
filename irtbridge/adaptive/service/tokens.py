"""Sessions as signed text: the server keeps none of them, and who changes one is found out."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from itsdangerous import BadSignature, SignatureExpired, URLSafeTimedSerializer

from irtbridge.adaptive.service.refusals import UnknownSession
from irtbridge.bank.item_bank import ItemBank

LIFETIME = 24 * 3600  # seconds
START_AGAIN = "start the test again."


@dataclass(frozen=True)
class Ticket:
    """What a token holds.

    Attributes
    ----------
    session : str
        Name of the session, drawn at random.
    step : int
        How many answers it has.
    asked_at : float
        When its last question was given, seconds since 1970.
    state : str
        The session itself, as `irtbridge.adaptive.test.Session.to_json` has it.
    """

    session: str
    step: int
    asked_at: float
    state: str


class Tokens:
    """Writes and reads tokens: signed with HMAC-SHA-256, compared in constant time, not encrypted.

    Parameters
    ----------
    secret : str
        Of this service; who knows it can make sessions.
    bank : ItemBank
        A token of another bank is refused.
    lifetime : int
        Seconds for which a token is good after it was written.
    """

    def __init__(self, secret: str, bank: ItemBank, lifetime: int = LIFETIME) -> None:
        signer = {"digest_method": hashlib.sha256, "key_derivation": "hmac"}
        self._serializer = URLSafeTimedSerializer(secret, salt=_fingerprint(bank), signer_kwargs=signer)
        self._lifetime = lifetime

    def write(self, ticket: Ticket) -> str:
        """A token, which stands in URLs and JSON as it is."""
        text = self._serializer.dumps((ticket.session, ticket.step, ticket.asked_at, ticket.state))
        return text if isinstance(text, str) else text.decode()

    def read(self, token: str) -> Ticket:
        """What a token holds.

        Raises
        ------
        UnknownSession
            It was not written here, was changed, or is too old.
        """
        try:
            return Ticket(*self._serializer.loads(token, max_age=self._lifetime))
        except SignatureExpired:
            raise UnknownSession(f"this session is older than {self._lifetime / 3600:g} hours; {START_AGAIN}") from None
        except (BadSignature, TypeError):
            raise UnknownSession(
                f"unknown session: it was not begun here, or the service is a new one since; {START_AGAIN}"
            ) from None


def _fingerprint(bank: ItemBank) -> str:
    content = json.dumps([bank.spec.hash, bank.items, bank.categories])
    return f"irtbridge adaptive test {hashlib.sha256(content.encode()).hexdigest()}"
