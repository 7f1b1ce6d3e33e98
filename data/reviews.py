"""The queue and what clinicians say of its responses: entries, leases, drafts, reviews, flags, rulings.

Whoever changes an entry's leases or reviews holds its row first (`get_entry` with `lock`, or `find_claimable`), so
that on PostgreSQL two clinicians never take one slot; SQLite's writers are one at a time anyway.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, Integer, bindparam, delete, exists, func, select, tuple_
from sqlalchemy.orm import Session as Transaction
from sqlalchemy.orm import selectinload

from data.errors import NotFound
from data.records import QueueState
from data.schema import (
    Adjudication,
    Draft,
    Flag,
    Lease,
    QueueEntry,
    Rating,
    Response,
    Review,
    Reviewer,
    Session,
    Turn,
)

ADJUDICATION_SLOT = 0


# Entries


def get_entry(tx: Transaction, response_id: str, lock: bool = False) -> QueueEntry:
    """The queue entry of a response; with `lock`, held until the transaction ends."""
    query = select(QueueEntry).where(QueueEntry.response_id == response_id)
    found = tx.scalars(query.with_for_update() if lock else query).one_or_none()
    if found is None:
        raise NotFound("This response is not in the queue: its conversation may have been deleted.")
    return found


def find_block(tx: Transaction, state: QueueState, below: tuple[int, bool] | None) -> tuple[int, bool] | None:
    """The most pressing (level, flagged) that has entries in `state`, of those below `below`; one step in the index."""
    level, flagged = below or (_ABOVE_ALL, False)
    found = tx.execute(_BLOCK, {"state": state, "level": level, "flagged": flagged}).first()
    return (found.level, found.flagged) if found else None


def find_claimable(tx: Transaction, state: QueueState, level: int, flagged: bool, reviewer_id: str,
                   skip: Sequence[str], now: datetime) -> QueueEntry | None:  # fmt: skip
    """The oldest entry of one block of the queue that this person may take, locked; passes over locked ones."""
    query = _TO_ADJUDICATE if state == QueueState.ADJUDICATION else _TO_REVIEW
    given = {
        "state": state,
        "level": level,
        "flagged": flagged,
        "reviewer": reviewer_id,
        "skip": skip,
        "now": now,
    }
    return tx.scalars(query, given).one_or_none()


def _claimable(room: Any) -> Any:
    reviewed = exists().where(
        Review.response_id == QueueEntry.response_id, Review.reviewer_id == bindparam("reviewer")
    )
    return (
        select(QueueEntry)
        .where(QueueEntry.state == bindparam("state"), QueueEntry.level == bindparam("level"))
        .where(QueueEntry.flagged == bindparam("flagged"), ~reviewed, room)
        .where(QueueEntry.response_id.not_in(bindparam("skip", expanding=True)))
        .order_by(QueueEntry.at)
        .limit(1)
        .with_for_update(skip_locked=True, of=QueueEntry)
    )


def _live_leases(*where: Any) -> Any:
    live = select(func.count()).where(Lease.response_id == QueueEntry.response_id)
    return live.where(Lease.expires_at > bindparam("now"), *where).scalar_subquery()


# Built once: making these statements costs more than running them.
_ABOVE_ALL = 99
_GIVEN = select(func.count()).where(Review.response_id == QueueEntry.response_id).scalar_subquery()
_TO_REVIEW = _claimable(_GIVEN + _live_leases(Lease.slot != ADJUDICATION_SLOT) < QueueEntry.reviews_needed)
_TO_ADJUDICATE = _claimable(_live_leases(Lease.slot == ADJUDICATION_SLOT) == 0)
_BLOCK = (
    select(QueueEntry.level, QueueEntry.flagged)
    .where(QueueEntry.state == bindparam("state"))
    .where(
        tuple_(QueueEntry.level, QueueEntry.flagged)
        < tuple_(bindparam("level", type_=Integer), bindparam("flagged", type_=Boolean))
    )
    .order_by(QueueEntry.level.desc(), QueueEntry.flagged.desc())
    .limit(1)
)


def list_conversation(tx: Transaction, session_id: str) -> Sequence[Turn]:
    """All turns with their responses, oldest first."""
    turns = select(Turn).where(Turn.session_id == session_id).order_by(Turn.position)
    return tx.scalars(turns.options(selectinload(Turn.responses))).all()


def get_response(tx: Transaction, response_id: str) -> Response:
    found = tx.get(Response, response_id)
    if found is None:
        raise NotFound("This response is gone: its conversation was deleted.")
    return found


def get_session(tx: Transaction, session_id: str) -> Session:
    found = tx.get(Session, session_id)
    if found is None:
        raise NotFound("This conversation was deleted.")
    return found


def lock_reviewer(tx: Transaction, reviewer_id: str) -> None:
    """Queue the claims of one person: two tabs must not take two slots of the same response."""
    if tx.get_bind().dialect.name == "postgresql":  # SQLite's writers are already one at a time
        tx.execute(select(Reviewer.id).where(Reviewer.id == reviewer_id).with_for_update(key_share=True))


# Leases


def list_leases(tx: Transaction, response_id: str) -> Sequence[Lease]:
    return tx.scalars(select(Lease).where(Lease.response_id == response_id).order_by(Lease.slot)).all()


def get_own_lease(tx: Transaction, response_id: str, reviewer_id: str) -> Lease | None:
    """What this person holds of this response, be it expired or not."""
    own = select(Lease).where(Lease.response_id == response_id, Lease.reviewer_id == reviewer_id)
    return tx.scalars(own.order_by(Lease.expires_at.desc())).first()


def find_live_lease(tx: Transaction, reviewer_id: str, adjudication: bool, now: datetime) -> Lease | None:
    """What this person has open; of several, the one taken last."""
    own = select(Lease).where(Lease.reviewer_id == reviewer_id, Lease.expires_at > now)
    slot = Lease.slot == ADJUDICATION_SLOT if adjudication else Lease.slot != ADJUDICATION_SLOT
    return tx.scalars(own.where(slot).order_by(Lease.expires_at.desc())).first()


def put_lease(tx: Transaction, lease: Lease) -> None:
    """Take a slot; an expired lease in it is replaced, and its token with it."""
    tx.merge(lease)
    tx.flush()


def delete_lease(tx: Transaction, lease: Lease) -> None:
    tx.delete(lease)
    tx.flush()


# Drafts


def get_draft(tx: Transaction, response_id: str, reviewer_id: str, lock: bool = False) -> Draft | None:
    return tx.get(Draft, (response_id, reviewer_id), with_for_update=lock or None)


def insert_draft(tx: Transaction, draft: Draft) -> None:
    tx.add(draft)
    tx.flush()


def delete_draft(tx: Transaction, response_id: str, reviewer_id: str) -> None:
    own = delete(Draft).where(Draft.response_id == response_id, Draft.reviewer_id == reviewer_id)
    tx.execute(own.execution_options(synchronize_session=False))


# Reviews


def list_taken(tx: Transaction, response_id: str) -> dict[int, str]:
    """Which slots have their review, and whose it is."""
    return {row.slot: row.reviewer_id for row in tx.execute(_TAKEN, {"response": response_id})}


_TAKEN = select(Review.slot, Review.reviewer_id).where(Review.response_id == bindparam("response"))


def list_reviews(tx: Transaction, response_id: str) -> Sequence[Review]:
    """Oldest first, with their ratings."""
    own = select(Review).where(Review.response_id == response_id).order_by(Review.slot)
    return tx.scalars(own.options(selectinload(Review.ratings))).all()


def insert_review(
    tx: Transaction, review: Review, ratings: dict[str, int | None], flags: Iterable[Flag]
) -> None:
    tx.add(review)
    tx.flush()
    tx.add_all(Rating(review_id=review.id, dimension=name, value=value) for name, value in ratings.items())
    tx.add_all(flags)
    tx.flush()


def list_flags(tx: Transaction, response_id: str) -> Sequence[Flag]:
    return tx.scalars(select(Flag).where(Flag.response_id == response_id).order_by(Flag.at, Flag.id)).all()


def get_adjudication(tx: Transaction, response_id: str) -> Adjudication | None:
    return tx.get(Adjudication, response_id)


def insert_adjudication(tx: Transaction, adjudication: Adjudication) -> None:
    tx.add(adjudication)
    tx.flush()


# Counts


def count_in_state(tx: Transaction, state: QueueState, most: int) -> int:
    """How many entries are in `state`, counted no further than `most`: a queue of a million costs no more."""
    some = select(QueueEntry.response_id).where(QueueEntry.state == state).limit(most).subquery()
    return tx.scalar(select(func.count()).select_from(some)) or 0


def count_reviews_since(tx: Transaction, reviewer_id: str, since: datetime) -> int:
    given = select(func.count()).where(Review.reviewer_id == reviewer_id, Review.at >= since)
    return tx.scalar(given) or 0


def count_by_level(tx: Transaction) -> list[tuple[str, int, int, datetime]]:
    """(state, level, entries, oldest) of what is not decided."""
    groups = (
        select(QueueEntry.state, QueueEntry.level, func.count(), func.min(QueueEntry.at))
        .where(QueueEntry.state != QueueState.DECIDED)
        .group_by(QueueEntry.state, QueueEntry.level)
    )
    return _rows(tx, groups)


def count_decisions_since(tx: Transaction, since: datetime) -> list[tuple[str, datetime]]:
    """(decision, when) since then, oldest first."""
    decided = select(QueueEntry.decision, QueueEntry.decided_at).where(
        QueueEntry.decision.is_not(None), QueueEntry.decided_at >= since
    )
    return _rows(tx, decided.order_by(QueueEntry.decided_at))


def count_flags(tx: Transaction) -> list[tuple[str, str, int]]:
    """(source, category, flags), the most frequent first."""
    groups = select(Flag.source, Flag.category, func.count().label("n")).group_by(Flag.source, Flag.category)
    return _rows(tx, groups.order_by(func.count().desc(), Flag.category))


def list_seconds_since(tx: Transaction, since: datetime) -> list[tuple[str, int]]:
    """(reviewer, seconds) of each review since then."""
    return _rows(tx, select(Review.reviewer_id, Review.seconds).where(Review.at >= since))


def count_ratings_since(tx: Transaction, since: datetime) -> list[tuple[str, int | None, int]]:
    """(dimension, value, how often) in reviews since then."""
    groups = (
        select(Rating.dimension, Rating.value, func.count())
        .join(Review, Review.id == Rating.review_id)
        .where(Review.at >= since)
        .group_by(Rating.dimension, Rating.value)
    )
    return _rows(tx, groups)


def _rows(tx: Transaction, query: Any) -> list[Any]:
    return [tuple(row) for row in tx.execute(query)]
