"""The desk's small JSON routes, for what a page does in passing: keep a draft, keep a claim, fetch an export.

    POST /review/api/draft       {response, token, body, version} -> {version} | 409 {message, stored, version}
    POST /review/api/heartbeat   {response, token} -> {expires_at}
    GET  /review/api/exports/NAME.zip

Same sign-in as the pages (the wall in `review/protection.py` answers 401 to anybody else), same services.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Request
from starlette.responses import FileResponse, JSONResponse, Response

from data.errors import AppError, Forbidden, Invalid
from review.accounts import Accounts
from review.export import zip_export
from review.protection import auth_dependency
from review.service import Desk, StaleDraft

_LONGEST_BODY = 256 * 1024


async def _body(request: Request) -> dict[str, Any]:
    """The JSON object that was posted, {} for anything else: the services say what is missing."""
    received = b""
    async for chunk in request.stream():
        received += chunk
        if len(received) > _LONGEST_BODY:
            return {}
    try:
        read = json.loads(received)
    except (ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) else {}


Body = Annotated[dict[str, Any], Depends(_body)]


def add_desk_routes(app: FastAPI, desk: Desk, accounts: Accounts) -> None:
    """Add the routes; before Gradio is mounted at `/review`, which takes every path that is left there."""
    who = auth_dependency(accounts)
    router = APIRouter(prefix="/review/api", include_in_schema=False)

    @router.post("/draft")
    def draft(request: Request, body: Body) -> Response:
        def save() -> dict[str, Any]:
            version = desk.save_draft(_person(who, request), _text(body, "response"), _text(body, "token"),
                                      body.get("body"), _version(body), _now())  # type: ignore[arg-type]  # fmt: skip
            return {"version": version}

        return _answered(save)

    @router.post("/heartbeat")
    def heartbeat(request: Request, body: Body) -> Response:
        def prolong() -> dict[str, Any]:
            until = desk.heartbeat(
                _person(who, request), _text(body, "response"), _text(body, "token"), _now()
            )
            return {"expires_at": until.isoformat()}

        return _answered(prolong)

    @router.get("/exports/{name}.zip")
    def export(request: Request, name: str) -> Response:
        try:
            path = zip_export(desk.database, desk.settings, _person(who, request), name)
        except AppError as error:
            return _refused(error)
        return FileResponse(path, media_type="application/zip", filename=f"{name}.zip")

    app.include_router(router)


def _answered(act: Callable[[], dict[str, Any]]) -> Response:
    try:
        return JSONResponse(act())
    except AppError as error:
        return _refused(error)


def _refused(error: AppError) -> JSONResponse:
    said: dict[str, Any] = {"message": str(error)}
    if isinstance(error, StaleDraft):
        said |= {"stored": error.stored, "version": error.version}
    return JSONResponse(said, error.status)


def _person(who: Callable[[Any], str | None], request: Request) -> str:
    person = who(request)
    if person is None:
        raise Forbidden("Please sign in.")
    return person


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value or len(value) > 200:
        raise Invalid(f"The request names no {name}.")
    return value


def _version(body: dict[str, Any]) -> int:
    version = body.get("version", 0)
    if not isinstance(version, int) or isinstance(version, bool):
        raise Invalid("The request names no version.")
    return version


def _now() -> datetime:
    return datetime.now(UTC)
