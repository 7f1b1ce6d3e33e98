"""The chat's page: the notice first, then the conversation, with help, one's code and deletion always in reach.

What is on the screen lives for the tab alone. Every handler is one call to the service and the updates it leads to.
"""

import html
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import gradio as gr

from data.errors import AppError, Unavailable
from data.settings import Settings
from demo import page_look, page_self_help, wording
from demo.chat import Chat
from demo.page_look import (
    as_markdown,
    as_text,
    brief_html,
    header_html,
    kept_html,
    label_html,
    notice_html,
    said_html,
)
from demo.page_stream import Tabs
from demo.safety.templates import resource_card
from demo.stream import Shown
from demo.theme import worded, words

CSS, HEAD = page_look.CSS + page_self_help.CSS, page_look.HEAD + page_self_help.HEAD

_ASIDE: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}


@dataclass(frozen=True)
class View:
    """What one tab shows: kept on the server for as long as the tab is open."""

    session_id: str = ""
    history: tuple[dict[str, str], ...] = ()
    response_id: str = ""  # of the last reply
    resources: bool = field(default=False)


def build_chat(chat: Chat, settings: Settings) -> gr.Blocks:
    """The whole page; `CSS` and `HEAD` go to the mount."""
    tabs, card = Tabs(), resource_card(settings.helpline_region)
    with gr.Blocks(title=wording.NAME, analytics_enabled=False, fill_width=False) as page:
        view = gr.State(View())
        with gr.Column(elem_classes="cs-page"):
            gr.HTML(header_html(card) + page_self_help.sheets_html(card), padding=False)
            gate = _build_gate(settings)
            room = _build_room(brief_html(card))
            gr.HTML(page_self_help.links_html(), padding=False)
            yours = _build_yours()
        _wire_gate(chat, tabs, view, gate, room, yours)
        _wire_room(chat, tabs, view, room)
        _wire_report(chat, view, room)
        _wire_yours(chat, tabs, view, gate, room, yours)

        def on_leave(request: gr.Request) -> None:
            tabs.leave(request.session_hash or "")

        page.unload(on_leave)
    return page


@dataclass(frozen=True)
class Gate:
    group: gr.Column
    adult: gr.Checkbox
    training: gr.Checkbox
    start: gr.Button
    said: gr.HTML


@dataclass(frozen=True)
class Room:
    group: gr.Column
    label: gr.HTML
    chatbot: gr.Chatbot
    card: gr.HTML
    said: gr.HTML
    box: gr.Textbox
    send: gr.Button
    stop: gr.Button
    retry: gr.Button
    new: gr.Button
    report: gr.Button
    form: gr.Column
    note: gr.Textbox
    report_send: gr.Button


@dataclass(frozen=True)
class Yours:
    code: gr.Textbox
    see: gr.Button
    said: gr.HTML
    known: gr.Column
    kept: gr.HTML
    training: gr.Checkbox
    delete: gr.Button
    sure: gr.Column
    yes: gr.Button
    no: gr.Button


def _build_gate(settings: Settings) -> Gate:
    with gr.Column(elem_classes="cs-gate") as group:
        gr.HTML(notice_html(settings.contact), padding=False)
        adult = gr.Checkbox(label=wording.ADULT, container=False)
        training = gr.Checkbox(label=wording.TRAINING, info=wording.TRAINING_INFO, container=False)
        said = gr.HTML(visible=False, padding=False)
        start = gr.Button(wording.START, variant="primary", size="lg")
    return Gate(group, adult, training, start, said)


def _build_room(card: str) -> Room:
    with gr.Column(visible=False) as group:
        label = gr.HTML(label_html(""), padding=False)
        chatbot = gr.Chatbot(
            label=wording.CHAT, show_label=False, buttons=["copy"], sanitize_html=True, latex_delimiters=[], height=None,
            group_consecutive_messages=False, feedback_options=None, allow_tags=False, placeholder=wording.EMPTY_CHAT,
            elem_classes="cs-chat", layout="bubble",
        )  # fmt: skip
        resources = gr.HTML(card, visible=False, padding=False)
        said = gr.HTML(visible=False, padding=False)
        with gr.Row(elem_classes="cs-compose"):
            box = gr.Textbox(label=wording.BOX, placeholder=wording.BOX_HINT, lines=1, max_lines=8, scale=1,
                             autofocus=True, html_attributes=gr.InputHTMLAttributes(enterkeyhint="send"))  # fmt: skip
            send = gr.Button(wording.SEND, variant="primary", scale=0)
            stop = gr.Button(wording.STOP, variant="secondary", scale=0, visible=False)
        with gr.Row(elem_classes="cs-tools"):
            retry = gr.Button(wording.RETRY, size="sm", visible=False)
            report = gr.Button(wording.REPORT, size="sm", visible=False)
            new = gr.Button(wording.NEW, size="sm")
            gr.HTML(f"<p>{wording.BOX_INFO}</p>", padding=False, elem_classes="cs-hint")
        with gr.Column(visible=False) as form:
            note = gr.Textbox(label=wording.REPORT_NOTE, lines=2, max_lines=5, max_length=2000)
            report_send = gr.Button(wording.REPORT_SEND)
    return Room(
        group, label, chatbot, resources, said, box, send, stop, retry, new, report, form, note, report_send
    )


def _build_yours() -> Yours:
    with gr.Accordion(wording.YOURS, open=False, elem_classes="cs-yours"):
        # A copy button inside the field would take its label away from screen readers.
        code = gr.Textbox(label=wording.CODE, info=wording.CODE_INFO, elem_classes="cs-code", max_length=64,
                          html_attributes=gr.InputHTMLAttributes(autocomplete="off", spellcheck=False))  # fmt: skip
        with gr.Row():
            see = gr.Button(wording.SEE)
            copy = gr.Button(wording.COPY)
        copy.click(None, code, None, js="code => { navigator.clipboard.writeText(code) }", **_ASIDE)
        said = gr.HTML(visible=False, padding=False)
        with gr.Column(visible=False) as known:
            kept = gr.HTML(padding=False)
            training = gr.Checkbox(label=wording.TRAINING, info=wording.TRAINING_INFO, container=False)
            delete = gr.Button(wording.DELETE)
        with gr.Column(visible=False) as sure:
            gr.Markdown(wording.DELETE_SURE)
            with gr.Row():
                no = gr.Button(wording.DELETE_NO)
                yes = gr.Button(wording.DELETE_YES, variant="stop")
    return Yours(code, see, said, known, kept, training, delete, sure, yes, no)


def _now() -> datetime:
    return datetime.now(UTC)


def _said(text: str, alert: bool = False) -> Any:
    return gr.update(value=said_html(html.escape(text), alert), visible=True)


def _failed(error: BaseException) -> Any:
    return gr.update(value=said_html(words(error), alert=True), visible=True)


_HIDE = {"visible": False, "__type__": "update"}
_WAITING = {"role": "assistant", "content": "…"}  # on the screen until the first sentence


def _wire_gate(chat: Chat, tabs: Tabs, view: gr.State, gate: Gate, room: Room, yours: Yours) -> None:
    def on_start(adult: bool, training: bool) -> dict[Any, Any]:
        try:
            session_id, code = chat.start_session(adult is True, training is True, _now())
        except Unavailable as error:
            return {gate.said: gr.update(value=said_html(words(error), True) + room.card.value, visible=True)}
        except AppError as error:
            return {gate.said: _failed(error)}
        opened = {view: View(session_id), yours.code: code, room.label: label_html(code), gate.said: _HIDE}
        opened |= dict(
            zip(_shown(room), _render(View()), strict=True)
        )  # whatever a reply left behind just now
        return opened | {gate.group: gr.update(visible=False), room.group: gr.update(visible=True)}

    def on_new(request: gr.Request) -> dict[Any, Any]:
        tabs.leave(request.session_hash or "")
        return _begin_again(view, gate, room, yours)

    begun = [view, yours.code, room.label, gate.said, gate.group, room.group, *_shown(room)]
    gate.start.click(worded(on_start), [gate.adult, gate.training], begun, trigger_mode="once", **_ASIDE)
    room.new.click(worded(on_new), None, _all_of(view, gate, room, yours), **_ASIDE)


def _all_of(view: gr.State, gate: Gate, room: Room, yours: Yours) -> list[Any]:
    return [view, gate.group, gate.adult, gate.training, gate.said, room.group, *_shown(room), room.box, room.form,
            yours.code, yours.said, yours.known, yours.sure]  # fmt: skip


def _begin_again(view: gr.State, gate: Gate, room: Room, yours: Yours) -> dict[Any, Any]:
    """Back to the notice, with nothing left of the conversation before."""
    cleared = dict(zip(_shown(room), _render(View()), strict=True))
    return cleared | {
        view: View(), gate.group: gr.update(visible=True), gate.adult: False, gate.training: False, gate.said: _HIDE,
        room.group: gr.update(visible=False), room.box: "", room.form: _HIDE, yours.code: "", yours.said: _HIDE,
        yours.known: _HIDE, yours.sure: _HIDE,
    }  # fmt: skip


def _shown(room: Room) -> list[Any]:
    """The components that follow the conversation, in `_render`'s order."""
    return [room.chatbot, room.card, room.said, room.send, room.stop, room.retry, room.report]


def _render(view: View, writing: bool = False, said: Any = None) -> list[Any]:
    idle = not writing
    asked = bool(view.history)
    waiting = [_WAITING] if writing and asked and view.history[-1]["role"] == "user" else []
    return [
        [*view.history, *waiting], gr.update(visible=view.resources), said or _HIDE, gr.update(visible=idle),
        gr.update(visible=writing), gr.update(visible=idle and asked), gr.update(visible=idle and bool(view.response_id)),
    ]  # fmt: skip


def _with_reply(view: View, shown: Shown) -> View:
    if not shown.text:
        return view
    reply = {"role": "assistant", "content": as_markdown(shown.text)}
    history = view.history[:-1] if view.history[-1]["role"] == "assistant" else view.history
    return replace(view, history=(*history, reply), response_id=shown.response_id, resources=shown.resources)


async def _carry(
    before: View, asking: View, text: str, reply: AsyncGenerator[Shown, None]
) -> AsyncGenerator[Any, None]:
    """Updates of the view, the box and the room while `reply` comes to what `asking` shows.

    Until the message is stored, a failure puts everything back as it was, with what was typed in the box.
    """
    view = before
    yield [before, "", *_render(asking, writing=True)]
    try:
        async for shown in reply:
            view = asking = _with_reply(asking, shown)
            yield [view, gr.skip(), *_render(view, writing=True)]
        yield [view, gr.skip(), *_render(view)]
    except Exception as error:
        shown_view = replace(view, resources=view.resources or isinstance(error, Unavailable))
        yield [view, text if view is before else gr.skip(), *_render(shown_view, said=_failed(error))]


def _wire_room(chat: Chat, tabs: Tabs, view: gr.State, room: Room) -> None:
    async def on_send(text: str, seen: View, request: gr.Request) -> AsyncGenerator[Any, None]:
        asked = replace(
            seen, history=(*seen.history, {"role": "user", "content": as_text(text)}), response_id=""
        )
        reply = chat.reply(seen.session_id, text, _now(), _address(request))
        async for update in _carry(seen, asked, text, tabs.relay(request.session_hash or "", reply)):
            yield update

    async def on_retry(seen: View, request: gr.Request) -> AsyncGenerator[Any, None]:
        asked = replace(seen, history=_until_asked(seen.history), response_id="")
        reply = chat.retry(seen.session_id, _now(), _address(request))
        async for update in _carry(seen, asked, "", tabs.relay(request.session_hash or "", reply)):
            yield update

    def on_stop(request: gr.Request) -> None:
        tabs.leave(request.session_hash or "")

    changed = [view, room.box, *_shown(room)]
    queued: dict[str, Any] = {
        "show_progress": "hidden",
        "api_visibility": "private",
        "concurrency_limit": None,
    }
    gr.on(
        [room.send.click, room.box.submit],
        worded(on_send),
        [room.box, view],
        changed,
        trigger_mode="once",
        **queued,
    )
    room.retry.click(worded(on_retry), view, changed, trigger_mode="once", **queued)
    room.stop.click(worded(on_stop), None, None, **_ASIDE)


def _until_asked(history: tuple[dict[str, str], ...]) -> tuple[dict[str, str], ...]:
    return history[:-1] if history and history[-1]["role"] == "assistant" else history


def _address(request: gr.Request) -> str:
    return request.client.host if request.client else ""


def _wire_report(chat: Chat, view: gr.State, room: Room) -> None:
    def on_report(note: str, seen: View) -> list[Any]:
        try:
            chat.report_harm(seen.response_id, _now(), note)
        except AppError as error:
            return [_failed(error), gr.skip(), gr.skip(), gr.skip()]
        return [_said(wording.REPORTED), _HIDE, "", _HIDE]

    room.report.click(None, None, room.form, js="() => ({visible: true, __type__: 'update'})", **_ASIDE)
    done = [room.said, room.form, room.note, room.report]
    room.report_send.click(worded(on_report), [room.note, view], done, trigger_mode="once", **_ASIDE)


def _wire_yours(chat: Chat, tabs: Tabs, view: gr.State, gate: Gate, room: Room, yours: Yours) -> None:
    def on_see(code: str) -> list[Any]:
        try:
            kept = chat.what_is_kept(code)
        except AppError as error:
            return [_failed(error), _HIDE, gr.skip(), gr.skip(), _HIDE]
        begun = f"{kept.started_at:%d %B %Y, %H:%M} UTC"
        summary = wording.kept_summary(
            kept.sent, kept.replies, kept.decided, kept.training, begun, kept.notice_version
        )
        return [_HIDE, gr.update(visible=True), kept_html(summary, kept.messages), kept.training, _HIDE]

    def on_training(code: str, granted: bool) -> Any:
        try:
            chat.set_training_consent(code, granted is True, _now())
        except AppError as error:
            return _failed(error)
        return _said(wording.ALLOWED if granted else wording.WITHDRAWN)

    def on_delete(code: str, request: gr.Request) -> dict[Any, Any]:
        try:
            saw = chat.delete_session(code, _now())
        except AppError as error:
            return {yours.said: _failed(error)}
        tabs.leave(request.session_hash or "")
        told = wording.DELETED + (f" {wording.TRAINED_ON}" if saw else "")
        return _begin_again(view, gate, room, yours) | {yours.said: _said(told)}

    seen = [yours.said, yours.known, yours.kept, yours.training, yours.sure]
    yours.see.click(worded(on_see), yours.code, seen, **_ASIDE)
    yours.code.submit(worded(on_see), yours.code, seen, **_ASIDE)
    yours.training.input(worded(on_training), [yours.code, yours.training], yours.said, **_ASIDE)
    yours.delete.click(None, None, yours.sure, js="() => ({visible: true, __type__: 'update'})", **_ASIDE)
    yours.no.click(None, None, yours.sure, js="() => ({visible: false, __type__: 'update'})", **_ASIDE)
    everything = _all_of(view, gate, room, yours)
    yours.yes.click(worded(on_delete), yours.code, everything, trigger_mode="once", **_ASIDE)
