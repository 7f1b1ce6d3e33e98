"""The desk's page of accounts: one's own password, and, for administrators, people, links and licences."""

import functools
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any

import gradio as gr

from data.records import Role
from demo.theme import worded, words
from review.accounts import Account, Accounts
from review.people import Person, can_make_reset, can_verify_licence
from review.protection import COOKIE

_ASIDE: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
_ROLES = [("Clinician: reviews", Role.CLINICIAN.value), ("Engineer: trains", Role.ENGINEER.value)]
_COLUMNS = ("Name", "Role", "Licence", "Verified by", "Account")
_ACTIONS = ("Verify licence", "Make administrator", "End administration", "Make a reset link",
            "Open account again", "Close account")  # fmt: skip
_RESET = "Make a reset link"
_PEOPLE_NOTE = (
    '<p class="cs-note">Verify a licence only after you have looked it up with the body that gave it; yours is '
    "verified by somebody else. A reset link lets a person set a new password, once, within a day.</p>"
)
# Without https a browser gives pages no clipboard: the link is selected instead.
_COPY = """async link => {
  const said = words => `<p role="status">${words}</p>`;
  try { await navigator.clipboard.writeText(link); return said('Copied.'); }
  catch { document.querySelector('#ID input').select(); return said('Selected: copy it from the field.'); }
}"""
# A button that no longer applies goes, and the keyboard's place with it: the words of what was done take it.
_HOLD = (
    "() => { if (document.activeElement === document.body) document.querySelector('#said [role]')?.focus(); }"
)


def build_accounts(accounts: Accounts) -> None:
    """Fill the Blocks that is being built. Who asks is `gr.Request.username`; the services decide what they may do."""
    with gr.Column(visible=False, elem_id="administration", elem_classes="cs-panel") as administration:
        listed = _build_people(accounts)
    with gr.Row(elem_classes="cs-pair"):
        with gr.Column(visible=False, elem_classes="cs-panel") as invitation:
            _build_invitation(accounts)
        with gr.Column(elem_classes="cs-panel"):
            _build_password(accounts)

    def on_load(request: gr.Request) -> list[Any]:
        allowed = accounts.person(request.username).administrator
        shown = _listed(accounts, request.username or "", None) if allowed else [gr.skip()] * len(listed)
        return [gr.update(visible=allowed), gr.update(visible=allowed), *shown]

    gr.on(None, worded(on_load), None, [administration, invitation, *listed], **_ASIDE)


def _build_people(accounts: Accounts) -> list[Any]:
    """The components that `_listed` renews."""
    _html("<h2>People</h2>")
    people = _html(elem_id="people")
    person = gr.Dropdown([], label="Choose a person", elem_id="person")
    said = _said("said")
    with gr.Row(elem_classes="cs-acts"):
        buttons = {label: _small(label, visible=False) for label in _ACTIONS}
    field, link = _build_link("Reset link", "reset-link")
    _html(_PEOPLE_NOTE)
    listed = [people, person, *buttons.values()]

    def on_choose(reviewer_id: str | None, request: gr.Request) -> list[Any]:
        return [*_listed(accounts, request.username or "", reviewer_id)[2:], gr.update(visible=False), ""]

    chosen = [*buttons.values(), field, said]
    person.input(_told(on_choose, len(chosen)), person, chosen, **_ASIDE)
    for label, handler in _acts(accounts).items():
        pressed = buttons[label].click(_told(handler, len(listed) + 1), person, [*listed, said],
                                       trigger_mode="once", **_ASIDE)  # fmt: skip
        pressed.then(None, None, None, js=_HOLD, **_ASIDE)
    made = [field, link, said]
    buttons[_RESET].click(_told(_on_reset(accounts), 3), person, made, trigger_mode="once", **_ASIDE)
    return listed


def _acts(accounts: Accounts) -> dict[str, Callable[..., list[Any]]]:
    """What each button does, except the one that makes a link. Moments are taken when it is pressed."""

    def handler(act: Callable[[str, str, datetime], None], done: str) -> Callable[..., list[Any]]:
        def on_act(reviewer_id: str | None, request: gr.Request) -> list[Any]:
            by = request.username or ""
            act(by, reviewer_id or "", datetime.now(UTC))
            still = accounts.person(by).administrator  # or they have just ended their own administration
            shown = _listed(accounts, by, reviewer_id) if still else [gr.skip()] * (2 + len(_ACTIONS))
            return [*shown, _words(done)]

        return on_act

    def administration(administrator: bool) -> Callable[[str, str, datetime], None]:
        return lambda by, who, now: accounts.set_administrator(by, who, administrator, now)

    return {
        "Verify licence": handler(accounts.verify_licence, "The licence is verified."),
        "Make administrator": handler(administration(True), "They are an administrator now."),
        "End administration": handler(administration(False), "They are no longer an administrator."),
        "Close account": handler(accounts.deactivate, "The account is closed and signed out."),
        "Open account again": handler(accounts.reactivate, "The account is open again."),
    }


def _on_reset(accounts: Accounts) -> Callable[..., list[Any]]:
    def on_reset(reviewer_id: str | None, request: gr.Request) -> list[Any]:
        token = accounts.make_reset(request.username or "", reviewer_id or "", datetime.now(UTC))
        link = accounts.link(token, request.headers.get("origin", ""), reset=True)
        said = "Give the link to that person alone. It works once, for a day, and is shown only now."
        return [gr.update(visible=True), link, _words(said)]

    return on_reset


def _build_invitation(accounts: Accounts) -> None:
    _html(
        "<h2>Invite</h2><p>The link makes one account and works once, for seven days. It is shown only now.</p>"
    )
    role = gr.Radio(_ROLES, value=Role.CLINICIAN.value, label="As")
    administrator = gr.Checkbox(label="Also as administrator", container=False)
    invite = _small("Make a link", variant="primary")
    field, link = _build_link("One-time link", "link")
    said = _said("invite-said")

    def on_invite(chosen: str, also: bool, request: gr.Request) -> list[Any]:
        token = accounts.invite(request.username or "", Role(chosen), also is True, datetime.now(UTC))
        return [gr.update(visible=True), accounts.link(token, request.headers.get("origin", "")), ""]

    invite.click(_told(on_invite, 3), [role, administrator], [field, link, said], api_name="invite",
                 trigger_mode="once", **_ASIDE)  # fmt: skip


def _build_link(label: str, elem_id: str) -> tuple[gr.Column, gr.Textbox]:
    """A field for a link with its copy button, hidden until there is one."""
    with gr.Column(visible=False, elem_classes="cs-once") as field:
        # A copy button inside the field would take its label away from screen readers.
        link = gr.Textbox(label=label, interactive=True, max_lines=1, elem_id=elem_id)
        copy = _small("Copy")
        copied = _said(f"{elem_id}-copied")
    copy.click(None, link, copied, js=_COPY.replace("ID", elem_id), **_ASIDE)
    return field, link


def _build_password(accounts: Accounts) -> None:
    _html("<h2>Your password</h2><p>At least 12 characters; a few words do well.</p>")
    old = _password("Present password", "old-password")
    new = _password("New password", "new-password")
    change = _small("Change password")
    said = _said("password-said")

    def on_change(before: str, after: str, request: gr.Request) -> list[str]:
        address = request.client.host if request.client else ""
        token = request.cookies.get(COOKIE, "")
        accounts.change_password(request.username or "", before, after, token, address, datetime.now(UTC))
        return ["", "", _words("Changed. Every other sign-in of yours has ended.")]

    gr.on([change.click, new.submit], _told(on_change, 3), [old, new], [old, new, said],
          trigger_mode="once", **_ASIDE)  # fmt: skip


def _told(handler: Callable[..., list[Any]], outputs: int) -> Callable[..., list[Any]]:
    """Words for what went wrong, as the last output: Gradio shows no error of a handler that is not queued."""

    @functools.wraps(handler)
    def told(*args: Any) -> list[Any]:
        try:
            return handler(*args)
        except Exception as error:
            return [gr.skip()] * (outputs - 1) + [_words(words(error), "alert")]

    return told


def _listed(accounts: Accounts, by: str, chosen: str | None) -> list[Any]:
    """The table, the choices and the buttons for the chosen person, as the components' updates."""
    listed = accounts.list_people(by)
    choices = [(f"{a.person.name} ({a.login})", a.person.id) for a in listed]
    account = next((a for a in listed if a.person.id == chosen), None)
    offered = _offered(accounts.person(by), account) if account else set()
    buttons = [gr.update(visible=label in offered) for label in _ACTIONS]
    return [people_html(listed), gr.update(choices=choices), *buttons]


def _offered(by: Person, account: Account) -> set[str]:
    """What would be refused is not offered; the services decide all the same."""
    one = account.person
    asked = {
        "Verify licence": bool(account.licence) and not one.licensed and can_verify_licence(by, one.id),
        "Make administrator": not one.administrator,
        "End administration": one.administrator,
        _RESET: account.active and can_make_reset(by, one.id),
        "Open account again": not account.active,
        "Close account": account.active,
    }
    return {label for label, fits in asked.items() if fits}


def people_html(listed: Sequence[Account]) -> str:
    """A table that a phone shows as one block a person; the roles keep it a table for screen readers there."""
    head = "".join(f'<th scope="col" role="columnheader">{c}</th>' for c in _COLUMNS)
    rows = "".join(_row(a) for a in listed)
    return (
        f'<table class="cs-table cs-stacked" role="table" aria-label="People"><thead role="rowgroup"><tr role="row">'
        f'{head}</tr></thead><tbody role="rowgroup">{rows}</tbody></table>'
    )


def _row(account: Account) -> str:
    one = account.person
    chip = ' <span class="cs-chip">administrator</span>' if one.administrator else ""
    unverified = '<span class="cs-chip cs-hot">not verified yet</span>' if account.licence else ""
    verified = escape(account.verified_by) or unverified
    state = "open" if account.active else '<span class="cs-chip cs-hot">closed</span>'
    cells = (f"{escape(one.role.value)}{chip}", escape(account.licence), verified, state)
    return (
        f'<tr role="row"><th scope="row" role="rowheader">{escape(one.name)}<small>{escape(account.login)}</small></th>'
        + "".join(_cell(name, cell) for name, cell in zip(_COLUMNS[1:], cells, strict=True))
        + "</tr>"
    )


def _cell(name: str, html: str) -> str:
    return f'<td role="cell" data-label="{name}">{html or "–"}</td>'


def _small(label: str, **options: Any) -> gr.Button:
    danger: dict[str, Any] = {"elem_classes": "cs-danger"} if label == "Close account" else {}
    return gr.Button(label, size="sm", min_width=0, scale=0, **danger, **options)


def _html(value: str = "", **options: Any) -> gr.HTML:
    return gr.HTML(value, html_template="${value}", apply_default_css=False, **options)


def _said(elem_id: str) -> gr.HTML:
    return _html(elem_id=elem_id, elem_classes="cs-answered")


def _words(escaped: str, role: str = "status") -> str:
    return f'<p role="{role}" tabindex="-1">{escaped}</p>'


def _password(label: str, elem_id: str) -> gr.Textbox:
    return gr.Textbox(label=label, type="password", elem_id=elem_id)
