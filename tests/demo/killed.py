"""A reply in a process of its own, to be killed: prints each sentence once it may be shown, flushed.

python tests/demo/killed.py DATABASE_URL
"""

import asyncio
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from data.database import open_database
from data.settings import load_settings
from demo.chat import Chat
from tests.demo.scripted import Scripted

LONG = " ".join(f"This is sentence number {n} of a long reply." for n in range(1, 200))


async def main(url: str) -> None:
    database = open_database(url)
    settings = load_settings(_env_file=None, database_url=url)
    chat = Chat(database, settings, Scripted(LONG, pause=0.002))
    now = datetime.now(UTC)
    session_id, _ = chat.start_session(adult=True, training=False, now=now, synthetic=True)
    async for shown in chat.reply(session_id, "I had a long day at work.", now):
        print(json.dumps({"id": shown.response_id, "text": shown.text, "end": shown.end}), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
