"""One frozen `Settings`, built once at the front door from the environment and `.env`.

Every field is documented in the README's table; `tests/test_readme.py` keeps the two equal.
"""

from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from data.errors import Invalid

STARTER = Path(__file__).parent.parent / "finetune" / "starter" / "weights"


class Settings(BaseSettings):
    """Names are those of the environment, lower-cased. Descriptions are the README's."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True, env_ignore_empty=True)

    gradio_server_name: Annotated[str, Field(description="address to serve on")] = "127.0.0.1"
    gradio_server_port: Annotated[int, Field(ge=0, le=65535, description="port to serve on")] = 7860
    public_url: Annotated[
        str, Field(description="address that visitors use, where a proxy stands before the app")
    ] = ""
    var_dir: Annotated[Path, Field(description="folder for everything written at run time")] = Path("var")
    database_url: Annotated[
        str,
        Field(
            description="SQLAlchemy URL; `postgresql+psycopg://…` for PostgreSQL; empty is SQLite in `VAR_DIR`"
        ),
    ] = ""

    model_id: Annotated[
        str, Field(description="chat model: Hub id or folder; empty is the bundled starter")
    ] = ""
    model_revision: Annotated[str, Field(description="Hub revision of the model")] = ""
    adapter: Annotated[
        str, Field(description="PEFT adapter served before any promotion: Hub id or folder")
    ] = ""
    backend_url: Annotated[
        str,
        Field(
            description="base URL of an OpenAI-compatible server; set, it answers instead of a local model"
        ),
    ] = ""
    backend_model: Annotated[str, Field(description="model name asked for at `BACKEND_URL`")] = ""
    backend_api_key: Annotated[str, Field(description="bearer key for `BACKEND_URL`", repr=False)] = ""

    max_new_tokens: Annotated[int, Field(ge=1, le=4096, description="longest reply, in tokens")] = 200
    temperature: Annotated[float, Field(ge=0, le=2, description="sampling temperature; 0 is greedy")] = 0.6
    top_p: Annotated[float, Field(gt=0, le=1, description="nucleus sampling mass")] = 0.9
    concurrent_replies: Annotated[int, Field(ge=1, le=64, description="replies generated side by side")] = 2
    queue_limit: Annotated[
        int,
        Field(
            ge=0,
            le=1000,
            description="visitors who may wait for a reply; beyond it the chat says that it is busy",
        ),
    ] = 16
    messages_per_minute: Annotated[
        int, Field(ge=1, le=1000, description="messages that one visitor may send in a minute")
    ] = 12
    max_message_chars: Annotated[
        int, Field(ge=1, le=100_000, description="longest message, in characters")
    ] = 4000
    helpline_region: Annotated[
        str, Field(pattern="^[A-Z]{2}$", description="two-letter country whose helplines are shown")
    ] = "US"

    reviews_needed: Annotated[
        int,
        Field(ge=1, le=2, description="blind reviews that decide a response: 2, or 1 for a solo practice"),
    ] = 2
    lease_minutes: Annotated[
        int, Field(ge=3, le=240, description="minutes a claimed response stays claimed")
    ] = 15
    random_share: Annotated[
        float, Field(ge=0, le=1, description="share of calm responses that are queued beside the raised ones")
    ] = 1.0
    sign_in_hours: Annotated[int, Field(ge=1, le=168, description="hours a sign-in lasts")] = 12

    synthetic: Annotated[
        bool, Field(description="marks all conversations and people as synthetic, for tests and trials")
    ] = False
    contact: Annotated[
        str, Field(description="who answers for this deployment; shown to visitors and in model cards")
    ] = ""

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: str) -> str:
        try:
            if value and make_url(value).get_backend_name() not in ("sqlite", "postgresql"):
                raise ValueError("use sqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST/NAME")
        except ArgumentError:
            raise ValueError("use sqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST/NAME") from None
        return value

    @field_validator("backend_url", "public_url")
    @classmethod
    def _http(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError("start it with http:// or https://")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _remote_named(self) -> "Settings":
        if self.backend_url and not self.backend_model:
            raise ValueError("BACKEND_URL is set: set BACKEND_MODEL to the name of the model there")
        return self

    @property
    def database(self) -> str:
        return self.database_url or f"sqlite:///{self.var_dir / 'countersign.db'}"

    @property
    def model(self) -> str:
        """The model to load: a Hub id or a folder."""
        return self.model_id or str(STARTER)


def load_settings(**overrides: object) -> Settings:
    """Settings from the environment, `.env` and `overrides`; raises `Invalid` with one line that names the bad value."""
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        raise Invalid("; ".join(_complaint(e) for e in error.errors())) from None


def _complaint(error) -> str:  # type: ignore[no-untyped-def]
    name = "_".join(str(part) for part in error["loc"]).upper()
    said = error["msg"].removeprefix("Value error, ")
    given = "" if not name or name.endswith("KEY") else f"={error['input']!r}"
    return f"{name}{given}: {said}" if name else said
