"""Passwords: the rule for a new one, argon2id for keeping it, and the limit on wrong tries.

Long beats complicated (NIST SP 800-63B): no composition rules, no forced changes.
"""

import hashlib
import math
import secrets
import threading
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy.orm import Session as Transaction

from data import reviewers
from data.errors import Forbidden, Invalid

SHORTEST = 12
LONGEST = 1000  # characters: a bound on the work, not on the person
WINDOW = timedelta(minutes=15)
TRIES_PER_LOGIN = 5
TRIES_PER_ADDRESS = 20  # several people may share an address
_AT_ONCE = 4  # each hash takes 64 MiB


class Passwords:
    """argon2id with the library's present parameters (RFC 9106, low memory)."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._room = threading.BoundedSemaphore(_AT_ONCE)
        self._nobody = self.hash(secrets.token_hex(16))

    def hash(self, password: str) -> str:
        with self._room:
            return self._hasher.hash(_bytes(password))

    def fits(self, kept: str | None, password: str) -> bool:
        """Whether `password` is the one kept; without one (an unknown login) the same work is done for nothing."""
        with self._room:
            try:
                return self._hasher.verify(kept or self._nobody, _bytes(password)) and kept is not None
            except (VerificationError, InvalidHashError):
                return False

    def outdated(self, kept: str) -> bool:
        return self._hasher.check_needs_rehash(kept)


def check_password(password: str, login: str, name: str) -> None:
    """Raise `Invalid` with the rule that a new password breaks."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise Invalid(f"Please choose a password of at least {SHORTEST} characters; a few words do well.")
    if password.strip().casefold() in {login.casefold(), name.casefold()}:
        raise Invalid("Please choose a password that is not your login or your name.")


def _bytes(password: str) -> bytes:
    # The same password typed on two keyboards may differ in its code points.
    return unicodedata.normalize("NFKC", password[:LONGEST]).encode("utf-8", "surrogatepass")


@dataclass(frozen=True)
class Try:
    """A try that is counted as failed until `forget_try` says otherwise, so that many at once cannot slip through."""

    login_key: str
    address_attempt: int


def begin_try(tx: Transaction, login: str, address: str, now: datetime) -> Try:
    """Count a try; raises `Forbidden`, with the wait, once there were too many for this login or address."""
    reviewers.lock_accounts(tx)
    reviewers.delete_old_attempts(tx, now - WINDOW)
    login_key, address_key = _key("login", login), _key("address", address)
    waits = [
        _wait(tx, login_key, TRIES_PER_LOGIN, now),
        _wait(tx, address_key, TRIES_PER_ADDRESS, now),
    ]
    if minutes := max(waits):
        unit = "minute" if minutes == 1 else "minutes"
        raise Forbidden(f"Too many failed sign-ins. Please try again in {minutes} {unit}.")
    reviewers.insert_attempt(tx, login_key, now)
    return Try(login_key, reviewers.insert_attempt(tx, address_key, now))


def forget_try(tx: Transaction, attempt: Try) -> None:
    """It was the right password: the login starts afresh, its address keeps the failures of others."""
    reviewers.delete_attempts(tx, attempt.login_key)
    reviewers.delete_attempt(tx, attempt.address_attempt)


def _wait(tx: Transaction, key: str, limit: int, now: datetime) -> int:
    """Minutes until a try is free again, 0 if one is."""
    tries = reviewers.list_attempts(tx, key, now - WINDOW)
    if len(tries) < limit:
        return 0
    return math.ceil((tries[limit - 1] + WINDOW - now) / timedelta(minutes=1))


def _key(kind: str, value: str) -> str:
    return hashlib.sha256(f"{kind}\0{value}".encode("utf-8", "surrogatepass")).hexdigest()
