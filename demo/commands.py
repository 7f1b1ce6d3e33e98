"""`python -m demo ask TEXT`: one message to the chat's own service, guarded and logged as on the page."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated

import typer

from data.errors import AppError


def ask(
    text: Annotated[str, typer.Argument(help="what to write to the chat")],
    synthetic: Annotated[
        bool, typer.Option(help="mark the conversation as written by a test or a trial")
    ] = False,
    model: Annotated[str, typer.Option(help="Hub id or folder, instead of MODEL_ID")] = "",
    adapter: Annotated[str, typer.Option(help="PEFT adapter, instead of ADAPTER")] = "",
) -> None:
    """Print the guarded reply, sentence by sentence. Kept and reviewed like every conversation; for people of 18 or over."""
    given = {"model_id": model, "adapter": adapter}
    try:
        asyncio.run(_ask(text, synthetic, {name: value for name, value in given.items() if value}))
    except AppError as error:
        typer.echo(f"error: {error}", err=True)
        raise SystemExit(2) from None


async def _ask(text: str, synthetic: bool, given: dict[str, str]) -> None:
    from data.database import migrate, open_database
    from data.settings import load_settings
    from demo.chat import Chat
    from demo.generation.loading import load_backend
    from demo.limits import clean_message

    settings = load_settings(**given)
    clean_message(text, settings.max_message_chars)  # before a conversation is begun for it
    backend, database = load_backend(settings), open_database(settings.database)
    try:
        migrate(database)
        now = datetime.now(UTC)
        chat = Chat(database, settings, backend)
        session_id, code = chat.start_session(adult=True, training=False, now=now, synthetic=synthetic)
        printed = 0
        async for shown in chat.reply(session_id, text, now):
            typer.echo(shown.text[printed:], nl=False)
            printed = len(shown.text)
        typer.echo()
        typer.echo(f"Kept for review by clinicians. Code to see or delete it: {code}", err=True)
    finally:
        await backend.close()
        database.close()
