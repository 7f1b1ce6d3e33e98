"""The pages of the entrance as HTML: no script, one style sheet, light and dark, from 320 px up."""

import base64
import hashlib
from collections.abc import Mapping
from html import escape

from data.records import Role
from review.accounts import Offer, Reset
from review.passwords import SHORTEST

# The colours are those of demo.theme: Soft, teal and slate, with text that reaches WCAG AA on its ground.
STYLE = """
:root { color-scheme: light dark; --ground: #f1f5f9; --card: #fff; --text: #0f172a; --soft: #475569;
  --line: #94a3b8; --accent: #0f766e; --deep: #115e59; --bad: #b91c1c; --bad-ground: #fef2f2; }
@media (prefers-color-scheme: dark) { :root { --ground: #0f172a; --card: #1e293b; --text: #f1f5f9;
  --soft: #cbd5e1; --line: #64748b; --bad: #fca5a5; --bad-ground: #450a0a; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1.5rem 1rem;
  background: var(--ground); color: var(--text);
  font: 1rem/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { width: 100%; max-width: 26rem; }
.brand { display: flex; align-items: center; gap: .6rem; margin: 0 0 1rem; font-weight: 600; color: var(--soft); }
.brand span { display: grid; place-items: center; width: 2rem; height: 2rem; border-radius: .6rem;
  background: var(--accent); color: #fff; }
.card { background: var(--card); border-radius: 1rem; padding: 1.75rem;
  box-shadow: 0 1px 3px #0f172a26, 0 8px 24px #0f172a14; }
h1 { font-size: 1.4rem; line-height: 1.25; margin: 0 0 .4rem; }
p { margin: 0 0 1rem; color: var(--soft); }
form > label, fieldset { display: block; margin: 0 0 1rem; font-weight: 600; }
fieldset { border: 0; padding: 0; }
legend { padding: 0; }
fieldset label { display: flex; gap: .5rem; align-items: center; font-weight: 400; min-height: 2.2rem; }
small { display: block; font-weight: 400; color: var(--soft); }
input:not([type=radio]) { display: block; width: 100%; margin-top: .3rem; padding: .65rem .75rem; font: inherit;
  color: inherit; background: transparent; border: 1px solid var(--line); border-radius: .6rem; }
input[type=radio] { width: 1.15rem; height: 1.15rem; accent-color: var(--accent); }
button { width: 100%; padding: .75rem; font: inherit; font-weight: 600; color: #fff; background: var(--accent);
  border: 0; border-radius: .6rem; cursor: pointer; }
button:hover { background: var(--deep); }
:focus-visible { outline: 3px solid #0d9488; outline-offset: 2px; }
.bad { padding: .7rem .9rem; border-radius: .6rem; color: var(--bad); background: var(--bad-ground); }
.foot { margin: 1rem 0 0; font-size: .9rem; }
a { color: inherit; }
"""
_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
CSP = (
    f"default-src 'none'; style-src 'sha256-{_HASH}'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)


def sign_in_page(onward: str, login: str = "", error: str = "") -> str:
    return _page(
        "Sign in",
        f"""<h1>Sign in to the desk</h1>
<p>For the clinicians and engineers who review what the chat answers.</p>{_error(error)}
<form method="post" action="/sign-in">
<input type="hidden" name="next" value="{escape(onward)}">
{_field("login", "Login", login, "username", 'autocapitalize="none" spellcheck="false"', focus=not login)}
{_field("password", "Password", "", "current-password", 'type="password"', focus=bool(login))}
<button>Sign in</button></form>
<p class="foot">No account? An administrator can send you a link. <a href="/">Back to the chat</a></p>""",
    )


def accept_page(offer: Offer, form: Mapping[str, str] | None = None, error: str = "") -> str:
    """What was typed stays, except the passwords."""
    form = form or {}
    role = form.get("role") or offer.role
    asked = _role(role) if offer.first else ""
    needed = "" if offer.first or offer.role == Role.ENGINEER else "required"
    licence_hint = "<small>Clinicians need one. It counts once it is verified.</small>" if not needed else ""
    if offer.first:
        licence_hint = (
            "<small>Clinicians need one. As the first administrator you vouch for your own.</small>"
        )
    return _page(
        "Your account",
        f"""<h1>{"Set up the desk" if offer.first else "Make your account"}</h1>
<p>{_what(offer)} This link works once.</p>{_error(error)}
<form method="post">
{asked}
{_field("name", "Name", form.get("name", ""), "name", "required", "As colleagues know you.", focus=True)}
{
            _field(
                "login",
                "Login",
                form.get("login", ""),
                "username",
                'required autocapitalize="none" spellcheck="false"',
                "An e-mail address does.",
            )
        }
{_new_password()}
{
            _field(
                "licence_body",
                "Licensed by",
                form.get("licence_body", ""),
                "off",
                needed,
                "The body that gave your licence.",
            )
        }
{_field("licence_number", "Licence number", form.get("licence_number", ""), "off", needed)}{licence_hint}
<p></p><button>Make the account</button></form>""",
    )


def reset_page(reset: Reset, error: str = "") -> str:
    return _page(
        "Your new password",
        f"""<h1>Set a new password</h1>
<p>For {escape(reset.name)}. {escape(reset.made_by)} made this link; it works once. If you did not ask for it, leave it
and tell an administrator.</p>{_error(error)}
<form method="post">
{_field("login", "Login", reset.login, "username", "readonly")}
{_new_password(focus=True)}
<button>Set the password</button></form>""",
    )


def message_page(title: str, text: str) -> str:
    return _page(
        title,
        f"""<h1>{escape(title)}</h1><p>{escape(text)}</p>
<p class="foot"><a href="/sign-in">Sign in</a> · <a href="/">Back to the chat</a></p>""",
    )


def _what(offer: Offer) -> str:
    if offer.first:
        return "You are the first here, and become its administrator."
    kind = "a clinician" if offer.role == Role.CLINICIAN else "an engineer"
    return f"You are invited as {kind}{' and administrator' if offer.administrator else ''}."


def _role(chosen: str) -> str:
    def choice(role: Role, words: str) -> str:
        checked = "checked" if chosen == role else ""
        return f'<label><input type="radio" name="role" value="{role}" {checked}>{words}</label>'

    return (
        "<fieldset><legend>You are</legend>"
        + choice(Role.CLINICIAN, "a licensed clinician")
        + choice(Role.ENGINEER, "an engineer, who trains and does not review")
        + "</fieldset>"
    )


def _new_password(focus: bool = False) -> str:
    kind = f'type="password" required minlength="{SHORTEST}"'
    hint = f"At least {SHORTEST} characters; a few words do well."
    return _field("password", "Password", "", "new-password", kind, hint, focus) + _field(
        "again", "The same password again", "", "new-password", kind
    )


def _field(name: str, label: str, value: str, complete: str, extra: str = "", hint: str = "",
           focus: bool = False) -> str:  # fmt: skip
    described = f'aria-describedby="{name}-hint"' if hint else ""
    below = f'<small id="{name}-hint">{hint}</small>' if hint else ""
    return (
        f'<label>{label}{below}<input name="{name}" value="{escape(value)}" autocomplete="{complete}" '
        f"maxlength=1000 {extra} {described} {'autofocus' if focus else ''}></label>"
    )


def _error(text: str) -> str:
    return f'<p class="bad" role="alert">{escape(text)}</p>' if text else ""


def _page(title: str, body: str) -> str:
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{escape(title)} · Countersign</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">
<style>{STYLE}</style></head>
<body><main><p class="brand"><span aria-hidden="true">✓</span>Countersign</p>
<div class="card">{body}</div></main></body></html>"""
