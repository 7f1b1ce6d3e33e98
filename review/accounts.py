"""Who may come to the desk: one-time links, sign-in, licences, administrators.

    accounts = Accounts(database, settings)
    accounts.first_link(now)                 # a token while there is nobody; `link` makes it an address
    accounts.accept(token, name, login, password, body, number, now)
    token = accounts.sign_in(login, password, address, now)
    person = accounts.who(token, now)

`by` is always the id of the person who asks, as their sign-in gave it. Every method checks what that person may do,
since a page's handlers can be called by anyone who reaches the page.
"""

import secrets
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from sqlalchemy.orm import Session as Transaction

from data import audit, reviewers
from data.database import Database
from data.errors import Conflict, Forbidden, Invalid, NotFound
from data.records import Role
from data.schema import Invitation, Reviewer
from data.settings import Settings
from review.passwords import Passwords, begin_try, check_password, forget_try
from review.people import Person, can_administer, can_make_reset, can_verify_licence, get_person, person_of

LINK_LASTS = timedelta(days=7)
RESET_LASTS = timedelta(hours=24)
OPERATOR = "operator"  # whoever can run commands on the machine


@dataclass(frozen=True)
class Account:
    """A line of the administrators' list."""

    person: Person
    login: str
    licence: str
    verified_by: str
    active: bool


@dataclass(frozen=True)
class Offer:
    """What a one-time link gives. With `first`, whoever takes it says what they are and becomes administrator."""

    role: Role
    administrator: bool
    first: bool


@dataclass(frozen=True)
class Reset:
    """Whose password a reset link sets, and who made the link."""

    name: str
    login: str
    made_by: str


class Accounts:
    def __init__(self, database: Database, settings: Settings, passwords: Passwords | None = None) -> None:
        self._database = database
        self._settings = settings
        self._passwords = passwords or Passwords()

    # One-time links

    def first_link(self, now: datetime) -> str | None:
        """Token of the first administrator's link while there are no reviewers; the one before it stops working."""
        with self._database.transaction() as tx:
            reviewers.lock_accounts(tx)
            reviewers.delete_first_links(tx)
            if reviewers.count_reviewers(tx):
                return None
            return _insert_link(tx, None, Role.CLINICIAN, True, now)

    def invite(self, by: str, role: Role, administrator: bool, now: datetime) -> str:
        """Token of a link that makes one account. Administrators only."""
        with self._database.transaction() as tx:
            _administrator(tx, by)
            return _insert_link(tx, by, role, administrator, now)

    def invite_as_operator(self, role: Role, administrator: bool, now: datetime) -> str:
        """The same for whoever runs commands on the machine; never to be reached from a page."""
        with self._database.transaction() as tx:
            return _insert_link(tx, OPERATOR, role, administrator, now)

    def offer(self, token: str, now: datetime) -> Offer:
        """What the link gives; `NotFound` once used or expired."""
        with self._database.reading() as tx:
            found = reviewers.get_invitation(tx, reviewers.token_digest(token), now)
            return Offer(Role(found.role), found.administrator, found.created_by is None)

    def accept(self, token: str, name: str, login: str, password: str, licence_body: str, licence_number: str,
               now: datetime, synthetic: bool = False, role: Role | None = None) -> Reviewer:  # fmt: skip
        """Make the account that the link gives; the link dies with it. `role` is heeded for the first link alone.

        The first administrator's licence is taken at their own word, and the trail says so (`licence.attest`).
        """
        offer = self.offer(token, now)
        reviewer = Reviewer(id=uuid4().hex, login=_login(login), name=_line(name, "your name"),
                            role=role if offer.first and role else offer.role, administrator=offer.administrator,
                            licence_body=_line(licence_body, "who licensed you", ""),
                            licence_number=_line(licence_number, "the licence number", ""),
                            active=True, created_at=now, synthetic=synthetic or self._settings.synthetic)  # fmt: skip
        if reviewer.role == Role.CLINICIAN and not (reviewer.licence_body and reviewer.licence_number):
            raise Invalid("Please give the body that licensed you and the number of the licence.")
        check_password(password, reviewer.login, reviewer.name)
        reviewer.password_hash = self._passwords.hash(password)
        with self._database.transaction() as tx:
            reviewers.lock_accounts(tx)
            _take_link(tx, reviewers.token_digest(token), now)
            _insert_account(tx, reviewer, now)
        return reviewer

    def link(self, token: str, seen: str = "", reset: bool = False) -> str:
        """The token as the address to give to a person; `seen` is the address under which the asker sees the app."""
        host = self._settings.gradio_server_name
        host = "127.0.0.1" if host in ("0.0.0.0", "::") else host
        base = self._settings.public_url or seen or f"http://{host}:{self._settings.gradio_server_port}"
        return f"{base}/sign-in/{'reset/' * reset}{token}"

    # Signing in

    def sign_in(self, login: str, password: str, address: str, now: datetime) -> str:
        """A token for the cookie. `Forbidden` for a wrong login or password, and, with the wait, for too many tries."""
        login = _folded(login)
        with self._database.transaction() as tx:
            attempt = begin_try(tx, login, address, now)
            found = reviewers.get_reviewer_by_login(tx, login)
            kept = found.password_hash if found and found.active else None
        fits = self._passwords.fits(kept, password)
        if found is None or kept is None or not fits:
            raise Forbidden("The login or the password is not right.")
        renewed = self._passwords.hash(password) if self._passwords.outdated(kept) else kept
        token = secrets.token_urlsafe(32)
        with self._database.transaction() as tx:
            reviewer = reviewers.get_reviewer(tx, found.id)
            if not reviewer.active or reviewer.password_hash != kept:  # changed while the password was read
                raise Forbidden("The login or the password is not right.")
            reviewer.password_hash = renewed
            forget_try(tx, attempt)
            reviewers.delete_expired(tx, now)
            ends = now + timedelta(hours=self._settings.sign_in_hours)
            reviewers.insert_sign_in(tx, reviewers.token_digest(token), reviewer.id, ends)
            audit.append(tx, now, reviewer.id, "account.sign-in", reviewer.id)
        return token

    def sign_out(self, token: str) -> None:
        with self._database.transaction() as tx:
            reviewers.delete_sign_in(tx, reviewers.token_digest(token))

    def who(self, token: str | None, now: datetime) -> Person | None:
        """Whose sign-in this is, or None: unknown, expired, or of a closed account."""
        if not token:
            return None
        with self._database.reading() as tx:
            found = reviewers.get_signed_in(tx, reviewers.token_digest(token), now)
            return person_of(found) if found else None

    def change_password(self, by: str, old: str, new: str, token: str, address: str, now: datetime) -> None:
        """Ends every other sign-in of the person; `token` is the one that stays. Wrong tries count as in `sign_in`."""
        with self._database.transaction() as tx:
            get_person(tx, by)
            reviewer = reviewers.get_reviewer(tx, by)
            check_password(new, reviewer.login, reviewer.name)
            attempt = begin_try(tx, reviewer.login, address, now)
        if not self._passwords.fits(reviewer.password_hash, old):
            raise Forbidden("The present password is not right.")
        renewed = self._passwords.hash(new)
        with self._database.transaction() as tx:
            reviewers.get_reviewer(tx, by).password_hash = renewed
            forget_try(tx, attempt)
            reviewers.delete_sign_ins_of(tx, by, but=reviewers.token_digest(token))
            audit.append(tx, now, by, "account.change-password", by)

    def make_reset(self, by: str, reviewer_id: str, now: datetime) -> str:
        """Token of a link with which the person sets a new password, once and for a day. Changes nothing by itself."""
        with self._database.transaction() as tx:
            if not can_make_reset(_administrator(tx, by), reviewer_id):
                raise Forbidden("Change your own password with the present one, under Your password.")
            reviewer = reviewers.get_reviewer(tx, reviewer_id)
            if not reviewer.active:
                raise Conflict(f"The account of {reviewer.name} is closed: open it again first.")
            token = f"{reviewer.id}.{secrets.token_urlsafe(32)}"
            link = Invitation(token_digest=_reset_digest(token, reviewer), role=reviewer.role, administrator=False,
                              created_by=by, expires_at=now + RESET_LASTS)  # fmt: skip
            reviewers.insert_invitation(tx, link)
            audit.append(tx, now, by, "account.make-reset", reviewer_id)
        return token

    def reset_offer(self, token: str, now: datetime) -> Reset:
        """Whose password the link sets; `NotFound` once used or expired, or where its maker may make none any more."""
        with self._database.reading() as tx:
            reviewer, _, maker = _get_reset(tx, token, now)
            return Reset(reviewer.name, reviewer.login, maker.name)

    def reset_password(self, token: str, new: str, now: datetime) -> None:
        """Set the password and end all sign-ins of the person. The trail names who made the link."""
        reset = self.reset_offer(token, now)
        check_password(new, reset.login, reset.name)
        renewed = self._passwords.hash(new)
        with self._database.transaction() as tx:
            reviewers.lock_accounts(tx)
            reviewer, link, maker = _get_reset(tx, token, now)
            reviewers.delete_invitation(tx, link.token_digest)
            reviewer.password_hash = renewed
            reviewers.delete_sign_ins_of(tx, reviewer.id)
            audit.append(tx, now, reviewer.id, "account.reset-password", reviewer.id, link_by=maker.id)

    # Administration

    def person(self, reviewer_id: str | None) -> Person:
        with self._database.reading() as tx:
            return get_person(tx, reviewer_id)

    def list_people(self, by: str) -> Sequence[Account]:
        with self._database.reading() as tx:
            _administrator(tx, by)
            people = reviewers.list_reviewers(tx)
            names = {p.id: p.name for p in people}
            return [_account(p, names) for p in people]

    def verify_licence(self, by: str, reviewer_id: str, now: datetime) -> None:
        """An administrator has looked the licence up with the body that gave it. Never one's own."""
        with self._database.transaction() as tx:
            person = _administrator(tx, by)
            if not can_verify_licence(person, reviewer_id):
                raise Forbidden("Somebody else has to verify your own licence.")
            reviewer = reviewers.get_reviewer(tx, reviewer_id)
            if not (reviewer.licence_body and reviewer.licence_number):
                raise Invalid(f"{reviewer.name} has given no licence.")
            if reviewer.licence_verified_at is not None:
                raise Conflict("This licence is verified already.")
            reviewer.licence_verified_at, reviewer.licence_verified_by = now, by
            audit.append(tx, now, by, "licence.verify", reviewer_id)

    def set_administrator(self, by: str, reviewer_id: str, administrator: bool, now: datetime) -> None:
        with self._database.transaction() as tx:
            reviewers.lock_accounts(tx)
            _administrator(tx, by)
            reviewers.get_reviewer(tx, reviewer_id).administrator = administrator
            _require_administrator(tx)
            audit.append(tx, now, by, "account.set-administrator", reviewer_id, administrator=administrator)

    def deactivate(self, by: str, reviewer_id: str, now: datetime) -> None:
        """Close an account: its sign-ins end at once, its reviews stay."""
        with self._database.transaction() as tx:
            reviewers.lock_accounts(tx)
            _administrator(tx, by)
            reviewers.get_reviewer(tx, reviewer_id).active = False
            _require_administrator(tx)
            reviewers.delete_sign_ins_of(tx, reviewer_id)
            audit.append(tx, now, by, "account.deactivate", reviewer_id)

    def reactivate(self, by: str, reviewer_id: str, now: datetime) -> None:
        with self._database.transaction() as tx:
            _administrator(tx, by)
            reviewers.get_reviewer(tx, reviewer_id).active = True
            audit.append(tx, now, by, "account.reactivate", reviewer_id)


def _administrator(tx: Transaction, by: str) -> Person:
    person = get_person(tx, by)
    if not can_administer(person):
        raise Forbidden("Only an administrator can do this.")
    return person


def _require_administrator(tx: Transaction) -> None:
    tx.flush()
    if not reviewers.count_administrators(tx):
        raise Conflict("There has to be at least one administrator: name another first.")


def _insert_link(tx: Transaction, by: str | None, role: Role, administrator: bool, now: datetime) -> str:
    token = secrets.token_urlsafe(32)
    invitation = Invitation(token_digest=reviewers.token_digest(token), role=Role(role),
                            administrator=administrator, created_by=by, expires_at=now + LINK_LASTS)  # fmt: skip
    reviewers.insert_invitation(tx, invitation)
    audit.append(tx, now, by or OPERATOR, "account.invite", invitation.token_digest,
                 role=str(role), administrator=administrator)  # fmt: skip
    return token


def _take_link(tx: Transaction, digest: str, now: datetime) -> None:
    reviewers.get_invitation(tx, digest, now)
    if not reviewers.delete_invitation(tx, digest):
        raise NotFound("This link has been used. Please ask an administrator for another.")
    reviewers.delete_first_links(tx)


def _reset_digest(token: str, reviewer: Reviewer) -> str:
    """What the table of invitations keeps of a reset link; no invitation's digest is made so, nor taken for it.

    The token names its person, so it fits nobody else; with the password as it was, all links die once it is changed.
    """
    return reviewers.token_digest(f"reset\0{token}\0{reviewer.password_hash}")


def _get_reset(tx: Transaction, token: str, now: datetime) -> tuple[Reviewer, Invitation, Reviewer]:
    named = token.partition(".")[0]
    found = tx.get(Reviewer, named) if named.isascii() and named.isalnum() else None
    digest = _reset_digest(token, found) if found and found.active else ""
    link = reviewers.get_invitation(tx, digest, now)
    maker = tx.get(Reviewer, link.created_by)
    if not found or not maker or not maker.active or not can_administer(person_of(maker)):
        raise NotFound("This link no longer works. Please ask an administrator for another.")
    return found, link, maker


def _insert_account(tx: Transaction, reviewer: Reviewer, now: datetime) -> None:
    if reviewers.get_reviewer_by_login(tx, reviewer.login):
        raise Conflict("This login is taken. Please choose another.")
    first = reviewer.administrator and not reviewers.count_reviewers(tx)
    attests = first and bool(reviewer.licence_body and reviewer.licence_number)
    if attests:
        reviewer.licence_verified_at, reviewer.licence_verified_by = now, reviewer.id
    reviewers.insert_reviewer(tx, reviewer)
    audit.append(tx, now, reviewer.id, "account.accept", reviewer.id, role=str(reviewer.role),
                 administrator=reviewer.administrator, synthetic=reviewer.synthetic)  # fmt: skip
    if attests:
        audit.append(tx, now, reviewer.id, "licence.attest", reviewer.id)


def _account(reviewer: Reviewer, names: dict[str, str]) -> Account:
    by = reviewer.licence_verified_by or ""
    return Account(
        person=person_of(reviewer), login=reviewer.login,
        licence=f"{reviewer.licence_body} {reviewer.licence_number}".strip(),
        verified_by="their own word at set-up" if by == reviewer.id else names.get(by, by),
        active=reviewer.active,
    )  # fmt: skip


def _folded(login: str) -> str:
    """As logins are kept; what cannot be a login becomes none."""
    folded = unicodedata.normalize("NFKC", login.strip()[:100]).casefold()
    return folded if folded.isprintable() else ""


def _login(typed: str) -> str:
    login = _folded(typed)
    if not 2 <= len(login) <= 100 or len(typed.strip()) > 100 or any(c.isspace() for c in login):
        raise Invalid("Please choose a login of 2 to 100 characters without spaces; an e-mail address does.")
    return login


def _line(typed: str, what: str, empty: str | None = None) -> str:
    """One printable line of at most 100 characters; `empty` is what nothing means, None if it may not be."""
    line = unicodedata.normalize("NFC", typed.strip())
    if not line and empty is not None:
        return empty
    if not line or len(line) > 100 or not line.isprintable():
        raise Invalid(f"Please give {what} in one line of at most 100 characters.")
    return line
