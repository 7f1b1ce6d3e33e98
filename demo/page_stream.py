"""Carries a reply to a browser tab in such a way that Stop and a closed tab end it.

Gradio closes an abandoned generator only at its next yield, which may be a long sentence away. So a task of its own reads
the reply into a queue, and Stop, a new conversation or the tab's going cancels that task.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from demo.stream import Shown

_DONE = object()


class Tabs:
    """The replies under way, by browser tab."""

    def __init__(self) -> None:
        self._tasks: dict[str, set[asyncio.Task[None]]] = {}

    async def relay(self, tab: str, reply: AsyncGenerator[Shown, None]) -> AsyncGenerator[Shown, None]:
        """What `reply` yields; ends early, with the reply closed, once `leave` is called for the tab."""
        queue: asyncio.Queue[object] = asyncio.Queue()
        task = asyncio.create_task(_produce(reply, queue))
        self._tasks.setdefault(tab, set()).add(task)
        try:
            while (item := await queue.get()) is not _DONE:
                if isinstance(item, Exception):
                    raise item
                if isinstance(item, Shown):
                    yield item
        finally:
            task.cancel()
            self._forget(tab, task)
            await asyncio.wait([task])

    def leave(self, tab: str) -> None:
        """End what is under way in the tab; may be called from any thread."""
        for task in list(self._tasks.get(tab, ())):
            task.get_loop().call_soon_threadsafe(task.cancel)

    def _forget(self, tab: str, task: asyncio.Task[None]) -> None:
        self._tasks.get(tab, set()).discard(task)
        if not self._tasks.get(tab):
            self._tasks.pop(tab, None)


async def _produce(reply: AsyncGenerator[Shown, None], queue: "asyncio.Queue[object]") -> None:
    try:
        async with aclosing(reply):
            async for shown in reply:
                queue.put_nowait(shown)
    except Exception as error:
        queue.put_nowait(error)
    finally:
        queue.put_nowait(_DONE)
