"""The chat's page in a real browser, against a really started server with a scripted backend."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from sqlalchemy import select

from data.conversations import list_turns
from data.database import Database, open_database
from data.schema import Consent, Flag, Response, Session
from demo import wording
from demo.chat import digest_of
from demo.page_look import as_markdown, as_text
from tests.browser import FLAGS, find_chromium
from tests.demo.scripted import REPLY
from tests.serving import free_port

CALM = "I had a long day at work."
OBSERVE = """() => {
    window.seen = [];
    new MutationObserver(() => {
        const last = [...document.querySelectorAll(".bot.message")].pop();
        const text = last ? last.innerText.trim() : "";
        if (text !== window.seen[window.seen.length - 1]) window.seen.push(text);
    }).observe(document.body, {subtree: true, childList: true, characterData: true});
}"""
CHILD = Path(__file__).with_name("page_app.py")


@dataclass(frozen=True)
class Served:
    url: str
    database: Database


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    var, port = tmp_path_factory.mktemp("page"), free_port()
    with (var / "log").open("w") as log:
        child = subprocess.Popen(
            [sys.executable, str(CHILD), str(port), str(var), "0.03"], stdout=log, stderr=log
        )
    url = f"http://127.0.0.1:{port}"
    try:
        until(lambda: child.poll() is not None or _answers(url), 90)
        assert child.poll() is None, (var / "log").read_text()
        database = open_database(f"sqlite:///{var / 'countersign.db'}")
        yield Served(url, database)
        database.close()
        assert "Traceback" not in (var / "log").read_text()
    finally:
        child.terminate()
        child.wait(30)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser, served: Served) -> Iterator[Page]:
    opened = browser.new_page(viewport={"width": 1280, "height": 860})
    opened.set_default_timeout(20_000)  # of a busy machine
    expect.set_options(timeout=20_000)
    opened.goto(served.url)
    yield opened
    opened.close()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def until(holds: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.1)


def begin(page: Page, training: bool = False) -> str:
    """Pass the notice; returns the session's code."""
    page.get_by_label("18").check()
    if training:
        page.get_by_label(wording.TRAINING).check()
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_label(wording.BOX)).to_be_visible()
    return page.locator(".cs-known code").inner_text()


def send(page: Page, text: str) -> None:
    page.get_by_label(wording.BOX).fill(text)
    page.get_by_label(wording.BOX).press("Enter")


def say(page: Page, text: str) -> None:
    """Send, and wait for the whole answer."""
    before = page.locator(".user.message").count()
    send(page, text)
    expect(page.locator(".user.message")).to_have_count(before + 1)
    wait_for_end(page)


def wait_for_end(page: Page) -> None:
    expect(page.get_by_role("button", name="Try again")).to_be_visible()


def responses(served: Served, code: str) -> list[Response]:
    with served.database.reading() as tx:
        session = tx.scalars(select(Session).where(Session.code_digest == digest_of(code))).one()
        return [response for turn in list_turns(tx, session.id) for response in turn.responses]


def last_reply(page: Page) -> str:
    return page.locator(".bot.message").last.inner_text().strip()


def test_the_notice_comes_first_and_training_is_off(page, served):
    expect(page.get_by_text("It is not a person, a therapist or a doctor")).to_be_visible()
    expect(page.get_by_label(wording.BOX)).to_have_count(0)
    expect(page.get_by_label(wording.TRAINING)).not_to_be_checked()
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("alert").filter(has_text="18 or over")).to_be_visible()
    expect(page.get_by_label(wording.BOX)).to_have_count(0)


@pytest.mark.parametrize("training", [False, True])
def test_the_choices_are_stored_with_the_version_of_the_notice(page, served, training):
    code = begin(page, training)
    with served.database.reading() as tx:
        session = tx.scalars(select(Session).where(Session.code_digest == digest_of(code))).one()
        choices = {
            c.kind: c.granted for c in tx.scalars(select(Consent).where(Consent.session_id == session.id))
        }
    assert choices == {"notice": True, "adult": True, "training": training}
    assert session.notice_version == wording.NOTICE_VERSION


def test_a_reply_comes_sentence_by_sentence_by_keyboard_alone(page, served):
    code = begin(page)
    page.evaluate(OBSERVE)
    box = page.get_by_label(wording.BOX)
    box.focus()
    page.keyboard.type("First line")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("second line")
    page.keyboard.press("Enter")
    expect(page.locator(".bot.message").last).to_have_text(REPLY)
    wait_for_end(page)
    first, second = "That sounds heavy.", "That sounds heavy. I am glad that you wrote it down."
    seen = page.evaluate("window.seen")
    assert [text for text in seen if text not in ("", "…")][-1] == REPLY
    assert set(seen) <= {"", "…", first, second, REPLY}  # whole sentences, each after the one before
    assert {first, second} & set(seen)
    expect(box).to_have_value("")
    assert page.locator(".user.message").inner_text().strip() == "First line\nsecond line"
    (row,) = responses(served, code)
    assert (row.end_reason, row.shown) == ("finished", REPLY)
    expect(page.get_by_role("log")).to_have_attribute("aria-live", "polite")


def test_nothing_is_kept_in_the_browser(page):
    begin(page)
    say(page, CALM)
    assert page.evaluate("Object.keys(localStorage).concat(Object.keys(sessionStorage))") == []
    assert page.context.cookies() == []
    page.reload()
    expect(page.get_by_text(wording.NOTICE_TITLE)).to_be_visible()
    expect(page.get_by_text(REPLY)).to_have_count(0)


def test_markup_is_text_and_markdown_of_the_reply_is_rendered(page):
    begin(page)
    written = "markup <script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\"> *a* [b](c) 1"
    say(page, written)
    assert page.locator(".user.message").inner_text().strip() == written
    assert "<img src=x" in last_reply(page)
    log = page.get_by_role("log")
    assert log.locator("strong").inner_text() == "Bold"
    assert log.locator("script, .message-content img, b").count() == 0
    assert page.title() == wording.NAME


def test_other_scripts_and_emoji_are_shown_as_written(page):
    begin(page)
    for text in ("مرحبا، أنا متعب اليوم", "👩‍👩‍👧‍👦 ❤️‍🩹", "# 1. not a list\n- nor this\n> or that"):
        say(page, text)
        shown = page.locator(".user.message").last.inner_text().strip().replace("\u2060", "")
        assert shown == text


def test_stop_closes_the_reply_where_it_was(page, served):
    code = begin(page)
    send(page, "long")
    expect(page.locator(".bot.message").last).to_contain_text("number 2 ")
    page.get_by_role("button", name="Stop").click()
    wait_for_end(page)
    (row,) = responses(served, code)
    assert row.end_reason == "stopped"
    assert row.shown.startswith(last_reply(page))
    assert "number 50 " not in row.raw
    send(page, CALM)
    expect(page.get_by_text(REPLY)).to_be_visible()


def test_closing_the_tab_in_the_middle_of_a_reply_ends_it(browser, served):
    page = browser.new_page()
    page.goto(served.url)
    code = begin(page)
    send(page, "long")
    expect(page.locator(".bot.message").last).to_contain_text("number 2 ")
    seen = last_reply(page)
    page.close()
    until(lambda: responses(served, code)[0].closed_at is not None)
    (row,) = responses(served, code)
    assert row.end_reason == "stopped"
    assert row.shown.startswith(seen)
    assert "number 50 " not in row.raw


def test_a_reply_can_be_asked_for_again(page, served):
    code = begin(page)
    say(page, CALM)
    page.get_by_role("button", name="Try again").click()
    until(lambda: len(responses(served, code)) == 2 and responses(served, code)[1].closed_at)
    wait_for_end(page)
    assert page.locator(".bot.message").count() == 1
    assert [row.attempt for row in responses(served, code)] == [1, 2]


def test_a_fault_is_told_with_an_id_and_help_stays_in_view(page, served):
    code = begin(page)
    send(page, "fail")
    alert = page.get_by_role("alert").filter(has_text="broke off")
    expect(alert).to_be_visible()
    (row,) = responses(served, code)
    assert row.end_reason == "error"
    assert row.error_id in alert.inner_text()
    expect(page.get_by_role("button", name=wording.MORE_HELP)).to_be_visible()
    wait_for_end(page)


@pytest.mark.parametrize(
    ("text", "words"), [("x" * 100_000, "100,000 characters"), ("   ", "write a message")]
)
def test_a_message_that_cannot_be_used_stays_in_the_box(page, served, text, words):
    code = begin(page)
    send(page, text)
    expect(page.get_by_role("alert").filter(has_text=words)).to_be_visible()
    expect(page.get_by_label(wording.BOX)).to_have_value(text)
    assert page.locator(".user.message").count() == 0
    assert responses(served, code) == []


def test_a_locked_database_shows_the_resources_and_keeps_what_was_typed(page, served):
    code = begin(page)
    with served.database.transaction():
        send(page, CALM)
        expect(page.get_by_role("alert").filter(has_text="locked")).to_be_visible()
        expect(page.get_by_role("button", name=wording.MORE_HELP)).to_be_visible()
    expect(page.get_by_label(wording.BOX)).to_have_value(CALM)
    assert page.locator(".bot.message").count() == 0
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text(REPLY)).to_be_visible()
    wait_for_end(page)
    assert [row.end_reason for row in responses(served, code)] == ["finished"]


def test_help_opens_without_the_server(page):
    expect(page.get_by_role("button", name=wording.HELP)).to_be_visible()
    page.context.set_offline(True)
    page.get_by_role("button", name=wording.HELP).click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("988 Suicide & Crisis Lifeline")).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.context.set_offline(False)


def test_the_exercise_opens_without_the_server(page):
    expect(page.get_by_role("button", name="Come back to the room")).to_be_visible()
    page.context.set_offline(True)
    page.get_by_role("button", name="Come back to the room").click()
    sheet = page.locator("#cs-grounding")
    expect(sheet.get_by_role("listitem")).to_have_count(6)
    sheet.get_by_role("button", name=wording.HELP).click()
    expect(page.locator("#cs-help")).to_be_visible()
    page.context.set_offline(False)


def test_the_safety_plan_is_printed_and_sent_nowhere(browser, served):
    opened = browser.new_page(viewport={"width": 390, "height": 844})
    # What the plan's own frame would print is handed to the page around it.
    opened.add_init_script("window.print = () => { window.top.printed = document.body.innerText; }")
    opened.goto(served.url)
    sent: list[str] = []
    opened.on("request", lambda request: sent.append(request.url + (request.post_data or "")))
    opened.get_by_role("button", name="A safety plan").click()
    opened.get_by_label("How do I notice that it is starting?").fill("I stop answering\nZanzibar")
    opened.get_by_role("button", name="Print").click()
    printed = opened.evaluate("() => window.printed")
    assert "How do I notice that it is starting?" in printed
    assert "I stop answering\nZanzibar" in printed
    assert "findahelpline.com" in printed
    opened.get_by_role("button", name=wording.CLOSE).last.click()
    assert [url for url in sent if "Zanzibar" in url] == []
    kept = "() => JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])"
    assert "Zanzibar" not in opened.evaluate(kept)
    opened.reload()
    opened.get_by_role("button", name="A safety plan").click()
    expect(opened.get_by_label("How do I notice that it is starting?")).to_have_value("")
    opened.close()


def test_nobody_else_hears_of_a_visit(browser, served):
    opened = browser.new_page()
    asked: list[str] = []
    opened.on("request", lambda request: asked.append(request.url))
    opened.set_default_timeout(20_000)
    opened.goto(served.url)
    begin(opened)
    say(opened, CALM)
    opened.get_by_role("button", name=wording.HELP).click()
    hosts = {httpx.URL(url).host for url in asked if not url.startswith(("data:", "blob:"))}
    assert len(asked) > 5
    assert hosts == {"127.0.0.1"}
    opened.close()


def test_a_crisis_keeps_the_resources_in_view(page):
    begin(page)
    send(page, "I want to kill myself")
    expect(page.locator(".bot.message").last).to_contain_text("988")
    expect(page.get_by_role("button", name=wording.MORE_HELP)).to_be_visible()


def test_an_answer_can_be_reported(page, served):
    code = begin(page)
    say(page, CALM)
    page.get_by_role("button", name=wording.REPORT).click()
    page.get_by_label(wording.REPORT_NOTE).fill("It was cold.")
    page.get_by_role("button", name=wording.REPORT_SEND).click()
    expect(page.get_by_role("status").filter(has_text="front of the clinicians")).to_be_visible()
    expect(page.get_by_role("button", name=wording.REPORT, exact=True)).to_have_count(0)
    (row,) = responses(served, code)
    with served.database.reading() as tx:
        flag = tx.scalars(select(Flag).where(Flag.response_id == row.id)).one()
    assert (flag.source, flag.note) == ("visitor", "It was cold.")


def test_who_has_the_code_sees_changes_and_deletes(page, browser, served):
    code = begin(page)
    say(page, CALM)
    later = browser.new_page()  # another tab, another day: only the code
    later.goto(served.url)
    later.get_by_text(wording.YOURS).click()
    later.get_by_label(wording.CODE).fill("AAAA-AAAA-AAAA-AAAA")
    later.get_by_role("button", name=wording.SEE).click()
    expect(later.get_by_role("alert").filter(has_text="no conversation with this code")).to_be_visible()
    later.get_by_label(wording.CODE).fill(code.lower())
    later.get_by_role("button", name=wording.SEE).click()
    expect(later.locator(".cs-kept")).to_contain_text(REPLY)
    later.get_by_label(wording.TRAINING).last.check()
    expect(later.get_by_role("status").filter(has_text="Thank you")).to_be_visible()
    later.get_by_label(wording.TRAINING).last.uncheck()
    expect(later.get_by_role("status").filter(has_text="Nothing from this")).to_be_visible()
    later.get_by_role("button", name=wording.DELETE).click()
    later.get_by_role("button", name=wording.DELETE_YES).click()
    expect(later.get_by_role("status").filter(has_text="is deleted")).to_be_visible()
    later.close()
    with served.database.reading() as tx:
        assert tx.scalars(select(Session).where(Session.code_digest == digest_of(code))).first() is None
    send(page, "Are you still there?")
    expect(page.get_by_role("alert").filter(has_text="no longer kept")).to_be_visible()


def test_a_new_conversation_begins_with_the_notice(page, served):
    first = begin(page)
    say(page, CALM)
    page.get_by_role("button", name=wording.NEW).click()
    expect(page.get_by_text(wording.NOTICE_TITLE)).to_be_visible()
    expect(page.get_by_label("18")).not_to_be_checked()
    second = begin(page)
    assert second != first
    assert page.locator(".message").count() == 0
    assert len(responses(served, first)) == 1


def test_a_new_conversation_in_the_middle_of_a_reply_starts_clean(page, served):
    first = begin(page)
    send(page, "long")
    expect(page.locator(".bot.message").last).to_contain_text("number 2 ")
    page.get_by_role("button", name=wording.NEW).click()
    expect(page.get_by_text(wording.NOTICE_TITLE)).to_be_visible()
    until(lambda: responses(served, first)[0].end_reason == "stopped")
    second = begin(page)
    assert page.locator(".message").count() == 0
    say(page, CALM)
    assert [row.shown for row in responses(served, second)] == [REPLY]
    assert len(responses(served, first)) == 1


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_width_scrolls_sideways(browser, served, width, scheme):
    page = browser.new_page(viewport={"width": width, "height": 844}, color_scheme=scheme)

    def sideways() -> int:
        return int(page.evaluate("document.documentElement.scrollWidth - innerWidth"))

    page.goto(served.url)
    expect(page.get_by_role("button", name="Start")).to_be_visible()
    assert sideways() <= 0
    begin(page)
    say(page, "w" * 300)
    say(page, "I want to kill myself")
    expect(page.get_by_role("button", name=wording.MORE_HELP)).to_be_visible()
    assert sideways() <= 0
    expect(page.get_by_label(wording.BOX)).to_be_in_viewport()
    page.get_by_text(wording.YOURS).click()
    page.get_by_role("button", name=wording.SEE).click()
    expect(page.locator(".cs-kept")).to_be_visible()
    assert sideways() <= 0
    page.get_by_role("button", name=wording.HELP).click()
    assert sideways() <= 0
    page.close()


def test_what_the_chatbot_is_given():
    assert as_markdown("<b>x</b> &lt; ![p](http://x/y.png)\n- a\nafter") == (
        "&lt;b>x&lt;/b> &amp;lt; !\\[p](http://x/y.png)\n- a\n\nafter"
    )
    assert as_text("5 > 3 & 2. fine - yes") == "5 > 3 & 2. fine - yes"
    assert as_text("# a\n- b") == "\\# a\n\\- b"
