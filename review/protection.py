"""The wall around the desk, as plain ASGI, so that streams pass through it untouched.

Everything under `/review` needs a sign-in: Gradio's own check leaves its heartbeat, reset, cancel, startup-events,
theme and some other routes open. Nobody signed in: 401 with JSON that the desk's script can act on (`{"error":
"signed-out", "sign_in": …}`), and for a browser that opens a page the way to `/sign-in`. Requests that another site's
page makes are refused with 403. The whole app gets its security headers here.

Who is signed in travels in the request's scope; `auth_dependency` hands it to Gradio, which therefore answers 401
wherever this wall was not built.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from data.errors import AppError
from review.accounts import Accounts
from review.people import Person

COOKIE = "countersign"
# Gradio's doors for files: the chat uses none, and they would open to anybody the cache that it shares with the desk.
CLOSED = ("/gradio_api/upload", "/gradio_api/file", "/gradio_api/proxy=", "/gradio_api/deep_link")
PERSON = "countersign.person"  # key in the ASGI scope
SIGNED_OUT = {
    "error": "signed-out",
    "message": "Your sign-in has ended. Please sign in again.",
    "sign_in": "/sign-in",
}
FOREIGN = {"error": "foreign-origin", "message": "This request came from another site."}


class Protection:
    """ASGI middleware. `frame_ancestors` are the sites that may show the chat in a frame; the desk is shown in none."""

    def __init__(self, app: ASGIApp, accounts: Accounts, public_url: str, frame_ancestors: tuple[str, ...],
                 clock: Callable[[], datetime] | None = None) -> None:  # fmt: skip
        self._app = app
        self._accounts = accounts
        self._public = urlsplit(public_url).netloc
        self._framed = " ".join(("frame-ancestors", "'self'", *frame_ancestors))
        self._clock = clock or (lambda: datetime.now(UTC))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        path = path_of(scope)
        desk, entrance = is_under(path, "/review"), is_under(path, "/sign-in") or is_under(path, "/sign-out")
        send = _with_headers(send, "frame-ancestors 'none'" if desk or entrance else self._framed, desk)
        scope = {**scope, PERSON: None}
        refusal: Response | None = None
        if path.startswith(CLOSED):
            refusal = JSONResponse({"error": "not-found"}, 404)
        elif (desk or entrance) and self._is_foreign(scope):
            refusal = JSONResponse(FOREIGN, 403)
        elif desk:
            refusal = await self._admit(scope, path)
        if refusal is None:
            return await self._app(scope, receive, send)
        if scope["type"] == "websocket":
            return await send({"type": "websocket.close", "code": 1008})
        return await refusal(scope, receive, send)

    async def _admit(self, scope: Scope, path: str) -> Response | None:
        """Note who it is in the scope, or return the refusal."""
        try:
            scope[PERSON] = await run_in_threadpool(
                self._accounts.who, token_of(HTTPConnection(scope)), self._clock()
            )
        except AppError as error:
            return JSONResponse({"error": "unavailable", "message": str(error)}, error.status)
        if scope[PERSON] is not None:
            return None
        if scope.get("method") == "GET" and "text/html" in Headers(scope=scope).get("accept", ""):
            query = scope["query_string"].decode("latin-1")
            return RedirectResponse(f"/sign-in?next={quote(path + '?' * bool(query) + query, safe='/')}", 303)
        return JSONResponse(SIGNED_OUT, 401)

    def _is_foreign(self, scope: Scope) -> bool:
        """Whether the browser says that another site's page asks; what is no browser says nothing, and has no cookie."""
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        if origin is None:
            safe = scope.get("method") in ("GET", "HEAD")
            return not safe and headers.get("sec-fetch-site") in ("cross-site", "same-site")
        return origin.partition("://")[2] not in {headers.get("host"), self._public} - {"", None}


def auth_dependency(accounts: Accounts) -> Callable[[HTTPConnection], str | None]:
    """For `gr.mount_gradio_app`: the id of whoever `Protection` let through, which becomes `gr.Request.username`."""

    def signed_in(request: HTTPConnection) -> str | None:
        person: Person | None = request.scope.get(PERSON)
        return person.id if person else None

    return signed_in


def path_of(scope: Scope) -> str:
    """The path as the routes below see it, without the prefix under which a server may have put the app."""
    path, root = scope["path"], scope.get("root_path", "")
    return path[len(root):] if root and is_under(path, root) else path  # fmt: skip


def is_under(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def token_of(request: HTTPConnection) -> str | None:
    return request.cookies.get(COOKIE)


def _with_headers(send: Send, framing: str, private: bool) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            headers = MutableHeaders(scope=message)
            headers.setdefault("X-Content-Type-Options", "nosniff")
            # Not `no-referrer`: with it browsers send `Origin: null` with our own forms. To others, nothing is said.
            headers.setdefault("Referrer-Policy", "same-origin")
            headers.setdefault("Content-Security-Policy", framing)
            if private:
                headers.setdefault("Cache-Control", "no-store")
        await send(message)

    return sent
