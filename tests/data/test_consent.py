"""Choices are appended, and the newest of a kind holds."""

from data.consent import get_training_consent, insert_consent, list_consents
from tests.rows import add_session


def test_the_newest_choice_holds_and_none_is_lost(database, now):
    with database.transaction() as tx:
        session = add_session(tx, now, training=None)
        other = add_session(tx, now, training=True)
        assert not get_training_consent(tx, session.id)
        insert_consent(tx, session.id, "adult", True, "1", now)
        assert not get_training_consent(tx, session.id)
        for granted in (False, True, False, True):
            insert_consent(tx, session.id, "training", granted, "1", now)
            assert get_training_consent(tx, session.id) is granted
        insert_consent(tx, other.id, "training", False, "2", now)
    with database.reading() as tx:
        assert get_training_consent(tx, session.id)
        assert not get_training_consent(tx, other.id)
        kept = [(c.kind, c.granted, c.notice_version, c.at) for c in list_consents(tx, session.id)]
    assert kept == [("adult", True, "1", now)] + [
        ("training", g, "1", now) for g in (False, True, False, True)
    ]
