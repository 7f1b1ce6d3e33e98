import asyncio

import pytest

from demo.generation.sse import events

STREAM = ': hello\r\ndata: {"a": "é\u2028x"}\r\n\r\nevent: ping\nid: 3\ndata: one\ndata:two\n\n\ndata: last\r\r'.encode()


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_events_are_the_same_however_the_bytes_are_cut(size):
    async def pieces():
        for i in range(0, len(STREAM), size):
            yield STREAM[i : i + size]

    async def read():
        return [e async for e in events(pieces())]

    assert asyncio.run(read()) == ['{"a": "é\u2028x"}', "one\ntwo", "last"]


def test_an_unfinished_event_is_dropped():
    async def pieces():
        yield b"data: whole\n\ndata: hal"

    async def read():
        return [e async for e in events(pieces())]

    assert asyncio.run(read()) == ["whole"]
