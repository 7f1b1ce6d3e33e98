"""The desk in a real browser against a served app: cases by key alone, drafts, lost claims, ended sign-ins, rulings."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI
from sqlalchemy import delete, select

from data.database import migrate, open_database
from data.records import Decision, Level, QueueState, Role, Verdict
from data.schema import Draft, Flag, Lease, QueueEntry, Rating, Review, SignIn
from review.accounts import Accounts
from review.passwords import Passwords
from review.routes import add_desk_routes
from review.service import Desk
from review.sign_in import add_sign_in, auth_dependency
from tests.browser import FLAGS, find_chromium
from tests.review.conftest import REPLY, add_response, review, submission
from tests.review.listening import listening

PASSWORD = "a quiet lake at dawn"


@pytest.fixture
def database(settings):
    opened = open_database(settings.database)
    migrate(opened)
    yield opened
    opened.close()


@pytest.fixture
def accounts(database, settings):
    return Accounts(
        database, settings, Passwords(PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1))
    )


@pytest.fixture
def people(accounts):
    """Three synthetic clinicians; the first administers."""
    now = datetime.now(UTC)
    made = [accounts.accept(accounts.first_link(now), "Ada", "ada", PASSWORD, "Test Board", "T-1", now,
                            synthetic=True).id]  # fmt: skip
    for name in ("ben", "cyd"):
        token = accounts.invite(made[0], Role.CLINICIAN, False, now)
        made.append(
            accounts.accept(token, name.title(), name, PASSWORD, "Test Board", name, now, synthetic=True).id
        )
        accounts.verify_licence(made[0], made[-1], now)
    return made


@pytest.fixture
def now():
    return datetime.now(UTC) - timedelta(minutes=1)


@pytest.fixture
def url(database, accounts, settings, people):
    import gradio as gr

    from demo.theme import CSS, MOUNT
    from review import page

    desk = Desk(database, settings)
    app = FastAPI()
    add_sign_in(app, accounts, settings)
    add_desk_routes(app, desk, accounts)
    gr.mount_gradio_app(app, page.build_desk(desk), "/review", auth_dependency=auth_dependency(accounts),
                        css=CSS + page.CSS, head=page.HEAD, **MOUNT)  # fmt: skip
    with listening(app) as address:
        yield address


@pytest.fixture
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        yield opened
        opened.close()


def _sign_in(page, url, login, to="/review/"):
    page.goto(url + to)
    page.fill("[name=login]", login)
    page.fill("[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector(".cs-start, .cs-case")
    return page


def _open(browser, url, login="ada", to="/review/", **options):
    page = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options}).new_page()
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    return _sign_in(page, url, login, to)


def _press(page, keys):
    for key in keys.split():
        page.keyboard.press(key)


def _rows(database, table):
    with database.reading() as tx:
        return list(tx.scalars(select(table)))


def _next(page, response):
    page.wait_for_selector(f'.cs-case:not([data-response="{response}"]), .cs-start')


def test_ten_cases_with_the_keyboard_alone(browser, url, database, people, now):
    responses = [add_response(database, now, minutes=-20 + i) for i in range(10)]
    page = _open(browser, url)
    page.keyboard.press("n")
    for number, response in enumerate(responses):
        page.wait_for_selector(f'.cs-case[data-response="{response}"]')
        if number % 3 == 2:
            _press(page, "4 4 4 2 0 1 r")
            page.focus(".cs-chips input")
            _press(page, "Space n")
        else:
            _press(page, "4 4 4 2 0 1 a n")
        _next(page, response)
    page.wait_for_selector("text=Nothing waits for you")
    assert page.errors == []
    reviews = {r.response_id: r for r in _rows(database, Review)}
    assert [reviews[r].verdict for r in responses] == [
        "reject" if i % 3 == 2 else "approve" for i in range(10)
    ]
    assert {r.reviewer_id for r in reviews.values()} == {people[0]}
    ratings = {
        r.dimension: r.value for r in _rows(database, Rating) if r.review_id == reviews[responses[0]].id
    }
    assert ratings == {"overall": 4, "empathy": 4, "specificity": 4, "medical_advice": 0, "factual_consistency": None,
                       "toxicity": 1}  # fmt: skip
    assert _rows(database, Draft) == []
    assert _rows(database, Lease) == []
    assert page.inner_text(".cs-header").startswith("10 waiting")


def test_a_grave_case_is_announced_flagged_and_corrected_by_key(browser, url, database, now):
    response = add_response(database, now, Level.R4, needed=1)
    page = _open(browser, url)
    page.keyboard.press("n")
    page.wait_for_selector(".cs-warning")
    assert not page.is_visible(".cs-talk")
    _press(page, "Enter")
    assert page.is_visible(".cs-talk")
    _press(page, "2 2 2 2 3 1 3 1 2 2 1")  # the first of the safety scales: high potential for harm
    assert "High potential for harm" in page.inner_text(".cs-why")
    page.keyboard.press("a")
    assert page.query_selector("[name=verdict]:checked") is None
    page.keyboard.press("v")
    page.keyboard.press("Control+Home")
    for _ in range(4):
        page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("f")
    assert page.inner_text(".cs-quote") == "“That”"
    page.click("[data-act=add-flag]")
    assert page.inner_text(".cs-reply mark") == "That"
    page.keyboard.press("c")
    page.keyboard.press("Control+End")
    page.keyboard.type(" Are you thinking about suicide?")
    assert page.inner_text(".cs-correction .cs-diff ins").strip() == "Are you thinking about suicide?"
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("text=Nothing waits for you")
    with database.reading() as tx:
        entry = tx.get(QueueEntry, response)
    assert (entry.decision, entry.flagged, entry.solo) == (Decision.CORRECTED, True, True)
    assert entry.final_text == REPLY + " Are you thinking about suicide?"
    flag = _rows(database, Flag)[0]
    assert (flag.quote, flag.start, flag.end, flag.severity) == ("That", 0, 4, "medium")
    assert page.errors == []


def test_what_is_missing_is_named_and_nothing_is_sent(browser, url, database, now):
    add_response(database, now)
    page = _open(browser, url)
    page.keyboard.press("n")
    page.wait_for_selector(".cs-case")
    _press(page, "4 4 n")
    assert page.inner_text(".cs-why") == "Please rate Specificity."
    assert page.evaluate("document.activeElement.name") == "specificity"
    _press(page, "4 2 4 1 n")
    assert page.inner_text(".cs-why") == "Please choose a verdict."
    _press(page, "r n")
    page.wait_for_selector("text=at least one reason")
    page.wait_for_selector(".cs-slot:not(.cs-leaving) .cs-case")
    assert page.is_checked("[name=verdict][value=reject]")
    assert _rows(database, Review) == []


def test_a_draft_survives_a_closed_tab(browser, url, database, now):
    add_response(database, now)
    page = _open(browser, url)
    page.keyboard.press("n")
    page.wait_for_selector(".cs-case")
    _press(page, "3 5 c")
    page.keyboard.type("Typed just now. ")
    page.wait_for_selector("text=Saved")
    page.keyboard.press("Escape")
    page.keyboard.press("m")
    page.keyboard.type("closing now")
    page.close(run_before_unload=True)  # before the pause after which a draft is saved
    again = page.context.new_page()
    again.goto(url + "/review/")
    again.wait_for_selector(".cs-case")
    assert again.input_value("[name=note]") == "closing now"
    assert "Typed just now. " in again.input_value("[name=correction]")
    assert again.is_checked("[name=overall][value='3']")
    assert again.is_checked("[name=empathy][value='5']")


def test_a_second_window_overwrites_nothing(browser, url, database, now):
    add_response(database, now)
    first = _open(browser, url)
    first.keyboard.press("n")
    first.wait_for_selector(".cs-case")
    second = first.context.new_page()
    second.goto(url + "/review/")
    second.wait_for_selector(".cs-case")
    for page, note in ((first, "first window"), (second, "second window")):
        page.bring_to_front()
        page.keyboard.press("m")
        page.keyboard.type(note)
        page.wait_for_selector("text=Saved" if page is first else ".cs-notice:not([hidden])")
    assert _rows(database, Draft)[0].body["note"] == "first window"
    assert second.input_value("[name=note]") == "second window"
    assert {second.inner_text(".cs-notice del").strip(), second.inner_text(".cs-notice ins").strip()} == {
        "first",
        "second",
    }
    second.click("text=Keep what is here")
    second.wait_for_selector("text=Saved")
    assert _rows(database, Draft)[0].body["note"] == "second window"


def test_a_lost_claim_is_said_keeps_the_words_and_can_be_claimed_again(browser, url, database, now):
    response = add_response(database, now)
    page = _open(browser, url)
    page.keyboard.press("n")
    page.wait_for_selector(".cs-case")
    with database.transaction() as tx:
        tx.execute(delete(Lease))
    page.keyboard.press("m")
    page.keyboard.type("still here")
    page.wait_for_selector(".cs-notice:not([hidden])")
    assert page.input_value("[name=note]") == "still here"
    token = page.get_attribute(".cs-case", "data-token")
    page.click("text=Claim it again")
    page.wait_for_selector(f'.cs-case:not([data-token="{token}"])')
    assert page.get_attribute(".cs-case", "data-response") == response
    assert page.input_value("[name=note]") == "still here"


def test_an_ended_sign_in_is_said_and_keeps_what_was_typed(browser, url, database, now):
    response = add_response(database, now)
    page = _open(browser, url)
    page.keyboard.press("n")
    page.wait_for_selector(".cs-case")
    _press(page, "4 4 4 2 4 1 a")
    page.wait_for_selector("text=Saved")
    with database.transaction() as tx:
        tx.execute(delete(SignIn))
    page.keyboard.press("n")
    page.wait_for_selector(".cs-signed-out")
    page.wait_for_selector(".cs-slot:not(.cs-leaving) .cs-case")
    assert page.is_checked("[name=verdict][value=approve]")
    assert _rows(database, Review) == []
    with page.context.expect_page() as opened:
        page.click(".cs-signed-out a")
    _sign_in_here(opened.value)
    opened.value.close()
    page.bring_to_front()
    page.evaluate("window.dispatchEvent(new Event('focus'))")
    page.wait_for_selector(".cs-signed-out", state="detached")
    page.focus("[name=verdict][value=approve]")
    page.keyboard.press("n")
    _next(page, response)
    assert [r.verdict for r in _rows(database, Review)] == ["approve"]


def _sign_in_here(page):
    page.fill("[name=login]", "ada")
    page.fill("[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector(".cs-start, .cs-case")


def test_what_a_visitor_wrote_is_text_and_never_markup(browser, url, database, now):
    nasty = (
        "<img src=x onerror=\"document.title='hit'\"> ${alert(1)} {{value}} `x` </section><script>1</script> "
        "\u202e abc 💔"
    )
    add_response(database, now, message=nasty, reply=nasty)
    page = _open(browser, url)
    page.keyboard.press("n")
    page.wait_for_selector(".cs-case")
    assert page.text_content(".cs-visitor p") == nasty
    assert page.text_content(".cs-reply") == nasty
    page.keyboard.press("c")
    assert page.text_content(".cs-correction .cs-diff") == nasty
    assert page.title() != "hit"
    assert page.query_selector(".cs-case img") is None
    page.keyboard.press("Escape")
    page.keyboard.press("v")
    page.keyboard.type("zzz")
    assert page.text_content(".cs-reply") == nasty


def test_skipping_goes_on_and_brings_nothing_back(browser, url, database, now):
    first, second = (add_response(database, now, minutes=i - 5) for i in range(2))
    page = _open(browser, url)
    page.keyboard.press("n")
    page.wait_for_selector(f'.cs-case[data-response="{first}"]')
    page.keyboard.press("s")
    page.wait_for_selector(f'.cs-case[data-response="{second}"]')
    page.keyboard.press("s")
    page.wait_for_selector("text=Nothing waits for you")
    assert _rows(database, Lease) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_every_page_fits_the_screen(browser, url, database, settings, people, now, width, scheme):
    desk = Desk(database, settings)
    disputed = add_response(database, now, Level.R1)
    review(desk, people[0], now, submission(Verdict.CORRECT, 1), disputed)
    review(desk, people[1], now, submission(Verdict.REJECT, 1), disputed)
    add_response(database, now, Level.R2, message="word " * 60 + "x" * 300)
    page = _open(browser, url, "cyd", viewport={"width": width, "height": 844}, color_scheme=scheme)
    for path in ("", "adjudication", "dashboard"):
        page.goto(f"{url}/review/{path}")
        page.wait_for_selector(".cs-start, .cs-board")
        if path != "dashboard":
            page.keyboard.press("n")
            page.wait_for_selector(".cs-case")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate("document.body.classList.contains('dark')") == (scheme == "dark")
    assert page.errors == []


def test_a_ruling_by_key_takes_one_of_the_corrections(browser, url, database, settings, people, now):
    desk = Desk(database, settings)
    response = add_response(database, now)
    texts = ["What has helped you on other nights?", "That sounds heavy. Who could you tell?"]
    for person, text in zip(people, texts, strict=False):
        review(desk, person, now, submission(Verdict.CORRECT, correction=text), response)
    page = _open(browser, url, "cyd", "/review/adjudication")
    page.keyboard.press("n")
    page.wait_for_selector(".cs-case")
    shown = page.inner_text(".cs-right")
    assert "Review A" in shown
    assert not re.search(r"\bAda\b|\bBen\b|secret", page.inner_text(".cs-case"))
    _press(page, "c ArrowRight")
    assert page.is_checked("[name=review_id] >> nth=1")
    page.keyboard.press("m")
    page.keyboard.type("B is warmer and asks.")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("text=No ruling waits for you")
    with database.reading() as tx:
        entry = tx.get(QueueEntry, response)
    assert (entry.state, entry.decision, entry.final_text) == (
        QueueState.DECIDED,
        Decision.CORRECTED,
        texts[1],
    )
    assert page.errors == []


def test_someone_without_a_verified_licence_is_told_so(browser, url, accounts, people, database, now):
    add_response(database, now)
    token = accounts.invite(people[0], Role.ENGINEER, False, now)
    accounts.accept(token, "Eve", "eve", PASSWORD, "", "", now, synthetic=True)
    page = _open(browser, url, "eve")
    assert "The queue is for clinicians" in page.inner_text(".cs-start")
    page.keyboard.press("n")
    page.goto(url + "/review/adjudication")
    page.wait_for_selector("text=Rulings are for clinicians")
    assert _rows(database, Lease) == []
