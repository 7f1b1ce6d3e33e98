"""The desk's pages, put together: queue, adjudication, dashboard, and whatever the front door adds.

`CSS` and `HEAD` go to the mount. Handlers here and in the pages are thin: who asks is `gr.Request.username`, the
services decide what they may do. Nothing of the desk waits in Gradio's queue; that is for the chat.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import gradio as gr

from review.page_adjudicate import build_adjudication
from review.page_dashboard import build_dashboard
from review.page_header import build_header
from review.page_queue import build_queue
from review.service import Desk

_HERE = Path(__file__).parent
CSS = (_HERE / "desk.css").read_text()
HEAD = (_HERE / "desk_head.html").read_text()

Page = tuple[str, str, Callable[[], None]]


def build_desk(
    desk: Desk, accounts_page: Callable[[], None] | None = None, extra: Sequence[Page] = ()
) -> gr.Blocks:
    """`extra` are further pages: name, path, and what fills the Blocks that is being built."""
    pages: list[Page] = [
        ("Adjudication", "/adjudication", lambda: build_adjudication(desk)),
        ("Dashboard", "/dashboard", lambda: build_dashboard(desk)),
        *extra,
    ]
    if accounts_page is not None:
        pages.append(("Accounts", "/accounts", accounts_page))
    with gr.Blocks(title="Countersign: the desk", analytics_enabled=False) as blocks:
        gr.Navbar(main_page_name="Queue")
        header = build_header(desk)
        build_queue(desk, header)
    for name, path, fill in pages:
        with blocks.route(name, path):
            gr.Navbar(main_page_name="Queue")
            build_header(desk)
            fill()
    return blocks
