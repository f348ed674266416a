"""Sessions as tokens: what a test is made of goes to and fro, and what was changed or answered before is refused."""

import numpy as np
import pandas as pd
import pytest

import irtbridge as irt
from irtbridge.adaptive.service.administration import Administration
from irtbridge.adaptive.service.ledger import Ledger
from irtbridge.adaptive.service.questions import questions_of
from irtbridge.adaptive.service.refusals import OutOfStep, UnknownSession
from irtbridge.adaptive.service.tokens import Ticket, Tokens
from irtbridge.bank.item_bank import ItemBank

SECRET = "a secret of the tests"


def bank_of(**columns):
    return ItemBank.load(pd.DataFrame({"a": np.linspace(0.8, 1.6, 9), "b": np.linspace(-2, 2, 9), **columns}))


def desk_of(bank, stop="items=4", secret=SECRET, **ledger):
    return Administration(irt.AdaptiveTest(bank, stop=stop), Tokens(secret, bank), Ledger(**ledger))


@pytest.fixture
def desk():
    return desk_of(bank_of())


def answered(desk, reply, answer=1.0, **how):
    return desk.answer(reply["token"], reply["question"]["item"], answer, **how)


def test_a_test_by_tokens_is_the_test_in_python(desk):
    reply = desk.start()
    session = desk.test.resume(desk.tokens.read(reply["token"]).state)
    for step in range(4):
        assert reply["question"]["item"] == session.next()
        assert reply["progress"] == {"given": step, "most": 4}
        session.answer(session.next(), step % 2)
        reply = answered(desk, reply, step % 2)
    assert reply["finished"]
    assert reply["question"] is None
    score = desk.score(reply["token"])
    assert score["traits"] == session.ability.to_dict()
    assert score["items"] == 4
    assert f"{session.ability.mean:.2f}" in score["words"][0]


def test_another_process_with_the_secret_goes_on(desk):
    reply = answered(desk, desk.start())
    other = desk_of(bank_of())
    assert other.next(reply["token"])["question"] == reply["question"]
    assert answered(other, reply)["progress"]["given"] == 2


def test_what_was_changed_or_signed_elsewhere_is_refused(desk):
    token = desk.start()["token"]
    other = {place: "B" if letter == "A" else "A" for place, letter in enumerate(token[:-1])}
    changed = [token[:place] + letter + token[place + 1 :] for place, letter in other.items()]
    of_another_secret = desk_of(bank_of(), secret="another secret").start()["token"]
    of_another_bank = desk_of(bank_of().select([f"item{i}" for i in range(1, 6)])).start()["token"]
    for text in [*changed, "", "none", of_another_secret, of_another_bank]:
        with pytest.raises(UnknownSession, match="start the test again"):
            desk.next(text)


def test_a_token_grows_old():
    bank = bank_of()
    tokens = Tokens(SECRET, bank, lifetime=-1)
    with pytest.raises(UnknownSession, match="older than"):
        tokens.read(tokens.write(Ticket("s", 0, 0.0, "{}")))


def test_an_answered_step_is_not_answered_again(desk):
    first = desk.start()
    second = answered(desk, first, 1)
    for replay in (lambda: answered(desk, first, 0), lambda: answered(desk, first), lambda: desk.next(first["token"])):
        with pytest.raises(OutOfStep, match="question 1 of this session was answered before"):
            replay()
    third = answered(desk, second)
    with pytest.raises(OutOfStep):
        answered(desk, first, 0)
    assert third["progress"]["given"] == 2


def test_an_answer_sent_again_after_a_lost_reply_counts_once(desk):
    first = desk.start()
    reply = answered(desk, first, 1, attempt="x")
    assert answered(desk, first, 0, attempt="x") == reply
    assert desk.test.resume(desk.tokens.read(reply["token"]).state).answers == (1.0,)
    with pytest.raises(OutOfStep):
        answered(desk, first, 0, attempt="y")


def test_the_ledger_remembers_so_many_sessions():
    desk = desk_of(bank_of(), sessions=2)
    first = [desk.start() for _ in range(3)]
    for reply in first:
        answered(desk, reply)
    for reply in first[1:]:
        with pytest.raises(OutOfStep):
            answered(desk, reply)
    assert answered(desk, first[0])["progress"]["given"] == 1


def test_a_refused_answer_leaves_the_question(desk):
    reply = desk.start()
    item = reply["question"]["item"]
    with pytest.raises(irt.IRTBridgeError, match=rf"answer 7 to '{item}': its categories are 0, 1"):
        answered(desk, reply, 7)
    with pytest.raises(irt.IRTBridgeError, match=f"answer 'no' to '{item}': its categories are 0, 1"):
        answered(desk, reply, "no")
    with pytest.raises(irt.IRTBridgeError, match="the item asked is"):
        desk.answer(reply["token"], "item99", 1)
    assert answered(desk, reply, 0)["progress"]["given"] == 1


def test_the_score_waits_for_the_end_and_the_end_takes_no_answer():
    desk = desk_of(bank_of(), stop="items=1")
    reply = desk.start()
    with pytest.raises(OutOfStep, match="has not ended"):
        desk.score(reply["token"])
    end = answered(desk, reply)
    assert desk.next(end["token"])["finished"]
    with pytest.raises(OutOfStep, match="the test has ended"):
        desk.answer(end["token"], "item1", 1)


def test_time_counts_where_the_test_ends_by_it():
    desk = desk_of(bank_of(), stop="time=0.000001 or items=9")
    assert answered(desk, desk.start())["finished"]


def test_a_key_says_which_option_is_right():
    bank = bank_of(text="Is it?", options="yes | no | maybe", key=["no"] * 9)
    question = questions_of(bank)["item1"]
    shown = [{"value": label, "label": label} for label in ("yes", "no", "maybe")]
    assert question.to_dict() == {"text": "Is it?", "options": shown}
    assert [question.value("item1", label) for label in ("yes", "no", "maybe")] == [0.0, 1.0, 0.0]
    with pytest.raises(irt.IRTBridgeError, match="its options are 'yes', 'no', 'maybe'"):
        question.value("item1", 1.0)


def test_of_several_categories_none_is_right():
    table = pd.DataFrame({"a": [1.0, 1.2], "b1": [-1.0, -1.0], "b2": [0.0, 1.0], "key": "1"})
    with pytest.raises(irt.IRTBridgeError, match="3 categories: right and wrong are two"):
        questions_of(ItemBank.load(table, "grm"))


def test_without_a_key_options_are_the_categories():
    question = questions_of(bank_of(options="never|always"))["item1"]
    assert question.options == ((0.0, "never"), (1.0, "always"))
    assert questions_of(bank_of())["item1"].to_dict() == {
        "text": "item1", "options": [{"value": 0.0, "label": "0"}, {"value": 1.0, "label": "1"}],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"options": "a|b|c"}, "'item1' has 3 options for 2 categories"),
        ({"options": "a|b", "key": "c"}, "key 'c' must be"),
        ({"options": "a|b", "key": ["a"] * 8 + [""]}, "'item9' of two categories has no key"),
        ({"options": "a||b", "key": "a"}, "'item1' has the options 'a||b'"),
        ({"options": "a|a", "key": "a"}, "there twice"),
    ],
)
def test_options_that_do_not_fit_are_named(columns, said):
    with pytest.raises(irt.IRTBridgeError, match=said):
        questions_of(bank_of(**columns))
