"""The desk's training page: start a run, watch its loss and log, compare it with the champion, promote, roll back.

Jobs are processes of their own, so that nothing is lost when the tab or the server goes; the page reads their folders.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import gradio as gr

from data.database import Database
from data.settings import Settings
from demo.theme import worded, words
from finetune import page_parts as parts
from finetune.promote import Promotions
from finetune.training import Training

SECONDS = 2.0
# A button that no longer applies goes, and the keyboard's place with it: the words of what was done take it.
_HOLD = (
    "() => { if (document.activeElement === document.body) document.querySelector('#said [role]')?.focus(); }"
)
Act = Callable[[str, str], str]
"""(who asks, run) -> what to say when it is done."""


@dataclass(frozen=True)
class Layout:
    heading: gr.HTML
    starting: gr.Column
    fold: gr.Accordion
    form: list[Any]
    start: gr.Button
    said: gr.HTML
    room: gr.Column
    run: gr.Dropdown
    followed: list[Any]
    buttons: dict[str, gr.Button]


def build_training(database: Database, settings: Settings) -> None:
    """Fill the current Blocks context. Who asks is `gr.Request.username`; the services decide what they may do."""
    promotions = Promotions(database, settings)
    training = Training(database, settings, promotions)
    page, seen = _lay_out(), gr.State("")
    run, said = page.run, page.said
    renewed = [page.heading, page.starting, page.room, *page.followed, seen]
    shown = [*renewed, *(page.buttons[label] for label in parts.ACTS)]

    @worded
    def on_load(request: gr.Request) -> list[Any]:
        choices = training.choices(str(request.username))
        first = choices.runs[0] if choices.runs else None
        return [*parts.updates(choices), *parts.show(training, str(request.username), first)]

    @worded
    def on_tick(name: str | None, before: str, request: gr.Request) -> list[Any]:
        return parts.show(training, str(request.username), name, before)

    def on_start(exports: list[str], corpora: list[str], recipe: str, name: str, request: gr.Request) -> Any:
        by = str(request.username)
        try:
            made = training.start(by, exports or [], corpora or [], recipe, name or "", datetime.now(UTC))
        except Exception as error:
            return [*[gr.skip()] * (2 + len(shown)), parts.alert(words(error))]
        runs = gr.update(choices=training.choices(by).runs, value=made)
        told = parts.note(f"{made} is started.")
        return [gr.update(open=False), runs, *parts.show(training, by, made), told]

    def on_act(act: Act, name: str | None, request: gr.Request) -> list[Any]:
        by = str(request.username)
        try:
            done = act(by, name or "")
        except Exception as error:  # Gradio shows no error of a handler that is not queued
            return [*[gr.skip()] * len(shown), parts.alert(words(error))]
        return [*parts.show(training, by, name), parts.note(done)]

    quick: dict[str, Any] = {"queue": False, "api_visibility": "private", "show_progress": "hidden"}
    gr.on(triggers=None, fn=on_load, outputs=[page.fold, *page.form[:3], run, *shown], **quick)
    gr.Timer(SECONDS).tick(on_tick, [run, seen], shown, **quick)
    run.input(on_tick, [run, gr.State("")], shown, **quick)
    started = [page.fold, run, *shown, said]
    page.start.click(on_start, page.form, started, trigger_mode="once", **quick)
    for label, act in _acts(training, promotions).items():
        handler = _asked(partial(on_act, act))
        pressed = page.buttons[label].click(handler, run, [*shown, said], trigger_mode="once", **quick)
        pressed.then(None, None, None, js=_HOLD, **quick)


def _acts(training: Training, promotions: Promotions) -> dict[str, Act]:
    """What each button does. Moments are taken when it is pressed."""

    def job(kind: Any, by: str, name: str) -> str:
        training.go_on(by, name, kind, datetime.now(UTC))
        return f"{name}: {kind} is started."

    def stop(by: str, name: str) -> str:
        training.stop(by, name, datetime.now(UTC))
        return f"{name} saves a checkpoint and ends."

    def approve(by: str, name: str) -> str:
        return f"Your approval is noted: {promotions.approve(name, by, datetime.now(UTC)).clinical}."

    def promote(by: str, name: str) -> str:
        return f"{promotions.promote(name, datetime.now(UTC), by).name} is promoted."

    def rollback(by: str, _: str) -> str:
        return f"Rolled back to {promotions.rollback(by, datetime.now(UTC)) or 'the model alone'}."

    return {
        "Resume": partial(job, "train"), "Evaluate": partial(job, "evaluate"),
        "Put through the gate": partial(job, "gate"), "Stop": stop, "Approve": approve, "Promote": promote,
        "Roll back": rollback,
    }  # fmt: skip


def _asked(handler: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
    """A plain function: Gradio reads the annotations of handlers, and a partial has none."""

    def asked(name: str | None, request: gr.Request) -> list[Any]:
        return handler(name, request)

    return asked


def _lay_out() -> Layout:
    with gr.Column(elem_classes="cs-panel"):
        _html("<h2>Training</h2>")
        heading = _html(elem_id="served")
        buttons = _row(["Roll back"])
    with gr.Column(visible=False) as starting:
        fold, form, start = _start_form()
    said = _html(elem_id="said", elem_classes="cs-answered")
    with gr.Column(visible=False, elem_classes="cs-panel") as room:
        run = gr.Dropdown([], label="Run", interactive=True, elem_id="run")
        status = _html(elem_id="run-status")
        buttons |= _row([label for label in parts.ACTS if label not in buttons])
        loss = gr.LinePlot(x="step", y="loss", color="of", title="Loss", height=280, visible=False,
                           elem_id="loss")  # fmt: skip
        log = gr.Textbox(label="Log", lines=8, max_lines=8, interactive=False, visible=False,
                         elem_id="run-log")  # fmt: skip
        comparison = _html(elem_id="comparison")
    followed = [status, loss, log, comparison]
    return Layout(heading, starting, fold, form, start, said, room, run, followed, buttons)


def _row(labels: list[str]) -> dict[str, gr.Button]:
    """Small buttons, hidden until they apply."""
    kinds: dict[str, Any] = {"Approve": "primary", "Promote": "primary"}
    danger = {"Roll back": "cs-danger"}
    with gr.Row(elem_classes="cs-acts"):
        return {
            label: gr.Button(label, variant=kinds.get(label, "secondary"), size="sm", scale=0, min_width=0,
                             visible=False, elem_classes=danger.get(label))
            for label in labels
        }  # fmt: skip


def _start_form() -> tuple[gr.Accordion, list[Any], gr.Button]:
    """The form with its fields: exports, corpora, recipe, name."""
    with gr.Accordion("Start a run", open=False, elem_classes="cs-panel") as fold:
        with gr.Row(elem_classes="cs-fields"):
            exports = gr.Dropdown([], label="Exports", multiselect=True, interactive=True)
            corpora = gr.Dropdown([], label="Corpora", multiselect=True, interactive=True)
            recipe = gr.Dropdown([], label="Recipe", interactive=True)
            name = gr.Textbox(label="Name", placeholder="made from the time", max_lines=1, max_length=64)
        start = gr.Button("Start", variant="primary", size="sm", scale=0, min_width=0)
    return fold, [exports, corpora, recipe, name], start


def _html(value: str = "", **options: Any) -> gr.HTML:
    return gr.HTML(value, html_template="${value}", apply_default_css=False, **options)
