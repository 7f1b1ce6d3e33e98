"""Who may do what at the desk, and what reviews together mean. Pure predicates: no database, no clock.

two reviews, same verdict, no flag, no gap of 2 on a five-point scale  -> that verdict decides
anything else, and two corrections (whose texts differ)                -> a third clinician adjudicates
one review, where a practice needs one                                 -> it decides
a flagged response                                                     -> never approved
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from data.records import Decision, Role, Verdict
from review.people import Person

GAP = 2
OF_VERDICT = {
    Verdict.APPROVE: Decision.APPROVED,
    Verdict.CORRECT: Decision.CORRECTED,
    Verdict.REJECT: Decision.REJECTED,
}


@dataclass(frozen=True)
class Judgement:
    """What policy needs to know of one review. `blocked` is a rating of high potential for harm."""

    reviewer_id: str
    verdict: Verdict
    ratings: Mapping[str, int | None]
    correction: str = ""
    blocked: bool = False


def can_judge(person: Person) -> bool:
    """A clinician whose licence was verified. Closed accounts never get as far as being a `Person`."""
    return person.role is Role.CLINICIAN and person.licensed


def can_review(person: Person, reviewed_by: Sequence[str] = (), own: bool = False) -> bool:
    """`reviewed_by` are those who reviewed this response; `own` is a conversation whose code this person holds."""
    return can_judge(person) and person.id not in reviewed_by and not own


def can_adjudicate(person: Person, reviewed_by: Sequence[str], own: bool = False) -> bool:
    """The third pair of eyes is not one of the first two."""
    return can_judge(person) and person.id not in reviewed_by and not own


def can_administer(person: Person) -> bool:
    return person.administrator


def can_approve(flagged: bool) -> bool:
    """A safety concern stands: nobody approves over it, an adjudicator neither."""
    return not flagged


def needs_adjudication(judgements: Sequence[Judgement], flagged: bool, five_point: Sequence[str]) -> bool:
    """Whether two finished reviews leave the response to a third clinician."""
    verdicts = {j.verdict for j in judgements}
    concern = flagged or any(j.blocked for j in judgements)
    return concern or len(verdicts) > 1 or verdicts == {Verdict.CORRECT} or bool(gaps(judgements, five_point))


def gaps(judgements: Sequence[Judgement], five_point: Sequence[str]) -> list[str]:
    """The five-point scales on which the reviews lie 2 or more apart."""
    found = []
    for name in five_point:
        values = [v for j in judgements if (v := j.ratings.get(name)) is not None]
        if values and max(values) - min(values) >= GAP:
            found.append(name)
    return found


def decide(judgements: Sequence[Judgement], needed: int, flagged: bool, five_point: Sequence[str],
           ) -> Decision | None:  # fmt: skip
    """What finished reviews decide, or None where a third clinician has to. At least `needed` must be given."""
    if len(judgements) < max(needed, 1):
        raise ValueError("not all reviews are in")
    if len(judgements) > 1 and needs_adjudication(judgements, flagged, five_point):
        return None
    decision = OF_VERDICT[judgements[0].verdict]
    if decision is Decision.APPROVED and not can_approve(flagged or judgements[0].blocked):
        return None
    return decision
