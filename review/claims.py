"""How a case is claimed: a row whose key is (response, slot), with a token that fences whoever lost it.

A slot is free when no review has it and no unexpired lease. It is taken while the response's queue entry is held, so
it has one holder on both databases; the primary key would stop a second one anyway, and the claim is tried again.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from hmac import compare_digest

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session as Transaction

from data import audit, reviews
from data.database import Database
from data.errors import Conflict, Forbidden
from data.records import QueueState
from data.schema import Lease, QueueEntry
from review import policy
from review.cases import Case, build_case
from review.people import Person, get_person

MOST_SKIPPED = 200
TRIES = 8
LOST = "Your claim on this case has run out, or another clinician has it now. What you typed is still on this page."


class Claims:
    def __init__(self, database: Database, lasting: timedelta) -> None:
        self._database = database
        self._lasting = lasting

    def next(self, person_id: str, state: QueueState, now: datetime, skip: Sequence[str]) -> Case | None:
        """The case that is open already, else the most pressing one that this person may take, else None."""
        for _ in range(TRIES):  # one fails only when somebody took the same slot in the same instant
            try:
                with self._database.transaction() as tx:
                    entry, lease = self._next(tx, person_id, state, now, list(skip)[-MOST_SKIPPED:])
            except IntegrityError:
                continue
            if entry is None:
                return None
            if lease is not None:
                with self._database.reading() as tx:
                    return build_case(tx, entry, lease, person_id)
        raise Conflict("The queue is busy. Please try again.")

    def resume(self, person_id: str, state: QueueState, now: datetime) -> Case | None:
        """What this person has open, with its draft."""
        with self._database.reading() as tx:
            judge(tx, person_id)
            lease = reviews.find_live_lease(tx, person_id, state == QueueState.ADJUDICATION, now)
            if lease is None:
                return None
            return build_case(tx, reviews.get_entry(tx, lease.response_id), lease, person_id)

    def this(self, person_id: str, response_id: str, state: QueueState, now: datetime) -> Case:
        """This very response. Raises `Conflict` when there is no room."""
        with self._database.transaction() as tx:
            person = judge(tx, person_id)
            reviews.lock_reviewer(tx, person_id)
            entry = reviews.get_entry(tx, response_id, lock=True)
            lease = self._take(tx, person, entry, state, now)
            if lease is None:
                raise Conflict("This case is finished, or other clinicians have it open.")
            return build_case(tx, entry, lease, person_id)

    def prolong(self, person_id: str, response_id: str, token: str, now: datetime) -> datetime:
        with self._database.transaction() as tx:
            judge(tx, person_id)
            lease = fenced(tx, response_id, person_id, token)
            lease.expires_at = now + self._lasting
            return lease.expires_at

    def release(self, person_id: str, response_id: str, token: str, now: datetime) -> None:
        with self._database.transaction() as tx:
            judge(tx, person_id)
            lease = fenced(tx, response_id, person_id, token)
            slot = lease.slot
            reviews.delete_lease(tx, lease)
            audit.append(tx, now, person_id, "review.release", response_id, slot=slot)

    def _next(self, tx: Transaction, person_id: str, state: QueueState, now: datetime,
              skip: Sequence[str]) -> tuple[QueueEntry | None, Lease | None]:  # fmt: skip
        """An entry without a lease means that its last slot went to somebody else meanwhile."""
        person = judge(tx, person_id)
        reviews.lock_reviewer(tx, person_id)
        own = reviews.find_live_lease(tx, person_id, state == QueueState.ADJUDICATION, now)
        if own is not None:  # another window was quicker
            return reviews.get_entry(tx, own.response_id), own
        block = reviews.find_block(tx, state, None)
        while block is not None:
            entry = reviews.find_claimable(tx, state, *block, person_id, skip, now)
            if entry is not None:
                return entry, self._take(tx, person, entry, state, now)
            block = reviews.find_block(tx, state, block)
        return None, None

    def _take(self, tx: Transaction, person: Person, entry: QueueEntry, state: QueueState,
              now: datetime) -> Lease | None:  # fmt: skip
        """A slot of the entry, which the transaction holds; the one this person has already; None if none is free."""
        if entry.state != state:
            return None
        given = reviews.list_taken(tx, entry.response_id)
        adjudication = state == QueueState.ADJUDICATION
        may = policy.can_adjudicate if adjudication else policy.can_review
        if not may(person, list(given.values())):
            raise Conflict("You have reviewed this response already.")
        slots = [reviews.ADJUDICATION_SLOT] if adjudication else range(1, entry.reviews_needed + 1)
        live = [held for held in reviews.list_leases(tx, entry.response_id) if held.expires_at > now]
        for held in live:
            if held.reviewer_id == person.id and held.slot in slots:
                return held
        taken = {held.slot for held in live} | set(given)
        free = next((slot for slot in slots if slot not in taken), None)
        if free is None:
            return None
        lease = Lease(response_id=entry.response_id, slot=free, reviewer_id=person.id,
                      token=secrets.token_urlsafe(16), expires_at=now + self._lasting)  # fmt: skip
        reviews.put_lease(tx, lease)
        audit.append(tx, now, person.id, "review.claim", entry.response_id, slot=free)
        return lease


def judge(tx: Transaction, person_id: str) -> Person:
    """The person, who may judge; else `Forbidden`."""
    person = get_person(tx, person_id)
    if not policy.can_judge(person):
        raise Forbidden(
            "Only clinicians whose licence was verified can review. An administrator can verify yours."
        )
    return person


def fenced(tx: Transaction, response_id: str, person_id: str, token: str) -> Lease:
    """This person's claim, if the token is still the one that it was given; else `Conflict`.

    An expired claim that nobody took over is still theirs. The response's entry is held from here on.
    """
    reviews.get_entry(tx, response_id, lock=True)
    lease = reviews.get_own_lease(tx, response_id, person_id)
    if lease is None or not compare_digest(lease.token.encode(), str(token).encode("utf-8", "replace")):
        raise Conflict(LOST)
    return lease
