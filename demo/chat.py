"""The chat's service: sessions with their choices, replies, reports, and a visitor's right to see and to delete.

    chat = Chat(database, settings, backend)
    session_id, code = chat.start_session(adult=True, training=False, now=now)
    async for shown in chat.reply(session_id, "I can't sleep.", now):   # closing the iterator is Stop
        print(shown.text)

The code is the visitor's only key; its SHA-256 is all that is kept of it.
"""

import asyncio
import hashlib
import logging
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from random import Random, SystemRandom
from threading import Thread
from uuid import uuid4
from weakref import WeakValueDictionary

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session as Transaction

from data import audit, conversations, schema
from data.adapters import get_adapter, get_champion, list_adapters_that_saw
from data.consent import get_training_consent, insert_consent
from data.database import Database
from data.errors import AppError, Conflict, Forbidden, Invalid
from data.records import Assessment, Decision, FlagSource, Level, Message, QueueState, Severity
from data.redaction import redact
from data.settings import Settings
from demo.generation.backend import Backend
from demo.limits import Limiter, clean_message
from demo.planning import Past, Plan, plan, reminder_due
from demo.safety.guard import check
from demo.safety.risk import RULES_VERSION, assess
from demo.stream import Answer, Opened, Shown
from demo.wording import BUSY_SESSION, NOT_ADULT, NOTHING_TO_RETRY, NOTICE_VERSION

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: nothing that looks like something else
GROUPS = GROUP = 4  # 80 bits
PATIENCE_SECONDS = 2.0  # for the reply before to be closed, after Stop
LONGEST_NOTE = 2000
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Kept:
    """What a visitor is shown of what is kept about them."""

    started_at: datetime
    notice_version: str
    training: bool
    messages: tuple[Message, ...]
    sent: int
    replies: int
    decided: int
    adapters: tuple[str, ...]  # that were trained on any of it


class Chat:
    def __init__(
        self, database: Database, settings: Settings, backend: Backend, chance: Random | None = None
    ) -> None:
        """`chance` decides which calm replies are queued where the settings ask for a share of them."""
        self.database, self.settings, self.backend = database, settings, backend
        self._chance = chance or SystemRandom()
        self._limiter = Limiter(settings.messages_per_minute)
        self._answering: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        # The rules take about a second to read: that passes while the first visitor reads the notice.
        Thread(target=_read_rules, name="rules", daemon=True).start()

    def close_interrupted(self, now: datetime) -> int:
        """Close what a process that died left open; for the start, before anybody is answered."""
        with self.database.transaction() as tx:
            return conversations.close_interrupted(tx, now, self.settings.reviews_needed)

    def start_session(
        self, adult: bool, training: bool, now: datetime, synthetic: bool = False
    ) -> tuple[str, str]:
        """Begin a conversation under the present notice; returns its id and the visitor's code.

        Raises `Forbidden` for who does not say that they are 18 or over.
        """
        if adult is not True:
            raise Forbidden(NOT_ADULT)
        synthetic = synthetic or self.settings.synthetic
        code = new_code()
        with self.database.transaction() as tx:
            champion = get_champion(tx)
            session = conversations.insert_session(
                tx, digest_of(code), secrets.token_hex(16), NOTICE_VERSION, champion.name if champion else "", now, synthetic
            )  # fmt: skip
            insert_consent(tx, session.id, "notice", True, NOTICE_VERSION, now)
            insert_consent(tx, session.id, "adult", True, NOTICE_VERSION, now)
            insert_consent(tx, session.id, "training", training is True, NOTICE_VERSION, now)
            audit.append(tx, now, "visitor", "session.start", session.id, notice=NOTICE_VERSION,
                         training=training is True, adapter=session.adapter, synthetic=synthetic)  # fmt: skip
        return session.id, code

    # Replies

    async def reply(
        self, session_id: str, text: str, now: datetime, address: str = ""
    ) -> AsyncGenerator[Shown, None]:
        """Store a message and answer it; each `Shown` is in the database before it is yielded.

        The first has no text: the message is stored. The last carries how the reply ended.
        Raises `Invalid` for a message that cannot be used, `Unavailable` for too many of them, for a busy model or an
        absent database, `Conflict` while the last reply is still written, `NotFound` for an unknown session.
        """
        message = clean_message(text, self.settings.max_message_chars)
        self._limiter.take(now, session_id, address)
        async with aclosing(
            self._answer(session_id, lambda: self._open(session_id, message, now), now)
        ) as run:
            async for shown in run:
                yield shown

    async def retry(self, session_id: str, now: datetime, address: str = "") -> AsyncGenerator[Shown, None]:
        """Answer the last message again, as another attempt. The earlier one stays in the log."""
        self._limiter.take(now, session_id, address)
        async with aclosing(self._answer(session_id, lambda: self._reopen(session_id, now), now)) as run:
            async for shown in run:
                yield shown

    async def _answer(
        self, session_id: str, opening: Callable[[], Opened], now: datetime
    ) -> AsyncGenerator[Shown, None]:
        async with self._alone(session_id):
            answer = await self._opened(opening, now)
            async with aclosing(answer.run()) as run:
                async for shown in run:
                    yield shown

    async def _opened(self, opening: Callable[[], Opened], now: datetime) -> Answer:
        """The first transaction. Whoever is cancelled during it still closes what it opened."""
        task = asyncio.ensure_future(asyncio.to_thread(opening))
        try:
            return self._answer_to(await asyncio.shield(task), now)
        except asyncio.CancelledError:
            with suppress(AppError):
                await self._answer_to(await task, now).close()
            raise

    def _answer_to(self, opened: Opened, now: datetime) -> Answer:
        return Answer(self.database, self.settings, self.backend, opened, now, self._chance)

    @asynccontextmanager
    async def _alone(self, session_id: str) -> AsyncIterator[None]:
        """One reply at a time in a conversation."""
        lock = self._answering.setdefault(session_id, asyncio.Lock())
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await lock.acquire()
        except TimeoutError:
            raise Conflict(BUSY_SESSION) from None
        try:
            yield
        finally:
            lock.release()

    def _open(self, session_id: str, text: str, now: datetime) -> Opened:
        with self.database.reading() as tx:
            started = conversations.get_session(tx, session_id).started_at
            turns = list(conversations.list_turns(tx, session_id))
            messages = (*conversations.list_messages(tx, session_id), Message("user", text))
        # Outside the writing transaction: reading a long conversation takes longer than storing one turn.
        assessment, masked = assess(messages), redact(text).text
        planned = self._plan(text, assessment, turns, started, now)
        try:
            with self.database.transaction() as tx:
                session = conversations.get_session(tx, session_id)
                turn = conversations.insert_turn(tx, session, text, masked, assessment, RULES_VERSION, now)
                return self._open_response(tx, session, turn, messages, planned, now)
        except IntegrityError:  # another process took this place in the conversation
            raise Conflict(BUSY_SESSION) from None

    def _reopen(self, session_id: str, now: datetime) -> Opened:
        with self.database.reading() as tx:
            started = conversations.get_session(tx, session_id).started_at
            turns = list(conversations.list_turns(tx, session_id))
            if not turns:
                raise Invalid(NOTHING_TO_RETRY)
            *before, turn = turns
            earlier = conversations.list_messages(tx, session_id, before=turn.position)
        messages = (*earlier, Message("user", turn.text))
        planned = self._plan(turn.text, assess(messages), before, started, turn.at)
        with self.database.transaction() as tx:
            session = conversations.get_session(tx, session_id)
            return self._open_response(tx, session, turn, messages, planned, now)

    def _plan(
        self, text: str, assessment: Assessment, before: list[schema.Turn], started: datetime, now: datetime
    ) -> Plan:
        remind = reminder_due(started, before[-1].at if before else started, now)
        return plan(text, assessment, _past(before), self.settings.helpline_region, remind)

    def _open_response(
        self, tx: Transaction, session: schema.Session, turn: schema.Turn, messages: tuple[Message, ...], planned: Plan,
        now: datetime,
    ) -> Opened:  # fmt: skip
        path = get_adapter(tx, session.adapter).path if session.adapter else self.settings.adapter
        response = conversations.insert_response(tx, turn, now)
        return Opened(response.id, messages, Level(session.level), planned.templates, planned.asks_model,
                      session.adapter, path, planned.resources)  # fmt: skip

    # What a visitor can do afterwards

    def report_harm(self, response_id: str, now: datetime, note: str = "") -> None:
        """A visitor's safety flag: it stands, the reply is never approved, and it goes to the front of its level.

        A second report of the same reply changes nothing. An approval that stood is opened again for a third clinician.
        """
        said = redact(clean_message(note, LONGEST_NOTE)).text if note and note.strip() else ""
        with self.database.transaction() as tx:
            response = conversations.get_response(tx, response_id)
            if response.closed_at is None:
                raise Conflict(BUSY_SESSION)
            if any(flag.source == FlagSource.VISITOR for flag in response.flags):
                return
            session = conversations.get_session(tx, response.session_id)
            tx.add(schema.Flag(id=uuid4().hex, response_id=response_id, source=FlagSource.VISITOR, note=said, at=now,
                               category="visitor-report", severity=Severity.HIGH))  # fmt: skip
            entry = response.entry or conversations.insert_entry(
                tx, response, session.level, self.settings.reviews_needed, now
            )
            entry.flagged = True
            if entry.decision == Decision.APPROVED:
                entry.state, entry.decision = QueueState.ADJUDICATION, None
                entry.decided_at = entry.final_text = None
            audit.append(tx, now, "visitor", "flag.raise", response_id, note=audit.digest(session.salt, said))

    def what_is_kept(self, code: str) -> Kept:
        """Raises `NotFound` for a code that is not known."""
        with self.database.reading() as tx:
            session = conversations.get_session_by_code(tx, digest_of(code))
            messages = tuple(conversations.list_messages(tx, session.id))
            sent = sum(m.role == "user" for m in messages)
            return Kept(session.started_at, session.notice_version, get_training_consent(tx, session.id), messages, sent,
                        len(messages) - sent, conversations.count_reviewed(tx, session.id),
                        tuple(list_adapters_that_saw(tx, session.id)))  # fmt: skip

    def set_training_consent(self, code: str, granted: bool, now: datetime) -> None:
        with self.database.transaction() as tx:
            session = conversations.get_session_by_code(tx, digest_of(code))
            if get_training_consent(tx, session.id) is granted:
                return
            insert_consent(tx, session.id, "training", granted, NOTICE_VERSION, now)
            saw = [] if granted else list(list_adapters_that_saw(tx, session.id))
            audit.append(tx, now, "visitor", "consent.training", session.id, granted=granted, adapters=saw)
        _tell("training consent withdrawn from", session.id, saw)

    def delete_session(self, code: str, now: datetime) -> tuple[str, ...]:
        """Delete every text of the conversation; returns the names of the adapters that were trained on any of it.

        The trail keeps that it happened and its digests, which point at nothing without the session's salt.
        """
        with self.database.transaction() as tx:
            session = conversations.get_session_by_code(tx, digest_of(code))
            saw = tuple(list_adapters_that_saw(tx, session.id))
            turns = len(conversations.list_turns(tx, session.id))
            conversations.delete_session(tx, session.id)
            audit.append(tx, now, "visitor", "session.delete", session.id, turns=turns, adapters=list(saw))
        _tell("deleted", session.id, saw)
        return saw


def new_code() -> str:
    letters = "".join(secrets.choice(ALPHABET) for _ in range(GROUPS * GROUP))
    return "-".join(letters[i : i + GROUP] for i in range(0, len(letters), GROUP))


def digest_of(code: str) -> str:
    """The digest that a code is known by, however it was typed: case, spaces and lookalikes do not matter."""
    typed = str(code).upper().translate(str.maketrans("OIL", "011", "- \t\n"))
    return hashlib.sha256(typed.encode("utf-8", "replace")).hexdigest()


def _read_rules() -> None:
    greeting = Message("user", "Hello.")
    assess([greeting])
    check(greeting.content, "", [greeting])
    redact(greeting.content)


def _past(turns: list[schema.Turn]) -> Past:
    templates = tuple(turn.responses[-1].template if turn.responses else "" for turn in turns)
    return Past(templates, Level(turns[-1].level) if turns else Level.R0)


def _tell(what: str, session_id: str, adapters: tuple[str, ...] | list[str]) -> None:
    if adapters:
        log.warning("session %s %s; adapters that saw it: %s", what, session_id, ", ".join(adapters))
