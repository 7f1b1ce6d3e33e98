import multiprocessing
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select

from data.database import open_database
from data.errors import AppError, Conflict, Forbidden, NotFound
from data.records import Decision, Level, QueueState, Role
from data.schema import Draft, Lease, Review, Reviewer, Session
from data.settings import load_settings
from review.service import Desk
from tests.review.conftest import (
    REPLY,
    add_person,
    add_response,
    get_entry,
    list_rows,
    list_trail,
    review,
    submission,
)

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
    assert [d.body for d in list_rows(database, Draft)] == [{"note": "later"}]
    assert [a for _, a, s, _ in list_trail(database)] == ["review.claim", "review.release", "review.claim"]


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
    assert list_rows(database, Review) == []
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
    assert list_rows(database, Review) == []


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
    assert {get_entry(database, r).decision for r in responses} == {Decision.APPROVED}
    assert list_rows(database, Lease) == []
    assert len([1 for _, action, _, _ in list_trail(database) if action == "review.submit"]) == 200


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
    assert len(list_rows(database, Review)) == 1


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
