"""The people of the desk: accounts, their sign-ins, one-time links, and tries at signing in.

Tokens are stored as SHA-256 digests only: who reads the database cannot sign in with what is found there.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, func, select, text
from sqlalchemy.orm import Session as Transaction

from data.errors import NotFound
from data.schema import Invitation, Reviewer, SignIn, SignInAttempt


def token_digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def lock_accounts(tx: Transaction) -> None:
    """Queue the transactions that count before they write (first account, last administrator, failed tries)."""
    if tx.get_bind().dialect.name == "postgresql":  # SQLite's writers are already one at a time
        tx.execute(text("SELECT pg_advisory_xact_lock(727003)"))


def get_reviewer(tx: Transaction, reviewer_id: str) -> Reviewer:
    found = tx.get(Reviewer, reviewer_id)
    if found is None:
        raise NotFound("There is no such account.")
    return found


def get_reviewer_by_login(tx: Transaction, login: str) -> Reviewer | None:
    return tx.scalars(select(Reviewer).where(Reviewer.login == login)).one_or_none()


def list_reviewers(tx: Transaction) -> Sequence[Reviewer]:
    return tx.scalars(select(Reviewer).order_by(Reviewer.created_at, Reviewer.id)).all()


def insert_reviewer(tx: Transaction, reviewer: Reviewer) -> None:
    tx.add(reviewer)
    tx.flush()


def count_reviewers(tx: Transaction) -> int:
    return tx.scalar(select(func.count()).select_from(Reviewer)) or 0


def count_administrators(tx: Transaction) -> int:
    """Those who can still sign in."""
    administrators = select(func.count()).where(Reviewer.administrator, Reviewer.active)
    return tx.scalar(administrators) or 0


def insert_invitation(tx: Transaction, invitation: Invitation) -> None:
    tx.add(invitation)
    tx.flush()


def get_invitation(tx: Transaction, digest: str, now: datetime) -> Invitation:
    found = tx.get(Invitation, digest)
    if found is None or found.expires_at <= now:
        raise NotFound("This link has been used or has expired. Please ask an administrator for another.")
    return found


def delete_invitation(tx: Transaction, digest: str) -> bool:
    """True for the one caller who took it: of two at the same time, the second waits and finds nothing."""
    taken = tx.execute(delete(Invitation).where(Invitation.token_digest == digest))
    return bool(taken.rowcount)  # type: ignore[attr-defined]


def delete_first_links(tx: Transaction) -> None:
    tx.execute(delete(Invitation).where(Invitation.created_by.is_(None)))


def insert_sign_in(tx: Transaction, digest: str, reviewer_id: str, expires_at: datetime) -> None:
    tx.add(SignIn(token_digest=digest, reviewer_id=reviewer_id, expires_at=expires_at))
    tx.flush()


def get_signed_in(tx: Transaction, digest: str, now: datetime) -> Reviewer | None:
    """Whose sign-in it is, unless it has expired or the account is closed."""
    own = select(Reviewer).join(SignIn, SignIn.reviewer_id == Reviewer.id)
    return tx.scalars(
        own.where(SignIn.token_digest == digest, SignIn.expires_at > now, Reviewer.active)
    ).one_or_none()


def delete_sign_in(tx: Transaction, digest: str) -> None:
    tx.execute(delete(SignIn).where(SignIn.token_digest == digest))


def delete_sign_ins_of(tx: Transaction, reviewer_id: str, but: str = "") -> None:
    """End every sign-in of a person except the one whose digest is `but`."""
    tx.execute(delete(SignIn).where(SignIn.reviewer_id == reviewer_id, SignIn.token_digest != but))


def delete_expired(tx: Transaction, now: datetime) -> None:
    tx.execute(delete(SignIn).where(SignIn.expires_at <= now))
    tx.execute(delete(Invitation).where(Invitation.expires_at <= now))


def insert_attempt(tx: Transaction, key: str, now: datetime) -> int:
    attempt = SignInAttempt(key=key, at=now)
    tx.add(attempt)
    tx.flush()
    return attempt.id


def list_attempts(tx: Transaction, key: str, since: datetime) -> Sequence[datetime]:
    """When the tries of `key` after `since` were made, newest first."""
    tries = select(SignInAttempt.at).where(SignInAttempt.key == key, SignInAttempt.at > since)
    return tx.scalars(tries.order_by(SignInAttempt.at.desc())).all()


def delete_attempts(tx: Transaction, key: str) -> None:
    tx.execute(delete(SignInAttempt).where(SignInAttempt.key == key))


def delete_attempt(tx: Transaction, attempt_id: int) -> None:
    tx.execute(delete(SignInAttempt).where(SignInAttempt.id == attempt_id))


def delete_old_attempts(tx: Transaction, before: datetime) -> None:
    tx.execute(delete(SignInAttempt).where(SignInAttempt.at <= before))
