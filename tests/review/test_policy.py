import pytest

from data.records import Decision, Role, Verdict
from review.people import Person
from review.policy import Judgement, can_adjudicate, can_administer, can_approve, can_review, decide

FIVE = ("overall", "empathy")


def _person(role=Role.CLINICIAN, licensed=True, administrator=False):
    return Person("ada", "Ada", role, administrator, licensed, True)


def _judged(verdict, who="ada", blocked=False, **ratings):
    return Judgement(who, verdict, {"overall": 4, "empathy": 4, **ratings}, blocked=blocked)


@pytest.mark.parametrize(
    ("person", "reviewed_by", "own", "allowed"),
    [
        (_person(), [], False, True),
        (_person(), ["ben"], False, True),
        (_person(), ["ada"], False, False),
        (_person(), [], True, False),
        (_person(licensed=False), [], False, False),
        (_person(Role.ENGINEER), [], False, False),
        (_person(Role.ENGINEER, administrator=True), [], False, False),
    ],
)
def test_who_may_review_and_who_may_rule(person, reviewed_by, own, allowed):
    assert can_review(person, reviewed_by, own) is allowed
    assert can_adjudicate(person, reviewed_by, own) is allowed


def test_administration_is_a_right_of_its_own():
    assert can_administer(_person(Role.ENGINEER, administrator=True))
    assert not can_administer(_person())


A, C, R = Verdict.APPROVE, Verdict.CORRECT, Verdict.REJECT


@pytest.mark.parametrize(
    ("judgements", "flagged", "decision"),
    [
        ([_judged(A), _judged(A)], False, Decision.APPROVED),
        ([_judged(R), _judged(R)], False, Decision.REJECTED),
        ([_judged(C), _judged(C)], False, None),
        ([_judged(A), _judged(R)], False, None),
        ([_judged(A), _judged(C)], False, None),
        ([_judged(A), _judged(A)], True, None),
        ([_judged(R), _judged(R)], True, None),
        ([_judged(A), _judged(A, overall=3)], False, Decision.APPROVED),
        ([_judged(A), _judged(A, overall=2)], False, None),
        ([_judged(A), _judged(A, overall=None)], False, Decision.APPROVED),
        ([_judged(A), _judged(A, other=0)], False, Decision.APPROVED),
        ([_judged(R), _judged(R, blocked=True)], False, None),
    ],
)
def test_what_two_reviews_decide(judgements, flagged, decision):
    assert decide(judgements, 2, flagged, FIVE) is decision


@pytest.mark.parametrize(
    ("verdict", "flagged", "decision"),
    [(A, False, Decision.APPROVED), (C, False, Decision.CORRECTED), (R, False, Decision.REJECTED),
     (C, True, Decision.CORRECTED), (R, True, Decision.REJECTED), (A, True, None)],
)  # fmt: skip
def test_what_one_review_decides_in_a_solo_practice(verdict, flagged, decision):
    assert decide([_judged(verdict)], 1, flagged, FIVE) is decision
    assert decide([_judged(A, blocked=True)], 1, False, FIVE) is None


def test_nothing_is_decided_before_all_reviews_are_in():
    with pytest.raises(ValueError):
        decide([_judged(A)], 2, False, FIVE)
    with pytest.raises(ValueError):
        decide([], 1, False, FIVE)


def test_nobody_approves_over_a_flag():
    assert can_approve(False)
    assert not can_approve(True)
