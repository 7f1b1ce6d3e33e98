"""What a model is to the chat: something that streams a reply, can be stopped, and says who it is.

Continuous batching, when it comes, is one more class behind `Backend`; nothing before it changes.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from data.records import Message


@dataclass(frozen=True)
class Sampling:
    max_new_tokens: int
    temperature: float
    top_p: float
    seed: int | None = None


@dataclass(frozen=True)
class Identity:
    """What answered, as the log keeps it. Revisions are commit hashes or content digests; "" is unknown."""

    model: str
    model_revision: str = ""
    adapter: str = ""
    adapter_revision: str = ""


@dataclass(frozen=True)
class Chunk:
    """A piece of the reply. The last chunk may be empty and carries the token counts."""

    text: str
    prompt_tokens: int | None = None
    reply_tokens: int | None = None


class Backend(Protocol):
    """Implementations raise `Unavailable` when busy or down, and stop generating soon after `aclose`."""

    prompt_version: str

    def identity(self, adapter: str = "") -> Identity:
        """Who answers when asked with `adapter`, a folder or Hub id; "" is the model alone."""
        ...

    def stream(
        self, messages: Sequence[Message], sampling: Sampling, adapter: str = ""
    ) -> AsyncIterator[Chunk]:
        """Reply to the last message. Raises `Unavailable` at once when the queue is full.

        The caller closes the iterator to stop early; its place is freed before the next token.
        """
        ...

    async def close(self) -> None: ...
