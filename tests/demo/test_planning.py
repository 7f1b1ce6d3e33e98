"""What the program says itself besides the model, and when."""

from datetime import timedelta

from demo.safety.templates import reminder
from tests.demo.chatting import CALM, CRISIS, begin, make, say

REPLY = "That sounds like a long day."


def test_it_is_said_again_every_three_hours_that_an_ai_answers(database, settings, now):
    chat, _ = make(database, settings, *[REPLY] * 5)
    session = begin(chat, now)
    said = [
        say(chat, session, CALM, now + timedelta(minutes=minutes))[-1].text
        for minutes in (1, 179, 181, 300, 8 * 24 * 60)
    ]
    assert [reminder().text in text for text in said] == [False, False, True, False, True]
    assert said[2] == f"{reminder().text}\n\n{REPLY}"


def test_in_a_crisis_the_reminder_comes_last(database, settings, now):
    chat, _ = make(database, settings, REPLY)
    session = begin(chat, now)
    text = say(chat, session, CRISIS, now + timedelta(hours=4))[-1].text
    assert text.endswith(reminder().text)
    assert text.index("988") < text.index(reminder().text)
