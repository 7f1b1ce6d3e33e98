"""The page of accounts in a real browser: an administrator invites, verifies, closes; a clinician sees their own part."""

import re
from datetime import UTC, datetime

import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI

from data.database import migrate, open_database
from data.records import Role
from review.accounts import Accounts
from review.passwords import Passwords
from review.sign_in import add_sign_in, auth_dependency
from tests.browser import FLAGS, find_chromium
from tests.review.listening import listening

PASSWORD = "a quiet lake at dawn"


@pytest.fixture
def accounts(settings):
    database = open_database(settings.database)
    migrate(database)
    passwords = Passwords(PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1))
    yield Accounts(database, settings, passwords)
    database.close()


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
def url(accounts, settings):
    import gradio as gr

    from demo.theme import CSS, MOUNT
    from review.page_accounts import build_accounts

    with gr.Blocks() as desk:
        build_accounts(accounts)
    app = FastAPI()
    add_sign_in(app, accounts, settings)
    gr.mount_gradio_app(app, desk, "/review", auth_dependency=auth_dependency(accounts), css=CSS, **MOUNT)
    with listening(app) as address:
        yield address


def _open(browser, url, login, **options):
    page = browser.new_context(**options).new_page()
    page.goto(f"{url}/review/")
    page.get_by_label("Login").fill(login)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Change password").wait_for()
    return page


def test_an_administrator_invites_verifies_and_closes(accounts, people, browser, url):
    from playwright.sync_api import expect

    _, ben = people
    page = _open(browser, url, "ada")
    table = page.locator("#people")
    expect(table).to_contain_text("not verified")

    page.get_by_role("button", name="Make a link").click()
    link = page.locator("#link textarea, #link input")
    expect(link).to_have_value(re.compile(re.escape(url) + r"/sign-in/\S{40,}$"))
    token = link.input_value().rpartition("/")[2]
    assert accounts.offer(token, datetime.now(UTC)).role == Role.CLINICIAN

    page.get_by_label("Person").click()
    page.get_by_role("option", name="(ben)").click()
    page.get_by_role("button", name="Verify licence").click()
    expect(page.locator("#said")).to_contain_text("verified")
    assert accounts.person(ben.id).licensed
    page.get_by_role("button", name="Verify licence").click()
    expect(page.get_by_text("This licence is verified already.")).to_be_visible()
    page.get_by_role("button", name="Close account").click()
    expect(table).to_contain_text("closed")
    assert page.title() != "hit"
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(f"{url}/sign-in")
    assert page.goto(f"{url}/review/config").url.startswith(f"{url}/sign-in")


def test_a_clinician_sees_and_changes_only_what_is_theirs(accounts, people, browser, url):
    from playwright.sync_api import expect

    page = _open(browser, url, "ben", viewport={"width": 390, "height": 844}, color_scheme="dark")
    expect(page.get_by_role("button", name="Make a link")).not_to_be_visible()
    assert "Ada" not in page.content()
    page.get_by_label("Present password").fill(PASSWORD)
    page.get_by_label("New password").fill("another quiet lake")
    page.get_by_role("button", name="Change password").click()
    expect(page.get_by_text("Every other sign-in of yours has ended.")).to_be_visible()
    assert accounts.sign_in("ben", "another quiet lake", "10.0.0.1", datetime.now(UTC))
