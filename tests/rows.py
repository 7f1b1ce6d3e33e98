"""Rows for tests that need conversations and people without going through the chat. All marked `synthetic`."""

from datetime import datetime
from uuid import uuid4

from sqlalchemy.orm import Session as Transaction

from data.records import Decision, EndReason, QueueState, Role, Verdict
from data.schema import Consent, QueueEntry, Response, Review, Reviewer, Session, Turn


def add_session(tx: Transaction, now: datetime, training: bool | None = True, level: int = 0) -> Session:
    """`training` None is a session that was never asked."""
    session = Session(
        id=uuid4().hex, code_digest=uuid4().hex, started_at=now, notice_version="1", level=level, salt=uuid4().hex,
        synthetic=True,
    )  # fmt: skip
    tx.add(session)
    tx.flush()
    if training is not None:
        tx.add(Consent(session_id=session.id, kind="training", granted=training, notice_version="1", at=now))
    tx.flush()
    return session


def add_response(
    tx: Transaction, session: Session, now: datetime, said: str = "I can't sleep.", reply: str = "That sounds tiring.",
    position: int = 0, **fields: object,
) -> Response:  # fmt: skip
    """A closed reply to a new turn of the session, without a queue entry."""
    turn = Turn(
        id=uuid4().hex, session_id=session.id, position=position, at=now, text=said, masked=said, level=session.level,
        action="none", categories=[], evidence=[], rules=[], rules_version="1",
    )  # fmt: skip
    tx.add(turn)
    tx.flush()
    whole = {
        "attempt": 1, "opened_at": now, "closed_at": now, "end_reason": EndReason.FINISHED, "raw": reply,
        "shown": reply, "masked": reply, "model": "starter",
    } | fields  # fmt: skip
    response = Response(id=uuid4().hex, session_id=session.id, turn_id=turn.id, **whole)
    tx.add(response)
    tx.flush()
    return response


def add_entry(
    tx: Transaction, response: Response, now: datetime, decision: Decision | None = None, final: str | None = None,
    level: int = 0, solo: bool = False,
) -> QueueEntry:  # fmt: skip
    entry = QueueEntry(
        response_id=response.id, at=now, level=level, state=QueueState.DECIDED if decision else QueueState.WAITING,
        reviews_needed=1 if solo else 2, decision=decision, decided_at=now if decision else None,
        final_text=final or (response.masked if decision == Decision.APPROVED else None), solo=solo,
    )  # fmt: skip
    tx.add(entry)
    tx.flush()
    return entry


def add_reviewer(
    tx: Transaction,
    now: datetime,
    role: Role = Role.CLINICIAN,
    administrator: bool = False,
    licensed: bool = True,
) -> Reviewer:
    name = f"synthetic-{uuid4().hex[:6]}"
    reviewer = Reviewer(
        id=uuid4().hex, login=name, name=name, role=role, administrator=administrator, password_hash="!",
        licence_body="synthetic", licence_number="synthetic", licence_verified_at=now if licensed else None,
        created_at=now, synthetic=True,
    )  # fmt: skip
    tx.add(reviewer)
    tx.flush()
    return reviewer


def add_review(
    tx: Transaction, response: Response, reviewer: Reviewer, now: datetime, verdict: Verdict = Verdict.APPROVE
) -> Review:
    review = Review(
        id=uuid4().hex, response_id=response.id, reviewer_id=reviewer.id, slot=1, rubric_version="1", verdict=verdict,
        at=now,
    )  # fmt: skip
    tx.add(review)
    tx.flush()
    return review
