"""The line above every page of the desk: what waits, whose desk it is, the way out."""

from datetime import UTC, datetime
from html import escape

import gradio as gr

from demo.theme import worded
from review.service import COUNTED, Desk


def build_header(desk: Desk) -> gr.HTML:
    """The line above every page; returned so that a page can renew it."""
    header = gr.HTML(elem_id="desk-header", html_template="${value}", apply_default_css=False)

    def on_load(request: gr.Request) -> str:
        return header_html(desk, request.username or "")

    gr.on(None, worded(on_load), None, header, queue=False, show_progress="hidden", api_visibility="private")
    return header


def header_html(desk: Desk, person_id: str) -> str:
    now = datetime.now(UTC)
    counts, person = desk.counts(person_id, now), desk.person(person_id)
    numbers = [
        (counts.waiting, "waiting"), (counts.adjudication, "to adjudicate"),
        (counts.mine_today, "yours today"), (counts.pairs_waiting, "approved since the last training"),
    ]  # fmt: skip
    shown = "".join(f"<li><b>{_number(n)}</b> {words}</li>" for n, words in numbers)
    return (
        f'<div class="cs-header"><ul>{shown}</ul><span class="cs-spring"></span><span>{escape(person.name)}</span>'
        '<form method="post" action="/sign-out"><button class="cs-link">Sign out</button></form></div>'
    )


def _number(n: int) -> str:
    return f"{COUNTED - 1}+" if n >= COUNTED else str(n)
