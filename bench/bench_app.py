"""What a visitor waits for, in a real browser: the second start, and the first sentence of a reply.

The peer is a plain Gradio `ChatInterface` over the same model, with transformers' own streamer and nothing kept,
screened or guarded: what the safety of ours costs shows in the ratio.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from playwright.sync_api import Locator, Page, sync_playwright

from bench.rows import ROOT, Benchmark, Measured, median_of
from data.settings import STARTER
from tests.browser import FLAGS, find_chromium
from tests.serving import free_port, serve

TIMES = 3
BOT = ".bot.message"  # Gradio's class of a reply's bubble
MESSAGE = "I keep waking at four and then I lie there thinking about work."

PEER = f"""
import sys, threading
import gradio as gr
from transformers import AutoModelForCausalLM, AutoTokenizer, TextIteratorStreamer
tokenizer = AutoTokenizer.from_pretrained({str(STARTER)!r})
model = AutoModelForCausalLM.from_pretrained({str(STARTER)!r})
def reply(message, history):
    ids = tokenizer.apply_chat_template([{{"role": "user", "content": message}}], add_generation_prompt=True,
                                        return_tensors="pt", return_dict=True)
    streamer = TextIteratorStreamer(tokenizer, skip_prompt=True, skip_special_tokens=True)
    threading.Thread(target=model.generate, kwargs=dict(**ids, streamer=streamer, max_new_tokens=200)).start()
    text = ""
    for piece in streamer:
        text += piece
        yield text
gr.ChatInterface(reply).launch(server_port=int(sys.argv[1]), quiet=True)
"""


@contextmanager
def _peer() -> Iterator[str]:
    port = free_port()
    process = subprocess.Popen([sys.executable, "-c", PEER, str(port)], cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}"
        while True:
            try:
                if httpx.get(url, timeout=5).status_code == 200:
                    break
            except httpx.TransportError:
                time.sleep(0.05)
        yield url
    finally:
        process.kill()
        process.wait()


def _start() -> Iterable[Measured]:
    with tempfile.TemporaryDirectory() as folder:
        serve(Path(folder)).stop()  # the first start makes the database

        def ours() -> float:
            begun = time.perf_counter()
            served = serve(Path(folder))
            taken = time.perf_counter() - begun
            served.stop()
            return taken

        def peer() -> float:
            begun = time.perf_counter()
            with _peer():
                return time.perf_counter() - begun

        yield Measured(
            "start.second_s", median_of(TIMES, ours), "s to the first page", "lower",
            median_of(TIMES, peer), "plain Gradio chat, same model",
        )  # fmt: skip


def _first_sentence() -> Iterable[Measured]:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        served = serve(Path(folder), MESSAGES_PER_MINUTE="1000")
        try:
            page = browser.new_page()
            page.goto(served.url)
            page.get_by_label("I am 18 or over").check()
            page.get_by_role("button", name="Start", exact=True).click()
            box = page.get_by_label("Your message")
            box.wait_for()
            ours = median_of(TIMES + 2, lambda: _wait_for_reply(page, box))
        finally:
            served.stop()
        with _peer() as url:
            page = browser.new_page()
            page.goto(url)
            box = page.locator("textarea").last
            box.wait_for()
            peer = median_of(TIMES + 2, lambda: _wait_for_reply(page, box))
        browser.close()
    yield Measured("chat.first_sentence_ms", ours, "ms from Enter to the first words", "lower", peer,
                   "plain Gradio chat, same model, unguarded, first token")  # fmt: skip


def _wait_for_reply(page: Page, box: Locator) -> float:
    """Milliseconds from Enter until a new bot message has text; then waits until it no longer grows."""
    before = page.locator(BOT).count()
    box.fill(MESSAGE)
    begun = time.perf_counter()
    box.press("Enter")
    page.wait_for_function(
        """([bot, n]) => { const b = document.querySelectorAll(bot);
                          return b.length > n && b[b.length - 1].innerText.trim().length > 1; }""",
        arg=[BOT, before],
    )
    taken = (time.perf_counter() - begun) * 1000
    text = ""
    while text != (text := page.locator(BOT).last.inner_text()) or not text:
        page.wait_for_timeout(1000)
    return taken


BENCHMARKS = [
    Benchmark(("start.second_s",), _start),
    Benchmark(("chat.first_sentence_ms",), _first_sentence),
]
