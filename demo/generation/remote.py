"""The remote backend: any server with OpenAI's `/v1/chat/completions`, such as vLLM, SGLang or llama-server."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx

from data.errors import Invalid, Unavailable
from data.records import Message
from demo.generation.backend import Chunk, Identity, Sampling
from demo.generation.folders import own_name
from demo.generation.local import busy
from demo.generation.prompts import fit, prompt_version, with_prompt
from demo.generation.sse import events

CONNECT_SECONDS = 10.0
SILENCE_SECONDS = 120.0
# The server's context is not known; Llama 3's is taken, and that a token is at least three characters, a safe guess
# for what people write in Latin script (about four).
CONTEXT_TOKENS = 8192
CHARACTERS_PER_TOKEN = 3
FRAME_TOKENS = 8
AWAY = "The model's server does not answer. Please try again in a minute."
BROKEN_OFF = "The model's server broke the reply off. Please try again."
log = logging.getLogger(__name__)


class RemoteBackend:
    """Asks a server. An adapter is asked for as a model, by its Hub id or its folder's own name: serve it under that
    name, as vLLM's `--lora-modules NAME=FOLDER` does."""

    def __init__(
        self,
        url: str,
        model: str,
        api_key: str = "",
        *,
        concurrent: int = 2,
        queue_limit: int = 16,
        silence_seconds: float = SILENCE_SECONDS,
    ) -> None:
        """`url` with or without its final `/v1`. `silence_seconds` is the longest wait for the next piece."""
        base = url.rstrip("/").removesuffix("/v1")
        self._url, self._model = f"{base}/v1/chat/completions", model
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._timeout = httpx.Timeout(silence_seconds, connect=CONNECT_SECONDS)
        self._concurrent, self._queue_limit = concurrent, queue_limit
        self._inside = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self.prompt_version = prompt_version(starter=False)

    def identity(self, adapter: str = "") -> Identity:
        return Identity(model=self._model, adapter=own_name(adapter) if adapter else "")

    async def start(self) -> None:
        """Nothing to load; a server that is away is said to the visitor who asks."""

    async def stream(
        self, messages: Sequence[Message], sampling: Sampling, adapter: str = ""
    ) -> AsyncIterator[Chunk]:
        self._use_this_loop()
        if self._inside >= self._concurrent + self._queue_limit:
            raise Unavailable(busy(self._inside))
        asked = _request(own_name(adapter) if adapter else self._model, messages, sampling)
        self._inside += 1
        try:
            async with self._places, self._answer(asked) as response:
                async for chunk in _chunks(response):
                    yield chunk
        except httpx.HTTPError as error:
            log.warning("the model's server: %s", type(error).__name__)
            raise Unavailable(AWAY) from None
        finally:
            self._inside -= 1

    async def close(self) -> None:
        if self._loop is not None:
            await self._client.aclose()
            self._loop = None

    def _use_this_loop(self) -> None:
        """Connections and the queue belong to the event loop that made them."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop, self._inside = loop, 0
            self._client = httpx.AsyncClient(timeout=self._timeout, headers=self._headers)
            self._places = asyncio.Semaphore(self._concurrent)

    @asynccontextmanager
    async def _answer(self, asked: dict[str, Any]) -> AsyncIterator[httpx.Response]:
        """Leaving early closes the connection, by which servers know to stop generating."""
        async with self._client.stream("POST", self._url, json=asked) as response:
            _check(response, asked["model"])
            yield response


def _request(model: str, messages: Sequence[Message], sampling: Sampling) -> dict[str, Any]:
    budget = max(CONTEXT_TOKENS - sampling.max_new_tokens, CONTEXT_TOKENS // 2)
    said = fit(with_prompt(messages, starter=False), budget, _estimate)
    asked: dict[str, Any] = {
        "model": model,
        "messages": [{"role": m.role, "content": m.content} for m in said],
        "max_tokens": sampling.max_new_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    return asked if sampling.seed is None else asked | {"seed": sampling.seed}


def _estimate(messages: Sequence[Message]) -> int:
    return sum(len(m.content) // CHARACTERS_PER_TOKEN + FRAME_TOKENS for m in messages)


def _check(response: httpx.Response, model: str) -> None:
    """What the server's answer says is not repeated: it may quote the visitor."""
    code = response.status_code
    if code in (401, 403):
        raise Invalid("The model's server refuses the key: set BACKEND_API_KEY.")
    if code == 404:
        raise Invalid(f"The model's server has no model {model}: set BACKEND_URL and BACKEND_MODEL.")
    if code == 429:
        raise Unavailable("The model's server is busy. Please try again in a minute.")
    if code >= 500:
        raise Unavailable(AWAY)
    if code != 200:
        raise Invalid(f"The model's server refused the request ({code}).")
    if not response.headers.get("content-type", "").startswith("text/event-stream"):
        raise Invalid("The model's server does not stream: BACKEND_URL must be an OpenAI-compatible server.")


async def _chunks(response: httpx.Response) -> AsyncIterator[Chunk]:
    """Text as it comes, then a chunk with the counts. A stream that neither says why it ended nor [DONE] broke off."""
    usage: dict[str, Any] = {}
    ended = False
    async for data in events(response.aiter_bytes()):
        if data.strip() == "[DONE]":
            ended = True
            break
        event = _parse(data)
        usage = event.get("usage") or usage
        for choice in event.get("choices") or []:
            ended = ended or bool(choice.get("finish_reason"))
            if text := (choice.get("delta") or {}).get("content"):
                yield Chunk(text)
    if not ended:
        raise Unavailable(BROKEN_OFF)
    yield Chunk("", usage.get("prompt_tokens"), usage.get("completion_tokens"))


def _parse(data: str) -> dict[str, Any]:
    try:
        event = json.loads(data)
    except ValueError:
        raise Unavailable(BROKEN_OFF) from None
    if not isinstance(event, dict) or event.get("error"):
        raise Unavailable(BROKEN_OFF)
    return event
