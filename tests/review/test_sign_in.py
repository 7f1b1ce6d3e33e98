import re
from datetime import UTC, datetime, timedelta

import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI
from starlette.testclient import TestClient

from data.records import Role
from data.settings import load_settings
from review.accounts import Accounts
from review.passwords import TRIES_PER_LOGIN, Passwords
from review.sign_in import add_sign_in, local
from tests.browser import FLAGS, find_chromium
from tests.review.listening import listening

PASSWORD = "a quiet lake at dawn"
NOW = datetime.now(UTC)


@pytest.fixture
def accounts(database, settings):
    passwords = Passwords(PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1))
    return Accounts(database, settings, passwords)


def _client(accounts, settings, base="http://testserver"):
    app = FastAPI()
    add_sign_in(app, accounts, settings)

    @app.get("/review/{page}")
    def page(page: str) -> str:
        return page

    return TestClient(app, base_url=base, follow_redirects=False)


@pytest.fixture
def client(accounts, settings):
    return _client(accounts, settings)


@pytest.fixture
def ada(accounts):
    return accounts.accept(accounts.first_link(NOW), "Ada", "ada", PASSWORD, "Test Board", "T-1", NOW,
                           synthetic=True)  # fmt: skip


def _form(login="ada", **fields):
    return {"name": "Ada", "login": login, "password": PASSWORD, "again": PASSWORD,
            "licence_body": "Test Board", "licence_number": "T-1", **fields}  # fmt: skip


def test_the_form_keeps_where_to_go_and_names_its_fields(client):
    page = client.get("/sign-in?next=/review/people%3Fa%3D1").text
    assert '<input type="hidden" name="next" value="/review/people?a=1">' in page
    for name, complete in [("login", "username"), ("password", "current-password")]:
        assert re.search(rf'name="{name}"[^>]*autocomplete="{complete}"', page)


def test_signing_in_sets_a_cookie_that_scripts_and_other_sites_cannot_use(client, ada):
    answer = client.post("/sign-in", data={"login": "ada", "password": PASSWORD, "next": "/review/people"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/review/people")
    cookie = answer.headers["set-cookie"].lower()
    assert cookie.startswith("countersign=")
    assert {"httponly", "samesite=lax", "path=/", f"max-age={12 * 3600}"} <= set(cookie.split("; "))
    assert "secure" not in cookie
    assert client.get("/review/people").status_code == 200
    assert client.get("/sign-in").headers["location"] == "/review/"


def test_over_https_the_cookie_is_secure(accounts, tmp_path, ada):
    settings = load_settings(_env_file=None, var_dir=tmp_path, public_url="https://desk.example")
    client = _client(accounts, settings)
    sent = {"data": {"login": "ada", "password": PASSWORD}, "headers": {"origin": "https://desk.example"}}
    assert "secure" in client.post("/sign-in", **sent).headers["set-cookie"].lower()


def test_a_wrong_password_is_said_and_what_was_typed_stays_but_the_password(client, ada):
    answer = client.post("/sign-in", data={"login": '"><script>x', "password": "wrong-password-1"})
    assert answer.status_code == 403
    assert "The login or the password is not right." in answer.text
    assert "&quot;&gt;&lt;script&gt;x" in answer.text
    assert "<script" not in answer.text
    assert "wrong-password-1" not in answer.text
    assert "set-cookie" not in answer.headers


def test_too_many_tries_are_told_how_long_to_wait(client, ada):
    for _ in range(TRIES_PER_LOGIN):
        client.post("/sign-in", data={"login": "ada", "password": "wrong"})
    answer = client.post("/sign-in", data={"login": "ada", "password": PASSWORD})
    assert answer.status_code == 403
    assert "Please try again in 15 minutes." in answer.text


def test_a_form_that_is_none_of_ours_signs_nobody_in(client, ada):
    for body in (b"", b"\xff\xfe=\x00", b"login=ada&" + b"x" * 200_000, b"&".join([b"a=1"] * 20)):
        answer = client.post("/sign-in", content=body)
        assert answer.status_code == 403
        assert "not right" in answer.text


def test_signing_out_ends_it_on_the_server_too(client, ada):
    client.post("/sign-in", data={"login": "ada", "password": PASSWORD})
    token = client.cookies["countersign"]
    answer = client.post("/sign-out")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    client.cookies.set("countersign", token)
    assert client.get("/review/people").status_code == 401
    assert client.get("/sign-out").status_code in (404, 405)


def test_the_first_link_sets_up_the_desk_and_dies(client, accounts):
    path = accounts.link(accounts.first_link(NOW)).split("7860")[1]
    page = client.get(path)
    assert page.status_code == 200
    assert 'name="role"' in page.text
    answer = client.post(path, data=_form(role="clinician"))
    assert (answer.status_code, answer.headers["location"]) == (303, "/review/")
    person = accounts.who(client.cookies["countersign"], datetime.now(UTC))
    assert (person.name, person.role, person.administrator, person.licensed) == (
        "Ada", Role.CLINICIAN, True, True)  # fmt: skip
    for again in (client.get(path), client.post(path, data=_form("eve"))):
        assert again.status_code == 404
        assert "has been used or has expired" in again.text


def test_an_invited_engineer_needs_no_licence_and_chooses_no_role(client, accounts, ada):
    token = accounts.invite(ada.id, Role.ENGINEER, False, NOW)
    assert 'name="role"' not in client.get(f"/sign-in/{token}").text
    fields = _form("eve", role="clinician", licence_body="", licence_number="")
    assert client.post(f"/sign-in/{token}", data=fields).status_code == 303
    assert accounts.who(client.cookies["countersign"], datetime.now(UTC)).role == Role.ENGINEER


@pytest.mark.parametrize(
    ("fields", "status", "said"),
    [
        ({"again": "something else"}, 422, "not the same"),
        ({"password": "short", "again": "short"}, 422, "at least 12"),
        ({"login": "ada"}, 409, "taken"),
        ({"licence_number": ""}, 422, "licence"),
        ({"name": "<b>\u202eada</b>"}, 422, "your name"),
    ],
)
def test_a_mistake_in_the_form_is_said_and_the_link_lives(client, accounts, ada, fields, status, said):
    token = accounts.invite(ada.id, Role.CLINICIAN, False, NOW)
    answer = client.post(f"/sign-in/{token}", data={**_form("ben"), **fields})
    assert answer.status_code == status
    assert said in answer.text
    assert 'role="alert"' in answer.text
    assert PASSWORD not in answer.text
    assert 'value="Test Board"' in answer.text
    assert accounts.offer(token, NOW + timedelta(days=1)).role == Role.CLINICIAN


def _reset(accounts, by):
    token = accounts.invite(by.id, Role.CLINICIAN, False, NOW)
    ben = accounts.accept(token, "<b>Ben</b>", "ben", PASSWORD, "Test Board", "T-2", NOW, synthetic=True)
    return accounts.link(accounts.make_reset(by.id, ben.id, NOW), reset=True).split("7860")[1]


def test_a_reset_link_opens_a_page_on_which_the_person_sets_the_password(client, accounts, ada):
    path = _reset(accounts, ada)
    page = client.get(path)
    assert page.status_code == 200
    assert "For &lt;b&gt;Ben&lt;/b&gt;. Ada made this link" in page.text
    assert re.search(r'name="login" value="ben"[^>]*autocomplete="username"[^>]*readonly', page.text)
    for fields, said in [
        ({"again": "something else"}, "not the same"),
        ({"password": "x", "again": "x"}, "at least 12"),
    ]:
        answer = client.post(
            path, data={"password": "another quiet lake", "again": "another quiet lake", **fields}
        )
        assert (answer.status_code, 'role="alert"' in answer.text, said in answer.text) == (422, True, True)
        assert "another quiet lake" not in answer.text
    answer = client.post(path, data={"password": "another quiet lake", "again": "another quiet lake"})
    assert answer.status_code == 200
    assert "Your new password is set" in answer.text
    assert "set-cookie" not in answer.headers
    assert client.post("/sign-in", data={"login": "ben", "password": "another quiet lake"}).status_code == 303
    for again in (client.get(path), client.post(path, data={"password": PASSWORD, "again": PASSWORD})):
        assert again.status_code == 404
        assert "has been used or has expired" in again.text


def test_a_reset_link_is_no_invitation_nor_the_other_way_round(client, accounts, ada):
    assert client.get(_reset(accounts, ada).replace("/reset/", "/")).status_code == 404
    assert (
        client.get(f"/sign-in/reset/{accounts.invite(ada.id, Role.CLINICIAN, False, NOW)}").status_code == 404
    )


@pytest.mark.parametrize(
    "target",
    ["https://evil.example/review/", "//evil.example/review", "/\\evil.example", "/reviewer", "/", "",
     "/review/../sign-out", "/review\\..\\x", "/review/\r\nSet-Cookie: a=b", "javascript:alert(1)",
     "review/x", "\x00/review/", "http://[/review"],
)  # fmt: skip
def test_nobody_is_sent_elsewhere(target):
    assert local(target) == "/review/"


@pytest.mark.parametrize("target", ["/review", "/review/", "/review/people?a=1&b=/x", "/review?x=1#y"])
def test_paths_of_the_desk_are_kept(target):
    assert local(target) == target


def test_the_pages_run_nothing_and_are_framed_and_kept_nowhere(client):
    for path in ("/sign-in", "/sign-in/unknown", "/sign-in/reset/unknown"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "script" not in policy
        assert headers["cache-control"] == "no-store"


def test_the_pages_in_a_browser(accounts, settings, tmp_path):
    """From the one-time link to the desk and out again, at phone width, in the light and in the dark."""
    from playwright.sync_api import expect, sync_playwright

    with listening(_client(accounts, settings).app) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        page = browser.new_page(viewport={"width": 390, "height": 844}, color_scheme="dark")
        complaints = []
        page.on("console", lambda message: complaints.append(message.text))
        page.goto(f"{url}/sign-in/{accounts.first_link(datetime.now(UTC))}")
        for label, value in [("Name", "Ada"), ("Login", "ada"), ("Licensed by", "Test Board"),
                             ("Licence number", "T-1"), ("The same password again", PASSWORD)]:  # fmt: skip
            page.get_by_label(label).fill(value)
        page.locator("[name=password]").fill(PASSWORD)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.get_by_role("button", name="Make the account").click()
        page.wait_for_url(f"{url}/review/**")
        page.context.clear_cookies()
        page.goto(f"{url}/review/people")
        expect(page.get_by_role("heading", name="Sign in to the desk")).to_be_visible()
        page.get_by_label("Login").fill("ada")
        page.get_by_label("Password").fill(PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url(f"{url}/review/people")
        assert "people" in page.content()
        assert [c for c in complaints if "Content Security Policy" in c] == []
        browser.close()
