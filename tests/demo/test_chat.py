"""The chat's service on both databases: sessions, adapters, reports, and a visitor's right to see and delete."""

import asyncio
import hashlib
import logging
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from data.adapters import insert_adapter, insert_promotion
from data.database import migrate, open_database
from data.errors import Forbidden, NotFound, Unavailable
from data.records import AdapterStatus, Decision, QueueState
from data.schema import Adapter, AdapterPair, Consent, Flag, QueueEntry, Response, Session, Turn
from data.settings import load_settings
from demo.chat import digest_of
from tests.demo.chatting import CALM, begin, entries, make, responses, say, trail
from tests.demo.scripted import REPLY


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
