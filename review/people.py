"""Who is asking: the person behind a sign-in, and what an account lets them do to others' accounts."""

from dataclasses import dataclass

from sqlalchemy.orm import Session as Transaction

from data.errors import Forbidden
from data.records import Role
from data.schema import Reviewer


@dataclass(frozen=True)
class Person:
    """Who is asking. `licensed` means that the licence was verified."""

    id: str
    name: str
    role: Role
    administrator: bool
    licensed: bool
    synthetic: bool


def can_administer(person: Person) -> bool:
    return person.administrator


def can_verify_licence(person: Person, reviewer_id: str) -> bool:
    """Nobody vouches for themselves; the first administrator's own word is taken by `accept` alone."""
    return can_administer(person) and person.id != reviewer_id


def can_make_reset(person: Person, reviewer_id: str) -> bool:
    """Not for oneself: whoever finds an administrator's open page would have the account without the password."""
    return can_administer(person) and person.id != reviewer_id


def person_of(reviewer: Reviewer) -> Person:
    return Person(reviewer.id, reviewer.name, Role(reviewer.role), reviewer.administrator,
                  reviewer.licence_verified_at is not None, reviewer.synthetic)  # fmt: skip


def get_person(tx: Transaction, reviewer_id: str | None) -> Person:
    """The person with this id, for services that authorise; `Forbidden` for nobody and for closed accounts."""
    reviewer = tx.get(Reviewer, reviewer_id) if reviewer_id else None
    if reviewer is None or not reviewer.active:
        raise Forbidden("Please sign in.")
    return person_of(reviewer)
