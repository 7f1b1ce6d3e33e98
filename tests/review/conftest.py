"""Synthetic people and conversations for the desk's tests, written as the chat and the accounts write them."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select

from data import audit
from data.records import Level, QueueState, Role, Verdict
from data.schema import Audit, Consent, QueueEntry, Response, Reviewer, Session, Turn
from review.rubric import Submission, load_rubric
from review.service import Desk

REPLY = "That sounds heavy. What has helped you before? You could talk to somebody you trust."


def add_person(database, now, name, role=Role.CLINICIAN, licensed=True, administrator=False, active=True):
    with database.transaction() as tx:
        tx.add(Reviewer(id=name, login=name, name=name.title(), role=role, administrator=administrator,
                        password_hash="-", licence_body="Test Board", licence_number=f"T-{name}",
                        licence_verified_at=now if licensed else None, active=active, created_at=now,
                        synthetic=True))  # fmt: skip
    return name


def add_response(database, now, level=Level.R0, message="I cannot sleep and I worry a lot.", reply=REPLY, needed=2,
                 flagged=False, training=True, evidence=(), masked=None, minutes=0, queue=True):  # fmt: skip
    """One conversation of one turn, closed and queued; returns the response's id."""
    at = now + timedelta(minutes=minutes)
    session, turn, response = (uuid4().hex for _ in range(3))
    with database.transaction() as tx:
        tx.add(Session(id=session, code_digest=uuid4().hex, started_at=at, notice_version="1", level=level,
                       salt="salt-" + session, synthetic=True))  # fmt: skip
        tx.flush()
        tx.add(Consent(session_id=session, kind="training", granted=training, notice_version="1", at=at))
        tx.add(Turn(id=turn, session_id=session, position=0, at=at, text=message,
                    masked=message if masked is None else masked, level=level, action="none",
                    categories=["self-harm"] if level else [], evidence=list(evidence), rules=[],
                    rules_version="rules-1"))  # fmt: skip
        tx.flush()
        tx.add(Response(id=response, session_id=session, turn_id=turn, attempt=1, opened_at=at, closed_at=at,
                        end_reason="finished", raw=reply, shown=reply, masked=reply, model="secret-model",
                        adapter="secret-adapter"))  # fmt: skip
        tx.flush()
        if queue:
            tx.add(QueueEntry(response_id=response, at=at, level=level, flagged=flagged, state=QueueState.WAITING,
                              reviews_needed=needed))  # fmt: skip
    return response


def get_entry(database, response):
    with database.reading() as tx:
        return tx.get(QueueEntry, response)


def list_rows(database, table):
    with database.reading() as tx:
        return list(tx.scalars(select(table)))


def list_trail(database):
    """Actor, action, subject and details of every entry, after the chain was verified."""
    with database.reading() as tx:
        assert audit.verify(tx).broken is None
        return [
            (e.actor, e.action, e.subject, e.details) for e in tx.scalars(select(Audit).order_by(Audit.seq))
        ]


def submission(verdict=Verdict.APPROVE, level=0, **fields):
    """A whole answer, middling on every scale unless `ratings` says otherwise."""
    rubric = load_rubric()
    ratings: dict = {d.id: 4 if d.five_point else 1 for d in rubric.dimensions} | {
        "medical_advice": 0,
        "toxicity": 1,
    }
    ratings |= {d.id: 2 for d in rubric.overlay} if level >= rubric.overlay_from else {}
    ratings |= fields.pop("ratings", {})
    if verdict is not Verdict.APPROVE:
        fields.setdefault("reasons", ("lacking_empathy",))
    if verdict is Verdict.CORRECT:
        fields.setdefault("correction", "I hear how heavy this is. What has helped you before?")
    return Submission(verdict, ratings, **fields)


def review(desk, person, now, given=None, response=None):
    """Claim a case as this person and judge it; returns the outcome."""
    case = desk.claim(person, response, now) if response else desk.claim_next(person, now)
    return desk.submit(person, case.response_id, case.token, given or submission(level=case.level), now)


@pytest.fixture
def desk(database, settings):
    return Desk(database, settings)


@pytest.fixture
def ada(database, now):
    return add_person(database, now, "ada")


@pytest.fixture
def ben(database, now):
    return add_person(database, now, "ben")


@pytest.fixture
def cyd(database, now):
    return add_person(database, now, "cyd")
