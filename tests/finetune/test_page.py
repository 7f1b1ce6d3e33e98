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


def _acts(training, by, name):
    return set(training.offers(by, training.view(by, name)).acts)


def test_what_is_offered_follows_the_run_and_the_person(training, people, evaluated, database, settings, now):
    engineer, clinician, student = people["engineer"], people["clinician"], people["student"]
    assert set(training.offers(engineer, None).acts) == {"start"}
    assert training.offers(clinician, None).why == "Only engineers and administrators train adapters."
    assert _acts(training, engineer, "candidate") == {"start", "evaluate", "gate"}
    assert _acts(training, clinician, "candidate") == set()
    gate(evaluated, database, NOW)
    assert _acts(training, engineer, "candidate") == {"start", "evaluate", "gate", "approve"}
    promotions = Promotions(database, settings)
    promotions.approve("candidate", engineer, now)
    assert "approve" not in _acts(training, engineer, "candidate")
    assert _acts(training, clinician, "candidate") == {"approve"}
    promotions.approve("candidate", clinician, now)
    assert _acts(training, clinician, "candidate") == {"promote"}
    assert _acts(training, student, "candidate") == set()
    promotions.promote("candidate", now, clinician)
    assert _acts(training, engineer, "candidate") == {"start", "rollback"}
    assert (_acts(training, clinician, "candidate"), _acts(training, student, "candidate")) == (
        {"rollback"},
        set(),
    )
    with pytest.raises(Forbidden):
        training.offers("nobody", None)


@pytest.mark.parametrize(
    ("state", "adapter", "offered"),
    [("stopped", False, {"train"}), ("failed", False, {"train"}), ("queued", False, {"stop"}),
     ("queued", True, {"stop"}), ("failed", True, {"evaluate"}), ("finished", True, {"evaluate"})],
)  # fmt: skip
def test_a_run_is_stopped_resumed_or_evaluated_as_it_stands(
    training, people, make_run, state, adapter, offered
):
    run = make_run("one")
    run.write("state", {**run.read("state"), "state": state})
    if adapter:
        run.adapter.mkdir()
    assert _acts(training, people["engineer"], "one") == {"start"} | offered
    assert _acts(training, people["clinician"], "one") == set()


def test_with_nothing_to_train_on_it_is_said(training, people):
    assert (
        training.offers(people["engineer"], None).why == "There is no export and no corpus to train on yet."
    )


@pytest.fixture
def served(settings, database):
    """The page alone, mounted as the front door mounts it; who asks is told by a header."""
    import gradio as gr
    import uvicorn
    from fastapi import FastAPI, Request

    from demo.theme import CSS, MOUNT
    from finetune.page import build_training
    from review.page import CSS as DESK

    def who(request: Request) -> str | None:
        return request.headers.get("x-person")

    with gr.Blocks() as blocks:
        build_training(database, settings)
    app = gr.mount_gradio_app(FastAPI(), blocks, "/", css=CSS + DESK, auth_dependency=who, **MOUNT)
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
    def opened(who, **options):
        page = browser.new_context(extra_http_headers={"x-person": people[who]}, **options).new_page()
        page.set_default_timeout(WAIT)
        page.goto(served)
        page.get_by_text("New sessions are answered by").wait_for()
        return page

    return opened


def _buttons(page):
    """The page's own, in their order; the fold of the form is none of them."""
    return [b.inner_text() for b in page.locator("button.sm").all() if b.is_visible()]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("width", [390, 1280])
def test_without_a_run_there_is_the_form_and_nothing_else(open_as, inputs, width):
    page = open_as("engineer", viewport={"width": width, "height": 844}, color_scheme="dark")
    page.get_by_role("button", name="Start", exact=True).wait_for()
    assert page.get_by_text(
        "New sessions are answered by the model alone. 0 approved pairs wait"
    ).is_visible()
    assert _buttons(page) == ["Start"]
    for gone in ("#loss", "#run-log", "#run"):
        assert not page.locator(gone).is_visible()
    boxes = [field.bounding_box() for field in page.locator(".cs-fields .block").all()]
    assert len({box["x"] for box in boxes}) == (1 if width == 390 else 4)
    assert min(box["width"] for box in boxes) > 200
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    other = open_as("clinician")
    other.get_by_text("Only engineers and administrators train adapters.").wait_for()
    assert _buttons(other) == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_run_is_started_and_followed_in_the_browser(open_as, inputs, settings):
    page = open_as("engineer")
    page.get_by_label("Name").fill("from-the-page")
    page.get_by_role("button", name="Start", exact=True).click()
    page.locator("#run-status", has_text="from-the-page").wait_for()
    page.get_by_role("button", name="Stop").wait_for()
    page.locator("#run-status", has_text="train finished").wait_for()
    page.get_by_role("button", name="Evaluate").wait_for()
    assert _buttons(page) == ["Evaluate"]  # the form has folded
    assert "held-out loss" in page.get_by_label("Log").input_value()
    page.locator("#loss svg, #loss canvas").first.wait_for()
    assert read_state(get_run(settings, "from-the-page")).state == "finished"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_two_people_promote_and_one_rolls_back_in_the_browser(open_as, evaluated, database):
    gate(evaluated, database, NOW)
    first, second = open_as("engineer"), open_as("clinician", viewport={"width": 390, "height": 844})
    first.get_by_role("table", name="Replies side by side").wait_for()
    first.get_by_role("button", name="Approve").click()
    first.locator("#run-status", has_text="waiting for a licensed clinician").wait_for()
    assert _buttons(first) == ["Evaluate", "Put through the gate"]  # one yes is not enough
    second.locator("#run-status", has_text="waiting for a licensed clinician").wait_for()
    assert second.evaluate("document.documentElement.scrollWidth") <= 390
    second.get_by_role("button", name="Approve").click()
    second.locator("#run-status", has_text="approved by").wait_for()
    second.get_by_role("button", name="Promote").click()
    second.get_by_text("New sessions are answered by candidate.").wait_for()
    first.get_by_text("New sessions are answered by candidate.").wait_for()  # by its own timer
    third = open_as("student")
    third.get_by_text("Only engineers and administrators train adapters.").wait_for()
    assert _buttons(third) == []
    second.get_by_role("button", name="Roll back").click()
    second.get_by_text("Rolled back to the model alone").wait_for()
    second.get_by_text("New sessions are answered by the model alone").wait_for()
    assert _buttons(second) == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_was_allowed_when_the_page_was_drawn_is_refused_in_words(open_as, evaluated, database):
    gate(evaluated, database, NOW)
    page = open_as("engineer")
    page.get_by_role("button", name="Approve").wait_for()
    weights = next(evaluated.adapter.glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    page.get_by_role("button", name="Approve").click()
    page.locator("#said [role=alert]", has_text="not those that passed the gate").wait_for()


def test_nothing_of_a_model_becomes_markup(evaluated):
    from finetune.page_parts import comparison, status
    from finetune.runs import State
    from finetune.training import View

    record = evaluated.read("evaluation")
    record["side_by_side"][0]["replies"]["candidate"] = "<script>alert(1)</script>"
    shown = comparison(View("n", State(), [], "", record, {}, None))
    assert "&lt;script&gt;" in shown
    assert "<script" not in shown + status(View("n", State(message="<b>"), [], "", {}, {}, None))
