"""The desk's work: claim a case, keep its draft, submit a judgement, rule where two differ.

    desk = Desk(database, settings)
    case = desk.claim_next(person_id, now)
    version = desk.save_draft(person_id, case.response_id, case.token, body, case.draft_version, now)
    outcome = desk.submit(person_id, case.response_id, case.token, submission, now)

Every method reads from the database who asks and what they may do: a page's handlers can be called by anyone who
reaches the page.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy.orm import Session as Transaction

from data import audit, reviews
from data.adapters import count_waiting_pairs
from data.database import Database
from data.errors import Conflict, Invalid
from data.records import Decision, FlagSource, QueueState, Severity, Verdict
from data.schema import Draft, Flag, QueueEntry, Review
from data.settings import Settings
from review import policy
from review.adjudication import Dispute, Ruling, build_dispute, judgements, rule, set_decision
from review.cases import Case
from review.claims import Claims, fenced, judge
from review.dashboard import Board, build_board
from review.people import Person, get_person
from review.rubric import Rubric, Submission, load_rubric

LONGEST_DRAFT = 60_000  # characters of JSON; a browser's keepalive request carries 64 KiB at most
COUNTED = 1000  # the header says "999+" beyond this
LOST = "Your claim on this case has run out, or another clinician has it now. What you typed is still on this page."


class StaleDraft(Conflict):
    """A newer draft is stored: nothing was overwritten. `stored` and `version` are what is there."""

    def __init__(self, stored: dict[str, Any], version: int) -> None:
        super().__init__("This case was edited in another window. What is stored there was not overwritten.")
        self.stored, self.version = stored, version


@dataclass(frozen=True)
class Outcome:
    """What a submitted judgement led to. `decision` is None while somebody else has to look."""

    review_id: str
    state: QueueState
    decision: Decision | None


@dataclass(frozen=True)
class Counts:
    """What the header says. Numbers stop at `COUNTED`."""

    waiting: int
    adjudication: int
    mine_today: int
    pairs_waiting: int  # approved since the champion was trained


class Desk:
    def __init__(self, database: Database, settings: Settings, rubric: Rubric | None = None) -> None:
        self.database = database
        self.settings = settings
        self.rubric = rubric or load_rubric()
        self._claims = Claims(database, timedelta(minutes=settings.lease_minutes))
        self._pairs: tuple[datetime, int] | None = None

    # Claims

    def claim_next(self, person_id: str, now: datetime, skip: Sequence[str] = ()) -> Case | None:
        """The case this person has open, else the most pressing one they may take, else None.

        `skip` are responses that they put aside. Raises `Forbidden` unless they may judge.
        """
        return self._claims.next(person_id, QueueState.WAITING, now, skip)

    def resume(self, person_id: str, now: datetime) -> Case | None:
        """The case this person has open, if any; takes nothing new."""
        return self._claims.resume(person_id, QueueState.WAITING, now)

    def claim(self, person_id: str, response_id: str, now: datetime) -> Case:
        """This very response. Raises `Conflict` when it is decided or both its places are taken."""
        return self._claims.this(person_id, response_id, QueueState.WAITING, now)

    def heartbeat(self, person_id: str, response_id: str, token: str, now: datetime) -> datetime:
        """Keep the claim; returns when it will run out. Raises `Conflict` once somebody else has taken it."""
        return self._claims.prolong(person_id, response_id, token, now)

    def release(self, person_id: str, response_id: str, token: str, now: datetime) -> None:
        """Give the case back, as "later" or "not my scope". The draft stays for whoever wrote it."""
        self._claims.release(person_id, response_id, token, now)

    # Drafts

    def save_draft(self, person_id: str, response_id: str, token: str, body: dict[str, Any], version: int,
                   now: datetime) -> int:  # fmt: skip
        """Keep what is typed so far; `version` is the one it grew from (0 for none). Returns the new version.

        Raises `StaleDraft` with what is stored when that has a newer version, and `Conflict` when the claim is lost.
        """
        if not isinstance(body, dict) or len(json.dumps(body)) > LONGEST_DRAFT:
            raise Invalid("This draft is too long to be kept.")
        with self.database.transaction() as tx:
            judge(tx, person_id)
            fenced(tx, response_id, person_id, token)
            return _put_draft(tx, person_id, response_id, body, version, now)

    # Judgements

    def submit(
        self, person_id: str, response_id: str, token: str, given: Submission, now: datetime
    ) -> Outcome:
        """Store a judgement for good, and decide the response when it was the last one needed.

        Raises `Invalid` with words for the form, `Conflict` when the claim is lost, `Forbidden`.
        """
        with self.database.transaction() as tx:
            person = judge(tx, person_id)
            lease = fenced(tx, response_id, person_id, token)
            entry = reviews.get_entry(tx, response_id)
            earlier = reviews.list_taken(tx, response_id)
            if not policy.can_review(person, list(earlier.values())):
                raise Conflict("You have reviewed this response already.")
            response = reviews.get_response(tx, response_id)
            self.rubric.check(given, entry.level, response.masked)
            if given.verdict is Verdict.APPROVE and _reported(tx, response_id):
                raise Invalid(
                    "The visitor reported this reply: it can be corrected or rejected, not approved."
                )
            review = Review(id=uuid4().hex, response_id=response_id, reviewer_id=person_id, slot=lease.slot,
                            rubric_version=self.rubric.version, verdict=given.verdict, reasons=list(given.reasons),
                            note=given.note, correction=_correction(given), seconds=given.seconds, at=now)  # fmt: skip
            flags = _flags(review, given, now)
            reviews.insert_review(tx, review, given.ratings, flags)
            reviews.delete_lease(tx, lease)
            reviews.delete_draft(tx, response_id, person_id)
            entry.flagged = entry.flagged or bool(flags)
            self._decide(tx, entry, now)
            salt = reviews.get_session(tx, response.session_id).salt
            written = json.dumps(asdict(given), sort_keys=True, ensure_ascii=False)
            audit.append(tx, now, person_id, "review.submit", response_id, review=review.id, slot=review.slot,
                         verdict=str(given.verdict), rubric=self.rubric.version, flags=len(flags),
                         digest=audit.digest(salt, written), state=str(entry.state),
                         decision=entry.decision and str(entry.decision))  # fmt: skip
            decision = Decision(entry.decision) if entry.decision else None
            return Outcome(review.id, QueueState(entry.state), decision)

    def _decide(self, tx: Transaction, entry: QueueEntry, now: datetime) -> None:
        if len(reviews.list_taken(tx, entry.response_id)) < entry.reviews_needed:
            return
        given = reviews.list_reviews(tx, entry.response_id)
        decision = policy.decide(
            judgements(self.rubric, given), entry.reviews_needed, entry.flagged, self.rubric.five_point()
        )
        if decision is None:
            entry.state = QueueState.ADJUDICATION
            return
        final = {
            Decision.APPROVED: reviews.get_response(tx, entry.response_id).masked,
            Decision.CORRECTED: given[0].correction,
        }.get(decision)
        set_decision(entry, decision, final, now)
        entry.solo = len(given) == 1

    # Adjudications

    def claim_adjudication(self, person_id: str, now: datetime, skip: Sequence[str] = ()) -> Dispute | None:
        """The ruling this person has open, else the most pressing one, else None. Never of what they reviewed."""
        case = self._claims.next(person_id, QueueState.ADJUDICATION, now, skip)
        return self._dispute(case) if case else None

    def resume_adjudication(self, person_id: str, now: datetime) -> Dispute | None:
        """The ruling this person has open, if any; takes nothing new."""
        case = self._claims.resume(person_id, QueueState.ADJUDICATION, now)
        return self._dispute(case) if case else None

    def adjudicate(
        self, person_id: str, response_id: str, token: str, ruling: Ruling, now: datetime
    ) -> Outcome:
        """Decide what two reviews did not. Raises `Invalid`, `Conflict` when the claim is lost, `Forbidden`."""
        with self.database.transaction() as tx:
            entry = rule(tx, self.rubric, person_id, response_id, token, ruling, now)
            return Outcome(ruling.review_id or "", QueueState(entry.state), ruling.decision)

    def _dispute(self, case: Case) -> Dispute:
        with self.database.reading() as tx:
            return build_dispute(tx, case, self.rubric)

    # Numbers

    def counts(self, person_id: str, now: datetime) -> Counts:
        with self.database.reading() as tx:
            get_person(tx, person_id)
            today = now.replace(hour=0, minute=0, second=0, microsecond=0)
            return Counts(
                reviews.count_in_state(tx, QueueState.WAITING, COUNTED),
                reviews.count_in_state(tx, QueueState.ADJUDICATION, COUNTED),
                reviews.count_reviews_since(tx, person_id, today),
                self._count_pairs(tx, now),
            )

    def dashboard(self, person_id: str, now: datetime) -> Board:
        with self.database.reading() as tx:
            get_person(tx, person_id)
            return build_board(tx, self.rubric, person_id, now)

    def _count_pairs(self, tx: Transaction, now: datetime) -> int:
        """Read at most every 20 seconds: it walks the decided entries."""
        if self._pairs is None or not timedelta(0) <= now - self._pairs[0] < timedelta(seconds=20):
            self._pairs = (now, count_waiting_pairs(tx))
        return self._pairs[1]

    def person(self, person_id: str | None) -> Person:
        with self.database.reading() as tx:
            return get_person(tx, person_id)


def _put_draft(tx: Transaction, person_id: str, response_id: str, body: dict[str, Any], version: int,
               now: datetime) -> int:  # fmt: skip
    stored = reviews.get_draft(tx, response_id, person_id, lock=True)
    if stored is None:
        reviews.insert_draft(
            tx, Draft(response_id=response_id, reviewer_id=person_id, body=body, version=1, at=now)
        )
        return 1
    if stored.version != version and stored.body != body:
        raise StaleDraft(stored.body, stored.version)
    stored.body, stored.version, stored.at = body, stored.version + 1, now
    return stored.version


def _reported(tx: Transaction, response_id: str) -> bool:
    return any(f.source == FlagSource.VISITOR for f in reviews.list_flags(tx, response_id))


def _correction(given: Submission) -> str:
    return given.correction if given.verdict is Verdict.CORRECT else ""


def _flags(review: Review, given: Submission, now: datetime) -> list[Flag]:
    """The clinician's flags; a ticked line of the high-harm list is one too, since it stands as a flag does."""
    common = {
        "response_id": review.response_id,
        "review_id": review.id,
        "source": FlagSource.REVIEWER,
        "at": now,
    }
    raised = [Flag(id=uuid4().hex, category=f.category, severity=f.severity, quote=f.quote, start=f.start,
                   end=f.end, **common) for f in given.flags]  # fmt: skip
    ticked = [Flag(id=uuid4().hex, category=f"high-harm:{item}", severity=Severity.HIGH, **common)
              for item in given.high_harm]  # fmt: skip
    return [*raised, *ticked]
