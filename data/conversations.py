"""Sessions, turns and responses: opened before anything is shown, grown sentence by sentence, closed for good."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import delete, exists, func, select, update
from sqlalchemy.orm import Session as Transaction
from sqlalchemy.orm import selectinload

from data import audit
from data.errors import NotFound
from data.records import Assessment, EndReason, Level, Message, QueueState
from data.redaction import redact
from data.schema import QueueEntry, Response, Session, Turn

GONE = "This conversation is no longer kept here. Please start a new one."
NO_CODE = "There is no conversation with this code. It may have been deleted, or a character may be wrong."


def insert_session(
    tx: Transaction, code_digest: str, salt: str, notice_version: str, adapter: str, now: datetime, synthetic: bool
) -> Session:  # fmt: skip
    """`adapter` is the name of the champion that answers this session to its end; "" is the model alone."""
    session = Session(id=uuid4().hex, code_digest=code_digest, salt=salt, notice_version=notice_version,
                      adapter=adapter, started_at=now, synthetic=synthetic)  # fmt: skip
    tx.add(session)
    tx.flush()
    return session


def get_session(tx: Transaction, session_id: str) -> Session:
    found = tx.get(Session, session_id)
    if found is None:
        raise NotFound(GONE)
    return found


def get_session_by_code(tx: Transaction, code_digest: str) -> Session:
    found = tx.scalars(select(Session).where(Session.code_digest == code_digest)).first()
    if found is None:
        raise NotFound(NO_CODE)
    return found


def delete_session(tx: Transaction, session_id: str) -> None:
    """Delete the session and, by cascade, every text, review and flag that hangs on it."""
    tx.execute(delete(Session).where(Session.id == session_id))


def insert_turn(
    tx: Transaction, session: Session, text: str, masked: str, assessment: Assessment, rules_version: str, now: datetime
) -> Turn:  # fmt: skip
    """Store the next message with its assessment; the session's level rises with it and never falls."""
    position = tx.scalar(select(func.count()).select_from(Turn).where(Turn.session_id == session.id)) or 0
    session.level = max(session.level, int(assessment.level))
    turn = Turn(
        id=uuid4().hex, session_id=session.id, position=position, at=now, text=text, masked=masked,
        level=session.level, action=assessment.action, categories=[c.value for c in assessment.categories],
        evidence=[asdict(e) for e in assessment.evidence], rules=list(assessment.rules), rules_version=rules_version,
    )  # fmt: skip
    tx.add(turn)
    tx.flush()
    return turn


def list_turns(tx: Transaction, session_id: str) -> Sequence[Turn]:
    """Oldest first, with their responses."""
    wanted = select(Turn).where(Turn.session_id == session_id).order_by(Turn.position)
    return tx.scalars(wanted.options(selectinload(Turn.responses))).all()


def list_messages(tx: Transaction, session_id: str, before: int | None = None) -> list[Message]:
    """The conversation as it stood on the screen: each message, with what its last response showed.

    `before` is a position: only the turns before it.
    """
    messages = []
    for turn in list_turns(tx, session_id):
        if before is not None and turn.position >= before:
            break
        messages.append(Message("user", turn.text))
        if turn.responses and turn.responses[-1].shown:
            messages.append(Message("assistant", turn.responses[-1].shown))
    return messages


def insert_response(tx: Transaction, turn: Turn, now: datetime) -> Response:
    """Open the next attempt to answer `turn`."""
    made = tx.scalar(select(func.count()).select_from(Response).where(Response.turn_id == turn.id)) or 0
    response = Response(
        id=uuid4().hex, session_id=turn.session_id, turn_id=turn.id, attempt=made + 1, opened_at=now
    )
    tx.add(response)
    tx.flush()
    return response


def get_response(tx: Transaction, response_id: str) -> Response:
    found = tx.get(Response, response_id)
    if found is None:
        raise NotFound("This reply is no longer kept.")
    return found


def append_shown(tx: Transaction, response_id: str, shown: str, raw: str, **fields: Any) -> None:
    """Keep all that may be shown by now, before it is. Raises `NotFound` when the response is closed or deleted."""
    open_one = update(Response).where(Response.id == response_id, Response.closed_at.is_(None))
    done = tx.execute(open_one.values(shown=shown, raw=raw, **fields))
    if done.rowcount == 0:  # type: ignore[attr-defined]
        raise NotFound(GONE)


def close_response(
    tx: Transaction, response: Response, end: EndReason, now: datetime, queued: bool, reviews_needed: int
) -> None:
    """Close for good: mask what was shown, queue it for review if `queued`, and note it in the trail.

    The caller has set the other fields. Raises nothing when it is closed already.
    """
    if response.closed_at is not None:
        return
    session = get_session(tx, response.session_id)
    response.closed_at, response.end_reason = now, end
    response.masked = redact(response.shown).text
    if queued:
        insert_entry(tx, response, session.level, reviews_needed, now)
    audit.append(
        tx, now, "chat", "response.close", response.id, session=session.id, turn=response.turn_id, end=end.value,
        level=session.level, shown=audit.digest(session.salt, response.shown),
        raw=audit.digest(session.salt, response.raw), adapter=response.adapter, queued=queued,
    )  # fmt: skip


def insert_entry(
    tx: Transaction, response: Response, level: int, reviews_needed: int, now: datetime
) -> QueueEntry:
    entry = QueueEntry(response_id=response.id, at=now, level=level, state=QueueState.WAITING,
                       reviews_needed=reviews_needed)  # fmt: skip
    tx.add(entry)
    tx.flush()
    return entry


def close_interrupted(tx: Transaction, now: datetime, reviews_needed: int = 2) -> int:
    """Close what a process that died left open, keeping what was shown. Returns how many there were.

    Call it before anything answers: a reply under way in another process would be closed too. A calm reply of which
    nothing was shown is not queued: there is nothing to review.
    """
    left = tx.scalars(select(Response).where(Response.closed_at.is_(None)).order_by(Response.opened_at)).all()
    for response in left:
        level = get_session(tx, response.session_id).level
        queued = bool(response.shown) or level > Level.R0
        close_response(tx, response, EndReason.INTERRUPTED, now, queued, reviews_needed)
    return len(left)


def count_reviewed(tx: Transaction, session_id: str) -> int:
    """Responses of the session that have a decision."""
    decided = exists().where(QueueEntry.response_id == Response.id, QueueEntry.decision.is_not(None))
    counted = select(func.count()).select_from(Response).where(Response.session_id == session_id, decided)
    return tx.scalar(counted) or 0
