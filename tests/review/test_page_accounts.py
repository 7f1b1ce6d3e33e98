"""The page of accounts in a real browser, as a page of the desk, for administrators and for everybody else.

All people are synthetic.
"""

import re
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI

from data.database import migrate, open_database
from data.records import Role
from review.accounts import Accounts
from review.passwords import Passwords
from review.service import Desk
from review.sign_in import add_sign_in, auth_dependency
from tests.browser import FLAGS, find_chromium
from tests.review.listening import listening

PASSWORD = "a quiet lake at dawn"


@pytest.fixture
def kept(settings):
    database = open_database(settings.database)
    migrate(database)
    yield database
    database.close()


@pytest.fixture
def accounts(kept, settings):
    passwords = Passwords(PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1))
    return Accounts(kept, settings, passwords)


@pytest.fixture
def people(accounts):
    """An administrator, and a clinician whose name tries to be markup; both made for this test."""
    now = datetime.now(UTC)
    ada = accounts.accept(accounts.first_link(now), "Ada", "ada", PASSWORD, "Test Board", "T-1", now,
                          synthetic=True)  # fmt: skip
    token = accounts.invite(ada.id, Role.CLINICIAN, False, now)
    ben = accounts.accept(token, "<img src=x onerror=document.title='hit'>", "ben", PASSWORD, "Test Board",
                          "T-2", now, synthetic=True)  # fmt: skip
    return ada, ben


@pytest.fixture
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def url(accounts, kept, settings):
    import gradio as gr

    from demo.theme import CSS, MOUNT
    from review import page
    from review.page_accounts import build_accounts

    desk = page.build_desk(Desk(kept, settings), lambda: build_accounts(accounts))
    app = FastAPI()
    add_sign_in(app, accounts, settings)
    gr.mount_gradio_app(app, desk, "/review", auth_dependency=auth_dependency(accounts), css=CSS + page.CSS,
                        head=page.HEAD, **MOUNT)  # fmt: skip
    with listening(app) as address:
        yield address


def _open(browser, url, login, **options):
    page = browser.new_context(**options).new_page()
    page.goto(f"{url}/review/accounts")
    page.get_by_label("Login").fill(login)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Change password").wait_for()
    return page


def _choose(page, login):
    page.get_by_label("Choose a person").click()
    page.get_by_role("option", name=f"({login})").click()


def _fits(page, width):
    return page.evaluate("document.documentElement.scrollWidth") <= width


def test_an_administrator_invites_verifies_and_closes(accounts, people, browser, url):
    from playwright.sync_api import expect

    _, ben = people
    page = _open(browser, url, "ada")
    row = page.get_by_role("row", name=f"{ben.name} ben")
    expect(row.get_by_role("cell").nth(2)).to_have_text("not verified yet")
    expect(page.get_by_role("row", name="Ada ada").get_by_role("cell").first).to_have_text(
        "clinician administrator"
    )

    expect(page.get_by_label("One-time link")).to_have_count(0)
    page.get_by_role("button", name="Make a link").click()
    link = page.get_by_label("One-time link")
    expect(link).to_have_value(re.compile(re.escape(url) + r"/sign-in/\S{40,}$"))
    token = link.input_value().rpartition("/")[2]
    assert accounts.offer(token, datetime.now(UTC)).role == Role.CLINICIAN

    expect(page.get_by_role("button", name="Verify licence")).to_have_count(0)
    _choose(page, "ben")
    page.get_by_role("button", name="Verify licence").click()
    expect(page.locator("#said")).to_contain_text("verified")
    assert accounts.person(ben.id).licensed
    expect(row.get_by_role("cell").nth(2)).to_have_text("Ada")
    expect(page.get_by_role("button", name="Verify licence")).to_have_count(0)
    expect(
        page.locator("#said [role=status]")
    ).to_be_focused()  # the button went, the keyboard's place did not
    page.get_by_role("button", name="Close account").click()
    expect(row.get_by_role("cell").nth(3)).to_have_text("closed")
    expect(page.get_by_role("button", name="Open account again")).to_be_visible()
    assert page.title() != "hit"
    page.get_by_role("button", name="Sign out").click()  # there is one, in the header
    page.wait_for_url(f"{url}/sign-in")
    assert page.goto(f"{url}/review/config").url.startswith(f"{url}/sign-in")


def test_what_is_refused_is_said_where_the_button_was_pressed(accounts, people, browser, url):
    from playwright.sync_api import expect

    ada, ben = people
    page = _open(browser, url, "ada")
    _choose(page, "ben")
    expect(page.get_by_role("button", name="Verify licence")).to_be_visible()
    accounts.verify_licence(ada.id, ben.id, datetime.now(UTC))  # meanwhile, in another tab
    page.get_by_role("button", name="Verify licence").click()
    expect(page.locator("#said [role=alert]")).to_have_text("This licence is verified already.")
    _choose(page, "ada")
    expect(page.locator("#said [role=alert]")).to_have_count(0)
    expect(page.get_by_role("button", name="End administration")).to_be_visible()
    expect(page.get_by_role("button", name="Make a reset link")).to_have_count(0)


def test_a_reset_link_is_copied_and_leads_a_person_back_in(accounts, people, browser, url):
    from playwright.sync_api import expect

    page = _open(browser, url, "ada", permissions=["clipboard-read", "clipboard-write"])
    _choose(page, "ben")
    page.get_by_role("button", name="Make a reset link").click()
    expect(page.get_by_label("Reset link", exact=True)).to_have_value(
        re.compile(re.escape(url) + r"/sign-in/reset/\w+\.\S{40,}$")
    )
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_text("Copied.")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    _choose(page, "ada")
    expect(page.get_by_label("Reset link", exact=True)).to_have_count(0)

    other = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme="dark").new_page()
    other.goto(copied)
    expect(other.get_by_label("Login")).to_have_value("ben")
    other.locator("[name=password]").fill("another quiet lake")
    other.locator("[name=again]").fill("another quiet lake")
    assert _fits(other, 390)
    other.get_by_role("button", name="Set the password").click()
    expect(other.get_by_role("heading", name="Your new password is set")).to_be_visible()
    assert accounts.sign_in("ben", "another quiet lake", "10.0.0.1", datetime.now(UTC))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_people_as_blocks_and_the_navigation_in_two_rows(people, browser, url, scheme):
    from playwright.sync_api import expect

    page = _open(browser, url, "ada", viewport={"width": 390, "height": 844}, color_scheme=scheme)
    table = page.get_by_role("table", name="People")
    expect(table.get_by_role("row")).to_have_count(3)  # still a table to screen readers
    cells = table.get_by_role("row").nth(2).get_by_role("cell")
    tops = [cells.nth(n).bounding_box()["y"] for n in range(4)]
    assert tops == sorted(set(tops))
    assert _fits(page, 390)
    assert page.locator(".nav-holder nav").bounding_box()["height"] < 70
    name = page.evaluate("getComputedStyle(document.querySelector('.nav-holder nav'), '::before').content")
    assert name == '"Countersign"'
    ground, ink = page.evaluate(
        """() => [getComputedStyle(document.body).backgroundColor,
                  getComputedStyle(document.querySelector('.nav-holder nav'), '::before').color]"""
    )
    assert ground != ink


def test_on_a_wide_screen_cards_stand_side_by_side_and_buttons_fit_their_words(people, browser, url):
    page = _open(browser, url, "ada", viewport={"width": 1280, "height": 900})
    invite, change = (page.get_by_role("button", name=n) for n in ("Make a link", "Change password"))
    assert invite.bounding_box()["x"] < 640 < change.bounding_box()["x"]
    assert max(button.bounding_box()["width"] for button in (invite, change)) < 200
    _choose(page, "ben")
    page.get_by_role("button", name="Close account").wait_for()
    buttons = page.locator("#administration .cs-acts button").all()
    assert [b.inner_text() for b in buttons] == [
        "Verify licence",
        "Make administrator",
        "Make a reset link",
        "Close account",
    ]
    boxes = [b.bounding_box() for b in buttons]
    gaps = [b["x"] - a["x"] - a["width"] for a, b in pairwise(boxes)]
    assert gaps[2] > 10 * max(gaps[:2])  # what closes an account stands apart
    assert _fits(page, 1280)


def test_by_keyboard_alone_every_field_shows_where_one_is(people, browser, url):
    from playwright.sync_api import expect

    page = _open(browser, url, "ada")
    page.get_by_label("Choose a person").focus()
    page.keyboard.type("ben")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Verify licence")).to_be_visible()
    page.get_by_label("Present password").focus()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineWidth") == "3px"
    page.keyboard.press("Tab")
    expect(page.get_by_label("New password")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Change password")).to_be_focused()


def test_a_clinician_sees_and_changes_only_what_is_theirs(accounts, people, browser, url):
    from playwright.sync_api import expect

    page = _open(browser, url, "ben", viewport={"width": 390, "height": 844}, color_scheme="dark")
    expect(page.get_by_role("button", name="Make a link")).not_to_be_visible()
    expect(page.get_by_role("table", name="People")).to_have_count(0)
    assert "Ada" not in page.content()
    page.get_by_label("Present password").fill(PASSWORD)
    page.get_by_label("New password").fill("another quiet lake")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Every other sign-in of yours has ended.")).to_be_visible()
    assert accounts.sign_in("ben", "another quiet lake", "10.0.0.1", datetime.now(UTC))
