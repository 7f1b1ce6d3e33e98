"""What visitors agreed to, as an append-only list: the newest choice of a kind holds."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session as Transaction

from data.schema import Consent

Kind = Literal["notice", "adult", "training"]


def insert_consent(
    tx: Transaction, session_id: str, kind: Kind, granted: bool, notice_version: str, now: datetime
) -> None:
    """`notice_version` is the version of the words that were on the screen when the choice was made."""
    tx.add(Consent(session_id=session_id, kind=kind, granted=granted, notice_version=notice_version, at=now))
    tx.flush()


def list_consents(tx: Transaction, session_id: str) -> Sequence[Consent]:
    """Oldest first."""
    return tx.scalars(select(Consent).where(Consent.session_id == session_id).order_by(Consent.id)).all()


def get_training_consent(tx: Transaction, session_id: str) -> bool:
    """Whether the session may be learned from. One that was never asked may not."""
    newest = (
        select(Consent.granted)
        .where(Consent.session_id == session_id, Consent.kind == "training")
        .order_by(Consent.id.desc())
        .limit(1)
    )
    return bool(tx.scalar(newest))
