"""Server-sent events, read from bytes as the standard says: https://html.spec.whatwg.org/multipage/server-sent-events.html"""

import re
from collections.abc import AsyncIterator

# Not str.splitlines, which also splits at U+2028 and others that JSON may hold unescaped.
LINE_END = re.compile(rb"\r\n|\n|\r")


async def events(pieces: AsyncIterator[bytes]) -> AsyncIterator[str]:
    """The data of each event. Lines and characters may be spread over pieces; an unfinished last event is dropped."""
    data: list[str] = []
    async for line in _lines(pieces):
        if not line and data:
            yield "\n".join(data)
            data = []
        elif line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))


async def _lines(pieces: AsyncIterator[bytes]) -> AsyncIterator[str]:
    rest = b""
    async for piece in pieces:
        rest += piece
        # A carriage return at the very end may be half of a line end.
        held = b"\r" if rest.endswith(b"\r") else b""
        *lines, rest = LINE_END.split(rest.removesuffix(held))
        rest += held
        for line in lines:
            yield line.decode("utf-8", "replace")
    if rest.endswith(b"\r"):
        yield rest[:-1].decode("utf-8", "replace")
