import multiprocessing
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from data import audit
from data.database import open_database
from data.errors import AppError, Conflict, Forbidden, Invalid, NotFound
from data.records import Decision, Level, QueueState, Role, Severity, Verdict
from data.schema import Audit, Draft, Flag, Lease, QueueEntry, Review, Reviewer, Session
from data.settings import load_settings
from review.rubric import FlagGiven
from review.service import Desk, StaleDraft
from tests.review.conftest import REPLY, add_person, add_response, review, submission


def _entry(database, response):
    with database.reading() as tx:
        return tx.get(QueueEntry, response)


def _rows(database, table):
    with database.reading() as tx:
        return list(tx.scalars(select(table)))


def _trail(database):
    with database.reading() as tx:
        assert audit.verify(tx).broken is None
        return [
            (e.actor, e.action, e.subject, e.details) for e in tx.scalars(select(Audit).order_by(Audit.seq))
        ]


# Claiming


def test_the_riskiest_comes_first_then_what_was_flagged_then_the_oldest(database, desk, ada, now):
    old_calm = add_response(database, now, Level.R0, minutes=0)
    flagged = add_response(database, now, Level.R0, flagged=True, minutes=3)
    late_risk = add_response(database, now, Level.R2, minutes=2)
    early_risk = add_response(database, now, Level.R2, minutes=1)
    grave = add_response(database, now, Level.R4, minutes=4)
    seen: list[str] = []
    while case := desk.claim_next(ada, now, seen):
        seen.append(case.response_id)
        desk.release(ada, case.response_id, case.token, now)
    assert seen == [grave, early_risk, late_risk, flagged, old_calm]


def test_a_case_shows_masked_texts_and_what_was_seen_in_them_but_no_model(database, desk, ada, now):
    text = "I am Jo Doe and I want to die 💔 tonight"
    start = text.index("want to die")
    evidence = [{"start": start, "end": start + 11, "rule": "SH-1", "category": "self-harm", "message": 0},
                {"start": 6, "end": 11, "rule": "X", "category": None, "message": 0}]  # fmt: skip
    add_response(
        database, now, Level.R1, text, masked="I am [NAME] and I want to die 💔 tonight", evidence=evidence
    )
    case = desk.claim_next(ada, now)
    visitor, reply = case.lines
    assert (visitor.text, reply.text, reply.focus) == (
        "I am [NAME] and I want to die 💔 tonight",
        REPLY,
        True,
    )
    assert [(visitor.text[m.start : m.end], m.label) for m in visitor.marks] == [("want to die", "self-harm")]
    assert (case.level, case.categories, case.synthetic) == (Level.R1, ("self-harm",), True)
    assert "secret" not in repr(case)


def test_an_open_case_is_resumed_with_its_draft_and_token(database, desk, ada, now):
    add_response(database, now)
    case = desk.claim_next(ada, now)
    desk.save_draft(ada, case.response_id, case.token, {"note": "half a thought"}, 0, now)
    add_response(database, now, Level.R4)
    again = desk.claim_next(ada, now + timedelta(minutes=5))
    assert (again.response_id, again.token) == (case.response_id, case.token)
    assert (again.draft, again.draft_version) == ({"note": "half a thought"}, 1)
    assert desk.resume(ada, now) == again


def test_two_people_get_two_slots_and_a_third_gets_nothing(database, desk, ada, ben, cyd, now):
    response = add_response(database, now)
    assert [desk.claim_next(p, now).slot for p in (ada, ben)] == [1, 2]
    assert desk.claim_next(cyd, now) is None
    with pytest.raises(Conflict):
        desk.claim(cyd, response, now)


def test_nobody_reviews_a_response_twice(database, desk, ada, now):
    response = add_response(database, now)
    review(desk, ada, now)
    assert desk.claim_next(ada, now) is None
    with pytest.raises(Conflict, match="reviewed this response already"):
        desk.claim(ada, response, now)


def test_skipping_gives_the_case_back_and_keeps_the_draft(database, desk, ada, ben, now):
    response = add_response(database, now, needed=1)
    case = desk.claim_next(ada, now)
    desk.save_draft(ada, response, case.token, {"note": "later"}, 0, now)
    desk.release(ada, response, case.token, now)
    assert desk.claim_next(ada, now, [response]) is None
    assert desk.claim_next(ben, now).draft == {}
    assert [d.body for d in _rows(database, Draft)] == [{"note": "later"}]
    assert [a for _, a, s, _ in _trail(database)] == ["review.claim", "review.release", "review.claim"]


def test_an_expired_claim_is_taken_over_and_the_late_one_is_fenced(database, desk, settings, ada, ben, now):
    response = add_response(database, now, needed=1)
    late = desk.claim_next(ada, now)
    after = now + timedelta(minutes=settings.lease_minutes)
    taken = desk.claim_next(ben, after)
    assert (taken.response_id, taken.slot) == (response, late.slot)
    assert taken.token != late.token
    for act in (lambda: desk.submit(ada, response, late.token, submission(), after),
                lambda: desk.heartbeat(ada, response, late.token, after),
                lambda: desk.release(ada, response, late.token, after),
                lambda: desk.save_draft(ada, response, late.token, {}, 0, after),
                lambda: desk.submit(ada, response, taken.token, submission(), after)):  # fmt: skip
        with pytest.raises(Conflict, match="run out"):
            act()
    assert _rows(database, Review) == []
    assert desk.submit(ben, response, taken.token, submission(), after).decision is Decision.APPROVED


def test_a_claim_that_ran_out_untaken_still_counts(database, desk, settings, ada, now):
    response = add_response(database, now, needed=1)
    case = desk.claim_next(ada, now)
    late = now + timedelta(minutes=settings.lease_minutes + 1)
    assert desk.heartbeat(ada, response, case.token, late) == late + timedelta(minutes=settings.lease_minutes)
    assert desk.submit(ada, response, case.token, submission(), late).state is QueueState.DECIDED


def test_a_heartbeat_keeps_the_claim(database, desk, settings, ada, ben, now):
    response = add_response(database, now, needed=1)
    case = desk.claim_next(ada, now)
    nearly = now + timedelta(minutes=settings.lease_minutes - 1)
    desk.heartbeat(ada, response, case.token, nearly)
    assert desk.claim_next(ben, now + timedelta(minutes=settings.lease_minutes + 1)) is None


@pytest.mark.parametrize(
    ("fields", "words"),
    [({"role": Role.ENGINEER}, "licence"), ({"licensed": False}, "licence"), ({"active": False}, "sign in")],
)  # fmt: skip
def test_only_clinicians_with_a_verified_licence_review(database, desk, ada, now, fields, words):
    response = add_response(database, now)
    case = desk.claim_next(ada, now)
    eve = add_person(database, now, "eve", **fields)
    for who, said in ((eve, words), ("nobody", "sign in"), (None, "sign in"), ("", "sign in")):
        for act in (lambda who=who: desk.claim_next(who, now), lambda who=who: desk.claim(who, response, now),
                    lambda who=who: desk.resume(who, now), lambda who=who: desk.claim_adjudication(who, now),
                    lambda who=who: desk.save_draft(who, response, case.token, {}, 0, now),
                    lambda who=who: desk.submit(who, response, case.token, submission(), now)):  # fmt: skip
            with pytest.raises(Forbidden, match=said):
                act()
    assert _rows(database, Review) == []


def test_a_licence_withdrawn_meanwhile_cannot_decide(database, desk, ada, now):
    response = add_response(database, now)
    case = desk.claim_next(ada, now)
    with database.transaction() as tx:
        tx.get(Reviewer, ada).active = False
    with pytest.raises(Forbidden):
        desk.submit(ada, response, case.token, submission(), now)


def test_a_deleted_conversation_is_said_to_be_gone(database, desk, ada, now):
    response = add_response(database, now)
    case = desk.claim_next(ada, now)
    with database.transaction() as tx:
        tx.delete(tx.scalars(select(Session)).one())
    with pytest.raises(NotFound, match="deleted"):
        desk.submit(ada, response, case.token, submission(), now)
    assert desk.claim_next(ada, now) is None


# Many at once


def test_eight_at_once_never_take_one_slot_twice(database, desk, now):
    responses = [add_response(database, now, minutes=i) for i in range(100)]
    people = [add_person(database, now, f"p{i}") for i in range(8)]
    gate = threading.Barrier(8)

    def work(person):
        gate.wait()
        done = []
        while case := desk.claim_next(person, now):
            done.append((case.response_id, case.slot))
            desk.submit(person, case.response_id, case.token, submission(), now)
        return done

    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(work, people))
    claims = Counter(c for taken in done for c in taken)
    assert len(claims) == 200
    assert max(claims.values()) == 1
    assert {r for r, _ in claims} == set(responses)
    assert all(len({r for r, _ in taken}) == len(taken) for taken in done)
    assert {_entry(database, r).decision for r in responses} == {Decision.APPROVED}
    assert _rows(database, Lease) == []
    assert len([1 for _, action, _, _ in _trail(database) if action == "review.submit"]) == 200


def test_two_windows_of_one_person_open_one_case(database, desk, ada, now):
    for i in range(10):
        add_response(database, now, minutes=i)
    gate = threading.Barrier(6)

    def claim(_):
        gate.wait()
        return desk.claim_next(ada, now)

    with ThreadPoolExecutor(6) as pool:
        cases = list(pool.map(claim, range(6)))
    assert len({(c.response_id, c.token) for c in cases}) == 1


def test_a_case_submitted_from_two_windows_is_kept_once(database, desk, ada, now):
    case_id = add_response(database, now)
    case = desk.claim_next(ada, now)
    gate = threading.Barrier(4)

    def submit(_):
        gate.wait()
        try:
            return desk.submit(ada, case_id, case.token, submission(), now)
        except AppError as error:
            return error

    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(submit, range(4)))
    assert sorted(isinstance(o, Conflict) for o in outcomes) == [False, True, True, True]
    assert len(_rows(database, Review)) == 1


def _claim_all(url, var, person, now, results):
    database = open_database(url)
    desk = Desk(database, load_settings(_env_file=None, var_dir=var))
    taken = []
    while case := desk.claim_next(person, now):
        taken.append((case.response_id, case.slot))
        desk.submit(person, case.response_id, case.token, submission(), now)
    database.close()
    results.put(taken)


def test_two_processes_never_take_one_slot_twice(database, database_url, tmp_path, now):
    responses = [add_response(database, now, needed=1, minutes=i) for i in range(60)]
    people = [add_person(database, now, f"p{i}") for i in range(2)]
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    workers = [
        context.Process(target=_claim_all, args=(database_url, tmp_path, p, now, results)) for p in people
    ]
    for worker in workers:
        worker.start()
    claims = Counter(c for _ in workers for c in results.get(timeout=120))
    for worker in workers:
        worker.join(30)
        assert worker.exitcode == 0
    assert (len(claims), max(claims.values())) == (60, 1)
    assert {r for r, _ in claims} == set(responses)


# Drafts


def test_a_stale_draft_overwrites_nothing_and_is_told_what_is_there(database, desk, ada, now):
    response = add_response(database, now)
    token = desk.claim_next(ada, now).token
    assert desk.save_draft(ada, response, token, {"note": "a"}, 0, now) == 1
    assert desk.save_draft(ada, response, token, {"note": "ab"}, 1, now) == 2
    with pytest.raises(StaleDraft) as stale:
        desk.save_draft(ada, response, token, {"note": "other window"}, 1, now)
    assert (stale.value.stored, stale.value.version, stale.value.status) == ({"note": "ab"}, 2, 409)
    assert [d.body for d in _rows(database, Draft)] == [{"note": "ab"}]
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
    assert _rows(database, Draft)[0].body == {"note": f"window {winner}"}


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
    assert _rows(database, Draft) == []


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
    flags = {f.category: f for f in _rows(database, Flag)}
    assert set(flags) == {"stigma", "high-harm:minimises"}
    stigma = flags["stigma"]
    assert (stigma.quote, stigma.start, stigma.end, stigma.severity) == ("heavy", 12, 17, "medium")
    assert _entry(database, response).flagged
    actor, action, subject, details = _trail(database)[-1]
    assert (actor, action, subject) == (ada, "review.submit", response)
    assert (details["verdict"], details["flags"], details["rubric"]) == ("correct", 2, "1")
    assert len(details["digest"]) == 64
    assert "suicide" not in str(_trail(database))
    assert "too quick" not in str(_trail(database))


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
    assert _rows(database, Review) == []
    assert desk.resume(ada, now).draft == {"note": "a"}


def test_two_that_agree_decide(database, desk, ada, ben, now):
    approved, rejected = add_response(database, now), add_response(database, now)
    assert review(desk, ada, now, submission(), approved).decision is None
    assert review(desk, ben, now, submission(), approved).decision is Decision.APPROVED
    review(desk, ada, now, submission(Verdict.REJECT), rejected)
    assert review(desk, ben, now, submission(Verdict.REJECT), rejected).decision is Decision.REJECTED
    entry = _entry(database, approved)
    assert (entry.state, entry.final_text, entry.decided_at, entry.solo) == ("decided", REPLY, now, False)
    assert _entry(database, rejected).final_text is None


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
    assert _entry(database, response).final_text is None


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
        entry = _entry(database, response)
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
    assert _rows(database, Review) == []


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
