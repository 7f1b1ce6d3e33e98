"""The shared look of chat and desk, and the one place where errors become words on a page."""

import functools
import html
import inspect
import logging
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import gradio as gr

from data.errors import AppError

log = logging.getLogger(__name__)

THEME = gr.themes.Soft(
    primary_hue="teal",
    neutral_hue="slate",
    font=["system-ui", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif"],
    font_mono=["ui-monospace", "SFMono-Regular", "Menlo", "monospace"],
).set(
    # Soft fails WCAG AA in several places; these are the mends.
    button_primary_background_fill="*primary_700",
    button_primary_background_fill_hover="*primary_800",
    button_primary_background_fill_hover_dark="*primary_800",
    button_primary_background_fill_dark="*primary_700",
    button_primary_text_color="white",
    block_title_background_fill="transparent",
    block_title_background_fill_dark="transparent",
    block_title_text_color="*body_text_color",
    block_title_text_color_dark="*body_text_color",
    checkbox_label_background_fill_selected="*primary_700",
    checkbox_label_background_fill_selected_dark="*primary_700",
    checkbox_label_text_color_selected="white",
    block_label_background_fill="transparent",
    block_label_text_color="*body_text_color",
    body_text_color_subdued="*neutral_600",
    body_text_color_subdued_dark="*neutral_400",
    block_info_text_color="*neutral_600",
    block_info_text_color_dark="*neutral_400",
    input_placeholder_color="*neutral_500",
    input_placeholder_color_dark="*neutral_400",
    # Soft draws fields and boxes by a shadow alone, which nobody with low vision sees.
    input_border_width="1px",
    input_border_color="*neutral_400",
    input_border_color_dark="*neutral_600",
    button_cancel_background_fill="#9f1239",
    button_cancel_background_fill_dark="#9f1239",
    button_cancel_background_fill_hover="#881337",
    button_cancel_background_fill_hover_dark="#881337",
    button_cancel_text_color="white",
    button_cancel_text_color_dark="white",
    checkbox_border_color="*neutral_500",
    checkbox_border_color_dark="*neutral_400",
)

CSS = """
.gradio-container { max-width: 1120px !important; margin: 0 auto !important; }
footer { opacity: .8; }
:focus-visible { outline: 3px solid var(--primary-600); outline-offset: 2px; }
@media (prefers-reduced-motion: reduce) { * { animation: none !important; transition: none !important; } }
"""

# Asked of Gradio at every mount: nothing of a conversation is kept in the browser's storage, no tracker, no API page.
MOUNT: dict[str, Any] = {
    "theme": THEME,
    "show_error": False,
    "footer_links": [],
    "run_history": False,
    "ssr_mode": False,
}


def words(error: BaseException) -> str:
    """What a person is told. A bug is logged under an id, without anybody's text, and the id is shown."""
    if isinstance(error, AppError):
        return html.escape(str(error))
    bug = uuid4().hex[:8]
    # The traceback's frames, not the exception's text: that may quote a visitor.
    frames = inspect.getinnerframes(error.__traceback__) if error.__traceback__ else []
    where = " < ".join(f"{f.filename}:{f.lineno}" for f in reversed(frames[-6:]))
    log.error("bug %s: %s at %s", bug, type(error).__name__, where)
    return f"Something went wrong on our side. If it happens again, please mention {bug}."


def worded(handler: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a handler so that what it raises is shown as words. Works for plain, async and async-generator handlers.

    Gradio 6.31 shows these words for queued handlers only: one with `queue=False` returns them into an output of its own.
    """
    if inspect.isasyncgenfunction(handler):

        @functools.wraps(handler)
        async def streamed(*args: Any, **kwargs: Any) -> Any:
            try:
                async for value in handler(*args, **kwargs):
                    yield value
            except Exception as error:
                raise gr.Error(words(error), title="", print_exception=False) from None

        return streamed
    if inspect.iscoroutinefunction(handler):

        @functools.wraps(handler)
        async def awaited(*args: Any, **kwargs: Any) -> Any:
            try:
                return await handler(*args, **kwargs)
            except Exception as error:
                raise gr.Error(words(error), title="", print_exception=False) from None

        return awaited

    @functools.wraps(handler)
    def called(*args: Any, **kwargs: Any) -> Any:
        try:
            return handler(*args, **kwargs)
        except Exception as error:
            raise gr.Error(words(error), title="", print_exception=False) from None

    return called
