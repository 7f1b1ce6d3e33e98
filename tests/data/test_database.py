import threading

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from data import audit
from data import database as databases
from data.errors import Unavailable
from data.schema import Base


def test_migrations_make_exactly_the_models_tables(database):
    with database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


@pytest.fixture(params=["sqlite", "postgresql"])
def fresh_url(request, tmp_path):
    """A database with nothing in it."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'fresh.db'}"
        return
    url = request.getfixturevalue("postgres_url")
    emptied = databases.open_database(url)
    with emptied.engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    emptied.close()
    yield url


def test_migrating_twice_and_from_two_threads_is_harmless(fresh_url):
    opened = databases.open_database(fresh_url)
    failures: list[BaseException] = []

    def run() -> None:
        try:
            databases.migrate(opened)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    databases.migrate(opened)
    assert failures == []
    with opened.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    opened.close()


def test_an_error_rolls_back(database, now):
    with pytest.raises(ZeroDivisionError), database.transaction() as tx:
        audit.append(tx, now, "someone", "did", "a thing")
        raise ZeroDivisionError
    with database.reading() as tx:
        assert audit.verify(tx).entries == 0


def test_a_locked_sqlite_is_unavailable_and_loses_nothing(tmp_path, now, monkeypatch):
    monkeypatch.setattr(databases, "BUSY_SECONDS", 0.1)
    url = f"sqlite:///{tmp_path / 'a.db'}"
    opened, other = databases.open_database(url), databases.open_database(url)
    databases.migrate(opened)
    with other.transaction() as tx:
        audit.append(tx, now, "other", "holds", "the lock")
        with pytest.raises(Unavailable), opened.transaction():
            pass
    with opened.reading() as tx:
        assert audit.verify(tx).entries == 1


def test_an_unreachable_server_is_unavailable():
    opened = databases.open_database("postgresql+psycopg://nobody@127.0.0.1:1/none")
    with pytest.raises(Unavailable), opened.reading() as tx:
        tx.execute(text("SELECT 1"))


@pytest.mark.parametrize("change", ["UPDATE audit SET actor = 'x'", "DELETE FROM audit"])
def test_the_trail_cannot_be_changed(database, now, change):
    with database.transaction() as tx:
        audit.append(tx, now, "someone", "did", "a thing")
    with pytest.raises(DBAPIError, match="append-only"), database.transaction() as tx:
        tx.execute(text(change))
