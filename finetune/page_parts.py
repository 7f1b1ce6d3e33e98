"""What the training page shows, made from a run's records. All text is escaped: it comes from models and people."""

import html
from typing import Any

import gradio as gr

from finetune.training import Choices, Training, View

MOST_POINTS = 400


def updates(choices: Choices) -> list[Any]:
    """Exports, corpora, recipes and runs for the page's lists; the newest export and run are chosen."""
    recipe = "starter" if "starter" in choices.recipes else None
    return [
        gr.update(choices=choices.exports, value=choices.exports[:1]),
        gr.update(choices=choices.corpora, value=[]),
        gr.update(choices=choices.recipes, value=recipe),
        gr.update(choices=choices.runs, value=choices.runs[0] if choices.runs else None),
    ]


def show(training: Training, by: str, name: str | None, before: str = "") -> list[Any]:
    """Heading, status, loss, log, comparison and a mark of what was shown; nothing where the mark is `before`."""
    head = heading(*training.summary(by))
    if not name:
        return [head, "<p>No run yet.</p>", _curve([]), "", "", ""]
    view = training.view(by, name)
    mark = f"{name} {view.state} {len(view.history)} {len(view.log)} {view.standing} {head}"
    if mark == before:
        return [gr.skip()] * 5 + [mark]
    return [head, status(view), _curve(view.history), view.log, comparison(view), mark]


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
    return f"<p role='status'><b>{plain(view.name)}</b>: {state.job} {state.state}{steps}{said}{clinical}</p>"


def comparison(view: View) -> str:
    return "".join(part for part in (_losses(view), _gate(view), _replies(view)) if part)


def note(text: str) -> str:
    return f"<p role='status'>{plain(text)}</p>"


def alert(escaped: str) -> str:
    """Of words that were escaped already, as `demo.theme.words` gives them."""
    return f"<p role='alert'><b>{escaped}</b></p>"


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
    rows = "".join(
        f"<tr><td>{plain(name)}</td><td>{value:.4f}</td><td>{_difference(losses, name)}</td>"
        f"<td>{view.evaluation['guard_failures'][name]}</td></tr>"
        for name, value in losses["mean"].items()
    )
    head = "<th>Model</th><th>Held-out loss</th><th>Candidate minus it, 95%</th><th>Stopped by the guard</th>"
    return _table(f"Measured on {losses['rows']} held-out conversations", head, rows)


def _difference(losses: dict[str, Any], name: str) -> str:
    found = losses["differences"].get(name)
    return f"{found['mean']:+.4f} [{found['low']:+.4f}, {found['high']:+.4f}]" if found else ""


def _gate(view: View) -> str:
    if not view.gate:
        return ""
    rows = "".join(
        f"<tr><td>{plain(one['name'])}</td><td>{plain(one['found'])}</td><td>{plain(one['limit'])}</td>"
        f"<td>{'passed' if one['passed'] else '<b>failed</b>'}</td></tr>"
        for one in view.gate["lines"]
    )
    said = "passed" if view.gate["passed"] else "failed"
    return _table(f"Gate, automatic part: {said}", "<th>Line</th><th>Found</th><th>Limit</th><th></th>", rows)


def _replies(view: View) -> str:
    """The candidate beside the champion, or beside the base while there is none."""
    said = view.evaluation.get("side_by_side")
    if not said:
        return ""
    other = "champion" if view.evaluation["champion"] else "base"
    rows = "".join(
        f"<tr><td>{plain(row['prompt'])}</td><td>{_reply(row, other)}</td><td>{_reply(row, 'candidate')}</td></tr>"
        for row in said
    )
    return _table("Replies side by side", f"<th>Prompt</th><th>{other.title()}</th><th>Candidate</th>", rows)


def _reply(row: dict[str, Any], name: str) -> str:
    stopped = row["guard"][name]
    return plain(row["replies"][name]) + (f" <b>(guard: {plain(', '.join(stopped))})</b>" if stopped else "")


def _table(caption: str, head: str, rows: str) -> str:
    return (
        f'<h3>{plain(caption)}</h3><div style="overflow-x:auto"><table class="plain"><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )
