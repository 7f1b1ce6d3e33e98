import json
from datetime import UTC, datetime, timedelta

import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI
from sqlalchemy import delete, select
from starlette.testclient import TestClient

from data.records import Role
from data.schema import Draft, Lease
from review.accounts import Accounts
from review.export import export, exports_folder
from review.passwords import Passwords
from review.protection import COOKIE
from review.routes import add_desk_routes
from review.sign_in import add_sign_in
from tests.review.conftest import add_response

PASSWORD = "a quiet lake at dawn"


@pytest.fixture
def now():
    return datetime.now(UTC)


@pytest.fixture
def accounts(database, settings):
    return Accounts(
        database, settings, Passwords(PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1))
    )


@pytest.fixture
def ada(accounts, now):
    return accounts.accept(accounts.first_link(now), "Ada", "ada", PASSWORD, "Test Board", "T-1", now,
                           synthetic=True).id  # fmt: skip


@pytest.fixture
def app(accounts, desk, settings):
    made = FastAPI()
    add_sign_in(made, accounts, settings)
    add_desk_routes(made, desk, accounts)
    return made


@pytest.fixture
def client(app, accounts, ada, now):
    token = accounts.sign_in("ada", PASSWORD, "10.0.0.1", now)
    return TestClient(app, cookies={COOKIE: token}, follow_redirects=False)


@pytest.fixture
def case(database, desk, ada, now):
    add_response(database, now)
    return desk.claim_next(ada, now)


def _draft(case, body, version):
    return {"response": case.response_id, "token": case.token, "body": body, "version": version}


def _drafts(database):
    with database.reading() as tx:
        return [(d.body, d.version) for d in tx.scalars(select(Draft))]


def test_a_draft_is_kept_and_a_stale_one_is_told_what_is_there(client, case, database):
    first = client.post("/review/api/draft", json=_draft(case, {"note": "a"}, 0))
    assert (first.status_code, first.json()) == (200, {"version": 1})
    stale = client.post("/review/api/draft", json=_draft(case, {"note": "b"}, 0))
    assert stale.status_code == 409
    assert (stale.json()["stored"], stale.json()["version"]) == ({"note": "a"}, 1)
    assert _drafts(database) == [({"note": "a"}, 1)]


def test_a_heartbeat_says_until_when(client, case, settings):
    answer = client.post("/review/api/heartbeat", json={"response": case.response_id, "token": case.token})
    until = datetime.fromisoformat(answer.json()["expires_at"])
    assert timedelta(0) < until - datetime.now(UTC) <= timedelta(minutes=settings.lease_minutes)


def test_a_lost_claim_gets_a_conflict(client, case, database):
    with database.transaction() as tx:
        tx.execute(delete(Lease))
    for path in ("draft", "heartbeat"):
        answer = client.post(f"/review/api/{path}", json=_draft(case, {}, 0))
        assert answer.status_code == 409
        assert "run out" in answer.json()["message"]
        assert "stored" not in answer.json()


def test_nobody_without_a_sign_in_gets_anywhere(app, case, database):
    stranger = TestClient(app)
    for answer in (stranger.post("/review/api/draft", json=_draft(case, {}, 0)),
                   stranger.post("/review/api/heartbeat", json=_draft(case, {}, 0)),
                   stranger.get("/review/api/exports/x.zip")):  # fmt: skip
        assert answer.status_code == 401
    assert _drafts(database) == []


def test_another_sites_page_cannot_post(client, case, database):
    answer = client.post(
        "/review/api/draft", json=_draft(case, {}, 0), headers={"origin": "https://evil.example"}
    )
    assert answer.status_code == 403
    assert _drafts(database) == []


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"null", b"{", b"\xff", b"[" * 100_000, b'{"response": 1}', b'{"response": "x", "token": null}',
     json.dumps({"response": "x" * 1000, "token": "t"}).encode(), b"x" * 300_000],
    ids=range(10),
)  # fmt: skip
def test_forged_bodies_get_a_message(client, case, body):
    for path in ("draft", "heartbeat"):
        answer = client.post(f"/review/api/{path}", content=body)
        assert answer.status_code == 422
        assert answer.json()["message"]


@pytest.mark.parametrize(
    "given", [{"version": "1"}, {"version": True}, {"body": "text"}, {"body": {"n": "x" * 70_000}}]
)
def test_a_draft_of_the_wrong_shape_is_refused(client, case, database, given):
    answer = client.post("/review/api/draft", json={**_draft(case, {}, 0), **given})
    assert answer.status_code == 422
    assert _drafts(database) == []


def test_an_administrator_fetches_an_export_and_others_do_not(
    client, app, accounts, database, settings, ada, now
):
    export(database, exports_folder(settings) / "export-1", now)
    got = client.get("/review/api/exports/export-1.zip")
    assert (got.status_code, got.content[:2]) == (200, b"PK")
    assert client.get("/review/api/exports/none.zip").status_code == 404
    token = accounts.invite(ada, Role.CLINICIAN, False, now)
    accounts.accept(token, "Ben", "ben", PASSWORD, "Test Board", "T-2", now, synthetic=True)
    other = TestClient(app, cookies={COOKIE: accounts.sign_in("ben", PASSWORD, "10.0.0.1", now)})
    assert other.get("/review/api/exports/export-1.zip").status_code == 403
