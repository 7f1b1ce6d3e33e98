"""Adapters, what they saw, who approved them, and which is served since when."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session as Transaction
from sqlalchemy.orm import aliased

from data.errors import NotFound
from data.records import AdapterStatus, Decision
from data.schema import Adapter, AdapterPair, Approval, Consent, Promotion, QueueEntry, Response


def get_adapter(tx: Transaction, name: str) -> Adapter:
    found = tx.get(Adapter, name)
    if found is None:
        raise NotFound(f"There is no adapter named {name}.")
    return found


def list_adapters(tx: Transaction) -> Sequence[Adapter]:
    """Newest first."""
    return tx.scalars(select(Adapter).order_by(Adapter.created_at.desc())).all()


def insert_adapter(tx: Transaction, adapter: Adapter, responses: Iterable[str] = ()) -> None:
    """`responses` are the ids of the reviewed responses that it was trained on."""
    tx.add(adapter)
    tx.flush()
    tx.add_all(AdapterPair(adapter=adapter.name, response_id=r) for r in sorted(set(responses)))
    tx.flush()


def get_champion(tx: Transaction) -> Adapter | None:
    """The adapter that answers new sessions, or None for the model as the settings name it."""
    newest = tx.scalars(select(Promotion).order_by(Promotion.id.desc()).limit(1)).first()
    return tx.get(Adapter, newest.adapter) if newest and newest.adapter else None


def insert_promotion(tx: Transaction, adapter: str | None, kind: str, by: str, now: datetime) -> None:
    """Serve `adapter` from now on, and note the statuses of what comes and what goes."""
    going = get_champion(tx)
    if going is not None:
        going.status = AdapterStatus.RETIRED
    if adapter is not None:
        get_adapter(tx, adapter).status = AdapterStatus.CHAMPION
    tx.add(Promotion(adapter=adapter, kind=kind, by=by, at=now))
    tx.flush()


def get_previous(tx: Transaction) -> str | None:
    """What was served before the present champion was promoted: an adapter's name, or None for the model alone."""
    rows = tx.scalars(select(Promotion).order_by(Promotion.id)).all()
    served: list[str | None] = [None]
    for row in rows:
        if row.kind == "rollback":
            served.pop()
        else:
            served.append(row.adapter)
    if len(served) < 2:
        raise NotFound("There is nothing to roll back: no adapter has been promoted.")
    return served[-2]


def list_approvals(tx: Transaction, adapter: str) -> Sequence[Approval]:
    return tx.scalars(select(Approval).where(Approval.adapter == adapter).order_by(Approval.at)).all()


def list_adapters_that_saw(tx: Transaction, session_id: str) -> Sequence[str]:
    """Names of the adapters trained on any response of the session."""
    saw = select(AdapterPair.adapter).join(Response, Response.id == AdapterPair.response_id)
    return tx.scalars(
        saw.where(Response.session_id == session_id).distinct().order_by(AdapterPair.adapter)
    ).all()


def count_waiting_pairs(tx: Transaction) -> int:
    """Approved or corrected responses with training consent that the champion has not seen."""
    champion = get_champion(tx)
    choice = aliased(Consent)
    newest = (
        select(func.max(choice.id))
        .where(choice.session_id == Response.session_id, choice.kind == "training")
        .correlate(Response)
        .scalar_subquery()
    )
    waiting = (
        select(func.count())
        .select_from(QueueEntry)
        .join(Response, Response.id == QueueEntry.response_id)
        .where(QueueEntry.decision.in_([Decision.APPROVED, Decision.CORRECTED]))
        .where(exists().where(Consent.id == newest, Consent.granted))
    )
    if champion is not None:
        waiting = waiting.where(
            ~exists().where(AdapterPair.adapter == champion.name, AdapterPair.response_id == Response.id)
        )
    return tx.scalar(waiting) or 0
