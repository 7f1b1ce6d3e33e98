"""The chat's page alone, really served, with a scripted backend: what the page tests drive a browser against.

python tests/demo/page_app.py PORT VAR_DIR PAUSE
"""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
sys.path.insert(0, str(Path(__file__).parents[2]))

import gradio as gr
import uvicorn
from fastapi import FastAPI

from data.database import migrate, open_database
from data.settings import load_settings
from demo.chat import Chat
from demo.page import CSS, HEAD, build_chat
from demo.theme import CSS as SHARED
from demo.theme import MOUNT
from tests.demo.scripted import REPLY, Scripted

MARKUP = (
    "**Bold** and <img src=x onerror=\"document.title='owned'\"><b>tags</b>. "
    "<script>document.title = 'owned'</script> stays text. "
)


class Answering(Scripted):
    """Chooses its reply by what is asked, so that one server serves every test."""

    def stream(self, messages, sampling, adapter=""):
        asked = messages[-1].content
        long = " ".join(f"This is sentence number {n} of a long reply." for n in range(1, 60))
        found: dict[str, str | list[str | BaseException]] = {
            "long": long,
            "markup": MARKUP,
            "fail": ["I hear ", RuntimeError("a bug")],
        }
        self.replies = [next((found[word] for word in found if asked.startswith(word)), REPLY)]
        return super().stream(messages, sampling, adapter)


def main(port: int, var: str, pause: float) -> None:
    settings = load_settings(_env_file=None, var_dir=Path(var), messages_per_minute=100, synthetic=True)
    database = open_database(settings.database)
    migrate(database)
    chat = Chat(database, settings, Answering(pause=pause))
    chat.close_interrupted(datetime.now(UTC))
    app = gr.mount_gradio_app(
        FastAPI(), build_chat(chat, settings), "/", css=SHARED + CSS, head=HEAD, **MOUNT
    )
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", timeout_graceful_shutdown=1)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], float(sys.argv[3]))
