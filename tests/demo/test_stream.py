"""How each reply is shown and logged, and how it ends, on both databases."""

import asyncio
import logging
from contextlib import aclosing

import pytest
from sqlalchemy import select

from data import audit
from data.database import open_database
from data.errors import Conflict, Unavailable
from data.records import EndReason, QueueState
from data.schema import Session, Turn
from demo.stream import Shown
from tests.demo.chatting import CALM, CONCERN, CRISIS, begin, entries, make, responses, say, stored, trail
from tests.demo.scripted import REPLY


def test_every_sentence_is_in_the_database_before_it_is_yielded(database, settings, now):
    chat, backend = make(database, settings)
    session_id = begin(chat, now)
    seen = []

    async def run() -> None:
        async for shown in chat.reply(session_id, CALM, now):
            row = await asyncio.to_thread(stored, database, shown.response_id)
            assert row.shown == shown.text
            assert (row.closed_at is None) == (shown.end is None)
            seen.append(shown)

    asyncio.run(run())
    assert [s.text for s in seen] == [
        "",
        "That sounds heavy.",
        "That sounds heavy. I am glad that you wrote it down.",
        REPLY,
        REPLY,
    ]
    assert [s.end for s in seen] == [None, None, None, None, EndReason.FINISHED]
    assert [m.content for m in backend.asked[0]] == [CALM]


def test_a_finished_reply_keeps_all_that_the_log_asks_for(database, settings, now):
    chat, _ = make(database, settings)
    session_id = begin(chat, now)
    say(chat, session_id, "My name is Anna Kowalski and I cannot sleep.", now)
    row = responses(database)[0]
    assert (row.end_reason, row.raw, row.shown, row.masked) == ("finished", REPLY, REPLY, REPLY)
    assert (row.model, row.model_revision, row.adapter, row.prompt_version) == (
        "scripted",
        "revision-1",
        "",
        "scripted-1",
    )
    assert row.sampling["max_new_tokens"] == settings.max_new_tokens
    assert (row.prompt_tokens, row.reply_tokens) == (7, 18)
    assert row.guard_allow
    assert row.guard_version
    assert row.first_sentence_ms is not None
    assert row.total_ms is not None
    assert row.first_sentence_ms <= row.total_ms
    assert row.closed_at is not None
    assert row.closed_at >= row.opened_at == now
    with database.reading() as tx:
        turn = tx.get(Turn, row.turn_id)
    assert (turn.position, turn.level, turn.action) == (0, 0, "none")
    assert "Kowalski" in turn.text
    assert "Kowalski" not in turn.masked
    assert turn.rules_version
    (entry,) = entries(database)
    assert (entry.response_id, entry.level, entry.state, entry.reviews_needed) == (
        row.id,
        0,
        QueueState.WAITING,
        2,
    )
    (closed,) = trail(database, "response.close")
    with database.reading() as tx:
        salt = tx.get(Session, session_id).salt
    assert closed.details["shown"] == audit.digest(salt, REPLY)
    assert REPLY[:10] not in str(closed.details)


def test_the_model_is_given_the_conversation_as_it_was_shown(database, settings, now):
    chat, backend = make(database, settings)
    session_id = begin(chat, now)
    say(chat, session_id, CALM, now)
    say(chat, session_id, "And then I went home.", now)
    assert [(m.role, m.content) for m in backend.asked[1]] == [
        ("user", CALM),
        ("assistant", REPLY),
        ("user", "And then I went home."),
    ]


def test_a_crisis_is_answered_by_its_steps_and_then_by_the_model_with_the_resources_in_view(
    database, settings, now
):
    chat, backend = make(database, settings)
    session_id = begin(chat, now)
    ends = [say(chat, session_id, text, now)[-1] for text in (CRISIS, "I don't know", "ok", "thank you")]
    assert [s.end for s in ends] == [EndReason.TEMPLATE] * 3 + [EndReason.FINISHED]
    steps = [row.template.split(".")[2] for row in responses(database)[:3]]
    assert steps == ["confirm", "guide", "plan"]
    assert all(s.resources for s in ends)
    assert "988" in ends[0].text
    assert len(backend.asked) == 1
    assert ends[3].text == REPLY
    assert {entry.level for entry in entries(database)} == {entries(database)[0].level}
    assert entries(database)[0].level > 0
    assert responses(database)[0].model == ""  # no model answered


def test_a_turn_that_is_worse_begins_the_steps_anew(database, settings, now):
    chat, _ = make(database, settings)
    session_id = begin(chat, now)
    say(chat, session_id, CRISIS, now)
    say(chat, session_id, "I just took all of my pills to kill myself", now)
    first, second = (row.template.split("@")[0].split(".") for row in responses(database))
    assert first[2] == second[2] == "confirm"
    assert first != second


def test_concern_is_met_with_an_opening_before_the_model(database, settings, now):
    chat, backend = make(database, settings)
    session_id = begin(chat, now)
    shown = say(chat, session_id, CONCERN, now)
    row = responses(database)[0]
    assert row.template.startswith("opening.")
    assert row.shown.endswith("\n\n" + REPLY)
    assert shown[1].text == row.shown.removesuffix("\n\n" + REPLY)
    assert row.end_reason == "finished"
    assert len(backend.asked) == 1


def test_whether_it_is_human_is_answered_by_rule(database, settings, now):
    chat, backend = make(database, settings)
    session_id = begin(chat, now)
    (*_, last) = say(chat, session_id, "Are you a real person?", now)
    assert "I am an AI" in last.text
    assert last.end is EndReason.TEMPLATE
    assert backend.asked == []
    say(chat, session_id, CRISIS + ". Are you human?", now)
    assert [part.split(".")[0] for part in responses(database)[1].template.split()] == ["human", "crisis"]


BAD = "I hear you. You clearly have bipolar disorder. You should see that."


def test_a_sentence_that_fails_the_guard_is_never_shown(database, settings, now):
    chat, backend = make(database, settings, BAD)
    session_id = begin(chat, now)
    shown = say(chat, session_id, CALM, now)
    row = responses(database)[0]
    assert all("bipolar" not in s.text for s in shown)
    assert shown[1].text == "I hear you."
    assert row.shown.startswith("I hear you.\n\n")
    assert (row.end_reason, row.guard_allow, row.guard_reasons) == ("cut", False, ["diagnosis"])
    assert row.template.startswith("completion.diagnosis@")
    assert "bipolar" in row.raw
    assert backend.closed == 1


def test_closing_the_iterator_stops_the_model_and_closes_the_response(database, settings, now):
    chat, backend = make(database, settings)
    session_id = begin(chat, now)

    async def run() -> None:
        async with aclosing(chat.reply(session_id, CALM, now)) as stream:
            async for shown in stream:
                if shown.text:
                    break

    asyncio.run(run())
    row = responses(database)[0]
    assert (row.end_reason, row.shown) == ("stopped", "That sounds heavy.")
    assert row.raw.startswith("That sounds heavy. I")
    assert backend.closed == 1
    assert len(entries(database)) == 1


@pytest.mark.parametrize("after", [0.0, 0.01, 0.05, 0.12])
def test_cancelling_the_task_at_any_moment_closes_what_was_opened(database, settings, now, after):
    chat, _ = make(database, settings, pause=0.02)
    session_id = begin(chat, now)

    async def run() -> None:
        async def consume() -> None:
            async for _ in chat.reply(session_id, CALM, now):
                pass

        task = asyncio.create_task(consume())
        await asyncio.sleep(after)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
    assert all(row.end_reason == "stopped" for row in responses(database))
    assert all(row.closed_at for row in responses(database))


def test_a_bug_in_the_model_is_named_by_an_id_and_keeps_what_was_shown(database, settings, now, caplog):
    chat, _ = make(database, settings, ["That is hard. ", "I am ", RuntimeError("secret words of a visitor")])
    session_id = begin(chat, now)
    seen = []

    async def run() -> None:
        async for shown in chat.reply(session_id, CALM, now):
            seen.append(shown.text)

    with caplog.at_level(logging.ERROR), pytest.raises(Unavailable, match="broke off") as caught:
        asyncio.run(run())
    row = responses(database)[0]
    assert seen == ["", "That is hard."]
    assert (row.end_reason, row.shown, row.raw) == ("error", "That is hard.", "That is hard. I am ")
    assert row.error_id in str(caught.value)
    assert row.error_id in caplog.text
    assert "secret words" not in caplog.text


def test_a_busy_model_is_said_honestly_and_can_be_asked_again(database, settings, now):
    busy = Unavailable("The chat is busy: 3 people are waiting.")
    chat, backend = make(database, settings, [busy], REPLY)
    session_id = begin(chat, now)
    with pytest.raises(Unavailable, match="3 people"):
        say(chat, session_id, CALM, now)
    assert entries(database) == []  # calm, and nothing was shown

    async def again() -> list[Shown]:
        return [shown async for shown in chat.retry(session_id, now)]

    assert asyncio.run(again())[-1].text == REPLY
    assert [(row.attempt, row.end_reason) for row in responses(database)] == [(1, "error"), (2, "finished")]
    with database.reading() as tx:
        assert len(tx.scalars(select(Turn)).all()) == 1
    assert [m.content for m in backend.asked[1]] == [CALM]


def test_a_model_that_says_nothing_is_an_error(database, settings, now):
    chat, _ = make(database, settings, ["  "])
    session_id = begin(chat, now)
    with pytest.raises(Unavailable, match="No answer"):
        say(chat, session_id, CALM, now)
    assert responses(database)[0].end_reason == "error"


def test_a_sentence_that_the_limit_broke_off_is_left_out(database, settings, now):
    chat, _ = make(database, settings, "That sounds heavy. And I would like", max_new_tokens=7)
    session_id = begin(chat, now)
    assert say(chat, session_id, CALM, now)[-1].text == "That sounds heavy."
    assert responses(database)[0].raw.endswith("I would like")


def test_without_a_database_nothing_is_generated(settings, now):
    database = open_database("postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    chat, backend = make(database, settings)
    with pytest.raises(Unavailable, match="cannot be reached"):
        begin(chat, now)
    with pytest.raises(Unavailable, match="cannot be reached"):
        say(chat, "a-session", CRISIS, now)
    assert backend.asked == []
    database.close()


def test_a_second_message_waits_for_the_first_answer(database, settings, now):
    chat, _ = make(database, settings, pause=0.3)
    session_id = begin(chat, now)

    async def run() -> None:
        async with aclosing(chat.reply(session_id, CALM, now)) as first:
            await anext(first)
            await anext(first)
            with pytest.raises(Conflict, match="still being written"):
                await anext(chat.reply(session_id, "And another thing.", now))

    asyncio.run(run())
    assert len(responses(database)) == 1


def test_only_a_share_of_calm_replies_is_queued_but_every_raised_one(database, settings, now):
    chat, _ = make(database, settings, random_share=0.0)
    say(chat, begin(chat, now), CALM, now)
    assert entries(database) == []
    say(chat, begin(chat, now), CRISIS, now)
    assert len(entries(database)) == 1
