"""The local backend: one worker thread steps all replies under way in turn, one token each.

Nobody's long reply holds up another's, and a reply that is closed stops before its next token. Continuous batching
would be another class behind the same protocol.
"""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import AsyncIterator, Sequence
from functools import partial

from data.errors import AppError, Unavailable
from data.records import Message
from demo.generation.backend import Chunk, Identity, Sampling
from demo.generation.folders import (
    Found,
    check_adapter,
    check_model,
    find_adapter,
    find_model,
    is_hub_id,
    is_starter,
    own_name,
    revision_of,
)
from demo.generation.model import ChatModel, Reply
from demo.generation.prompts import prompt_version

CLOSE_SECONDS = 30
log = logging.getLogger(__name__)


class LocalBackend:
    """transformers and PEFT in this process. The model is loaded by the worker, on `start` or the first request."""

    def __init__(
        self,
        model: str,
        revision: str = "",
        adapter: str = "",
        *,
        concurrent: int = 2,
        queue_limit: int = 16,
    ) -> None:
        """`adapter` is only checked here: requests name theirs. Raises `Invalid` for folders that cannot be served."""
        check_model(model)
        if adapter:
            check_adapter(adapter)
        self._name, self._asked = model, revision
        self._concurrent, self._queue_limit = concurrent, queue_limit
        self.prompt_version = prompt_version(is_starter(model))
        self._model: ChatModel | None = None
        self._revision = ""  # of the model in memory, whatever becomes of its files
        self._found: dict[str, Found] = {}
        self._wake = threading.Condition()  # guards all that follows
        self._waiting: deque[_Request] = deque()
        self._active: list[_Request] = []
        self._worker: threading.Thread | None = None
        self._load_wanted = self._closing = False

    def identity(self, adapter: str = "") -> Identity:
        """Known from the first chunk on at no cost; before, a large folder's digest may take seconds (`revision_of`)."""
        return Identity(
            own_name(self._name),
            self._revision if self._model else revision_of(self._name, self._asked),
            own_name(adapter) if adapter else "",
            revision_of(adapter) if adapter else "",
        )

    async def start(self) -> None:
        """Begin to load the model in the background; returns at once."""
        with self._wake:
            self._load_wanted = True
            self._ensure_worker()

    async def stream(
        self, messages: Sequence[Message], sampling: Sampling, adapter: str = ""
    ) -> AsyncIterator[Chunk]:
        self._check_room()
        found = await self._find(adapter) if adapter else None
        request = _Request(messages, sampling, found)
        self._enter(request)
        try:
            while True:
                got = await request.chunks.get()
                if isinstance(got, BaseException):
                    raise got
                yield got
                if got.prompt_tokens is not None:
                    return
        finally:
            self._leave(request)

    async def close(self) -> None:
        with self._wake:
            self._closing = True
            self._wake.notify_all()
            worker = self._worker
        if worker is not None:
            await asyncio.to_thread(worker.join, CLOSE_SECONDS)

    # The callers' side

    def _check_room(self) -> None:
        with self._wake:
            if self._closing:
                raise Unavailable("The chat is being shut down. Please come back in a minute.")
            inside = sum(not r.closed for r in (*self._active, *self._waiting))
            if inside >= self._concurrent + self._queue_limit:
                raise Unavailable(busy(inside))

    async def _find(self, adapter: str) -> Found:
        """A Hub adapter is looked up once per process; a folder each time, since its files may be replaced."""
        if adapter not in self._found:
            found = await asyncio.to_thread(find_adapter, adapter)
            if not is_hub_id(adapter):
                return found
            self._found[adapter] = found
        return self._found[adapter]

    def _enter(self, request: "_Request") -> None:
        with self._wake:
            self._check_room()
            self._waiting.append(request)
            self._ensure_worker()

    def _leave(self, request: "_Request") -> None:
        with self._wake:
            request.closed = True
            if request in self._waiting:
                self._waiting.remove(request)

    def _ensure_worker(self) -> None:
        if self._worker is None:
            self._worker = threading.Thread(target=self._work, name="generation", daemon=True)
            self._worker.start()
        self._wake.notify_all()

    # The worker's side

    def _work(self) -> None:
        try:
            while self._rest():
                if self._load():
                    self._admit()
                    self._round()
            self._fail_all(Unavailable("The chat is being shut down. Please come back in a minute."))
        except BaseException as error:
            log.error("the generation worker failed: %s", type(error).__name__)
            with self._wake:  # whatever state they are in, the next request gets a fresh worker and model
                self._worker = self._model = None
                self._fail_all(error)

    def _rest(self) -> bool:
        """Sleep until there is something to do; False when closing."""
        with self._wake:
            self._wake.wait_for(lambda: self._closing or self._waiting or self._active or self._load_wanted)
            self._load_wanted = False
            return not self._closing

    def _load(self) -> bool:
        """Whether the model is there. Who waits is told why not; the next request tries again."""
        if self._model is None:
            try:
                found = find_model(self._name, self._asked)
                self._revision = found.revision or revision_of(str(found.folder))
                self._model = ChatModel(found)
                self.prompt_version = prompt_version(is_starter(str(found.folder)))
            except AppError as error:
                log.error("%s", error)
                self._fail_all(error)
        return self._model is not None

    def _admit(self) -> None:
        while True:
            with self._wake:
                self._active = [r for r in self._active if not r.closed]
                if not self._waiting or len(self._active) >= self._concurrent:
                    return
                request = self._waiting.popleft()
                self._active.append(request)
            self._attempt(request, partial(self._begin, request))

    def _begin(self, request: "_Request") -> None:
        assert self._model is not None
        in_use = {r.reply.adapter for r in self._active if r.reply}
        request.reply = self._model.begin(request.messages, request.sampling, request.adapter, in_use)

    def _round(self) -> None:
        """One token for each, those of one adapter after each other."""
        for request in sorted(self._active, key=lambda r: r.reply.adapter if r.reply else ""):
            if not request.closed:
                self._attempt(request, partial(self._step, request))

    def _step(self, request: "_Request") -> None:
        assert self._model is not None
        assert request.reply is not None
        text, reply = self._model.step(request.reply), request.reply
        if reply.done:
            request.finish(Chunk(text, reply.prompt_tokens, reply.reply_tokens))
        elif text:
            request.send(Chunk(text))

    def _attempt(self, request: "_Request", work: "partial[None]") -> None:
        """What goes wrong with one reply ends that one only."""
        try:
            work()
        except Exception as error:
            if not isinstance(error, AppError):
                log.error("a reply failed: %s", type(error).__name__)
            request.finish(_told(error))

    def _fail_all(self, error: BaseException) -> None:
        with self._wake:
            failed = [*self._active, *self._waiting]
            self._active.clear()
            self._waiting.clear()
        for request in failed:
            request.finish(_told(error))


class _Request:
    """One visitor's wish, between the event loop that asked and the worker."""

    def __init__(self, messages: Sequence[Message], sampling: Sampling, adapter: Found | None) -> None:
        self.messages, self.sampling, self.adapter = list(messages), sampling, adapter
        self.reply: Reply | None = None
        self.closed = False
        self.chunks: asyncio.Queue[Chunk | BaseException] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()

    def send(self, item: Chunk | BaseException) -> None:
        try:
            self._loop.call_soon_threadsafe(self.chunks.put_nowait, item)
        except RuntimeError:  # the asking loop is gone
            self.closed = True

    def finish(self, item: Chunk | BaseException) -> None:
        self.closed = True
        self.send(item)


def busy(inside: int) -> str:
    people = "1 person is" if inside == 1 else f"{inside} people are"
    return f"The chat is busy: {people} being answered or waiting. Please try again in a minute."


def _told(error: BaseException) -> BaseException:
    """A fresh error per visitor: one exception object raised in several places would mix their tracebacks."""
    if isinstance(error, AppError):
        return type(error)(*error.args)
    if type(error).__name__ == "OutOfMemoryError" or isinstance(error, MemoryError):
        return Unavailable(
            "The model ran out of memory for this reply. Please try again, or start a new conversation."
        )
    return GenerationError(type(error).__name__).with_traceback(error.__traceback__)


class GenerationError(RuntimeError):
    """A bug in generation; its text names the kind of error and never quotes a conversation."""
