"""A test given step by step to whoever comes: each request has the whole session in its token."""

from __future__ import annotations

import secrets
import time
from typing import Any

import numpy as np

from irtbridge.adaptive.service.ledger import Ledger
from irtbridge.adaptive.service.questions import Choice, questions_of
from irtbridge.adaptive.service.refusals import OutOfStep, UnknownSession
from irtbridge.adaptive.service.tokens import START_AGAIN, Ticket, Tokens
from irtbridge.adaptive.test import AdaptiveTest, Session
from irtbridge.errors import DataError

Reply = dict[str, Any]


class Administration:
    """An adaptive test as requests and replies, all of them plain data.

    Parameters
    ----------
    test : AdaptiveTest
        The test; its bank's columns text, options and key say what is shown (see `questions_of`).
    tokens : Tokens
        That sign sessions.
    ledger : Ledger, optional
        That remembers which steps were answered.
    """

    def __init__(self, test: AdaptiveTest, tokens: Tokens, ledger: Ledger | None = None) -> None:
        self.test, self.tokens = test, tokens
        self.ledger = Ledger() if ledger is None else ledger
        self.questions = questions_of(test.bank)
        self._timed = any(clause.word == "time" for part in test.stop.any_of for clause in part)

    def start(self) -> Reply:
        """A new session and its first question."""
        return self._reply(secrets.token_urlsafe(12), self.test.start())

    def next(self, token: str) -> Reply:
        """The question that waits for an answer, again; none where the test has ended.

        Raises
        ------
        UnknownSession, OutOfStep
            A token that is none of this service's, or whose question was answered.
        """
        ticket = self.tokens.read(token)
        self.ledger.reply_to(ticket)
        return self._reply(ticket.session, self._session(ticket), token)

    def answer(self, token: str, item: str, answer: Choice, attempt: str = "") -> Reply:
        """Take an answer; the next question, with the token that goes on.

        Parameters
        ----------
        token : str
            As the last reply had it.
        item : str
            The item that was asked.
        answer : float or str
            One of its options' values.
        attempt : str
            Names this answer: sent again under the same name, as after a lost reply, it gets the same reply.

        Raises
        ------
        UnknownSession, OutOfStep
            A token that is none of this service's, whose question was answered, or whose test has ended.
        DataError
            Another item was asked, or it has no such category.
        """
        ticket = self.tokens.read(token)
        if (before := self.ledger.reply_to(ticket, attempt)) is not None:
            return before
        session = self._session(ticket)
        if session.asked is None:
            raise OutOfStep(f"answer to {item!r}: the test has ended.")
        value = self.questions[item].value(item, answer) if item == session.asked else float("nan")
        session.answer(item, value, max(0.0, time.time() - ticket.asked_at) if self._timed else 0.0)
        reply = self._reply(ticket.session, session)
        self.ledger.note(ticket, attempt, reply)
        return reply

    def score(self, token: str) -> Reply:
        """The ability, once the test has ended: mean, SD and 95 % interval by trait, and in words.

        Raises
        ------
        UnknownSession, OutOfStep
            A token that is none of this service's, or whose test has not ended.
        """
        ticket = self.tokens.read(token)
        self.ledger.reply_to(ticket)
        session = self._session(ticket)
        if not session.finished:
            raise OutOfStep("the test has not ended; there is no score yet.")
        return {"items": len(session.items), "traits": session.ability.to_dict(), "words": self._words(session)}

    def _session(self, ticket: Ticket) -> Session:
        try:
            return self.test.resume(ticket.state)
        except DataError:
            raise UnknownSession(f"unknown session: the test was changed since; {START_AGAIN}") from None

    def _reply(self, name: str, session: Session, token: str | None = None) -> Reply:
        item, given = session.next(), len(session.items)
        if token is None:
            token = self.tokens.write(Ticket(name, given, time.time(), session.to_json()))
        question = None if item is None else {"item": item, **self.questions[item].to_dict()}
        progress = {"given": given, "most": self.test.pool.constraints.length}
        return {"token": token, "finished": item is None, "question": question, "progress": progress}

    def _words(self, session: Session) -> list[str]:
        """What the numbers mean, a paragraph by trait."""
        bank = self.test.bank
        spread = np.sqrt(np.diag(bank.covariance))
        rows = zip(session.ability.to_dict().items(), bank.mean, spread, strict=True)
        several = len(bank.traits) > 1
        return [_in_words(f" in {trait}" if several else "", row, mean, sd) for (trait, row), mean, sd in rows]


def _in_words(where: str, row: dict[str, float], mean: float, sd: float) -> str:
    low, high = mean - sd, mean + sd
    return (
        f"Your score{where} is {row['mean']:.2f}, with a standard error of {row['sd']:.2f}: with a probability of "
        f"95\u00a0% your ability lies between {row['lower']:.2f} and {row['upper']:.2f}. On this scale "
        f"{round(mean, 1) + 0.0:.1f} is the average, and two in three people lie between {low:.1f} and {high:.1f}."
    )
