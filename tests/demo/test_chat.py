"""The chat's service on both databases: what is stored, what is shown, and how each reply ends."""

import asyncio
import hashlib
import logging
from contextlib import aclosing
from datetime import datetime, timedelta
from random import Random

import pytest
from sqlalchemy import select

from data import audit
from data.adapters import insert_adapter, insert_promotion
from data.database import Database, migrate, open_database
from data.errors import Conflict, Forbidden, Invalid, NotFound, Unavailable
from data.records import AdapterStatus, Decision, EndReason, QueueState
from data.schema import Adapter, AdapterPair, Audit, Consent, Flag, QueueEntry, Response, Session, Turn
from data.settings import Settings, load_settings
from demo.chat import Chat, digest_of
from demo.limits import clean_message
from demo.stream import Shown
from tests.demo.scripted import REPLY, Scripted

CALM = "I had a long day at work and I feel tired."
CRISIS = "I want to kill myself"
CONCERN = "What's the point of any of this anymore, everyone would be better off without me"


def make(
    database: Database, settings: Settings, *replies, pause: float = 0.0, **changed
) -> tuple[Chat, Scripted]:
    backend = Scripted(*replies, pause=pause)
    return Chat(database, settings.model_copy(update=changed), backend, Random(1)), backend


def begin(chat: Chat, now: datetime) -> str:
    return chat.start_session(adult=True, training=False, now=now, synthetic=True)[0]


def say(chat: Chat, session_id: str, text: str, now: datetime, **kwargs: str) -> list[Shown]:
    async def run() -> list[Shown]:
        return [shown async for shown in chat.reply(session_id, text, now, **kwargs)]

    return asyncio.run(run())


def responses(database: Database) -> list[Response]:
    with database.reading() as tx:
        return list(
            tx.scalars(select(Response).join(Turn).order_by(Turn.at, Turn.position, Response.attempt))
        )


def entries(database: Database) -> list[QueueEntry]:
    with database.reading() as tx:
        return list(tx.scalars(select(QueueEntry)))


def trail(database: Database, action: str) -> list[Audit]:
    with database.reading() as tx:
        assert audit.verify(tx).broken is None
        return list(tx.scalars(select(Audit).where(Audit.action == action)))


def stored(database: Database, response_id: str) -> Response:
    with database.reading() as tx:
        found = tx.get(Response, response_id)
        assert found is not None
        return found


# Sessions


def test_a_session_keeps_its_choices_and_only_the_digest_of_its_code(database, settings, now):
    chat, _ = make(database, settings)
    session_id, code = chat.start_session(adult=True, training=True, now=now, synthetic=True)
    assert [len(group) for group in code.split("-")] == [4, 4, 4, 4]
    with database.reading() as tx:
        session = tx.get(Session, session_id)
        consents = {c.kind: (c.granted, c.notice_version) for c in tx.scalars(select(Consent))}
    assert session.code_digest == hashlib.sha256(code.replace("-", "").encode()).hexdigest()
    assert session.synthetic
    assert session.notice_version
    assert consents == dict.fromkeys(("notice", "adult", "training"), (True, session.notice_version))
    assert [entry.subject for entry in trail(database, "session.start")] == [session_id]


@pytest.mark.parametrize("adult", [False, None, "yes"])
def test_nobody_begins_without_saying_that_they_are_an_adult(database, settings, now, adult):
    chat, _ = make(database, settings)
    with pytest.raises(Forbidden, match="18"):
        chat.start_session(adult=adult, training=False, now=now)
    with database.reading() as tx:
        assert tx.scalars(select(Session)).first() is None


def test_a_code_is_known_however_it_is_typed():
    assert digest_of("AB0D-1FGH-JKMN-PQRS") == digest_of(" abod lfgh jkmnpqrs ")
    assert digest_of("AB0D-1FGH-JKMN-PQRS") != digest_of("AB0D-1FGH-JKMN-PQRT")


# Replies


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


# Which adapter answers


def adapter(name: str, now: datetime) -> Adapter:
    return Adapter(name=name, path=f"/adapters/{name}", digest="d", base_model="b", run="r",
                   status=AdapterStatus.PASSED, created_at=now, gate={}, synthetic=True)  # fmt: skip


def test_a_session_keeps_the_champion_it_began_with(database, settings, now):
    chat, backend = make(database, settings, adapter="/adapters/of-the-settings")
    before = begin(chat, now)
    with database.transaction() as tx:
        insert_adapter(tx, adapter("first", now))
        insert_promotion(tx, "first", "promotion", "tester", now)
    after = begin(chat, now)
    say(chat, before, CALM, now)
    say(chat, after, CALM, now + timedelta(seconds=1))
    assert backend.adapters == ["/adapters/of-the-settings", "/adapters/first"]
    assert [row.adapter for row in responses(database)] == ["/adapters/of-the-settings", "first"]


# What comes in


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


# Afterwards


def test_a_report_flags_the_reply_and_brings_it_forward(database, settings, now):
    chat, _ = make(database, settings)
    session_id = begin(chat, now)
    response_id = say(chat, session_id, CALM, now)[-1].response_id
    chat.report_harm(response_id, now, "It was cold. I am Anna Kowalski, anna@example.org")
    chat.report_harm(response_id, now)
    with database.reading() as tx:
        flag = tx.scalars(select(Flag)).one()
    assert (flag.source, flag.severity, flag.response_id) == ("visitor", "high", response_id)
    assert "anna@example.org" not in flag.note
    assert entries(database)[0].flagged
    assert len(trail(database, "flag.raise")) == 1


def test_a_report_opens_an_approval_again(database, settings, now):
    chat, _ = make(database, settings, random_share=0.0)
    session_id = begin(chat, now)
    response_id = say(chat, session_id, CALM, now)[-1].response_id
    with database.transaction() as tx:
        tx.add(QueueEntry(response_id=response_id, at=now, level=0, state=QueueState.DECIDED, reviews_needed=2,
                          decision=Decision.APPROVED, decided_at=now, final_text=REPLY))  # fmt: skip
    chat.report_harm(response_id, now)
    entry = entries(database)[0]
    assert (entry.state, entry.decision, entry.final_text, entry.flagged) == (
        "adjudication",
        None,
        None,
        True,
    )


def test_a_report_of_nothing_is_told_so(database, settings, now):
    chat, _ = make(database, settings)
    with pytest.raises(NotFound):
        chat.report_harm("no-such-response", now)


def test_what_is_kept_is_shown_to_who_has_the_code(database, settings, now):
    chat, _ = make(database, settings)
    session_id, code = chat.start_session(adult=True, training=False, now=now, synthetic=True)
    say(chat, session_id, CALM, now)
    kept = chat.what_is_kept(code.lower())
    assert [m.content for m in kept.messages] == [CALM, REPLY]
    assert (kept.sent, kept.replies, kept.decided, kept.training) == (1, 1, 0, False)
    with pytest.raises(NotFound, match="no conversation with this code"):
        chat.what_is_kept("AAAA-AAAA-AAAA-AAAA")


def test_training_consent_can_be_given_and_withdrawn(database, settings, now):
    chat, _ = make(database, settings)
    _, code = chat.start_session(adult=True, training=False, now=now, synthetic=True)
    chat.set_training_consent(code, True, now)
    assert chat.what_is_kept(code).training
    chat.set_training_consent(code, False, now)
    chat.set_training_consent(code, False, now)
    assert not chat.what_is_kept(code).training
    assert [entry.details["granted"] for entry in trail(database, "consent.training")] == [True, False]


def test_deleting_removes_every_text_and_names_the_adapters_that_saw_it(database, settings, now, caplog):
    chat, _ = make(database, settings)
    session_id, code = chat.start_session(adult=True, training=True, now=now, synthetic=True)
    response_id = say(chat, session_id, CALM, now)[-1].response_id
    chat.report_harm(response_id, now)
    with database.transaction() as tx:
        insert_adapter(tx, adapter("saw-it", now), [response_id])
    with caplog.at_level(logging.WARNING):
        assert chat.delete_session(code, now) == ("saw-it",)
    assert "saw-it" in caplog.text
    with database.reading() as tx:
        for table in (Session, Consent, Turn, Response, QueueEntry, Flag):
            assert tx.scalars(select(table)).all() == []
        assert tx.scalars(select(AdapterPair)).one().adapter == "saw-it"
    assert trail(database, "session.delete")[0].details["adapters"] == ["saw-it"]
    with pytest.raises(NotFound):
        chat.what_is_kept(code)


def test_deleting_in_the_middle_of_a_reply_ends_it(database, settings, now):
    chat, backend = make(database, settings, pause=0.02)
    session_id, code = chat.start_session(adult=True, training=True, now=now, synthetic=True)
    seen = []

    async def run() -> None:
        async for shown in chat.reply(session_id, CALM, now):
            seen.append(shown.text)
            if shown.text:
                await asyncio.to_thread(chat.delete_session, code, now)

    with pytest.raises(NotFound):
        asyncio.run(run())
    assert seen == ["", "That sounds heavy."]
    assert responses(database) == []
    assert backend.closed == 1


def test_a_real_lock_on_the_database_stops_the_reply_before_the_model(tmp_path, now, monkeypatch):
    monkeypatch.setattr("data.database.BUSY_SECONDS", 0.2)
    settings = load_settings(_env_file=None, var_dir=tmp_path)
    database, other = open_database(settings.database), open_database(settings.database)
    migrate(database)
    chat, backend = make(database, settings)
    session_id = begin(chat, now)
    with other.transaction(), pytest.raises(Unavailable, match="locked"):
        say(chat, session_id, CALM, now)
    assert backend.asked == []
    assert say(chat, session_id, CALM, now)[-1].text == REPLY
    database.close()
    other.close()
