"""The desk's training page: start a run, watch its loss and log, compare it with the champion, promote, roll back.

Jobs are processes of their own, so that nothing is lost when the tab or the server goes; the page reads their folders.
"""

from datetime import UTC, datetime
from typing import Any

import gradio as gr

from data.database import Database
from data.settings import Settings
from demo.theme import worded
from finetune import page_parts as parts
from finetune.promote import Promotions
from finetune.training import Training

SECONDS = 2.0


def build_training(database: Database, settings: Settings) -> None:
    """Fill the current Blocks context."""
    promotions = Promotions(database, settings)
    training = Training(database, settings, promotions)
    gr.Markdown("## Training")
    heading = gr.HTML()
    exports, corpora, recipe, name, start = _start_form()
    with gr.Row():
        run = gr.Dropdown([], label="Run", interactive=True, scale=3, elem_id="run")
        resume = gr.Button("Resume")
        stop = gr.Button("Stop")
        evaluate = gr.Button("Evaluate")
        gate = gr.Button("Put through the gate")
    status = gr.HTML(elem_id="run-status")
    loss = gr.LinePlot(x="step", y="loss", color="of", title="Loss", height=280, elem_id="loss")
    log = gr.Textbox(label="Log", lines=8, max_lines=8, interactive=False, autoscroll=True, elem_id="run-log")
    comparison = gr.HTML(elem_id="comparison")
    with gr.Row():
        approve = gr.Button("Approve", variant="primary")
        promote = gr.Button("Promote", variant="primary")
        rollback = gr.Button("Roll back", variant="stop")
    seen = gr.State("")
    timer = gr.Timer(SECONDS)
    shown = [heading, status, loss, log, comparison, seen]

    def show(by: str, name: str | None, before: str = "") -> list[Any]:
        return parts.show(training, by, name, before)

    @worded
    def on_load(request: gr.Request) -> list[Any]:
        choices = training.choices(str(request.username))
        first = choices.runs[0] if choices.runs else None
        return [*parts.updates(choices), *show(str(request.username), first)]

    @worded
    def on_tick(name: str | None, before: str, request: gr.Request) -> list[Any]:
        return show(str(request.username), name, before)

    @worded
    def on_pick(name: str | None, request: gr.Request) -> list[Any]:
        return show(str(request.username), name)

    @worded
    def on_start(
        exports: list[str], corpora: list[str], recipe: str, name: str, request: gr.Request
    ) -> list[Any]:
        by = str(request.username)
        started = training.start(by, exports or [], corpora or [], recipe, name or "", datetime.now(UTC))
        return [gr.update(choices=training.choices(by).runs, value=started), *show(by, started)]

    def job(kind: Any) -> Any:
        @worded
        def on_job(name: str | None, request: gr.Request) -> list[Any]:
            training.go_on(str(request.username), name or "", kind, datetime.now(UTC))
            return show(str(request.username), name)

        return on_job

    @worded
    def on_stop(name: str | None, request: gr.Request) -> list[Any]:
        training.stop(str(request.username), name or "", datetime.now(UTC))
        return show(str(request.username), name)

    @worded
    def on_approve(name: str | None, request: gr.Request) -> list[Any]:
        standing = promotions.approve(name or "", str(request.username), datetime.now(UTC))
        gr.Info(parts.plain(f"{standing.name}: {standing.clinical}."))
        return show(str(request.username), name)

    @worded
    def on_promote(name: str | None, request: gr.Request) -> list[Any]:
        promotions.promote(name or "", datetime.now(UTC), str(request.username))
        gr.Info(parts.plain(f"{name} answers new sessions from now on."))
        return show(str(request.username), name)

    @worded
    def on_rollback(name: str | None, request: gr.Request) -> list[Any]:
        back = promotions.rollback(str(request.username), datetime.now(UTC))
        gr.Info(parts.plain(f"New sessions are answered by {back or 'the model alone'} from now on."))
        return show(str(request.username), name)

    quick: dict[str, Any] = {"queue": False, "api_visibility": "private", "show_progress": "hidden"}
    form = [exports, corpora, recipe, name]
    gr.on(triggers=None, fn=on_load, outputs=[exports, corpora, recipe, run, *shown], **quick)
    timer.tick(on_tick, [run, seen], shown, **quick)
    run.input(on_pick, run, shown, **quick)
    start.click(on_start, form, [run, *shown], trigger_mode="once", **quick)
    for button, kind in ((resume, "train"), (evaluate, "evaluate"), (gate, "gate")):
        button.click(job(kind), run, shown, trigger_mode="once", **quick)
    acts = ((stop, on_stop), (approve, on_approve), (promote, on_promote), (rollback, on_rollback))
    for button, act in acts:
        button.click(act, run, shown, trigger_mode="once", **quick)


def _start_form() -> tuple[gr.Dropdown, gr.Dropdown, gr.Dropdown, gr.Textbox, gr.Button]:
    with gr.Accordion("Start a run", open=False), gr.Row():
        exports = gr.Dropdown([], label="Exports", multiselect=True, interactive=True)
        corpora = gr.Dropdown([], label="Corpora", multiselect=True, interactive=True)
        recipe = gr.Dropdown([], label="Recipe", interactive=True)
        name = gr.Textbox(label="Name", placeholder="made from the time", max_length=64)
        start = gr.Button("Start", variant="primary")
    return exports, corpora, recipe, name, start
