"""What one visitor may send: how long, which characters, how often."""

import math
import unicodedata
from collections import deque
from datetime import datetime, timedelta

from data.errors import Invalid, Unavailable
from demo.wording import EMPTY, too_long, too_many

MINUTE = timedelta(minutes=1)
# People behind one address: a household, a clinic, a campus, or everybody where a proxy hides who asks.
PER_ADDRESS = 20


def clean_message(text: object, longest: int) -> str:
    """The message as it is kept: line ends made one, control characters gone; any script, emoji and markup stay text.

    Raises `Invalid` with words for the visitor when nothing is left or it has more than `longest` characters.
    """
    if not isinstance(text, str):
        raise Invalid(EMPTY)
    if len(text) > 4 * longest:  # not worth looking at every character of
        raise Invalid(too_long(len(text), longest))
    whole = text.encode("utf-8", "replace").decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
    kept = "".join(c for c in whole if c in "\n\t" or unicodedata.category(c) != "Cc").strip()
    if not any(_visible(c) for c in kept):
        raise Invalid(EMPTY)
    if len(kept) > longest:
        raise Invalid(too_long(len(kept), longest))
    return kept


def _visible(character: str) -> bool:
    return unicodedata.category(character)[0] not in "CZ"


class Limiter:
    """Messages of the last minute, in memory, by session and by client address."""

    def __init__(self, per_minute: int) -> None:
        self._limit = per_minute
        self._sent: dict[str, deque[datetime]] = {}

    def take(self, now: datetime, session_id: str, address: str = "") -> None:
        """Count one message. Raises `Unavailable` when the session, or all of an address, has sent too many."""
        limits = {f"session {session_id}": self._limit}
        if address:
            limits[f"address {address}"] = self._limit * PER_ADDRESS
        for key, limit in limits.items():
            sent = self._recent(key, now)
            if len(sent) >= limit:
                wait = math.ceil((sent[0] + MINUTE - now).total_seconds())
                raise Unavailable(too_many(self._limit, max(wait, 1)))
        for key in limits:
            self._sent.setdefault(key, deque()).append(now)
        if len(self._sent) > 10_000:
            for key in list(self._sent):
                self._recent(key, now)

    def _recent(self, key: str, now: datetime) -> deque[datetime]:
        sent = self._sent.get(key, deque())
        while sent and sent[0] <= now - MINUTE:
            sent.popleft()
        if not sent:
            self._sent.pop(key, None)
        return sent
