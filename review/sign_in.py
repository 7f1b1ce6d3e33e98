"""The entrance to the desk: signing in and out, and the one-time links. Plain pages that work without a script.

app = FastAPI(...)
add_sign_in(app, accounts, settings)     # before Gradio is mounted at "/", which takes every path that is left
gr.mount_gradio_app(app, desk, "/review", auth_dependency=auth_dependency(accounts), ...)
"""

import functools
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import parse_qs

from fastapi import APIRouter, Depends, FastAPI, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from data.errors import AppError, Conflict, Invalid
from data.records import Role
from data.schema import Reviewer
from data.settings import Settings
from review.accounts import Accounts
from review.protection import COOKIE, Protection, auth_dependency, token_of
from review.sign_in_html import CSP, accept_page, message_page, reset_page, sign_in_page

__all__ = ["add_sign_in", "auth_dependency"]

DESK = "/review/"
CHAT_FRAMES = ("https://huggingface.co",)  # a Space shows its app in a frame
_LONGEST_FORM = 16 * 1024


async def _form(request: Request) -> dict[str, str]:
    """The fields of a posted form; a form too long to be one of ours counts as empty."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LONGEST_FORM:
            return {}
    fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=20)
    return {name: values[0] for name, values in fields.items()}


Form = Annotated[dict[str, str], Depends(_form)]


def add_sign_in(app: FastAPI, accounts: Accounts, settings: Settings,
                frame_ancestors: tuple[str, ...] = CHAT_FRAMES) -> None:  # fmt: skip
    """Add the pages of the entrance, the wall around `/review`, and the app's security headers."""
    app.add_middleware(
        Protection, accounts=accounts, public_url=settings.public_url, frame_ancestors=frame_ancestors
    )
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    @router.get("/sign-in")
    @_worded
    def show_sign_in(request: Request, next: str = DESK) -> Response:
        if accounts.who(token_of(request), _now()):
            return RedirectResponse(local(next), 303)
        return _page(sign_in_page(local(next)))

    @router.post("/sign-in")
    def sign_in(request: Request, form: Form) -> Response:
        login, onward = form.get("login", ""), local(form.get("next", ""))
        try:
            token = accounts.sign_in(login, form.get("password", ""), _address(request), _now())
        except AppError as error:
            return _page(sign_in_page(onward, login, str(error)), error.status)
        return _with_cookie(RedirectResponse(onward, 303), token, request, settings)

    @router.get("/sign-in/{token}")
    @_worded
    def show_link(token: str) -> Response:
        return _page(accept_page(accounts.offer(token, _now())))

    @router.post("/sign-in/{token}")
    @_worded
    def accept(request: Request, token: str, form: Form) -> Response:
        offer = accounts.offer(token, _now())
        try:
            reviewer = _accept(accounts, token, form)
        except (Invalid, Conflict) as error:
            return _page(accept_page(offer, form, str(error)), error.status)
        try:
            signed_in = accounts.sign_in(reviewer.login, form["password"], _address(request), _now())
        except AppError:  # the account is made; only this way in is closed for a while
            return RedirectResponse("/sign-in", 303)
        return _with_cookie(RedirectResponse(DESK, 303), signed_in, request, settings)

    @router.post("/sign-out")
    @_worded
    def sign_out(request: Request) -> Response:
        if token := token_of(request):
            accounts.sign_out(token)
        response = RedirectResponse("/sign-in", 303)
        response.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax")
        return response

    _add_reset(router, accounts)
    app.include_router(router)


def _add_reset(router: APIRouter, accounts: Accounts) -> None:
    """The page that a reset link opens: the person, and nobody else, types the new password."""

    @router.get("/sign-in/reset/{token}")
    @_worded
    def show_reset(token: str) -> Response:
        return _page(reset_page(accounts.reset_offer(token, _now())))

    @router.post("/sign-in/reset/{token}")
    @_worded
    def reset(token: str, form: Form) -> Response:
        offer = accounts.reset_offer(token, _now())
        try:
            _check_twice(form)
            accounts.reset_password(token, form.get("password", ""), _now())
        except Invalid as error:
            return _page(reset_page(offer, str(error)), error.status)
        said = "Every sign-in with the former one has ended. Please sign in."
        return _page(message_page("Your new password is set", said))


def _worded(handler: Callable[..., Response]) -> Callable[..., Response]:
    """What a person can mend is said on a page of its own."""

    @functools.wraps(handler)
    def said(*args: Any, **kwargs: Any) -> Response:
        try:
            return handler(*args, **kwargs)
        except AppError as error:
            return _page(message_page("This did not work", str(error)), error.status)

    return said


def local(target: str) -> str:
    """`target` where it is a path of the desk on this very site, else the desk: nobody is sent elsewhere from here."""
    kept = target.isprintable() and re.match(r"/review(?![^/?#])", target)
    return target if kept and ".." not in target and "\\" not in target else DESK


def _check_twice(form: dict[str, str]) -> None:
    if form.get("password") != form.get("again"):
        raise Invalid("The two passwords are not the same.")


def _accept(accounts: Accounts, token: str, form: dict[str, str]) -> Reviewer:
    _check_twice(form)
    role = Role.ENGINEER if form.get("role") == Role.ENGINEER else Role.CLINICIAN
    return accounts.accept(token, form.get("name", ""), form.get("login", ""), form.get("password", ""),
                           form.get("licence_body", ""), form.get("licence_number", ""), _now(),
                           role=role)  # fmt: skip


def _with_cookie(response: Response, token: str, request: Request, settings: Settings) -> Response:
    secure = settings.public_url.startswith("https:") or request.url.scheme == "https"
    response.set_cookie(COOKIE, token, max_age=settings.sign_in_hours * 3600, path="/", httponly=True,
                        samesite="lax", secure=secure)  # fmt: skip
    return response


def _page(html: str, status: int = 200) -> HTMLResponse:
    return HTMLResponse(html, status, {"Content-Security-Policy": CSP, "Cache-Control": "no-store"})


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def _now() -> datetime:
    return datetime.now(UTC)
