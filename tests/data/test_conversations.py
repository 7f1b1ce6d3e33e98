"""Turns and responses as they are stored: opened, grown, closed, listed, deleted."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from data import audit, conversations
from data.errors import NotFound
from data.records import Assessment, Category, Decision, EndReason, Evidence, Level, Message
from data.schema import Audit, QueueEntry, Response, Session, Turn
from tests.rows import add_entry, add_response, add_session

CALM = Assessment()
RAISED = Assessment(
    Level.R2, (Category.SELF_HARM,), evidence=(Evidence(0, 4, "SH-x", Category.SELF_HARM, 0),)
)


def start(tx, now, code="digest"):
    return conversations.insert_session(tx, code, "salt", "1", "", now, True)


def turn(tx, session, now, text="Hello.", assessment=CALM):
    return conversations.insert_turn(tx, session, text, text, assessment, "rules", now)


def test_turns_are_numbered_and_the_level_only_rises(database, now):
    with database.transaction() as tx:
        session = start(tx, now)
        made = [turn(tx, session, now, assessment=a) for a in (CALM, RAISED, replace(CALM, level=Level.R1))]
        assert [t.position for t in made] == [0, 1, 2]
    with database.reading() as tx:
        assert tx.get(Session, session.id).level == 2
        rows = conversations.list_turns(tx, session.id)
        assert [row.level for row in rows] == [0, 2, 2]
        assert rows[1].categories == ["self-harm"]
        assert rows[1].evidence == [
            {"start": 0, "end": 4, "rule": "SH-x", "category": "self-harm", "message": 0}
        ]


def test_the_conversation_is_each_message_with_its_last_response(database, now):
    with database.transaction() as tx:
        session = start(tx, now)
        first, second = turn(tx, session, now, "One."), turn(tx, session, now, "Two.")
        for shown in ("Early.", "Late."):
            response = conversations.insert_response(tx, first, now)
            conversations.append_shown(tx, response.id, shown, shown)
        conversations.insert_response(tx, second, now)
    with database.reading() as tx:
        attempts = [r.attempt for r in conversations.list_turns(tx, session.id)[0].responses]
        whole = conversations.list_messages(tx, session.id)
        before = conversations.list_messages(tx, session.id, before=1)
    assert attempts == [1, 2]
    assert before == [Message("user", "One."), Message("assistant", "Late.")]
    assert whole == [*before, Message("user", "Two.")]


def test_a_closed_or_deleted_response_shows_nothing_more(database, now):
    with database.transaction() as tx:
        session = start(tx, now)
        response = conversations.insert_response(tx, turn(tx, session, now), now)
        conversations.append_shown(tx, response.id, "Shown.", "Shown. And")
        conversations.close_response(tx, response, EndReason.STOPPED, now, True, 2)
    for wanted in (response.id, "no-such-response"):
        with pytest.raises(NotFound), database.transaction() as tx:
            conversations.append_shown(tx, wanted, "More.", "More.")
    with database.reading() as tx:
        row = conversations.get_response(tx, response.id)
    assert (row.shown, row.raw, row.end_reason) == ("Shown.", "Shown. And", "stopped")


def test_closing_masks_queues_and_leaves_a_trail_without_text_once(database, now):
    with database.transaction() as tx:
        session = start(tx, now)
        response = conversations.insert_response(tx, turn(tx, session, now, assessment=RAISED), now)
        conversations.append_shown(tx, response.id, "Write to anna@example.org.", "")
        for _ in range(2):
            tx.refresh(response)
            conversations.close_response(tx, response, EndReason.FINISHED, now, True, 1)
    with database.reading() as tx:
        row = conversations.get_response(tx, response.id)
        entry = tx.scalars(select(QueueEntry)).one()
        (noted,) = tx.scalars(select(Audit)).all()
    assert "anna@" not in row.masked
    assert "anna@" in row.shown
    assert (entry.level, entry.reviews_needed, entry.state, entry.flagged) == (2, 1, "waiting", False)
    assert (noted.action, noted.subject, noted.details["end"]) == ("response.close", response.id, "finished")
    assert noted.details["shown"] == audit.digest("salt", "Write to anna@example.org.")
    assert "anna" not in str(noted.details)


def test_what_was_left_open_is_closed_as_interrupted(database, now):
    later = now + timedelta(hours=1)
    with database.transaction() as tx:
        calm, raised = start(tx, now, "a"), start(tx, now, "b")
        seen = conversations.insert_response(tx, turn(tx, calm, now), now)
        conversations.append_shown(tx, seen.id, "Half of it.", "Half of it. And th")
        unseen = conversations.insert_response(tx, turn(tx, calm, now), now)
        urgent = conversations.insert_response(tx, turn(tx, raised, now, assessment=RAISED), now)
        done = add_response(tx, calm, now, position=7)
    with database.transaction() as tx:
        assert conversations.close_interrupted(tx, later, 1) == 3
        assert conversations.close_interrupted(tx, later, 1) == 0
    with database.reading() as tx:
        rows = {r.id: r for r in tx.scalars(select(Response))}
        queued = {e.response_id: e.reviews_needed for e in tx.scalars(select(QueueEntry))}
        assert audit.verify(tx).entries == 3
    assert {rows[r.id].end_reason for r in (seen, unseen, urgent)} == {"interrupted"}
    assert (rows[seen.id].shown, rows[seen.id].masked, rows[seen.id].closed_at) == (
        "Half of it.",
        "Half of it.",
        later,
    )
    assert rows[done.id].end_reason == "finished"
    assert queued == {seen.id: 1, urgent.id: 1}


def test_a_session_is_found_by_its_code_and_deleted_with_all_that_hangs_on_it(database, now):
    with database.transaction() as tx:
        kept, gone = add_session(tx, now), start(tx, now, "the-digest")
        response = add_response(tx, gone, now)
        add_entry(tx, response, now)
        add_response(tx, kept, now)
    with database.transaction() as tx:
        assert conversations.get_session_by_code(tx, "the-digest").id == gone.id
        conversations.delete_session(tx, gone.id)
    with database.reading() as tx:
        assert tx.scalars(select(QueueEntry)).all() == []
        assert {t.session_id for t in tx.scalars(select(Turn))} == {kept.id}
        with pytest.raises(NotFound):
            conversations.get_session_by_code(tx, "the-digest")
        with pytest.raises(NotFound):
            conversations.get_session(tx, gone.id)


def test_decided_responses_are_counted(database, now):
    with database.transaction() as tx:
        session = add_session(tx, now)
        add_entry(tx, add_response(tx, session, now, position=0), now, Decision.APPROVED)
        add_entry(tx, add_response(tx, session, now, position=1), now)
        add_response(tx, session, now, position=2)
    with database.reading() as tx:
        assert conversations.count_reviewed(tx, session.id) == 1
