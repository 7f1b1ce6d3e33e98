import pytest

from data.errors import Invalid
from data.settings import STARTER, load_settings


@pytest.fixture(autouse=True)
def _clean(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name in ("GRADIO_SERVER_PORT", "DATABASE_URL", "BACKEND_URL", "MODEL_ID"):
        monkeypatch.delenv(name, raising=False)


def test_defaults_serve_the_starter_from_sqlite_on_this_machine_only():
    settings = load_settings()
    assert (settings.gradio_server_name, settings.gradio_server_port) == ("127.0.0.1", 7860)
    assert settings.model == str(STARTER)
    assert settings.database == "sqlite:///var/countersign.db"


def test_the_environment_wins_over_the_file(monkeypatch, tmp_path):
    (tmp_path / ".env").write_text("REVIEWS_NEEDED=1\nGRADIO_SERVER_PORT=7001\n")
    monkeypatch.setenv("GRADIO_SERVER_PORT", "7002")
    settings = load_settings()
    assert (settings.reviews_needed, settings.gradio_server_port) == (1, 7002)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GRADIO_SERVER_PORT", "many"),
        ("REVIEWS_NEEDED", "3"),
        ("DATABASE_URL", "mysql://somewhere/else"),
        ("DATABASE_URL", "not a url"),
        ("BACKEND_URL", "localhost:8000"),
        ("HELPLINE_REGION", "usa"),
        ("TEMPERATURE", "-1"),
    ],
)
def test_a_bad_value_is_named_in_one_line(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(Invalid) as raised:
        load_settings()
    assert name in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_remote_backend_needs_its_models_name(monkeypatch):
    monkeypatch.setenv("BACKEND_URL", "http://127.0.0.1:8000")
    with pytest.raises(Invalid, match="BACKEND_MODEL"):
        load_settings()


def test_a_key_is_not_repeated(monkeypatch):
    monkeypatch.setenv("BACKEND_API_KEY", "s3cret")
    assert "s3cret" not in repr(load_settings())


def test_settings_cannot_be_changed():
    with pytest.raises(ValueError):
        load_settings().reviews_needed = 1  # type: ignore[misc]
