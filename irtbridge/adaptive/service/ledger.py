"""Which steps were answered: the one thing that a service must remember to refuse a second answer."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from irtbridge.adaptive.service.refusals import OutOfStep
from irtbridge.adaptive.service.tokens import Ticket

SESSIONS = 20_000  # remembered at once: some 30 MB of replies of 30 items each


@dataclass(frozen=True)
class Entry:
    """The last answer of a session: its step, the attempt that brought it, and the reply."""

    step: int
    attempt: str
    reply: dict[str, Any]


class Ledger:
    """The last answered step of each session, of the sessions that were used last.

    It lives in the memory of one process: after a restart, or once so many other sessions have answered, a step may be
    answered again, once.

    Parameters
    ----------
    sessions : int
        How many are remembered.
    """

    def __init__(self, sessions: int = SESSIONS) -> None:
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self._sessions = sessions

    def reply_to(self, ticket: Ticket, attempt: str = "") -> dict[str, Any] | None:
        """The reply to an answer that came before, by the same attempt and so sent again; None where it is new.

        Raises
        ------
        OutOfStep
            The step was answered.
        """
        last = self._entries.get(ticket.session)
        if last is None or ticket.step > last.step:
            return None
        if ticket.step == last.step and attempt and attempt == last.attempt:
            return last.reply
        raise OutOfStep(f"question {ticket.step + 1} of this session was answered before; go on with the latest token.")

    def note(self, ticket: Ticket, attempt: str, reply: dict[str, Any]) -> None:
        """An answer was taken."""
        self._entries[ticket.session] = Entry(ticket.step, attempt, reply)
        self._entries.move_to_end(ticket.session)
        while len(self._entries) > self._sessions:
            self._entries.popitem(last=False)
