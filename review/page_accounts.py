"""The desk's page of accounts: one's own password, and, for administrators, people, links and licences."""

import functools
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import gradio as gr

from data.records import Role
from demo.theme import worded, words
from review.accounts import Account, Accounts
from review.protection import COOKIE
from review.sign_in_html import SIGN_OUT

COLUMNS = ["Name", "Login", "Role", "Administrator", "Licence", "Verified by", "Account"]
_ASIDE = {"queue": False, "show_progress": "hidden"}
_ROLES = [("Clinician: reviews", Role.CLINICIAN.value), ("Engineer: trains", Role.ENGINEER.value)]


def build_accounts(accounts: Accounts) -> None:
    """Fill the Blocks that is being built. Who asks is `gr.Request.username`; the services decide what they may do."""
    with gr.Column(visible=False, elem_id="administration") as administration:
        people, person = _build_people(accounts)
        _build_invitation(accounts)
    _build_password(accounts)
    gr.HTML(SIGN_OUT)

    def on_load(request: gr.Request) -> list[Any]:
        allowed = accounts.person(request.username).administrator
        listed = _listed(accounts, request) if allowed else [gr.skip(), gr.skip()]
        return [gr.update(visible=allowed), *listed]

    gr.on(None, worded(on_load), None, [administration, people, person], **_ASIDE)  # type: ignore[arg-type]


def _build_people(accounts: Accounts) -> tuple[gr.DataFrame, gr.Dropdown]:
    gr.Markdown("## People")
    people = gr.DataFrame(headers=COLUMNS, type="array", interactive=False, label="People", wrap=True,
                          elem_id="people")  # fmt: skip
    person = gr.Dropdown([], label="Person", elem_id="person")
    said = gr.Markdown(elem_id="said")
    actions = {
        "Verify licence": (accounts.verify_licence, "The licence is verified."),
        "Make administrator": (_administration(accounts, True), "They are an administrator now."),
        "End administration": (_administration(accounts, False), "They are no longer an administrator."),
        "Close account": (accounts.deactivate, "The account is closed and signed out."),
        "Open account again": (accounts.reactivate, "The account is open again."),
    }
    gr.Markdown("Verify a licence only after you have looked it up with the body that gave it.")
    with gr.Row():
        for label, (act, done) in actions.items():
            button = gr.Button(label, size="sm", min_width=140)
            handler = _told(_on_act(accounts, act, done), 3)
            button.click(handler, person, [people, person, said], api_visibility="private",
                         trigger_mode="once", **_ASIDE)  # type: ignore[arg-type]  # fmt: skip
    return people, person


def _told(handler: Callable[..., list[Any]], outputs: int) -> Callable[..., list[Any]]:
    """Words for what went wrong, as the last output: Gradio shows no error of a handler that is not queued."""

    @functools.wraps(handler)
    def told(*args: Any) -> list[Any]:
        try:
            return handler(*args)
        except Exception as error:
            return [gr.skip()] * (outputs - 1) + [words(error)]

    return told


def _on_act(accounts: Accounts, act: Any, done: str) -> Any:
    def on_act(reviewer_id: str | None, request: gr.Request) -> list[Any]:
        act(request.username, reviewer_id or "", datetime.now(UTC))
        return [*_listed(accounts, request), done]

    return on_act


def _administration(accounts: Accounts, administrator: bool) -> Any:
    def act(by: str, reviewer_id: str, now: datetime) -> None:
        accounts.set_administrator(by, reviewer_id, administrator, now)

    return act


def _build_invitation(accounts: Accounts) -> None:
    gr.Markdown("## Invite\nThe link makes one account and works once, for seven days. It is shown only now.")
    role = gr.Radio(_ROLES, value=Role.CLINICIAN.value, label="As")
    administrator = gr.Checkbox(label="Also as administrator")
    invite = gr.Button("Make a link", variant="primary")
    link = gr.Textbox(label="One-time link", interactive=False, buttons=["copy"], elem_id="link")

    said = gr.Markdown()

    def on_invite(chosen: str, also: bool, request: gr.Request) -> list[str]:
        token = accounts.invite(request.username or "", Role(chosen), also is True, datetime.now(UTC))
        return [accounts.link(token, request.headers.get("origin", "")), ""]

    invite.click(_told(on_invite, 2), [role, administrator], [link, said], api_visibility="private",
                 trigger_mode="once", api_name="invite", **_ASIDE)  # type: ignore[arg-type]  # fmt: skip


def _build_password(accounts: Accounts) -> None:
    gr.Markdown("## Your password")
    old = gr.Textbox(label="Present password", type="password", elem_id="old-password")
    new = gr.Textbox(label="New password, 12 characters or more", type="password", elem_id="new-password")
    change = gr.Button("Change password")
    said = gr.Markdown()

    def on_change(before: str, after: str, request: gr.Request) -> list[str]:
        address = request.client.host if request.client else ""
        token = request.cookies.get(COOKIE, "")
        accounts.change_password(request.username or "", before, after, token, address, datetime.now(UTC))
        return ["", "", "Changed. Every other sign-in of yours has ended."]

    change.click(_told(on_change, 3), [old, new], [old, new, said], api_visibility="private",
                 trigger_mode="once", **_ASIDE)  # type: ignore[arg-type]  # fmt: skip


def _listed(accounts: Accounts, request: gr.Request) -> list[Any]:
    """The table and the choices, as both components' updates."""
    listed = accounts.list_people(request.username or "")
    choices = [(f"{a.person.name} ({a.login})", a.person.id) for a in listed]
    return [[_row(a) for a in listed], gr.Dropdown(choices=choices)]


def _row(account: Account) -> list[str]:
    return [account.person.name, account.login, account.person.role.value,
            "yes" if account.person.administrator else "", account.licence,
            account.verified_by or ("not verified" if account.licence else ""),
            "open" if account.active else "closed"]  # fmt: skip
