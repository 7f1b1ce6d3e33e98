from datetime import timedelta

import pytest

from data import reviews
from data.errors import NotFound
from data.records import QueueState
from data.schema import Lease
from tests.review.conftest import add_person, add_response


def test_blocks_are_stepped_through_from_the_most_pressing(database, now):
    for level, flagged in ((0, False), (4, False), (2, True), (2, False), (0, False)):
        add_response(database, now, level, flagged=flagged)
    with database.reading() as tx:
        block, seen = reviews.find_block(tx, QueueState.WAITING, None), []
        while block:
            seen.append(block)
            block = reviews.find_block(tx, QueueState.WAITING, block)
        assert reviews.find_block(tx, QueueState.ADJUDICATION, None) is None
    assert seen == [(4, False), (2, True), (2, False), (0, False)]


def test_an_entry_has_room_until_its_slots_are_held(database, now):
    ada, ben = (add_person(database, now, name) for name in ("ada", "ben"))
    response = add_response(database, now)

    def claimable(who, at=now, skip=()):
        with database.transaction() as tx:
            found = reviews.find_claimable(tx, QueueState.WAITING, 0, False, who, skip, at)
            return found and found.response_id

    assert claimable(ada) == response
    assert claimable(ada, skip=[response]) is None
    for slot, who in ((1, ada), (2, ben)):
        with database.transaction() as tx:
            reviews.put_lease(tx, Lease(response_id=response, slot=slot, reviewer_id=who, token="t",
                                        expires_at=now + timedelta(minutes=slot)))  # fmt: skip
    assert claimable("cyd") is None
    assert claimable("cyd", now + timedelta(seconds=61)) == response


def test_taking_a_slot_replaces_what_was_in_it(database, now):
    ada, ben = (add_person(database, now, name) for name in ("ada", "ben"))
    response = add_response(database, now)
    for who in (ada, ben):
        with database.transaction() as tx:
            reviews.put_lease(
                tx, Lease(response_id=response, slot=1, reviewer_id=who, token=f"t-{who}", expires_at=now)
            )
    with database.reading() as tx:
        assert [(held.reviewer_id, held.token) for held in reviews.list_leases(tx, response)] == [
            (ben, "t-ben")
        ]
        assert reviews.get_own_lease(tx, response, ada) is None


def test_counting_stops_where_it_is_told_to(database, now):
    for _ in range(5):
        add_response(database, now)
    with database.reading() as tx:
        assert reviews.count_in_state(tx, QueueState.WAITING, 3) == 3
        assert reviews.count_in_state(tx, QueueState.WAITING, 100) == 5
        assert reviews.count_by_level(tx) == [("waiting", 0, 5, now)]


def test_what_is_gone_is_said_to_be_gone(database):
    with database.reading() as tx:
        for get in (reviews.get_entry, reviews.get_response, reviews.get_session):
            with pytest.raises(NotFound, match="deleted"):
                get(tx, "nothing")
