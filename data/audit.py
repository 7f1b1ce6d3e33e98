"""The audit trail: append-only, chained by hashes, and free of text.

Each entry's hash covers the entry and the hash before it, so that an edit, a removal, a swap or a cut anywhere but at
the end shows in `verify`; a cut at the end shows against a head kept elsewhere. What was written is named by a digest
salted with the session's own salt: once the session is deleted the digest points at nothing, and the chain still holds.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session as Transaction

from data.schema import Audit

GENESIS = "0" * 64


@dataclass(frozen=True)
class Verified:
    """`broken` is the number of the first entry that does not hold, or None."""

    entries: int
    head: str
    broken: int | None


def digest(salt: str, content: str) -> str:
    return hashlib.sha256(f"{salt}\0{content}".encode()).hexdigest()


def append(tx: Transaction, now: datetime, actor: str, action: str, subject: str, **details: Any) -> None:
    """Add an entry. `details` are ids, numbers, codes and digests; never a text that somebody wrote."""
    if tx.get_bind().dialect.name == "postgresql":  # SQLite's writers are already one at a time
        tx.execute(text("SELECT pg_advisory_xact_lock(727002)"))
    last = tx.execute(select(Audit.seq, Audit.hash).order_by(Audit.seq.desc()).limit(1)).first()
    seq, previous = (last.seq + 1, last.hash) if last else (1, GENESIS)
    entry = Audit(seq=seq, at=now.isoformat(), actor=actor, action=action, subject=subject, details=details,
                  previous=previous, hash="")  # fmt: skip
    entry.hash = _hash(entry)
    tx.add(entry)
    tx.flush()


def verify(tx: Transaction, head: str | None = None) -> Verified:
    """Walk the chain. With `head`, a hash noted earlier, the trail must still contain it."""
    previous, count, seen = GENESIS, 0, head is None or head == GENESIS
    for entry in tx.scalars(select(Audit).order_by(Audit.seq).execution_options(yield_per=1000)):
        count += 1
        if entry.seq != count or entry.previous != previous or entry.hash != _hash(entry):
            return Verified(count, previous, count)
        previous = entry.hash
        seen = seen or previous == head
    return Verified(count, previous, None if seen else count + 1)


def _hash(entry: Audit) -> str:
    fields = [entry.seq, entry.at, entry.actor, entry.action, entry.subject, entry.details, entry.previous]
    canonical = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
