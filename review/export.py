"""Decided reviews become an export: consented, masked, and every exclusion counted with its reason."""

import hashlib
import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session as Transaction
from sqlalchemy.orm import joinedload, selectinload

from data import audit
from data.database import Database
from data.errors import Forbidden, NotFound
from data.exports import BATCH, Pair, write_export
from data.records import Decision, EndReason, Level, Message, QueueState
from data.redaction import redact
from data.schema import Consent, QueueEntry, Response, Review, Reviewer, Session, Turn
from data.settings import Settings

# A reply that a clinician approved is still no lesson when the model did not finish it, or did not write all of it.
_UNFINISHED = {EndReason.STOPPED, EndReason.INTERRUPTED, EndReason.ERROR}


def export_as(database: Database, person: str, folder: Path, now: datetime) -> dict[str, Any]:
    """Export on behalf of a signed-in person. Raises `Forbidden` unless they administer the desk."""
    _authorise(database, person)
    return export(database, folder, now, by=person)


def export(database: Database, folder: Path, now: datetime, by: str = "command") -> dict[str, Any]:
    """Write every approved or corrected reply that may be trained on into the new `folder`; returns the manifest."""
    excluded: Counter[str] = Counter()
    rubrics: Counter[str] = Counter()
    with database.reading() as tx:
        excluded["undecided"] = _count_undecided(tx)
        # Both counters fill while the pairs stream past; the manifest is written after the last one.
        facts = {"created_at": now.isoformat(), "by": by, "excluded": excluded, "rubric_versions": rubrics}
        manifest = write_export(folder, _pairs(tx, excluded, rubrics), facts)
    with database.transaction() as tx:
        audit.append(tx, now, by, "export", manifest["id"], pairs=manifest["counts"]["pairs"])
    return manifest


def exports_folder(settings: Settings) -> Path:
    """Where exports made from the desk lie, and where training looks for them."""
    return settings.var_dir / "exports"


def list_exports(database: Database, settings: Settings, person: str) -> list[dict[str, Any]]:
    """Manifests of the exports, newest first, each with its `name`. Raises `Forbidden` unless an administrator asks."""
    _authorise(database, person)
    folders = sorted(exports_folder(settings).glob("*/manifest.json"), reverse=True)
    return [{"name": m.parent.name, **json.loads(m.read_text())} for m in folders]


def zip_export(database: Database, settings: Settings, person: str, name: str) -> Path:
    """The export as one file to download. Raises `NotFound`, or `Forbidden` unless an administrator asks."""
    _authorise(database, person)
    folder = exports_folder(settings) / name
    if not re.fullmatch(r"[\w-]+", name) or not (folder / "manifest.json").is_file():
        raise NotFound(f"There is no export named {name}.")
    return Path(shutil.make_archive(str(folder.with_suffix("")), "zip", folder))


def _authorise(database: Database, person: str) -> None:
    with database.reading() as tx:
        reviewer = tx.get(Reviewer, person)
        if reviewer is None or not reviewer.active or not reviewer.administrator:
            raise Forbidden("Only an administrator can export.")


def _count_undecided(tx: Transaction) -> int:
    undecided = select(func.count()).select_from(QueueEntry).where(QueueEntry.state != QueueState.DECIDED)
    return tx.scalar(undecided) or 0


def _pairs(tx: Transaction, excluded: Counter[str], rubrics: Counter[str]) -> Iterator[Pair]:
    after = ""
    while entries := _decided(tx, after):
        after = entries[-1].response_id
        sessions = {e.response.session_id for e in entries}
        consents, talks = _training_consents(tx, sessions), _talks(tx, sessions)
        salts = {s.id: s for s in tx.scalars(select(Session).where(Session.id.in_(sessions)))}
        for entry in entries:
            reason = _reason_against(entry, consents.get(entry.response.session_id))
            if reason:
                excluded[reason] += 1
                continue
            pair = _pair(entry, talks[entry.response.session_id], salts[entry.response.session_id])
            rubrics[pair.rubric_version] += 1
            yield pair
        tx.expunge_all()  # memory stays flat however many there are


def _decided(tx: Transaction, after: str) -> list[QueueEntry]:
    whole = joinedload(QueueEntry.response)
    page = (
        select(QueueEntry)
        .where(QueueEntry.state == QueueState.DECIDED, QueueEntry.response_id > after)
        .order_by(QueueEntry.response_id)
        .limit(BATCH)
        .options(
            whole.selectinload(Response.reviews).load_only(Review.rubric_version),
            whole.joinedload(Response.turn),
        )
    )
    return list(tx.scalars(page).unique())


def _training_consents(tx: Transaction, sessions: set[str]) -> dict[str, list[bool]]:
    """All choices of each session about training, oldest first."""
    rows = tx.execute(
        select(Consent.session_id, Consent.granted)
        .where(Consent.session_id.in_(sessions), Consent.kind == "training")
        .order_by(Consent.id)
    )
    choices: dict[str, list[bool]] = {}
    for session_id, granted in rows:
        choices.setdefault(session_id, []).append(granted)
    return choices


def _reason_against(entry: QueueEntry, choices: list[bool] | None) -> str | None:
    if entry.decision == Decision.REJECTED:
        return "rejected"
    if not choices or not any(choices):
        return "no training consent"
    if not choices[-1]:
        return "training consent withdrawn"
    if entry.decision == Decision.APPROVED:
        if entry.response.end_reason in _UNFINISHED:
            return "unfinished reply"
        if entry.response.template:
            return "template in the reply"
    return None


def _talks(tx: Transaction, sessions: set[str]) -> dict[str, list[Turn]]:
    turns = tx.scalars(
        select(Turn)
        .where(Turn.session_id.in_(sessions))
        .order_by(Turn.session_id, Turn.position)
        .options(selectinload(Turn.responses).load_only(Response.masked, Response.attempt))
    )
    talks: dict[str, list[Turn]] = {}
    for turn in turns:
        talks.setdefault(turn.session_id, []).append(turn)
    return talks


def _pair(entry: QueueEntry, turns: list[Turn], session: Session) -> Pair:
    response = entry.response
    versions = sorted({r.rubric_version for r in response.reviews})
    return Pair(
        # What a clinician wrote is kept as it was written; what leaves the house is masked like everything else.
        messages=(*_context(turns, response.turn), Message("assistant", redact(entry.final_text or "").text)),
        response_id=response.id,
        group=hashlib.sha256(f"{session.salt}\0{session.id}".encode()).hexdigest()[:16],
        decision=str(entry.decision),
        shown=response.masked if entry.decision == Decision.CORRECTED else "",
        level=Level(entry.level).name,
        rubric_version=",".join(versions),
        reviews=len(response.reviews),
        solo=entry.solo,
        flagged=entry.flagged,
        synthetic=session.synthetic,
        model=response.model,
        adapter=response.adapter,
        decided_at=entry.decided_at.isoformat() if entry.decided_at else "",
    )


def _context(turns: list[Turn], focus: Turn) -> list[Message]:
    """What the model had before it: the masked messages and the replies that were shown, up to the turn in focus."""
    messages: list[Message] = []
    for turn in turns:
        messages.append(Message("user", turn.masked))
        if turn.position == focus.position:
            break
        if turn.responses and turn.responses[-1].masked:
            messages.append(Message("assistant", turn.responses[-1].masked))
    return messages
