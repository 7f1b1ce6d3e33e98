"""The page of rulings: where two reviews differ or a concern was raised, a third clinician decides."""

from datetime import UTC, datetime
from uuid import uuid4

import gradio as gr

from demo.theme import worded
from review import policy
from review.adjudication import Dispute, parse_ruling
from review.dispute_html import dispute_html
from review.page_queue import ASIDE, SCRIPT, SLOT, field, listen, skipped
from review.service import Desk


def build_adjudication(desk: Desk) -> None:
    """Fill the Blocks that is being built."""
    dispute = gr.HTML(html_template=SLOT, js_on_load=SCRIPT, apply_default_css=False, elem_id="dispute")

    def shown(found: Dispute | None) -> str:
        return dispute_html(found, desk.rubric) if found else _nothing()

    def on_load(request: gr.Request) -> str:
        person, now = request.username or "", datetime.now(UTC)
        may = policy.can_judge(desk.person(person))
        found = desk.resume_adjudication(person, now) if may else None
        return shown(found) if found else _start(desk.counts(person, now).adjudication, may)

    def on_start(event: gr.EventData, request: gr.Request) -> str:
        return shown(desk.claim_adjudication(request.username or "", datetime.now(UTC), skipped(event)))

    def on_decide(event: gr.EventData, request: gr.Request) -> str:
        person, now = request.username or "", datetime.now(UTC)
        ruling = parse_ruling(field(event, "form", dict))
        desk.adjudicate(person, field(event, "response"), field(event, "token"), ruling, now)
        return shown(desk.claim_adjudication(person, now, skipped(event)))

    def on_skip(event: gr.EventData, request: gr.Request) -> str:
        person, now = request.username or "", datetime.now(UTC)
        desk.release(person, field(event, "response"), field(event, "token"), now)
        return shown(desk.claim_adjudication(person, now, skipped(event)))

    gr.on(None, worded(on_load), None, dispute, **ASIDE)
    listen(dispute, {"start": on_start, "decide": on_decide, "skip": on_skip, "reclaim": on_start}, [dispute])


def _start(waiting: int, may: bool) -> str:
    if not may:
        return '<div class="cs-start"><h2>Rulings are for clinicians</h2><p>They need a verified licence.</p></div>'
    if not waiting:
        return _nothing()
    words = "One case waits" if waiting == 1 else f"{waiting} cases wait"
    return (
        f'<div class="cs-start"><h2>{words} for a ruling</h2><p>Two clinicians differed, both corrected, or one raised a '
        "concern. You are never shown a case that you reviewed.</p>"
        '<p><button type="button" class="cs-go" data-act="start">Start <kbd>n</kbd></button></p></div>'
    )


def _nothing() -> str:
    return (
        f'<div class="cs-start" data-nonce="{uuid4().hex}"><h2>No ruling waits for you</h2>'
        '<p>Cases that you reviewed wait for somebody else.</p><p><button type="button" class="cs-go" data-act="start">'
        "Look again <kbd>n</kbd></button></p></div>"
    )
