"""The training page in a real browser, on real runs; and its service asked by people who may not. All synthetic."""

import socket
import threading
from typing import Any

import pytest

from data.errors import Forbidden, Invalid, NotFound
from data.records import Role
from finetune.gate import gate
from finetune.promote import Promotions
from finetune.runs import get_run, read_state
from finetune.training import Training
from tests.browser import FLAGS, find_chromium
from tests.conftest import NOW
from tests.finetune.conftest import write_sample_corpus, write_sample_export
from tests.rows import add_reviewer

WAIT = 120_000


@pytest.fixture
def people(database):
    with database.transaction() as tx:
        kinds: dict[str, dict[str, Any]] = {
            "clinician": {},
            "engineer": {"role": Role.ENGINEER, "licensed": False},
            "student": {"licensed": False},
        }
        return {name: add_reviewer(tx, NOW, **kind).id for name, kind in kinds.items()}


@pytest.fixture
def training(database, settings):
    return Training(database, settings, Promotions(database, settings))


@pytest.fixture
def inputs(settings):
    write_sample_export(settings.var_dir / "exports" / "export-1")
    write_sample_corpus(settings.var_dir / "corpora")


def test_only_engineers_and_administrators_start_runs(training, people, inputs, settings, now):
    for who in ("clinician", "student"):
        for call in (
            lambda who=who: training.start(people[who], ["export-1"], [], "starter", "one", now),
            lambda who=who: training.go_on(people[who], "one", "train", now),
            lambda who=who: training.stop(people[who], "one", now),
        ):
            with pytest.raises(Forbidden):
                call()
    for look in (training.choices, training.summary, lambda by: training.view(by, "one")):
        with pytest.raises(Forbidden):
            look("nobody")
    assert not (settings.var_dir / "runs").exists()


def test_only_what_is_offered_can_be_chosen(training, people, inputs, now):
    by = people["engineer"]
    assert training.choices(by).exports == ["export-1"]
    assert training.choices(by).corpora == ["corpora"]
    with pytest.raises(NotFound):
        training.start(by, ["../../etc"], [], "starter", "one", now)
    with pytest.raises(Invalid, match="recipes in the list"):
        training.start(by, ["export-1"], [], "/etc/passwd", "one", now)
    with pytest.raises(Invalid, match="export or a corpus"):
        training.start(by, [], [], "starter", "one", now)


@pytest.fixture
def served(settings, database):
    """The page alone, mounted as the front door mounts it; who asks is told by a header."""
    import gradio as gr
    import uvicorn
    from fastapi import FastAPI, Request

    from demo.theme import CSS, MOUNT
    from finetune.page import build_training

    def who(request: Request) -> str | None:
        return request.headers.get("x-person")

    with gr.Blocks() as blocks:
        build_training(database, settings)
    app = gr.mount_gradio_app(FastAPI(), blocks, "/", css=CSS, auth_dependency=who, **MOUNT)
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
    server.should_exit = True
    thread.join(20)


@pytest.fixture
def browser():
    from playwright.sync_api import sync_playwright

    path = find_chromium()
    if path is None:
        pytest.skip("no Chromium: `make test` gets one")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def open_as(browser, served, people):
    def opened(who):
        page = browser.new_context(extra_http_headers={"x-person": people[who]}).new_page()
        page.set_default_timeout(WAIT)
        page.goto(served)
        page.get_by_text("New sessions are answered by").wait_for()
        return page

    return opened


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_run_is_started_and_followed_in_the_browser(open_as, inputs, settings):
    page = open_as("engineer")
    page.get_by_text("Start a run").click()
    page.get_by_label("Name").fill("from-the-page")
    page.get_by_role("button", name="Start", exact=True).click()
    page.locator("#run-status", has_text="from-the-page").wait_for()
    page.locator("#run-status", has_text="train finished").wait_for()
    assert "held-out loss" in page.locator("#run-log textarea").input_value()
    assert page.locator("#loss svg, #loss canvas").count()
    assert read_state(get_run(settings, "from-the-page")).state == "finished"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_two_people_promote_and_one_rolls_back_in_the_browser(open_as, evaluated, database):
    gate(evaluated, database, NOW)
    first, second = open_as("engineer"), open_as("clinician")
    first.locator("#comparison", has_text="Replies side by side").wait_for()
    first.get_by_role("button", name="Approve").click()
    first.locator("#run-status", has_text="waiting for a licensed clinician").wait_for()
    first.get_by_role("button", name="Promote").click()
    first.get_by_text("cannot be promoted yet").wait_for()
    second.get_by_role("button", name="Approve").click()
    second.locator("#run-status", has_text="approved by").wait_for()
    second.get_by_role("button", name="Promote").click()
    second.get_by_text("New sessions are answered by candidate.").wait_for()
    first.get_by_text("New sessions are answered by candidate.").wait_for()  # by its own timer
    third = open_as("student")
    third.get_by_role("button", name="Roll back").click()
    third.get_by_text("Rolling back takes a verified licence").wait_for()
    second.get_by_role("button", name="Roll back").click()
    second.get_by_text("Rolled back to the model alone").wait_for()
    second.get_by_text("New sessions are answered by the model alone").wait_for()


def test_nothing_of_a_model_becomes_markup(evaluated):
    from finetune.page_parts import comparison, status
    from finetune.runs import State
    from finetune.training import View

    record = evaluated.read("evaluation")
    record["side_by_side"][0]["replies"]["candidate"] = "<script>alert(1)</script>"
    shown = comparison(View("n", State(), [], "", record, {}, None))
    assert "&lt;script&gt;" in shown
    assert "<script" not in shown + status(View("n", State(message="<b>"), [], "", {}, {}, None))
