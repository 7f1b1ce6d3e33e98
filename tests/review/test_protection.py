"""A really started server with the desk at /review and the chat at /: every route, anonymous and forged."""

import json
import re
import socket
from contextlib import closing
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI

from data.database import migrate, open_database
from data.records import Role
from data.settings import load_settings
from review.accounts import Accounts
from review.passwords import Passwords
from review.protection import is_under, path_of
from tests.review.listening import listening

PASSWORD = "a quiet lake at dawn"
CONCRETE = {"path": "x", "page": "x", "api_name": "invite", "event_id": "e", "session_hash": "h"}


class Desk:
    """The server under test, its accounts, and what the desk's handlers were asked to do."""

    def __init__(self, folder):
        import gradio as gr

        from demo.theme import MOUNT
        from review.page_accounts import build_accounts
        from review.sign_in import add_sign_in, auth_dependency

        self.settings = load_settings(_env_file=None, var_dir=folder / "var")
        self.database = open_database(self.settings.database)
        migrate(self.database)
        passwords = Passwords(PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1))
        self.accounts = Accounts(self.database, self.settings, passwords)
        self.url = ""
        self.called: list[str | None] = []
        with gr.Blocks() as desk:
            asked = gr.Textbox()
            echo = gr.Textbox()

            def on_echo(text, request: gr.Request):
                self.called.append(request.username)
                return f"{request.username} said {text}"

            gr.Button("echo").click(on_echo, asked, echo, queue=False, api_name="echo")
            gr.Button("queued").click(on_echo, asked, echo, api_name="queued")
            build_accounts(self.accounts)
        with gr.Blocks() as chat:
            word = gr.Textbox()
            gr.Button("say").click(lambda text: text, word, word, api_name="say")
        self.app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
        add_sign_in(self.app, self.accounts, self.settings)
        gr.mount_gradio_app(
            self.app, desk, "/review", auth_dependency=auth_dependency(self.accounts), **MOUNT
        )
        gr.mount_gradio_app(self.app, chat, "/", **MOUNT)
        self.desk: Any = next(
            getattr(r, "app", None) for r in self.app.routes if getattr(r, "path", "") == "/review"
        )


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    built = Desk(tmp_path_factory.mktemp("desk"))
    with listening(built.app) as built.url:
        yield built
    built.database.close()


@pytest.fixture(scope="module")
def people(desk):
    """An administrator and a clinician, both made for this test."""
    from datetime import UTC, datetime

    now = datetime.now(UTC)
    made = {}
    for login, administrator in (("ada", True), ("ben", False)):
        token = desk.accounts.invite_as_operator(Role.CLINICIAN, administrator, now)
        made[login] = desk.accounts.accept(
            token, login.title(), login, PASSWORD, "Test Board", "T-1", now, synthetic=True
        )
    return made


@pytest.fixture
def anonymous(desk):
    with httpx.Client(base_url=desk.url, timeout=30) as client:
        yield client


def _signed_in(desk, login):
    client = httpx.Client(base_url=desk.url, timeout=30)
    answer = client.post("/sign-in", data={"login": login, "password": PASSWORD})
    assert (answer.status_code, answer.headers["location"]) == (303, "/review/")
    return client


@pytest.fixture
def ada(desk, people):
    with closing(_signed_in(desk, "ada")) as client:
        yield client


@pytest.fixture
def ben(desk, people):
    with closing(_signed_in(desk, "ben")) as client:
        yield client


def _routes(desk):
    """(method, path) of every route of the mounted desk, with its parameters filled in."""
    found = set()
    for route in _flat(desk.desk.routes):
        path = re.sub(r"\{(\w+)(:\w+)?\}", lambda m: CONCRETE.get(m.group(1), "x"), route.path)
        methods = getattr(route, "methods", None) or set()
        found |= {(method, "/review" + path) for method in methods | {"POST", "GET"}}
    return sorted(found)


def _flat(routes):
    """FastAPI keeps an included router as one route that knows its own."""
    for route in routes:
        if hasattr(route, "effective_candidates"):
            yield from _flat(route.effective_candidates())
        else:
            yield route


def _fn_index(desk, api_name):
    return next(d["id"] for d in desk.desk.blocks.config["dependencies"] if d["api_name"] == api_name)


# Anonymous clients


def test_no_route_of_the_desk_answers_an_anonymous_client(desk, anonymous):
    routes = _routes(desk)
    paths = {path for _, path in routes}
    for known in ("config", "theme.css", "gradio_api/queue/join", "gradio_api/heartbeat/h", "gradio_api/reset",
                  "gradio_api/cancel", "gradio_api/startup-events", "gradio_api/app_id", "gradio_api/upload",
                  "gradio_api/file=x", "gradio_api/call/invite", "gradio_api/run/invite"):  # fmt: skip
        assert f"/review/{known}" in paths
    assert len(routes) > 100
    open_to_all = []
    for method, path in routes:
        answer = anonymous.request(method, path, content=b"{}")
        if answer.status_code not in (401, 403):
            open_to_all.append((method, path, answer.status_code))
    assert open_to_all == []


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"])
@pytest.mark.parametrize("path", ["/review", "/review/", "/review/nothing-here", "/%72eview/config"])
def test_nor_do_other_methods_and_spellings(anonymous, method, path):
    assert anonymous.request(method, path).status_code == 401


def test_what_the_desks_script_is_told_when_the_sign_in_has_ended(anonymous):
    answer = anonymous.post("/review/gradio_api/queue/join", json={}, headers={"accept": "text/html"})
    assert (answer.status_code, answer.headers["content-type"]) == (401, "application/json")
    assert answer.json()["error"] == "signed-out"
    assert answer.json()["sign_in"] == "/sign-in"


def test_a_browser_that_opens_a_page_is_sent_to_the_sign_in(anonymous):
    for path, onward in [
        ("/review", "/review"),
        ("/review/", "/review/"),
        ("/review/people?a=1&b=2", "/review/people%3Fa%3D1%26b%3D2"),
    ]:
        answer = anonymous.get(path, headers={"accept": "text/html,*/*"})
        assert (answer.status_code, answer.headers["location"]) == (303, f"/sign-in?next={onward}")


def test_a_cookie_that_is_none_of_ours_opens_nothing(desk, anonymous):
    for cookie in ("countersign=nonsense", "countersign=", 'countersign="; x', "access-token=1"):
        assert anonymous.get("/review/config", headers={"cookie": cookie}).status_code == 401


def test_the_chat_stays_open(anonymous):
    assert anonymous.get("/").status_code == 200
    assert anonymous.get("/config").status_code == 200
    answer = anonymous.post("/gradio_api/run/say", json={"data": ["hello"]})
    assert answer.json()["data"] == ["hello"]


@pytest.mark.parametrize(
    "door", ["upload", "file=/etc/hostname", "file/etc/hostname", "proxy=https://huggingface.co"]
)
def test_the_chat_takes_no_files_and_gives_none(anonymous, ben, door):
    """Chat and desk share Gradio's cache of files: what was downloaded at the desk must not be had at the chat."""
    for client in (anonymous, ben):
        for method in ("GET", "HEAD", "POST"):
            assert client.request(method, f"/gradio_api/{door}").status_code == 404


def test_an_anonymous_websocket_is_refused(desk):
    """The handshake by hand: the answer is a refusal, never 101."""
    host, port = desk.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as wire:
        wire.sendall(
            f"GET /review/ws HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        status = int(wire.recv(4096).split()[1])
    assert status in (401, 403)


# Signed in


def test_a_signed_in_clinician_uses_the_desk_under_their_id(desk, people, ben):
    assert ben.get("/review/").status_code == 200
    assert ben.get("/review/config").json()["username"] == people["ben"].id
    answer = ben.post("/review/gradio_api/run/echo", json={"data": ["hello"]})
    assert answer.json()["data"] == [f"{people['ben'].id} said hello"]
    assert desk.called[-1] == people["ben"].id


def test_streams_pass_the_wall(desk, people, ben):
    body = {"data": ["hello"], "fn_index": _fn_index(desk, "queued"), "session_hash": "stream1"}
    assert ben.post("/review/gradio_api/queue/join", json=body).status_code == 200
    said = []
    with ben.stream("GET", "/review/gradio_api/queue/data?session_hash=stream1") as events:
        for line in events.iter_lines():
            if line.startswith("data:"):
                said.append(json.loads(line[5:]))
                if said[-1]["msg"] == "process_completed":
                    break
    assert said[-1]["output"]["data"] == [f"{people['ben'].id} said hello"]


def test_a_sign_in_ends_for_the_next_request(desk, people, ben):
    from datetime import UTC, datetime

    assert ben.get("/review/config").status_code == 200
    desk.accounts.deactivate(people["ada"].id, people["ben"].id, datetime.now(UTC))
    try:
        assert ben.get("/review/config").status_code == 401
    finally:
        desk.accounts.reactivate(people["ada"].id, people["ben"].id, datetime.now(UTC))


def _invitations(desk):
    from sqlalchemy import text

    with desk.database.reading() as tx:
        return tx.scalar(text("SELECT count(*) FROM invitation"))


def test_an_administrators_handler_serves_an_administrator(desk, ada):
    before = _invitations(desk)
    answer = ada.post("/review/gradio_api/run/invite", json={"data": ["clinician", False]})
    assert answer.status_code == 200
    assert any("/sign-in/" in str(value) for value in answer.json()["data"])
    assert _invitations(desk) == before + 1


def test_a_reviewer_cannot_call_an_administrators_handler(desk, ben):
    before = _invitations(desk)
    answer = ben.post("/review/gradio_api/run/invite", json={"data": ["clinician", True]})
    assert "Only an administrator" in answer.text
    assert "/sign-in/" not in answer.text
    body = {"data": ["clinician", True], "fn_index": _fn_index(desk, "invite"), "session_hash": "forged"}
    assert ben.post("/review/gradio_api/queue/join", json=body).status_code == 200
    with ben.stream("GET", "/review/gradio_api/queue/data?session_hash=forged") as events:
        said = ""
        for line in events.iter_lines():
            said += line
            if "process_completed" in line:
                break
    assert "Only an administrator" in said
    assert "/sign-in/" not in said
    assert _invitations(desk) == before


def test_a_forged_call_gives_nobody_elses_name(desk, people, ben):
    body = {"data": ["x"], "username": people["ada"].id, "request": {"username": people["ada"].id}}
    answer = ben.post(f"/review/gradio_api/run/echo?username={people['ada'].id}", json=body)
    assert answer.json()["data"] == [f"{people['ben'].id} said x"]


# Other sites' pages


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1", "http://[", ""])
def test_requests_of_other_sites_pages_are_refused(desk, ben, origin):
    called = len(desk.called)
    for method, path in [("POST", "/review/gradio_api/run/echo"), ("GET", "/review/config"),
                         ("POST", "/sign-in"), ("POST", "/sign-out")]:  # fmt: skip
        answer = ben.request(method, path, json={"data": ["x"]}, headers={"origin": origin})
        assert answer.status_code == 403
    assert len(desk.called) == called
    assert ben.get("/review/config").status_code == 200


def test_a_post_without_origin_that_the_browser_calls_cross_site_is_refused(ben):
    answer = ben.post("/sign-out", headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 403


def test_our_own_pages_are_let_through(desk, ben):
    headers = {"origin": desk.url, "sec-fetch-site": "same-origin"}
    answer = ben.post("/review/gradio_api/run/echo", json={"data": ["x"]}, headers=headers)
    assert answer.status_code == 200


# Headers


def test_the_desk_is_shown_in_no_frame_and_kept_by_no_cache(ben):
    headers = ben.get("/review/").headers
    assert headers["content-security-policy"] == "frame-ancestors 'none'"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"


def test_the_chat_may_be_framed_by_the_hub_alone(anonymous):
    headers = anonymous.get("/").headers
    assert headers["content-security-policy"] == "frame-ancestors 'self' https://huggingface.co"
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("path", "root", "desk"),
    [
        ("/review", "", True),
        ("/review/x", "", True),
        ("/reviews", "", False),
        ("/", "", False),
        ("/app/review/x", "/app", True),
        ("/review/x", "/app", True),
        ("/app/review/x", "", False),
    ],
)
def test_what_counts_as_the_desk(path, root, desk):
    assert is_under(path_of({"path": path, "root_path": root}), "/review") is desk
