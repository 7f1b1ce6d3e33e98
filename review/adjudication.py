"""Where two clinicians differ, or one raised a concern, a third rules and says which text is exported.

The third sees both reviews side by side, without names. Dissent stays: reviews, flags and the ruling's rationale are
all kept. A flag cannot be outvoted, so a flagged response is corrected or rejected, never approved.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session as Transaction

from data import audit, reviews
from data.errors import Invalid
from data.records import Decision, FlagSource, QueueState, Verdict
from data.schema import Adjudication, Flag, QueueEntry, Review
from review import policy
from review.cases import Case
from review.claims import fenced, judge
from review.rubric import LONGEST, Rubric


@dataclass(frozen=True)
class Side:
    """One of the reviews, under a letter instead of a name."""

    letter: str
    review_id: str
    verdict: Verdict
    ratings: dict[str, int | None]
    reasons: tuple[str, ...]
    flags: tuple[Flag, ...]
    note: str
    correction: str


@dataclass(frozen=True)
class Dispute:
    case: Case
    sides: tuple[Side, ...]
    gaps: tuple[str, ...]  # the scales on which they lie 2 or more apart
    visitor_flags: tuple[Flag, ...]
    approvable: bool


@dataclass(frozen=True)
class Ruling:
    """`review_id` names the review whose correction is taken; without it `final_text` is the adjudicator's own."""

    decision: Decision
    rationale: str
    review_id: str | None = None
    final_text: str = ""


def parse_ruling(form: object) -> Ruling:
    """The form's JSON. Raises `Invalid` for anything that is not of its shape."""
    try:
        assert isinstance(form, dict)
        texts = [form.get(name) or "" for name in ("rationale", "review_id", "final_text")]
        if not all(isinstance(text, str) for text in texts):
            raise ValueError("texts")
        rationale, review_id, final_text = (text.replace("\r\n", "\n").strip() for text in texts)
        return Ruling(Decision(form["decision"]), rationale, review_id or None, final_text)
    except (AssertionError, KeyError, ValueError, TypeError):
        raise Invalid("Please choose how this case is decided.") from None


def build_dispute(tx: Transaction, case: Case, rubric: Rubric) -> Dispute:
    given = reviews.list_reviews(tx, case.response_id)
    flags = reviews.list_flags(tx, case.response_id)
    sides = tuple(_side(letter, review, flags) for letter, review in zip("ABCDEFGH", given, strict=False))
    made = judgements(rubric, given)
    blocked = bool(flags) or any(j.blocked for j in made)
    visitor = tuple(f for f in flags if f.source == FlagSource.VISITOR)
    gaps = tuple(policy.gaps(made, rubric.five_point()))
    return Dispute(case, sides, gaps, visitor, policy.can_approve(blocked))


def rule(tx: Transaction, rubric: Rubric, person_id: str, response_id: str, token: str, ruling: Ruling,
         now: datetime) -> QueueEntry:  # fmt: skip
    """Store the ruling and decide the response. Raises `Invalid`, `Conflict` or `Forbidden`."""
    judge(tx, person_id)
    lease = fenced(tx, response_id, person_id, token)
    entry = reviews.get_entry(tx, response_id)
    given = reviews.list_reviews(tx, response_id)
    response = reviews.get_response(tx, response_id)
    if entry.state != QueueState.ADJUDICATION or lease.slot != reviews.ADJUDICATION_SLOT:
        raise Invalid("This case does not wait for a ruling.")
    flagged = entry.flagged or any(j.blocked for j in judgements(rubric, given))
    final = _final_text(ruling, given, response.masked, flagged)
    reviews.insert_adjudication(
        tx, Adjudication(response_id=response_id, reviewer_id=person_id, decision=ruling.decision, at=now,
                         review_id=ruling.review_id if ruling.decision is Decision.CORRECTED else None,
                         final_text=final or "", rationale=ruling.rationale))  # fmt: skip
    reviews.delete_lease(tx, lease)
    reviews.delete_draft(tx, response_id, person_id)
    set_decision(entry, ruling.decision, final, now)
    salt = reviews.get_session(tx, response.session_id).salt
    written = json.dumps([final, ruling.rationale], ensure_ascii=False)
    audit.append(tx, now, person_id, "adjudication.submit", response_id, decision=str(ruling.decision),
                 review=ruling.review_id, digest=audit.digest(salt, written))  # fmt: skip
    return entry


def _final_text(ruling: Ruling, given: Sequence[Review], reply: str, flagged: bool) -> str | None:
    if not ruling.rationale or len(ruling.rationale) > LONGEST or len(ruling.final_text) > LONGEST:
        raise Invalid(f"Please give the reason for your ruling, in at most {LONGEST:,} characters.")
    if ruling.decision is Decision.REJECTED:
        return None
    if ruling.decision is Decision.APPROVED:
        if not policy.can_approve(flagged):
            raise Invalid("A safety concern stands: this reply can be corrected or rejected, not approved.")
        return reply
    if ruling.review_id is None:
        if ruling.final_text in ("", reply.strip()):
            raise Invalid("Please write the corrected reply, or take one of the two.")
        return ruling.final_text
    taken = [r.correction for r in given if r.id == ruling.review_id and r.correction]
    if not taken:
        raise Invalid("This review has no correction to take.")
    return taken[0]


def judgements(rubric: Rubric, given: Sequence[Review]) -> list[policy.Judgement]:
    """Stored reviews as policy sees them."""
    made = []
    for review in given:
        ratings = {r.dimension: r.value for r in review.ratings}
        made.append(policy.Judgement(review.reviewer_id, Verdict(review.verdict), ratings, review.correction,
                                     bool(rubric.blocking(ratings))))  # fmt: skip
    return made


def set_decision(entry: QueueEntry, decision: Decision, final_text: str | None, now: datetime) -> None:
    entry.state, entry.decision, entry.decided_at = QueueState.DECIDED, decision, now
    entry.final_text = final_text


def _side(letter: str, review: Review, flags: Sequence[Flag]) -> Side:
    return Side(
        letter, review.id, Verdict(review.verdict), {r.dimension: r.value for r in review.ratings},
        tuple(review.reasons), tuple(f for f in flags if f.review_id == review.id), review.note, review.correction,
    )  # fmt: skip
