"""Against a real HTTP server that speaks OpenAI's protocol, well or badly as the asked model's name says."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse, StreamingResponse

from data.errors import AppError, Invalid, Unavailable
from data.records import Message
from demo.generation.backend import Identity, Sampling
from demo.generation.prompts import LISTENER
from demo.generation.remote import RemoteBackend
from tests.demo.generation.tiny import GREEDY, HELLO, chunks, collect

WORDS = ["Das ", "klingt\u2028", "müde ", "😔."]


class Served:
    def __init__(self) -> None:
        self.url = ""
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.sent = 0
        self.left = threading.Event()


def line(event: dict[str, Any]) -> str:
    return f"data: {json.dumps(event, ensure_ascii=False)}\n\n"


def piece(text: str, finish: str | None = None) -> str:
    return line({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish}]})


async def speak(served: Served, model: str) -> AsyncIterator[str]:
    yield ": comment\n\n" + line({"choices": [{"delta": {"role": "assistant"}}]})
    if model == "endless":
        try:
            while True:
                served.sent += 1
                yield piece("again ")
                await asyncio.sleep(0.01)
        finally:
            served.left.set()
    for word in WORDS:
        yield piece(word)
    if model == "silent":
        await asyncio.sleep(30)
    if model == "failing":
        yield line({"error": {"message": "out of memory while answering: I cannot sleep"}})
    if model == "garbled":
        yield "data: {not json\n\n"
    if model != "broken-off":
        yield piece("", "stop")
        yield line({"choices": [], "usage": {"prompt_tokens": 21, "completion_tokens": 4}})
        yield "data: [DONE]\n\n"


def make_app(served: Served) -> FastAPI:
    app = FastAPI()

    @app.post("/v1/chat/completions")
    async def complete(request: Request) -> Any:
        asked = await request.json()
        served.asked.append(asked)
        served.keys.append(request.headers.get("authorization"))
        if asked["model"].isdigit():
            raise HTTPException(int(asked["model"]), detail=asked["messages"][-1]["content"])
        if asked["model"] == "unstreamed":
            return JSONResponse({"choices": []})
        return StreamingResponse(speak(served, asked["model"]), media_type="text/event-stream")

    return app


@pytest.fixture
def served() -> Iterator[Served]:
    found = Served()
    listening = socket.create_server(("127.0.0.1", 0))
    found.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    server = uvicorn.Server(uvicorn.Config(make_app(found), log_level="error", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield found
    server.should_exit = True
    thread.join()
    listening.close()


def ask(served: Served, model: str, work: Any = collect, url: str = "", **limits: Any) -> Any:
    async def whole() -> Any:
        backend = RemoteBackend(url or served.url, model, **limits)
        try:
            return await work(backend)
        finally:
            await backend.close()

    return asyncio.run(whole())


def test_a_reply_streams_with_its_counts(served):
    got = ask(served, "llama", chunks)
    assert [c.text for c in got] == [*WORDS, ""]
    assert (got[-1].prompt_tokens, got[-1].reply_tokens) == (21, 4)


@pytest.mark.parametrize("ending", ["", "/", "/v1", "/v1/"])
def test_the_address_is_taken_with_or_without_its_version(served, ending):
    assert ask(served, "llama", url=served.url + ending) == "".join(WORDS)


def test_what_is_asked(served):
    sampling = Sampling(33, 0.5, 0.8, seed=9)

    async def work(backend):
        await collect(backend, sampling=sampling)
        await collect(backend, sampling=GREEDY, adapter="countersign-7")

    ask(served, "llama", work, api_key="k")
    first, second = served.asked
    assert first["messages"] == [
        {"role": "system", "content": LISTENER},
        {"role": "user", "content": HELLO[0].content},
    ]
    assert (first["max_tokens"], first["temperature"], first["top_p"], first["seed"]) == (33, 0.5, 0.8, 9)
    assert first["stream_options"] == {"include_usage": True}
    assert first["model"] == "llama"
    assert second["model"] == "countersign-7"
    assert "seed" not in second
    assert served.keys == ["Bearer k", "Bearer k"]


def test_a_huge_message_is_cut_before_it_is_sent(served):
    async def work(backend):
        return await collect(backend, [Message("user", "x" * 100_000 + " end")])

    ask(served, "llama", work)
    sent = served.asked[0]["messages"][-1]["content"]
    assert len(sent) < 30_000
    assert sent.endswith("end")


@pytest.mark.parametrize(
    ("model", "error", "says"),
    [
        ("401", Invalid, "BACKEND_API_KEY"),
        ("404", Invalid, "no model 404"),
        ("400", Invalid, "refused the request"),
        ("429", Unavailable, "busy"),
        ("500", Unavailable, "does not answer"),
        ("503", Unavailable, "does not answer"),
        ("unstreamed", Invalid, "does not stream"),
        ("failing", Unavailable, "broke the reply off"),
        ("garbled", Unavailable, "broke the reply off"),
        ("broken-off", Unavailable, "broke the reply off"),
    ],
)
def test_what_goes_wrong_there_is_said_in_one_line(served, model, error, says):
    with pytest.raises(error, match=says) as raised:
        ask(served, model)
    assert HELLO[0].content not in str(raised.value)
    assert isinstance(raised.value, AppError)


def test_a_silent_server_is_given_up(served):
    shown: list[str] = []

    async def work(backend):
        async for chunk in backend.stream(HELLO, GREEDY):
            shown.append(chunk.text)

    with pytest.raises(Unavailable, match="does not answer"):
        ask(served, "silent", work, silence_seconds=0.3)
    assert shown == WORDS


def test_no_server_is_said():
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(Unavailable, match="does not answer"):
        ask(Served(), "llama", url=url)


def test_stopping_closes_the_connection(served):
    async def work(backend):
        stream = backend.stream(HELLO, GREEDY)
        assert (await anext(stream)).text == "again "
        await stream.aclose()
        return await asyncio.to_thread(served.left.wait, 20)

    assert ask(served, "endless", work)


def test_cancelling_closes_the_connection(served):
    async def work(backend):
        task = asyncio.create_task(collect(backend))
        while not served.sent:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return await asyncio.to_thread(served.left.wait, 20)

    assert ask(served, "endless", work)


def test_beyond_the_queue_the_chat_says_that_it_is_busy(served):
    async def work(backend):
        first = backend.stream(HELLO, GREEDY)
        await anext(first)
        waiting = asyncio.create_task(collect(backend))
        await asyncio.sleep(0)
        with pytest.raises(Unavailable, match="busy: 2 people"):
            await collect(backend)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await first.aclose()
        again = backend.stream(HELLO, GREEDY)
        text = (await anext(again)).text
        await again.aclose()
        return text

    assert ask(served, "endless", work, concurrent=1, queue_limit=1) == "again "
    assert len(served.asked) == 2


def test_who_answers():
    backend = RemoteBackend("http://127.0.0.1:1", "llama")
    assert backend.identity("org/lora") == Identity("llama", "", "org/lora", "")
    assert backend.prompt_version == "listener-1"
