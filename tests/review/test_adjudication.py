import pytest
from sqlalchemy import select

from data.errors import Conflict, Forbidden, Invalid
from data.records import Decision, Level, QueueState, Severity, Verdict
from data.schema import Adjudication, Audit, Lease, QueueEntry
from review.adjudication import Ruling, parse_ruling
from review.rubric import FlagGiven
from tests.review.conftest import REPLY, add_person, add_response, review, submission

FLAG = (FlagGiven("stigma", Severity.HIGH, "heavy", 12, 17),)


@pytest.fixture
def disputed(database, desk, ada, ben, now):
    """Ada approved, Ben corrected."""
    response = add_response(database, now)
    review(desk, ada, now, submission(ratings={"empathy": 5}))
    review(desk, ben, now, submission(Verdict.CORRECT, ratings={"empathy": 2}, note="too short"))
    return response


def _rule(desk, person, now, ruling):
    dispute = desk.claim_adjudication(person, now)
    return desk.adjudicate(person, dispute.case.response_id, dispute.case.token, ruling, now)


def _entry(database, response):
    with database.reading() as tx:
        return tx.get(QueueEntry, response)


def test_the_third_sees_both_sides_without_names(desk, disputed, cyd, now):
    dispute = desk.claim_adjudication(cyd, now)
    assert (dispute.case.response_id, dispute.case.slot) == (disputed, 0)
    assert [(s.letter, s.verdict, s.note) for s in dispute.sides] == [
        ("A", Verdict.APPROVE, ""), ("B", Verdict.CORRECT, "too short")]  # fmt: skip
    assert (dispute.gaps, dispute.approvable) == (("empathy",), True)
    assert not {"ada", "ben"} & set(repr(dispute.sides).lower().split("'"))
    assert desk.resume_adjudication(cyd, now) == dispute


def test_whoever_reviewed_it_does_not_rule(desk, disputed, ada, ben, now):
    assert desk.claim_adjudication(ada, now) is None
    assert desk.claim_adjudication(ben, now) is None
    assert desk.claim_next(ada, now) is None


def test_one_at_a_time_rules(desk, disputed, cyd, database, now):
    dee = add_person(database, now, "dee")
    token = desk.claim_adjudication(cyd, now).case.token
    assert desk.claim_adjudication(dee, now) is None
    with pytest.raises(Conflict):
        desk.adjudicate(dee, disputed, token, Ruling(Decision.REJECTED, "no"), now)


def test_a_correction_that_was_given_is_taken(database, desk, disputed, cyd, now):
    taken = desk.claim_adjudication(cyd, now).sides[1]
    outcome = _rule(desk, cyd, now, Ruling(Decision.CORRECTED, "B reads warmer.", taken.review_id, "ignored"))
    assert (outcome.state, outcome.decision) == (QueueState.DECIDED, Decision.CORRECTED)
    entry = _entry(database, disputed)
    assert (entry.final_text, entry.decision, entry.decided_at, entry.solo) == (
        taken.correction, Decision.CORRECTED, now, False)  # fmt: skip
    with database.reading() as tx:
        kept = tx.get(Adjudication, disputed)
        last = tx.scalars(select(Audit).order_by(Audit.seq.desc())).first()
        assert tx.scalars(select(Lease)).all() == []
    assert (kept.reviewer_id, kept.review_id, kept.rationale) == (cyd, taken.review_id, "B reads warmer.")
    assert (last.actor, last.action, last.subject) == (cyd, "adjudication.submit", disputed)
    assert last.details["decision"] == "corrected"
    assert "warmer" not in str(last.details)


@pytest.mark.parametrize(
    ("ruling", "final"),
    [(Ruling(Decision.APPROVED, "fine"), REPLY), (Ruling(Decision.REJECTED, "bad"), None),
     (Ruling(Decision.CORRECTED, "mine", final_text="Who could you tell?"), "Who could you tell?")],
)  # fmt: skip
def test_the_ruling_names_the_text_to_be_exported(database, desk, disputed, cyd, now, ruling, final):
    assert _rule(desk, cyd, now, ruling).decision is ruling.decision
    assert _entry(database, disputed).final_text == final
    assert desk.claim_adjudication(cyd, now) is None


@pytest.mark.parametrize(
    ("ruling", "words"),
    [
        (Ruling(Decision.REJECTED, ""), "reason"),
        (Ruling(Decision.REJECTED, "x" * 8001), "reason"),
        (Ruling(Decision.CORRECTED, "why"), "write the corrected reply"),
        (Ruling(Decision.CORRECTED, "why", final_text=REPLY), "write the corrected reply"),
        (Ruling(Decision.CORRECTED, "why", review_id="nothing"), "no correction"),
    ],
)
def test_half_a_ruling_is_refused_and_changes_nothing(database, desk, disputed, cyd, now, ruling, words):
    with pytest.raises(Invalid, match=words):
        _rule(desk, cyd, now, ruling)
    assert _entry(database, disputed).state == QueueState.ADJUDICATION
    assert desk.resume_adjudication(cyd, now) is not None


def test_an_approving_review_has_no_correction_to_take(desk, disputed, cyd, now):
    approving = desk.claim_adjudication(cyd, now).sides[0].review_id
    with pytest.raises(Invalid, match="no correction"):
        _rule(desk, cyd, now, Ruling(Decision.CORRECTED, "why", approving))


@pytest.mark.parametrize(
    "concern", [{"flags": FLAG}, {"ratings": {"vera_guides": 0}}, {"high_harm": ("abandons",)}]
)
def test_a_concern_of_one_cannot_be_outvoted(database, desk, ada, ben, cyd, now, concern):
    response = add_response(database, now, Level.R1)
    review(desk, ada, now, submission(level=1))
    review(desk, ben, now, submission(Verdict.REJECT, 1, **concern))
    assert not desk.claim_adjudication(cyd, now).approvable
    with pytest.raises(Invalid, match="not approved"):
        _rule(desk, cyd, now, Ruling(Decision.APPROVED, "I disagree"))
    assert _rule(desk, cyd, now, Ruling(Decision.REJECTED, "stands")).decision is Decision.REJECTED
    assert _entry(database, response).decision == Decision.REJECTED


def test_a_reviewers_claim_does_not_rule(database, desk, ada, now):
    response = add_response(database, now)
    case = desk.claim_next(ada, now)
    with pytest.raises(Invalid, match="does not wait"):
        desk.adjudicate(ada, response, case.token, Ruling(Decision.REJECTED, "no"), now)


def test_only_a_licensed_clinician_rules(database, desk, disputed, cyd, now):
    token = desk.claim_adjudication(cyd, now).case.token
    eve = add_person(database, now, "eve", licensed=False)
    for who in (eve, "nobody", None):
        with pytest.raises(Forbidden):
            desk.adjudicate(who, disputed, token, Ruling(Decision.REJECTED, "no"), now)


@pytest.mark.parametrize(
    "form", [None, [], {}, {"decision": "maybe"}, {"decision": "approved", "rationale": 3}]
)
def test_a_forged_ruling_is_refused_in_words(form):
    with pytest.raises(Invalid):
        parse_ruling(form)


def test_a_form_becomes_a_ruling():
    form = {"decision": "corrected", "rationale": " so\r\nbe it ", "review_id": "", "final_text": "Hello."}
    assert parse_ruling(form) == Ruling(Decision.CORRECTED, "so\nbe it", None, "Hello.")
