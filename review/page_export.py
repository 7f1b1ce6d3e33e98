"""The desk's export page: one button for administrators, and every export as a download."""

import html
from datetime import UTC, datetime
from typing import Any

import gradio as gr

from data.database import Database
from data.settings import Settings
from demo.theme import worded
from review.export import export_as, exports_folder, list_exports


def build_export(database: Database, settings: Settings) -> None:
    """Fill the current Blocks context."""

    @worded
    def on_load(request: gr.Request) -> str:
        return _table(list_exports(database, settings, str(request.username)))

    @worded
    def on_export(request: gr.Request) -> str:
        now = datetime.now(UTC)
        folder = exports_folder(settings) / now.strftime("export-%Y%m%d-%H%M%S")
        export_as(database, str(request.username), folder, now)
        return _table(list_exports(database, settings, str(request.username)))

    gr.Markdown(
        "## Export\nApproved and corrected replies whose visitors agreed to training, identifiers masked. "
        "An export is frozen: it is never changed, and a changed one is refused."
    )
    button = gr.Button("Export what is decided now", variant="primary")
    table = gr.HTML()
    button.click(on_export, None, table, api_visibility="private", trigger_mode="once")
    gr.on(triggers=None, fn=on_load, outputs=table, api_visibility="private")


def _table(exports: list[dict[str, Any]]) -> str:
    if not exports:
        return "<p>No export yet.</p>"
    rows = "".join(
        f"<tr><td>{html.escape(e['name'])}</td><td>{e['counts']['pairs']}</td><td>{e['counts']['corrected']}</td>"
        f"<td>{sum(e['excluded'].values())}</td>"
        f'<td><a href="/review/api/exports/{html.escape(e["name"])}.zip">Download</a></td></tr>'
        for e in exports
    )
    head = "<tr><th>Export</th><th>Pairs</th><th>Corrected</th><th>Left out</th><th></th></tr>"
    return f'<table class="plain"><thead>{head}</thead><tbody>{rows}</tbody></table>'
