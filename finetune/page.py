"""The desk's training page: start a run, watch its loss and log, compare it with the champion, promote, roll back.

Jobs are processes of their own, so that nothing is lost when the tab or the server goes; the page reads their folders.
"""

from collections.abc import Callable
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
Act = Callable[[str, str], str]
"""(who asks, run) -> what to say when it is done."""


def build_training(database: Database, settings: Settings) -> None:
    """Fill the current Blocks context. Who asks is `gr.Request.username`; the services decide what they may do."""
    promotions = Promotions(database, settings)
    training = Training(database, settings, promotions)
    gr.Markdown("## Training")
    heading = gr.HTML()
    exports, corpora, recipe, name, start = _start_form()
    run = gr.Dropdown([], label="Run", interactive=True, elem_id="run")
    status = gr.HTML(elem_id="run-status")
    buttons = _row({"Stop": "", "Resume": "", "Evaluate": "", "Put through the gate": ""})
    said = gr.HTML(elem_id="said")
    loss = gr.LinePlot(x="step", y="loss", color="of", title="Loss", height=280, elem_id="loss")
    log = gr.Textbox(label="Log", lines=8, max_lines=8, interactive=False, autoscroll=True, elem_id="run-log")
    comparison = gr.HTML(elem_id="comparison")
    buttons |= _row({"Approve": "primary", "Promote": "primary", "Roll back": "stop"})
    seen = gr.State("")
    shown = [heading, status, loss, log, comparison, seen]

    @worded
    def on_load(request: gr.Request) -> list[Any]:
        choices = training.choices(str(request.username))
        first = choices.runs[0] if choices.runs else None
        return [*parts.updates(choices), *parts.show(training, str(request.username), first)]

    @worded
    def on_tick(name: str | None, before: str, request: gr.Request) -> list[Any]:
        return parts.show(training, str(request.username), name, before)

    def on_start(
        exports: list[str], corpora: list[str], recipe: str, name: str, request: gr.Request
    ) -> list[Any]:
        by = str(request.username)
        try:
            made = training.start(by, exports or [], corpora or [], recipe, name or "", datetime.now(UTC))
        except Exception as error:
            return [*[gr.skip()] * (1 + len(shown)), parts.alert(words(error))]
        runs = gr.update(choices=training.choices(by).runs, value=made)
        return [runs, *parts.show(training, by, made), parts.note(f"{made} is started.")]

    def on_act(act: Act, name: str | None, request: gr.Request) -> list[Any]:
        by = str(request.username)
        try:
            done = act(by, name or "")
        except Exception as error:  # Gradio shows no error of a handler that is not queued
            return [*[gr.skip()] * len(shown), parts.alert(words(error))]
        return [*parts.show(training, by, name), parts.note(done)]

    quick: dict[str, Any] = {"queue": False, "api_visibility": "private", "show_progress": "hidden"}
    form = [exports, corpora, recipe, name]
    gr.on(triggers=None, fn=on_load, outputs=[exports, corpora, recipe, run, *shown], **quick)
    gr.Timer(SECONDS).tick(on_tick, [run, seen], shown, **quick)
    run.input(on_tick, [run, gr.State("")], shown, **quick)
    start.click(on_start, form, [run, *shown, said], trigger_mode="once", **quick)
    for label, act in _acts(training, promotions).items():
        handler = _asked(partial(on_act, act))
        buttons[label].click(handler, run, [*shown, said], trigger_mode="once", **quick)


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


def _row(labels: dict[str, Any]) -> dict[str, gr.Button]:
    with gr.Row():
        return {
            label: gr.Button(label, variant=kind or "secondary", min_width=120)
            for label, kind in labels.items()
        }


def _start_form() -> tuple[gr.Dropdown, gr.Dropdown, gr.Dropdown, gr.Textbox, gr.Button]:
    with gr.Accordion("Start a run", open=False), gr.Row():
        exports = gr.Dropdown([], label="Exports", multiselect=True, interactive=True)
        corpora = gr.Dropdown([], label="Corpora", multiselect=True, interactive=True)
        recipe = gr.Dropdown([], label="Recipe", interactive=True)
        name = gr.Textbox(label="Name", placeholder="made from the time", max_length=64)
        start = gr.Button("Start", variant="primary")
    return exports, corpora, recipe, name, start
