from datetime import timedelta

import pytest

from data import reviewers
from data.errors import NotFound
from data.schema import Invitation, Reviewer


def _reviewer(now, login="ada", **fields):
    return Reviewer(id=f"id-{login}", login=login, name=login.title(), role="clinician", password_hash="-",
                    created_at=now, synthetic=True, **{"administrator": False, "active": True, **fields})  # fmt: skip


def test_a_sign_in_is_found_by_its_digest_until_it_ends(database, now):
    with database.transaction() as tx:
        reviewers.insert_reviewer(tx, _reviewer(now))
        reviewers.insert_sign_in(tx, reviewers.token_digest("t"), "id-ada", now + timedelta(hours=1))
    with database.reading() as tx:
        found = reviewers.get_signed_in(tx, reviewers.token_digest("t"), now)
        assert found is not None
        assert found.id == "id-ada"
        assert reviewers.get_signed_in(tx, "t", now) is None
        assert reviewers.get_signed_in(tx, reviewers.token_digest("t"), now + timedelta(hours=1)) is None


def test_a_closed_account_is_signed_in_nowhere(database, now):
    with database.transaction() as tx:
        reviewers.insert_reviewer(tx, _reviewer(now, active=False))
        reviewers.insert_sign_in(tx, "digest", "id-ada", now + timedelta(hours=1))
    with database.reading() as tx:
        assert reviewers.get_signed_in(tx, "digest", now) is None


def test_ending_all_sign_ins_but_one(database, now):
    with database.transaction() as tx:
        reviewers.insert_reviewer(tx, _reviewer(now))
        for digest in ("a", "b", "c"):
            reviewers.insert_sign_in(tx, digest, "id-ada", now + timedelta(hours=1))
        reviewers.delete_sign_ins_of(tx, "id-ada", but="b")
        signed_in = [d for d in "abc" if reviewers.get_signed_in(tx, d, now)]
    assert signed_in == ["b"]


def test_an_invitation_is_taken_once_and_expires(database, now):
    with database.transaction() as tx:
        reviewers.insert_invitation(
            tx, Invitation(token_digest="d", role="clinician", administrator=False, created_by="x",
                           expires_at=now + timedelta(days=1)))  # fmt: skip
        assert reviewers.get_invitation(tx, "d", now).role == "clinician"
        with pytest.raises(NotFound, match="expired"):
            reviewers.get_invitation(tx, "d", now + timedelta(days=1))
        assert reviewers.delete_invitation(tx, "d") is True
        assert reviewers.delete_invitation(tx, "d") is False


def test_only_open_administrators_count(database, now):
    with database.transaction() as tx:
        reviewers.insert_reviewer(tx, _reviewer(now, "ada", administrator=True))
        reviewers.insert_reviewer(tx, _reviewer(now, "ben", administrator=True, active=False))
        reviewers.insert_reviewer(tx, _reviewer(now, "cyd"))
        assert reviewers.count_administrators(tx) == 1
        assert reviewers.count_reviewers(tx) == 3
        assert [r.login for r in reviewers.list_reviewers(tx)] == ["ada", "ben", "cyd"]


def test_tries_are_listed_newest_first_within_the_window(database, now):
    with database.transaction() as tx:
        for minutes in (30, 10, 5):
            reviewers.insert_attempt(tx, "key", now - timedelta(minutes=minutes))
        reviewers.insert_attempt(tx, "other", now)
        since = now - timedelta(minutes=15)
        ago = [now - t for t in reviewers.list_attempts(tx, "key", since)]
        assert ago == [timedelta(minutes=5), timedelta(minutes=10)]
        reviewers.delete_old_attempts(tx, since)
        assert len(reviewers.list_attempts(tx, "key", now - timedelta(days=1))) == 2
