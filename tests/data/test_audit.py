import threading

import pytest
from sqlalchemy import text

from data import audit


def _fill(database, now, n=4):
    with database.transaction() as tx:
        for i in range(n):
            audit.append(tx, now, "reviewer-1", "review.submit", f"response-{i}", verdict="approve", n=i)


def _unguarded(database, statement):
    """Change the trail as somebody with the database's password could."""
    with database.transaction() as tx:
        if tx.get_bind().dialect.name == "postgresql":
            tx.execute(text("ALTER TABLE audit DISABLE TRIGGER ALL"))
        else:
            tx.execute(text("DROP TRIGGER audit_no_update"))
            tx.execute(text("DROP TRIGGER audit_no_delete"))
        tx.execute(text(statement))


def test_a_chain_verifies_and_names_its_head(database, now):
    _fill(database, now)
    with database.reading() as tx:
        found = audit.verify(tx)
        assert (found.entries, found.broken) == (4, None)
        assert audit.verify(tx, head=found.head).broken is None


@pytest.mark.parametrize(
    ("tampering", "broken"),
    [
        ("UPDATE audit SET actor = 'someone-else' WHERE seq = 2", 2),
        ("DELETE FROM audit WHERE seq = 3", 3),
        ("UPDATE audit SET seq = CASE seq WHEN 2 THEN 20 ELSE 2 END WHERE seq IN (2, 3)", 2),
    ],
)
def test_an_edit_a_removal_and_a_swap_show(database, now, tampering, broken):
    _fill(database, now)
    _unguarded(database, tampering)
    with database.reading() as tx:
        assert audit.verify(tx).broken == broken


def test_a_cut_at_the_end_shows_against_a_head_kept_elsewhere(database, now):
    _fill(database, now)
    with database.reading() as tx:
        head = audit.verify(tx).head
    _unguarded(database, "DELETE FROM audit WHERE seq = 4")
    with database.reading() as tx:
        assert audit.verify(tx).broken is None
        assert audit.verify(tx, head=head).broken == 4


def test_many_writers_make_one_chain(database, now):
    threads = [threading.Thread(target=_fill, args=(database, now, 5)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.reading() as tx:
        assert (audit.verify(tx).entries, audit.verify(tx).broken) == (40, None)


def test_a_digest_needs_its_salt():
    assert audit.digest("a", "text") != audit.digest("b", "text")
    assert "text" not in audit.digest("a", "text")
