"""A backend that says what a test tells it to: the protocol's own shape, without a model."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from data.records import Message
from demo.generation.backend import Chunk, Identity, Sampling

REPLY = "That sounds heavy. I am glad that you wrote it down. What was the hardest part of today?"


class Scripted:
    """Says `reply` word by word, `pause` seconds apart; an error stands for what the model raises there."""

    prompt_version = "scripted-1"

    def __init__(self, *replies: str | list[str | BaseException], pause: float = 0.0) -> None:
        self.replies = list(replies) or [REPLY]
        self.pause = pause
        self.asked: list[tuple[Message, ...]] = []
        self.adapters: list[str] = []
        self.closed = 0

    def identity(self, adapter: str = "") -> Identity:
        return Identity("scripted", "revision-1", adapter, "revision-2" if adapter else "")

    async def stream(
        self, messages: Sequence[Message], sampling: Sampling, adapter: str = ""
    ) -> AsyncIterator[Chunk]:
        self.asked.append(tuple(messages))
        self.adapters.append(adapter)
        said = self.replies[min(len(self.asked), len(self.replies)) - 1]
        pieces = said.replace(" ", " \0").split("\0") if isinstance(said, str) else said
        try:
            for piece in pieces:
                if isinstance(piece, BaseException):
                    raise piece
                await asyncio.sleep(self.pause)
                yield Chunk(piece)
            yield Chunk("", prompt_tokens=7, reply_tokens=len(pieces))
        finally:
            self.closed += 1

    async def close(self) -> None:
        """Nothing is held."""
