"""One reply, from the moment it is opened to the moment it is closed, whatever ends it.

Each finished sentence is guarded, committed and only then yielded: nothing unguarded is ever on the screen, and nothing
shown is ever unlogged. The closing transaction runs in a thread of its own and survives a cancelled task.
"""

import asyncio
import inspect
import logging
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import uuid4

from data.conversations import append_shown, close_response
from data.database import Database
from data.errors import AppError, Unavailable
from data.records import EndReason, Level, Message
from data.schema import Response
from data.settings import Settings
from demo.generation.backend import Backend, Chunk, Identity, Sampling
from demo.safety.guard import GUARD_VERSION, check
from demo.safety.sentences import SentenceSplitter
from demo.safety.templates import Template, completion
from demo.wording import NO_ANSWER, broke_off

_SENTENCE_ENDS = ".!?…\"'”’)*_。！？।」』"
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Shown:
    """All of a reply that may be on the screen now. `end` is set on the last one, once the response is closed.

    `resources` asks the page to keep the resource card in view.
    """

    response_id: str
    text: str
    end: EndReason | None = None
    resources: bool = False


@dataclass(frozen=True)
class Opened:
    """What the first transaction stored and decided: `templates` are said first, then the model is asked, or not."""

    response_id: str
    messages: tuple[Message, ...]  # the conversation, ending in what is answered
    level: Level
    templates: tuple[Template, ...]
    asks_model: bool
    adapter: str = ""  # the champion's name, "" for what the settings name
    adapter_path: str = ""
    resources: bool = False


class Answer:
    """A reply under way: what the model wrote, what passed, and what the log is to keep of it."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        backend: Backend,
        opened: Opened,
        now: datetime,
        chance: Random,
    ) -> None:
        self._database, self._settings, self._backend = database, settings, backend
        self._opened, self._now, self._chance = opened, now, chance
        self._started = time.monotonic()
        self._sampling = Sampling(settings.max_new_tokens, settings.temperature, settings.top_p)
        self._end = EndReason.STOPPED  # what it is when the visitor leaves, at any moment before the end
        self._raw = self._shown = self._spoken = self._gap = ""  # `spoken`: the model's part of `shown`
        self._said: list[str] = []  # ids of the templates in `shown`
        self._reasons: tuple[str, ...] = ()
        self._identity: Identity | None = None
        self._counts = Chunk("")
        self._first_ms: int | None = None
        self._error_id = ""

    async def run(self) -> AsyncGenerator[Shown, None]:
        """Yield what may be shown; the first has no text yet and says that the message is stored.

        Raises an `AppError` fit for the visitor, after closing, when the reply failed.
        """
        try:
            yield self._view()
            for template in self._opened.templates:
                if not self._opened.asks_model and template is self._opened.templates[-1]:
                    self._end = EndReason.TEMPLATE
                yield await self._say(template)
            if self._opened.asks_model:
                async with aclosing(self._model()) as pieces:
                    async for piece in pieces:
                        yield piece
        except Exception as error:
            self._end = EndReason.ERROR
            raise self._told(error) from error
        finally:
            await self.close()
        yield self._view(self._end)

    async def close(self) -> None:
        """Close the response as it stands. Once begun it is carried out, even if the caller is cancelled."""
        await asyncio.shield(asyncio.ensure_future(asyncio.to_thread(self._close)))

    # What is shown

    async def _model(self) -> AsyncGenerator[Shown, None]:
        async with aclosing(self._sentences()) as sentences:
            async for sentence in sentences:
                text = sentence if self._spoken else sentence.lstrip()
                if not text:
                    continue
                if not await asyncio.to_thread(self._passes, text):
                    self._end = EndReason.CUT
                    break
                yield self._view()
        if self._end is EndReason.CUT:  # the model has been stopped by now
            yield await self._say(completion(self._reasons))
        elif not self._spoken:
            raise Unavailable(NO_ANSWER)

    async def _sentences(self) -> AsyncGenerator[str, None]:
        splitter = SentenceSplitter()
        stream = self._backend.stream(self._opened.messages, self._sampling, self._opened.adapter_path)
        async with aclosing(stream) as chunks:  # type: ignore[type-var]
            async for chunk in chunks:
                self._raw += chunk.text
                if chunk.reply_tokens is not None:
                    self._counts = chunk
                for sentence in splitter.feed(chunk.text):
                    yield sentence
        self._end = EndReason.FINISHED
        for sentence in splitter.flush():
            if not self._broken_off(sentence):
                yield sentence

    def _broken_off(self, sentence: str) -> bool:
        """The last words of a reply that ran into its limit, after whole sentences: they are left out."""
        full = (self._counts.reply_tokens or 0) >= self._sampling.max_new_tokens
        return full and bool(self._spoken) and not sentence.rstrip().endswith(tuple(_SENTENCE_ENDS))

    def _passes(self, sentence: str) -> bool:
        """Guard the sentence, and commit it if it may be shown."""
        verdict = check(sentence, self._spoken, self._opened.messages)
        if not verdict.allow:
            self._reasons = verdict.reasons
            return False
        fields: dict[str, Any] = {}
        if self._identity is None:
            fields = self._identify()
        self._commit(sentence, "" if self._spoken or not self._shown else "\n\n", **fields)
        self._spoken += sentence
        return True

    async def _say(self, template: Template) -> Shown:
        said = [*self._said, f"{template.id}@{template.version}"]
        gap = "\n\n" if self._shown else ""
        await asyncio.to_thread(self._commit, template.text, gap, template=" ".join(said))
        self._said = said
        return self._view()

    def _commit(self, text: str, gap: str, **fields: Any) -> None:
        """The text counts as shown once the database has it, and not before."""
        shown = self._shown + (gap or self._gap) + text.rstrip()
        with self._database.transaction() as tx:
            append_shown(tx, self._opened.response_id, shown, self._raw, **fields)
        self._shown, self._gap = shown, text[len(text.rstrip()) :]
        if self._first_ms is None:
            self._first_ms = self._elapsed()

    def _view(self, end: EndReason | None = None) -> Shown:
        return Shown(self._opened.response_id, self._shown, end, self._opened.resources)

    # What is kept

    def _close(self) -> None:
        now = self._now + timedelta(milliseconds=self._elapsed())
        try:
            fields = self._fields()
            with self._database.transaction() as tx:
                response = tx.get(Response, self._opened.response_id)
                if response is None or response.closed_at is not None:  # deleted meanwhile, or closed
                    return
                for name, value in fields.items():
                    setattr(response, name, value)
                close_response(tx, response, self._end, now, self._queued(), self._settings.reviews_needed)
        except AppError:
            log.error(
                "response %s stays open: the database is away; the next start closes it",
                self._opened.response_id,
            )

    def _fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = {
            "raw": self._raw,
            "shown": self._shown,
            "template": " ".join(self._said),
            "guard_allow": not self._reasons,
            "guard_reasons": list(self._reasons),
            "guard_version": GUARD_VERSION,
            "first_sentence_ms": self._first_ms,
            "total_ms": self._elapsed(),
            "error_id": self._error_id,
        }
        return fields | self._identify() if self._opened.asks_model else fields

    def _identify(self) -> dict[str, Any]:
        if self._identity is None:
            try:
                self._identity = self._backend.identity(self._opened.adapter_path)
            except Exception as error:  # a model that could not be loaded has no revision to tell
                log.warning("the model could not say who it is: %s", type(error).__name__)
                self._identity = Identity(self._settings.backend_model or self._settings.model_id)
        who = self._identity
        return {
            "model": who.model,
            "model_revision": who.model_revision,
            "adapter": self._opened.adapter or who.adapter,
            "adapter_revision": who.adapter_revision,
            "prompt_version": self._backend.prompt_version,
            "sampling": asdict(self._sampling),
            "prompt_tokens": self._counts.prompt_tokens,
            "reply_tokens": self._counts.reply_tokens,
        }

    def _queued(self) -> bool:
        """Every raised conversation is reviewed, and of calm replies that were seen the share that the settings name."""
        if self._opened.level > Level.R0:
            return True
        return bool(self._shown) and self._chance.random() < self._settings.random_share

    def _told(self, error: Exception) -> AppError:
        if isinstance(error, AppError):
            self._error_id = type(error).__name__
            return error
        self._error_id = uuid4().hex[:8]
        # The frames, not the exception's text: that may quote a visitor.
        frames = inspect.getinnerframes(error.__traceback__) if error.__traceback__ else []
        where = " < ".join(f"{f.filename}:{f.lineno}" for f in reversed(frames[-6:]))
        log.error("bug %s: %s at %s", self._error_id, type(error).__name__, where)
        return Unavailable(broke_off(self._error_id))

    def _elapsed(self) -> int:
        return round((time.monotonic() - self._started) * 1000)
