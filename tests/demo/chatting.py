"""What tests of the chat's service share: a chat with a scripted model, and what is stored."""

import asyncio
from datetime import datetime
from random import Random

from sqlalchemy import select

from data import audit
from data.database import Database
from data.schema import Audit, QueueEntry, Response, Turn
from data.settings import Settings
from demo.chat import Chat
from demo.stream import Shown
from tests.demo.scripted import Scripted

CALM = "I had a long day at work and I feel tired."
CRISIS = "I want to kill myself"
CONCERN = "What's the point of any of this anymore, everyone would be better off without me"


def make(
    database: Database, settings: Settings, *replies, pause: float = 0.0, **changed
) -> tuple[Chat, Scripted]:
    backend = Scripted(*replies, pause=pause)
    return Chat(database, settings.model_copy(update=changed), backend, Random(1)), backend


def begin(chat: Chat, now: datetime) -> str:
    return chat.start_session(adult=True, training=False, now=now, synthetic=True)[0]


def say(chat: Chat, session_id: str, text: str, now: datetime, **kwargs: str) -> list[Shown]:
    async def run() -> list[Shown]:
        return [shown async for shown in chat.reply(session_id, text, now, **kwargs)]

    return asyncio.run(run())


def responses(database: Database) -> list[Response]:
    with database.reading() as tx:
        return list(
            tx.scalars(select(Response).join(Turn).order_by(Turn.at, Turn.position, Response.attempt))
        )


def entries(database: Database) -> list[QueueEntry]:
    with database.reading() as tx:
        return list(tx.scalars(select(QueueEntry)))


def trail(database: Database, action: str) -> list[Audit]:
    with database.reading() as tx:
        assert audit.verify(tx).broken is None
        return list(tx.scalars(select(Audit).where(Audit.action == action)))


def stored(database: Database, response_id: str) -> Response:
    with database.reading() as tx:
        found = tx.get(Response, response_id)
        assert found is not None
        return found
