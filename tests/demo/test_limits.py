"""What comes in: too little, too much, too often, and whatever people write."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from data.errors import Invalid, NotFound, Unavailable
from data.schema import Turn
from demo.limits import clean_message
from tests.demo.chatting import CALM, begin, make, responses, say


@pytest.mark.parametrize("text", ["", "   \n\t ", "\0\x07", "\u200b\u200d", None, 7])
def test_an_empty_message_is_refused_kindly(database, settings, now, text):
    chat, backend = make(database, settings)
    session_id = begin(chat, now)
    with pytest.raises(Invalid, match="write a message"):
        say(chat, session_id, text, now)
    assert responses(database) == []
    assert backend.asked == []


def test_a_message_that_is_too_long_is_refused_with_both_numbers(database, settings, now):
    chat, _ = make(database, settings)
    session_id = begin(chat, now)
    with pytest.raises(Invalid, match=r"100,000 characters.* 4,000"):
        say(chat, session_id, "x" * 100_000, now)
    say(chat, session_id, "x" * 4000, now)
    with pytest.raises(Invalid, match="4,001"):
        say(chat, session_id, "x" * 4001, now)
    assert len(responses(database)) == 1


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("a\0b\x1b[31mc\x07", "ab[31mc"),
        ("one\r\ntwo\rthree\tfour", "one\ntwo\nthree\tfour"),
        ("שלום، كيف حالك", "שלום، كيف حالك"),
        ("👩‍👩‍👧‍👦 ❤️‍🩹", "👩‍👩‍👧‍👦 ❤️‍🩹"),
        ("<script>alert(1)</script><b>x</b>", "<script>alert(1)</script><b>x</b>"),
        ("half \ud83d of a pair", "half ? of a pair"),
        ("'); SELECT 1; --", "'); SELECT 1; --"),
    ],
)
def test_what_people_write_is_kept_as_text(database, settings, now, given, kept):
    chat, backend = make(database, settings)
    say(chat, begin(chat, now), given, now)
    with database.reading() as tx:
        assert tx.scalars(select(Turn)).one().text == kept == clean_message(given, 4000)
    assert backend.asked[0][-1].content == kept


def test_a_visitor_may_send_so_many_messages_in_a_minute(database, settings, now):
    chat, _ = make(database, settings, messages_per_minute=2)
    session_id = begin(chat, now)
    say(chat, session_id, CALM, now)
    say(chat, session_id, CALM, now + timedelta(seconds=20))
    with pytest.raises(Unavailable, match=r"2 messages in a minute.* 30 seconds"):
        say(chat, session_id, CALM, now + timedelta(seconds=30))
    say(chat, begin(chat, now), CALM, now + timedelta(seconds=30))  # somebody else
    say(chat, session_id, CALM, now + timedelta(seconds=61))
    assert len(responses(database)) == 4


def test_new_sessions_do_not_lift_the_limit_of_an_address(database, settings, now, monkeypatch):
    monkeypatch.setattr("demo.limits.PER_ADDRESS", 2)
    chat, _ = make(database, settings, messages_per_minute=1)
    for _ in range(2):
        say(chat, begin(chat, now), CALM, now, address="192.0.2.1")
    with pytest.raises(Unavailable):
        say(chat, begin(chat, now), CALM, now, address="192.0.2.1")
    say(chat, begin(chat, now), CALM, now, address="192.0.2.2")


def test_an_unknown_session_is_told_to_start_anew(database, settings, now):
    chat, _ = make(database, settings)
    with pytest.raises(NotFound, match="start a new one"):
        say(chat, "no-such-session", CALM, now)
