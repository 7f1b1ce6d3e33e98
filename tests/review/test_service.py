import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy.exc import DBAPIError

from data.errors import Conflict, Forbidden, Invalid
from data.records import Decision, Level, QueueState, Severity, Verdict
from data.schema import Draft, Flag, QueueEntry, Review
from review.rubric import FlagGiven
from review.service import StaleDraft
from tests.review.conftest import REPLY, add_response, get_entry, list_rows, list_trail, review, submission

# Drafts


def test_a_stale_draft_overwrites_nothing_and_is_told_what_is_there(database, desk, ada, now):
    response = add_response(database, now)
    token = desk.claim_next(ada, now).token
    assert desk.save_draft(ada, response, token, {"note": "a"}, 0, now) == 1
    assert desk.save_draft(ada, response, token, {"note": "ab"}, 1, now) == 2
    with pytest.raises(StaleDraft) as stale:
        desk.save_draft(ada, response, token, {"note": "other window"}, 1, now)
    assert (stale.value.stored, stale.value.version, stale.value.status) == ({"note": "ab"}, 2, 409)
    assert [d.body for d in list_rows(database, Draft)] == [{"note": "ab"}]
    assert desk.save_draft(ada, response, token, {"note": "abc"}, 2, now) == 3


def test_of_drafts_saved_at_once_one_wins_and_the_others_are_told(database, desk, ada, now):
    response = add_response(database, now)
    token = desk.claim_next(ada, now).token
    desk.save_draft(ada, response, token, {"note": ""}, 0, now)
    gate = threading.Barrier(6)

    def save(i):
        gate.wait()
        try:
            return desk.save_draft(ada, response, token, {"note": f"window {i}"}, 1, now)
        except StaleDraft as stale:
            return stale

    with ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(save, range(6)))
    assert sorted(str(o) if isinstance(o, int) else "stale" for o in outcomes) == ["2", *["stale"] * 5]
    winner = outcomes.index(2)
    assert list_rows(database, Draft)[0].body == {"note": f"window {winner}"}


def test_a_draft_too_long_to_keep_is_refused(database, desk, ada, now):
    response = add_response(database, now)
    token = desk.claim_next(ada, now).token
    with pytest.raises(Invalid, match="too long"):
        desk.save_draft(ada, response, token, {"note": "x" * 70_000}, 0, now)


def test_a_submitted_case_leaves_no_draft_and_takes_none(database, desk, ada, now):
    response = add_response(database, now)
    case = desk.claim_next(ada, now)
    desk.save_draft(ada, response, case.token, {"note": "a"}, 0, now)
    desk.submit(ada, response, case.token, submission(), now)
    with pytest.raises(Conflict):
        desk.save_draft(ada, response, case.token, {"note": "late"}, 1, now)
    assert list_rows(database, Draft) == []


# Judging


def test_a_review_is_stored_with_everything_said_and_audited_without_text(database, desk, ada, now):
    response = add_response(database, now, Level.R1)
    flag = FlagGiven("stigma", Severity.MEDIUM, "heavy", 12, 17)
    given = submission(Verdict.CORRECT, 1, flags=(flag,), high_harm=("minimises",), note="too quick", seconds=42,
                       correction="I hear you. Are you thinking about suicide?",
                       ratings={"medical_advice": None, "vera_detects": None})  # fmt: skip
    outcome = review(desk, ada, now, given)
    assert (outcome.state, outcome.decision) == (QueueState.WAITING, None)
    with database.reading() as tx:
        kept = tx.get(Review, outcome.review_id)
        assert {r.dimension: r.value for r in kept.ratings} == given.ratings
    assert (kept.verdict, kept.slot, kept.rubric_version, kept.seconds) == ("correct", 1, "1", 42)
    assert (kept.reasons, kept.note) == (["lacking_empathy"], "too quick")
    assert kept.correction == "I hear you. Are you thinking about suicide?"
    flags = {f.category: f for f in list_rows(database, Flag)}
    assert set(flags) == {"stigma", "high-harm:minimises"}
    stigma = flags["stigma"]
    assert (stigma.quote, stigma.start, stigma.end, stigma.severity) == ("heavy", 12, 17, "medium")
    assert get_entry(database, response).flagged
    actor, action, subject, details = list_trail(database)[-1]
    assert (actor, action, subject) == (ada, "review.submit", response)
    assert (details["verdict"], details["flags"], details["rubric"]) == ("correct", 2, "1")
    assert len(details["digest"]) == 64
    assert "suicide" not in str(list_trail(database))
    assert "too quick" not in str(list_trail(database))


def test_the_database_refuses_to_change_a_review(database, desk, ada, now):
    add_response(database, now)
    outcome = review(desk, ada, now)
    with pytest.raises(DBAPIError, match="append-only"), database.transaction() as tx:
        tx.get(Review, outcome.review_id).verdict = "reject"
        tx.flush()


def test_a_refused_submission_changes_nothing_and_keeps_the_claim(database, desk, ada, now):
    response = add_response(database, now)
    case = desk.claim_next(ada, now)
    desk.save_draft(ada, response, case.token, {"note": "a"}, 0, now)
    with pytest.raises(Invalid, match="reason"):
        desk.submit(ada, response, case.token, submission(Verdict.REJECT, reasons=()), now)
    assert list_rows(database, Review) == []
    assert desk.resume(ada, now).draft == {"note": "a"}


def test_two_that_agree_decide(database, desk, ada, ben, now):
    approved, rejected = add_response(database, now), add_response(database, now)
    assert review(desk, ada, now, submission(), approved).decision is None
    assert review(desk, ben, now, submission(), approved).decision is Decision.APPROVED
    review(desk, ada, now, submission(Verdict.REJECT), rejected)
    assert review(desk, ben, now, submission(Verdict.REJECT), rejected).decision is Decision.REJECTED
    entry = get_entry(database, approved)
    assert (entry.state, entry.final_text, entry.decided_at, entry.solo) == ("decided", REPLY, now, False)
    assert get_entry(database, rejected).final_text is None


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (submission(), submission(Verdict.REJECT)),
        (submission(), submission(ratings={"empathy": 2})),
        (submission(Verdict.CORRECT), submission(Verdict.CORRECT)),
        (submission(Verdict.REJECT, flags=(FlagGiven("other", Severity.LOW),)), submission(Verdict.REJECT)),
        (submission(), submission(Verdict.CORRECT, flags=(FlagGiven("other", Severity.LOW),))),
    ],
    ids=[
        "verdicts differ",
        "a gap of two",
        "both corrected",
        "a flag, both reject",
        "a flag against an approval",
    ],
)
def test_anything_else_goes_to_a_third(database, desk, ada, ben, now, first, second):
    response = add_response(database, now)
    review(desk, ada, now, first)
    outcome = review(desk, ben, now, second)
    assert (outcome.state, outcome.decision) == (QueueState.ADJUDICATION, None)
    assert get_entry(database, response).final_text is None


def test_a_gap_of_one_and_a_missing_score_are_no_disagreement(database, desk, ada, ben, now):
    add_response(database, now)
    review(desk, ada, now, submission(ratings={"empathy": 3, "medical_advice": None}))
    assert (
        review(desk, ben, now, submission(ratings={"factual_consistency": None})).decision
        is Decision.APPROVED
    )


def test_a_solo_practice_decides_with_one_review_and_says_so(database, desk, ada, now):
    kinds = {Verdict.APPROVE: REPLY, Verdict.REJECT: None,
             Verdict.CORRECT: "I hear how heavy this is. What has helped you before?"}  # fmt: skip
    for verdict, final in kinds.items():
        response = add_response(database, now, needed=1)
        review(desk, ada, now, submission(verdict), response)
        entry = get_entry(database, response)
        assert (entry.state, entry.final_text, entry.solo) == ("decided", final, True)


@pytest.mark.parametrize("needed", [1, 2])
def test_a_flag_never_approves(database, desk, ada, now, needed):
    response = add_response(database, now, Level.R1, needed=needed)
    case = desk.claim(ada, response, now)
    for given in (submission(level=1, flags=(FlagGiven("other", Severity.LOW),)),
                  submission(level=1, high_harm=("abandons",)),
                  submission(level=1, ratings={"vera_guides": 0})):  # fmt: skip
        with pytest.raises(Invalid, match="not approved"):
            desk.submit(ada, response, case.token, given, now)
    assert list_rows(database, Review) == []


@pytest.mark.parametrize("needed", [1, 2])
def test_what_a_visitor_reported_is_never_approved(database, desk, ada, now, needed):
    response = add_response(database, now, needed=needed, flagged=True)
    with database.transaction() as tx:
        tx.add(
            Flag(
                id="f", response_id=response, source="visitor", category="harmful", severity="medium", at=now
            )
        )
    case = desk.claim_next(ada, now)
    assert case.reported
    with pytest.raises(Invalid, match="visitor reported"):
        desk.submit(ada, response, case.token, submission(), now)


def test_a_report_that_comes_between_two_approvals_stops_them(database, desk, ada, ben, now):
    response = add_response(database, now)
    review(desk, ada, now)
    case = desk.claim_next(ben, now)
    with database.transaction() as tx:
        tx.get(QueueEntry, response).flagged = True
    assert desk.submit(ben, response, case.token, submission(), now).state is QueueState.ADJUDICATION


# Numbers


def test_the_header_counts(database, desk, ada, ben, now):
    for needed in (1, 1, 1, 2, 2):
        add_response(database, now, needed=needed, training=needed == 1)
    for _ in range(3):
        review(desk, ada, now)
    counts = desk.counts(ada, now)
    assert (counts.waiting, counts.adjudication, counts.mine_today, counts.pairs_waiting) == (2, 0, 3, 3)
    assert desk.counts(ben, now + timedelta(days=1)).mine_today == 0
    with pytest.raises(Forbidden):
        desk.counts("nobody", now)


def test_the_dashboard_counts(database, desk, ada, ben, now):
    grave = add_response(database, now - timedelta(hours=5), Level.R3)
    add_response(database, now, needed=1)
    add_response(database, now, needed=2)
    review(desk, ada, now, submission(Verdict.CORRECT, 3, flags=(FlagGiven("stigma", Severity.LOW),)), grave)
    review(desk, ben, now, submission(level=3, seconds=30), grave)
    review(desk, ada, now, submission(seconds=10))
    board = desk.dashboard(ada, now)
    waiting = {w.level: (w.reviews, w.adjudications, w.oldest) for w in board.waiting}
    assert waiting[Level.R3] == (0, 1, timedelta(hours=5))
    assert waiting[Level.R0] == (1, 0, timedelta(0))
    assert waiting[Level.R4] == (0, 0, None)
    assert board.days[-1] == (now.date(), {"approved": 1, "corrected": 0, "rejected": 0})
    assert board.flags == (("reviewer", "Shaming or stigma", 1),)
    assert (board.reviews, board.reviewers, board.mine, board.median_seconds) == (3, 2, 2, 10)
    overall = next(s for s in board.ratings if s.name == "Overall")
    assert overall.counts[3] == ("Good", 3, True)
    assert overall.mean == 4.0
    with pytest.raises(Forbidden):
        desk.dashboard("nobody", now)
