"""The front door: reads the settings, opens the database, mounts the chat at / and the desk at /review.

python app.py        what `make run` and a Hugging Face Space start
"""

import asyncio
import logging
import os
import socket
import sys
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

# Before Gradio is imported: no usage figures to anybody, and no summary of them after every event.
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("GRADIO_ANALYTICS_CACHE_FREQUENCY", "1000000000")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

from fastapi import FastAPI

from data.database import Database, migrate, open_database
from data.errors import AppError, Invalid, Unavailable
from data.settings import Settings, load_settings

SECONDS_TO_LEAVE = 3  # an open tab holds a connection for as long as it is open
LEXICONS = ("risk", "guard", "questions")
NO_DATABASE = "the database cannot be reached, or another program holds it: check DATABASE_URL, or VAR_DIR, and try again."


def build_app(settings: Settings) -> tuple[FastAPI, str | None]:
    """The whole application, and the path of the first administrator's one-time link when nobody can sign in yet."""
    import gradio as gr

    from demo import page as chat_page
    from demo.chat import Chat
    from demo.generation.loading import load_backend
    from demo.safety.lexicon import load_lexicon
    from demo.theme import CSS, MOUNT
    from finetune.page import build_training
    from review import page as desk_page
    from review.accounts import Accounts
    from review.page_accounts import build_accounts
    from review.page_export import build_export
    from review.routes import add_desk_routes
    from review.service import Desk
    from review.sign_in import add_sign_in, auth_dependency

    database = _open(settings)
    backend = load_backend(settings)
    accounts, desk, chat = (
        Accounts(database, settings),
        Desk(database, settings),
        Chat(database, settings, backend),
    )
    now = datetime.now(UTC)
    chat.close_interrupted(now)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await backend.start()  # loads beside the first visitors, not before them
        lexicons = asyncio.ensure_future(asyncio.to_thread(lambda: [load_lexicon(n) for n in LEXICONS]))
        yield
        await lexicons
        await backend.close()
        database.close()

    app = FastAPI(lifespan=lifespan, openapi_url=None)
    add_sign_in(app, accounts, settings)
    add_desk_routes(app, desk, accounts)
    pages = [
        ("Training", "/training", lambda: build_training(database, settings)),
        ("Export", "/export", lambda: build_export(database, settings)),
    ]
    review = desk_page.build_desk(desk, lambda: build_accounts(accounts), pages)
    # Said by Gradio at every mount of several pages, though MOUNT asks for no SSR.
    warnings.filterwarnings("ignore", message="SSR mode is not supported")
    # The desk first: mounted after "/", it would never be reached.
    signed_in = auth_dependency(accounts)
    gr.mount_gradio_app(
        app,
        review,
        "/review",
        auth_dependency=signed_in,
        css=CSS + desk_page.CSS,
        head=desk_page.HEAD,
        **MOUNT,
    )
    gr.mount_gradio_app(
        app, chat_page.build_chat(chat, settings), "/", css=CSS + chat_page.CSS, head=chat_page.HEAD, **MOUNT
    )
    link = accounts.first_link(now)
    return app, link and f"/sign-in/{link}"


def _open(settings: Settings) -> Database:
    database = open_database(settings.database)
    try:
        migrate(database)
    except Unavailable:
        raise Unavailable(NO_DATABASE) from None
    return database


def main() -> None:
    import uvicorn

    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    for chatty in ("httpx", "alembic"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    try:
        settings = load_settings()
        listening = _listen(settings)
        app, link = build_app(settings)
    except AppError as error:
        sys.exit(_complain(error))
    host, port = listening.getsockname()[:2]
    at = settings.public_url or f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"
    print(f"\nCountersign\n  chat   {at}/\n  desk   {at}/review/", flush=True)
    if link:
        print(f"  first administrator, once: {at}{link}", flush=True)
    # Behind a proxy, as on a Space, the visitor's own address is in its header; elsewhere nobody may claim one.
    proxied = bool(settings.public_url or os.environ.get("SPACE_ID"))
    trusted = "*" if proxied else "127.0.0.1"
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        forwarded_allow_ips=trusted,
        timeout_graceful_shutdown=SECONDS_TO_LEAVE,
    )
    server = uvicorn.Server(config)
    server.run(sockets=[listening])


def _listen(settings: Settings) -> socket.socket:
    """Take the port before anything slow is loaded, so that a taken one is said at once."""
    try:
        return socket.create_server((settings.gradio_server_name, settings.gradio_server_port))
    except OSError as error:
        where = f"{settings.gradio_server_name}:{settings.gradio_server_port}"
        raise Invalid(
            f"{where} cannot be served ({error.strerror}): set GRADIO_SERVER_PORT to a free port."
        ) from None


def _complain(error: AppError) -> int:
    print(f"error: {error}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    main()
