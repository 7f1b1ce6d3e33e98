"""What the training page shows, made from a run's records. All text is escaped: it comes from models and people."""

import html
from typing import Any

import gradio as gr

from finetune.training import Choices, Training, View

MOST_POINTS = 400
ACTS = {
    "Roll back": "rollback",
    "Stop": "stop",
    "Resume": "train",
    "Evaluate": "evaluate",
    "Put through the gate": "gate",
    "Approve": "approve",
    "Promote": "promote",
}
"""The page's buttons, and what `Training.offers` calls what they do."""


def updates(choices: Choices) -> list[Any]:
    """The form's folding, exports, corpora, recipes and runs; the newest export and run are chosen.

    Without a run there is nothing else to do here, so the form is open.
    """
    recipe = "starter" if "starter" in choices.recipes else None
    return [
        gr.update(open=not choices.runs),
        gr.update(choices=choices.exports, value=choices.exports[:1]),
        gr.update(choices=choices.corpora, value=[]),
        gr.update(choices=choices.recipes, value=recipe),
        gr.update(choices=choices.runs, value=choices.runs[0] if choices.runs else None),
    ]


def show(training: Training, by: str, name: str | None, before: str = "") -> list[Any]:
    """Heading, form, run, status, loss, log, comparison, a mark of what was shown, then a button each of `ACTS`.

    Nothing where the mark is `before`.
    """
    head = heading(*training.summary(by))
    view = training.view(by, name) if name else None
    offers = training.offers(by, view)
    mark = f"{name} {view and _signs(view)} {sorted(offers.acts)} {head}"
    if mark == before:
        return [gr.skip()] * 7 + [mark] + [gr.skip()] * len(ACTS)
    buttons = [gr.update(visible=act in offers.acts) for act in ACTS.values()]
    why = f'<p class="cs-note">{plain(offers.why)}</p>' if offers.why else ""
    form = gr.update(visible="start" in offers.acts)
    return [head + why, form, gr.update(visible=view is not None), *_run(view), mark, *buttons]


def _signs(view: View) -> str:
    return f"{view.state} {len(view.history)} {len(view.log)} {view.standing}"


def _run(view: View | None) -> list[Any]:
    """Status, loss, log and comparison; what is empty is not shown."""
    if view is None:
        return ["", gr.skip(), gr.skip(), ""]
    loss = gr.update(value=_curve(view.history), visible=bool(view.history))
    return [status(view), loss, gr.update(value=view.log, visible=bool(view.log)), comparison(view)]


def heading(champion: str, waiting: int) -> str:
    served = f"<b>{plain(champion)}</b>" if champion else "the model alone"
    pairs = "1 approved pair waits" if waiting == 1 else f"{waiting} approved pairs wait"
    return f"<p>New sessions are answered by {served}. {pairs} for the next training.</p>"


def status(view: View) -> str:
    state = view.state
    steps = f", step {state.step} of {state.steps}" if state.steps else ""
    said = f": {plain(state.message)}" if state.message else ""
    clinical = ""
    if view.standing:
        synthetic = " Trained on synthetic reviews." if view.standing.synthetic else ""
        clinical = f"<br>Adapter {plain(view.standing.status)}; {plain(view.standing.clinical)}.{synthetic}"
    return f"<p><b>{plain(view.name)}</b>: {state.job} {state.state}{steps}{said}{clinical}</p>"


def comparison(view: View) -> str:
    return "".join(part for part in (_losses(view), _gate(view), _replies(view)) if part)


def note(text: str) -> str:
    return f"<p role='status' tabindex='-1'>{plain(text)}</p>"


def alert(escaped: str) -> str:
    """Of words that were escaped already, as `demo.theme.words` gives them."""
    return f"<p role='alert' tabindex='-1'>{escaped}</p>"


def plain(text: str) -> str:
    return html.escape(text)


def _curve(history: list[dict[str, Any]]) -> Any:
    import pandas as pd

    training = [(row["step"], row["loss"], "training") for row in history if "loss" in row]
    held_out = [(row["step"], row["eval_loss"], "held out") for row in history if "eval_loss" in row]
    thin = max(1, len(training) // MOST_POINTS)
    return pd.DataFrame([*training[::thin], *held_out], columns=["step", "loss", "of"])


def _losses(view: View) -> str:
    losses = view.evaluation.get("losses")
    if not losses:
        return ""
    rows = [
        [plain(name), f"{value:.4f}", _difference(losses, name), str(view.evaluation["guard_failures"][name])]
        for name, value in losses["mean"].items()
    ]
    head = ["Model", "Held-out loss", "Candidate minus it, 95%", "Stopped by the guard"]
    return _table(f"Measured on {losses['rows']} held-out conversations", head, rows)


def _difference(losses: dict[str, Any], name: str) -> str:
    found = losses["differences"].get(name)
    return f"{found['mean']:+.4f} [{found['low']:+.4f}, {found['high']:+.4f}]" if found else ""


def _gate(view: View) -> str:
    if not view.gate:
        return ""
    rows = [
        [*(plain(one[part]) for part in ("name", "found", "limit")), _outcome(one["passed"])]
        for one in view.gate["lines"]
    ]
    said = "passed" if view.gate["passed"] else "failed"
    return _table(f"Gate, automatic part: {said}", ["Line", "Found", "Limit", "Outcome"], rows)


def _outcome(passed: bool) -> str:
    return "passed" if passed else '<b class="cs-bad">failed</b>'


def _replies(view: View) -> str:
    """The candidate beside the champion, or beside the base while there is none."""
    said = view.evaluation.get("side_by_side")
    if not said:
        return ""
    other = "champion" if view.evaluation["champion"] else "base"
    rows = [[plain(row["prompt"]), _reply(row, other), _reply(row, "candidate")] for row in said]
    return _table("Replies side by side", ["Prompt", other.title(), "Candidate"], rows)


def _reply(row: dict[str, Any], name: str) -> str:
    stopped = row["guard"][name]
    return plain(row["replies"][name]) + (f" <b>(guard: {plain(', '.join(stopped))})</b>" if stopped else "")


def _table(caption: str, head: list[str], rows: list[list[str]]) -> str:
    """A table that a phone shows as one block a row; the roles keep it a table for screen readers there."""
    titles = "".join(f'<th scope="col" role="columnheader">{plain(title)}</th>' for title in head)
    body = "".join(f'<tr role="row">{_cells(head, row)}</tr>' for row in rows)
    return (
        f'<h3>{plain(caption)}</h3><table class="cs-table cs-stacked" role="table" aria-label="{plain(caption)}">'
        f'<thead role="rowgroup"><tr role="row">{titles}</tr></thead><tbody role="rowgroup">{body}</tbody></table>'
    )


def _cells(head: list[str], row: list[str]) -> str:
    """`row` is HTML already escaped."""
    cells = (
        f'<td role="cell" data-label="{plain(t)}">{c}</td>' for t, c in zip(head[1:], row[1:], strict=True)
    )
    return f'<th scope="row" role="rowheader">{row[0]}</th>' + "".join(cells)
