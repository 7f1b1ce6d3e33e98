"""`kill -9` in the middle of a reply: whatever was shown is in the database, and the next start closes it."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import select

from data import audit
from data.schema import QueueEntry, Response
from demo.chat import Chat
from tests.demo.scripted import Scripted

CHILD = Path(__file__).with_name("killed.py")


def killed_after(url: str, lines: int) -> list[dict[str, str]]:
    """What the child had printed when it was killed, right after its line number `lines`."""
    child = subprocess.Popen([sys.executable, str(CHILD), url], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    printed = [child.stdout.readline() for _ in range(lines)]
    os.kill(child.pid, signal.SIGKILL)
    printed += child.stdout.readlines()  # what was on its way
    assert child.wait(30) == -signal.SIGKILL
    return [json.loads(line) for line in printed if line.endswith("\n")]


@pytest.mark.parametrize("lines", [1, 2, 3, 8, 25])
def test_nothing_shown_is_lost_and_the_next_start_closes_it(database, database_url, settings, now, lines):
    shown = killed_after(database_url, lines)
    assert len(shown) >= lines
    with database.reading() as tx:
        left = tx.scalars(select(Response)).one()
    assert left.closed_at is None
    assert left.id == shown[-1]["id"]
    assert left.shown.startswith(
        shown[-1]["text"]
    )  # at most one sentence more: committed, and not printed yet
    assert left.raw.startswith(left.shown)

    chat = Chat(database, settings, Scripted())
    assert chat.close_interrupted(now) == 1
    assert chat.close_interrupted(now) == 0
    with database.reading() as tx:
        row = tx.scalars(select(Response)).one()
        entries = tx.scalars(select(QueueEntry)).all()
        assert audit.verify(tx).broken is None
    assert (row.end_reason, row.closed_at, row.shown) == ("interrupted", now, left.shown)
    assert row.masked == row.shown
    assert [entry.response_id for entry in entries] == ([row.id] if row.shown else [])
