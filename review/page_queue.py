"""The queue's page: one case at a time, by key. The markup is `case_html.py`'s, what moves is `desk.js`'s."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any
from uuid import uuid4

import gradio as gr

from data.errors import Invalid
from demo.theme import worded
from review import policy
from review.case_html import case_html
from review.cases import Case
from review.page_header import header_html
from review.priority import LEVELS
from review.rubric import parse_submission
from review.service import LONGEST_DRAFT, Desk

SCRIPT = (Path(__file__).parent / "desk.js").read_text()
SLOT = '<div class="cs-slot"></div>'
FAILED = "() => window.dispatchEvent(new Event('countersign:failed'))"
ASIDE: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}


def build_queue(desk: Desk, header: gr.HTML) -> None:
    """Fill the Blocks that is being built. `header` is renewed with every case."""
    case = gr.HTML(html_template=SLOT, js_on_load=SCRIPT, apply_default_css=False, elem_id="case")

    def shown(person: str, found: Case | None) -> list[str]:
        html = case_html(found, desk.rubric) if found else _nothing(desk, person)
        return [html, header_html(desk, person)]

    def on_load(request: gr.Request) -> str:
        person = request.username or ""
        may = policy.can_judge(desk.person(person))
        found = desk.resume(person, _now()) if may else None
        return case_html(found, desk.rubric) if found else _start(desk, person, may)

    def on_start(event: gr.EventData, request: gr.Request) -> list[str]:
        person = request.username or ""
        return shown(person, desk.claim_next(person, _now(), skipped(event)))

    def on_decide(event: gr.EventData, request: gr.Request) -> list[str]:
        person, now = request.username or "", _now()
        given = parse_submission(field(event, "form", dict))
        desk.submit(person, field(event, "response"), field(event, "token"), given, now)
        return shown(person, desk.claim_next(person, now, skipped(event)))

    def on_skip(event: gr.EventData, request: gr.Request) -> list[str]:
        person, now = request.username or "", _now()
        desk.release(person, field(event, "response"), field(event, "token"), now)
        return shown(person, desk.claim_next(person, now, skipped(event)))

    def on_reclaim(event: gr.EventData, request: gr.Request) -> list[str]:
        person = request.username or ""
        typed = field(event, "form", dict)
        if len(json.dumps(typed)) > LONGEST_DRAFT:
            raise Invalid("This draft is too long to be kept.")
        return shown(person, replace(desk.claim(person, field(event, "response"), _now()), draft=typed))

    gr.on(None, worded(on_load), None, case, **ASIDE)
    listen(
        case, {"start": on_start, "decide": on_decide, "skip": on_skip, "reclaim": on_reclaim}, [case, header]
    )


def listen(case: gr.HTML, handlers: dict[str, Callable[..., Any]], outputs: list[gr.HTML]) -> None:
    """Tie the script's events to handlers; when one is refused, the script brings the form back."""
    for event, handler in handlers.items():
        called = getattr(case, event)(worded(handler), None, outputs, trigger_mode="once", **ASIDE)
        called.failure(None, None, None, js=FAILED, **ASIDE)


def field(event: gr.EventData, name: str, kind: type = str) -> Any:
    """What the script sent under `name`. Raises `Invalid` for a forged event that lacks it."""
    sent = event._data if isinstance(event._data, dict) else {}
    value = sent.get(name)
    if not isinstance(value, kind):
        raise Invalid("The page sent nothing that can be used. Please reload it.")
    return value


def skipped(event: gr.EventData) -> list[str]:
    sent = event._data if isinstance(event._data, dict) else {}
    ids = sent.get("skip")
    return [i for i in ids if isinstance(i, str) and len(i) <= 64] if isinstance(ids, list) else []


def _start(desk: Desk, person: str, may: bool) -> str:
    if not may:
        return (
            '<div class="cs-start"><h2>The queue is for clinicians</h2><p>Reviewing needs a licence that an '
            "administrator has verified. The other pages are open to you as your account allows.</p></div>"
        )
    waiting = [w for w in desk.dashboard(person, _now()).waiting if w.reviews]
    rows = "".join(
        f'<li><span class="cs-level cs-r{w.level}">R{w.level}</span> <b>{w.reviews}</b> '
        f"{escape(LEVELS[w.level])}</li>"  # type: ignore[index]
        for w in waiting
    )
    if not waiting:
        return _nothing(desk, person)
    return (
        f'<div class="cs-start"><h2>Ready when you are</h2><ul>{rows}</ul><p>The riskiest comes first. You can stop at '
        'any time: what you have begun is kept.</p><p><button type="button" class="cs-go" data-act="start">Start '
        "reviewing <kbd>n</kbd></button></p></div>"
    )


def _nothing(desk: Desk, person: str) -> str:
    today = desk.counts(person, _now()).mine_today
    words = (
        "You have reviewed one reply today." if today == 1 else f"You have reviewed {today} replies today."
    )
    return (
        f'<div class="cs-start" data-nonce="{uuid4().hex}"><h2>Nothing waits for you</h2><p>{words if today else ""} '
        "What you skipped, and what colleagues have open, may come back.</p>"
        '<p><button type="button" class="cs-go" data-act="start">Look again <kbd>n</kbd></button></p></div>'
    )


def _now() -> datetime:
    return datetime.now(UTC)
