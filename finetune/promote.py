"""Promotion: two different people, one of them a licensed clinician, put a passed adapter before new sessions.

    promotions = Promotions(database, settings)
    promotions.approve(adapter, reviewer_id, now)     # a person's yes; twice, by two people
    promotions.promote(adapter, now)                  # once both are there
    promotions.rollback(reviewer_id, now)             # back to what was served before

Conversations keep the adapter that they began with; new ones take the champion.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session as Transaction

from data import adapters, audit
from data.database import Database
from data.errors import Conflict, Forbidden, GateFailed, NotFound
from data.records import AdapterStatus, Role
from data.schema import Adapter, Approval, Reviewer
from data.settings import Settings
from finetune.gate import WAITING
from finetune.models import base_identity, weights_digest
from finetune.runs import get_run
from review.people import Person, get_person

NEEDED = 2
OPERATOR = "operator"


@dataclass(frozen=True)
class Standing:
    """An adapter as the training page lists it; `clinical` says what people still have to do."""

    name: str
    status: str
    approved_by: tuple[str, ...]
    clinical: str
    synthetic: bool

    @property
    def complete(self) -> bool:
        return self.status == AdapterStatus.PASSED and self.clinical.startswith("approved")


def can_train(person: Person) -> bool:
    return person.administrator or person.role == Role.ENGINEER


def can_approve(person: Person) -> bool:
    return can_train(person) or is_clinician(person)


def is_clinician(person: Person) -> bool:
    return person.role == Role.CLINICIAN and person.licensed


class Promotions:
    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings

    def require_trainer(self, reviewer_id: str) -> None:
        """Raises Forbidden unless the person may start, evaluate and gate runs."""
        with self._database.reading() as tx:
            if not can_train(get_person(tx, reviewer_id)):
                raise Forbidden("Only engineers and administrators train adapters.")

    def approve(self, adapter: str, reviewer_id: str, now: datetime) -> Standing:
        """Note the person's yes to these very weights. Raises GateFailed, Forbidden, NotFound or Conflict."""
        with self._database.transaction() as tx:
            found = self._offered(tx, adapter)
            if not can_approve(get_person(tx, reviewer_id)):
                raise Forbidden(
                    "Approving takes a verified licence, or an engineer's or administrator's account."
                )
            if tx.get(Approval, (adapter, reviewer_id)) is not None:
                raise Conflict("You have approved this adapter already; a second person has to as well.")
            tx.add(Approval(adapter=adapter, reviewer_id=reviewer_id, at=now))
            tx.flush()
            audit.append(tx, now, reviewer_id, "adapter.approve", adapter, digest=found.digest)
            return _standing(tx, found)

    def promote(self, adapter: str, now: datetime, by: str = "") -> Standing:
        """Serve the adapter to new sessions. Raises GateFailed while an approval is missing."""
        with self._database.transaction() as tx:
            found = self._offered(tx, adapter)
            people = _approvers(tx, adapter)
            if by and not can_approve(get_person(tx, by)):
                raise Forbidden(
                    "Promoting takes a verified licence, or an engineer's or administrator's account."
                )
            missing = _missing(people)
            if missing:
                raise GateFailed(f"{adapter} cannot be promoted yet: {missing}.")
            before = adapters.get_champion(tx)
            by = by or people[-1].id
            adapters.insert_promotion(tx, adapter, "promotion", by, now)
            audit.append(tx, now, by, "adapter.promote", adapter, digest=found.digest,
                         approvals=[p.id for p in people], synthetic=any(p.synthetic for p in people),
                         before=before.name if before else "")  # fmt: skip
            return _standing(tx, found)

    def rollback(self, by: str, now: datetime) -> str:
        """Serve what was served before, and return its name, "" for the model alone. Any person who may approve may."""
        with self._database.transaction() as tx:
            if by != OPERATOR and not can_approve(get_person(tx, by)):
                raise Forbidden(
                    "Rolling back takes a verified licence, or an engineer's or administrator's account."
                )
            going = adapters.get_champion(tx)
            back = adapters.get_previous(tx)
            if back is not None:
                _check_weights(adapters.get_adapter(tx, back))
            adapters.insert_promotion(tx, back, "rollback", by, now)
            audit.append(tx, now, by, "adapter.rollback", going.name if going else "", to=back or "")
            return back or ""

    def standings(self) -> list[Standing]:
        """All gated adapters, newest first."""
        with self._database.reading() as tx:
            return [_standing(tx, found) for found in adapters.list_adapters(tx)]

    def champion(self) -> str:
        """The name of what answers new sessions, "" for the model alone."""
        with self._database.reading() as tx:
            found = adapters.get_champion(tx)
            return found.name if found else ""

    def waiting_pairs(self) -> int:
        with self._database.reading() as tx:
            return adapters.count_waiting_pairs(tx)

    def compare(self, adapter: str) -> list[Mapping[str, Any]]:
        """Prompts with the replies of base, champion and candidate, and the guard's reasons, as evaluated."""
        return list(get_run(self._settings, adapter).read("evaluation")["side_by_side"])

    def _offered(self, tx: Transaction, adapter: str) -> Adapter:
        """The adapter, when it passed, its weights are those that passed, and the served base is its base."""
        tx.get(Adapter, adapter, with_for_update=True)  # one promotion at a time
        found = adapters.get_adapter(tx, adapter)
        if found.status == AdapterStatus.CHAMPION:
            raise Conflict(f"{adapter} is served already.")
        if found.status != AdapterStatus.PASSED:
            raise GateFailed(
                f"{adapter} is {found.status}, and only an adapter that passed the gate is promoted."
            )
        _check_weights(found)
        served = self._settings
        if not served.backend_url and found.gate["base"] != base_identity(
            served.model, served.model_revision
        ):
            raise GateFailed(
                f"{adapter} was made for the base {found.base_model}, and another model is served."
            )
        return found


def _check_weights(found: Adapter) -> None:
    try:
        same = weights_digest(Path(found.path)) == found.digest
    except NotFound:
        raise GateFailed(f"The weights of {found.name} are gone from {found.path}.") from None
    if not same:
        raise GateFailed(
            f"The weights of {found.name} are not those that passed the gate: they were changed."
        )


def _approvers(tx: Transaction, adapter: str) -> Sequence[Person]:
    """Who approved and may still: an account that was closed since no longer counts."""
    ids = [one.reviewer_id for one in adapters.list_approvals(tx, adapter)]
    active = set(tx.scalars(select(Reviewer.id).where(Reviewer.id.in_(ids), Reviewer.active)))
    people = [get_person(tx, one) for one in ids if one in active]
    return [person for person in people if can_approve(person)]


def _missing(people: Sequence[Person]) -> str:
    if not people:
        return WAITING
    if len(people) < NEEDED:
        which = "a second person" if is_clinician(people[0]) else "a licensed clinician"
        return f"waiting for {which}"
    return "" if any(is_clinician(person) for person in people) else "waiting for a licensed clinician"


def _standing(tx: Transaction, found: Adapter) -> Standing:
    people = _approvers(tx, found.name)
    missing = _missing(people)
    names = tuple(person.name for person in people)
    clinical = missing or "approved by " + " and ".join(names)
    return Standing(found.name, found.status, names, clinical, found.synthetic)
