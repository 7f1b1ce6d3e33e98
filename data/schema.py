"""The tables, as SQLAlchemy typed models. A database change is a new file in `migrations/versions`.

    conversation: session ── turn ── response ── queue_entry ── lease, draft
    judgement:    response ── review ── rating;  flag;  adjudication
    consent:      session ── consent
    people:       reviewer ── sign_in;  invitation;  sign_in_attempt
    models:       adapter ── adapter_pair;  approval;  promotion
    trail:        audit (append-only)

Deleting a session deletes everything that hangs on it; `audit` and `adapter_pair` hold no text and stay.
`synthetic` marks what a test or a sample wrote, and follows it into every export.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, DateTime, Dialect, ForeignKey, Index, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from sqlalchemy.types import TypeDecorator


class Moment(TypeDecorator[datetime]):
    """An aware UTC datetime on every database: SQLite forgets the zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError("moments carry a time zone")
        return value and value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value and (value if value.tzinfo else value.replace(tzinfo=UTC))


class Base(DeclarativeBase):
    type_annotation_map = {str: Text, datetime: Moment, dict[str, Any]: JSON, list[Any]: JSON}


_SESSION = "session.id"
_RESPONSE = "response.id"
_REVIEWER = "reviewer.id"


def _owned(column: str) -> Any:
    return ForeignKey(column, ondelete="CASCADE")


class Session(Base):
    """One conversation. `code_digest` is the SHA-256 of the code that lets its visitor see or delete it."""

    __tablename__ = "session"
    id: Mapped[str] = mapped_column(primary_key=True)
    code_digest: Mapped[str] = mapped_column(unique=True)
    started_at: Mapped[datetime]
    notice_version: Mapped[str]
    level: Mapped[int] = mapped_column(default=0)
    adapter: Mapped[str] = mapped_column(default="")  # the champion when it began; "" is the model alone
    salt: Mapped[str]  # of the digests in the audit trail: gone with the session, they point at nothing
    synthetic: Mapped[bool] = mapped_column(default=False)
    turns: Mapped[list["Turn"]] = relationship(order_by="Turn.position", passive_deletes=True)


class Consent(Base):
    """Append-only choices of a visitor; the newest of a kind holds. Kinds: `notice`, `adult`, `training`."""

    __tablename__ = "consent"
    id: Mapped[int] = mapped_column(primary_key=True)
    session_id: Mapped[str] = mapped_column(_owned(_SESSION), index=True)
    kind: Mapped[str]
    granted: Mapped[bool]
    notice_version: Mapped[str]
    at: Mapped[datetime]


class Turn(Base):
    """A visitor's message with its assessment. `masked` is the text with identifiers masked."""

    __tablename__ = "turn"
    __table_args__ = (UniqueConstraint("session_id", "position"),)
    id: Mapped[str] = mapped_column(primary_key=True)
    session_id: Mapped[str] = mapped_column(_owned(_SESSION))
    position: Mapped[int]
    at: Mapped[datetime]
    text: Mapped[str]
    masked: Mapped[str]
    level: Mapped[int]
    action: Mapped[str]
    categories: Mapped[list[Any]]
    evidence: Mapped[list[Any]]
    rules: Mapped[list[Any]]
    rules_version: Mapped[str]
    responses: Mapped[list["Response"]] = relationship(
        order_by="Response.attempt", back_populates="turn", passive_deletes=True
    )


class Response(Base):
    """One reply to a turn; a retry is another attempt. Open until `closed_at` and `end_reason` are set.

    The conversation so far is kept by reference: the turns of `session_id` up to this one, with their last responses.
    """

    __tablename__ = "response"
    __table_args__ = (
        UniqueConstraint("turn_id", "attempt"),
        Index("ix_response_open", "closed_at"),
    )
    id: Mapped[str] = mapped_column(primary_key=True)
    session_id: Mapped[str] = mapped_column(_owned(_SESSION), index=True)
    turn_id: Mapped[str] = mapped_column(_owned("turn.id"))
    attempt: Mapped[int]
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    end_reason: Mapped[str | None]
    raw: Mapped[str] = mapped_column(default="")  # all that the model wrote, guarded or not
    shown: Mapped[str] = mapped_column(default="")  # what was on the screen
    masked: Mapped[str] = mapped_column(default="")
    template: Mapped[str] = mapped_column(default="")  # ids and versions of templates in `shown`
    guard_allow: Mapped[bool] = mapped_column(default=True)
    guard_reasons: Mapped[list[Any]] = mapped_column(default=list)
    guard_version: Mapped[str] = mapped_column(default="")
    model: Mapped[str] = mapped_column(default="")
    model_revision: Mapped[str] = mapped_column(default="")
    adapter: Mapped[str] = mapped_column(default="")
    adapter_revision: Mapped[str] = mapped_column(default="")
    prompt_version: Mapped[str] = mapped_column(default="")
    sampling: Mapped[dict[str, Any]] = mapped_column(default=dict)
    prompt_tokens: Mapped[int | None]
    reply_tokens: Mapped[int | None]
    first_sentence_ms: Mapped[int | None]
    total_ms: Mapped[int | None]
    error_id: Mapped[str] = mapped_column(default="")
    turn: Mapped[Turn] = relationship(back_populates="responses")
    entry: Mapped["QueueEntry | None"] = relationship(back_populates="response", passive_deletes=True)
    reviews: Mapped[list["Review"]] = relationship(order_by="Review.at", passive_deletes=True)
    flags: Mapped[list["Flag"]] = relationship(order_by="Flag.at", passive_deletes=True)


class QueueEntry(Base):
    """A closed response waiting for clinicians. Claims take the highest `level`, then the flagged, then the lowest `at`."""

    __tablename__ = "queue_entry"
    __table_args__ = (
        Index("ix_queue_claim", "state", "level", "flagged", "at"),
        Index("ix_queue_decided", "decision", "decided_at"),
    )
    response_id: Mapped[str] = mapped_column(_owned(_RESPONSE), primary_key=True)
    at: Mapped[datetime]
    level: Mapped[int]
    flagged: Mapped[bool] = mapped_column(default=False)
    state: Mapped[str]
    reviews_needed: Mapped[int]
    decision: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    final_text: Mapped[str | None]  # what an export takes: the masked reply, or the chosen correction
    solo: Mapped[bool] = mapped_column(default=False)  # decided by one review, which exports say
    response: Mapped[Response] = relationship(back_populates="entry")


class Lease(Base):
    """An expiring claim. Slots 1..n are blind reviews, slot 0 the adjudication: the key makes a double claim impossible."""

    __tablename__ = "lease"
    response_id: Mapped[str] = mapped_column(_owned(_RESPONSE), primary_key=True)
    slot: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    reviewer_id: Mapped[str] = mapped_column(ForeignKey(_REVIEWER), index=True)
    token: Mapped[str]  # fences a late save: a new claim has a new token
    expires_at: Mapped[datetime]


class Draft(Base):
    __tablename__ = "draft"
    response_id: Mapped[str] = mapped_column(_owned(_RESPONSE), primary_key=True)
    reviewer_id: Mapped[str] = mapped_column(ForeignKey(_REVIEWER), primary_key=True)
    body: Mapped[dict[str, Any]]
    version: Mapped[int] = mapped_column(default=1)
    at: Mapped[datetime]


class Review(Base):
    """One clinician's submitted judgement; never changed afterwards."""

    __tablename__ = "review"
    __table_args__ = (UniqueConstraint("response_id", "reviewer_id"),)
    id: Mapped[str] = mapped_column(primary_key=True)
    response_id: Mapped[str] = mapped_column(_owned(_RESPONSE))
    reviewer_id: Mapped[str] = mapped_column(ForeignKey(_REVIEWER), index=True)
    slot: Mapped[int]
    rubric_version: Mapped[str]
    verdict: Mapped[str]
    reasons: Mapped[list[Any]] = mapped_column(default=list)
    note: Mapped[str] = mapped_column(default="")
    correction: Mapped[str] = mapped_column(default="")
    seconds: Mapped[int] = mapped_column(default=0)
    at: Mapped[datetime]
    ratings: Mapped[list["Rating"]] = relationship(passive_deletes=True)
    reviewer: Mapped["Reviewer"] = relationship()


class Rating(Base):
    __tablename__ = "rating"
    review_id: Mapped[str] = mapped_column(_owned("review.id"), primary_key=True)
    dimension: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[int | None]  # None is "I am not sure"


class Flag(Base):
    """A safety concern raised by a reviewer or a visitor, never by the detector. It stands: no vote removes it."""

    __tablename__ = "flag"
    id: Mapped[str] = mapped_column(primary_key=True)
    response_id: Mapped[str] = mapped_column(_owned(_RESPONSE), index=True)
    review_id: Mapped[str | None] = mapped_column(_owned("review.id"))
    source: Mapped[str]
    category: Mapped[str]
    severity: Mapped[str]
    quote: Mapped[str] = mapped_column(default="")
    start: Mapped[int | None]  # code points into the response's masked text
    end: Mapped[int | None]
    note: Mapped[str] = mapped_column(default="")
    at: Mapped[datetime]


class Adjudication(Base):
    """The third ruling. `review_id` names the review whose text is exported, where one was chosen."""

    __tablename__ = "adjudication"
    response_id: Mapped[str] = mapped_column(_owned(_RESPONSE), primary_key=True)
    reviewer_id: Mapped[str] = mapped_column(ForeignKey(_REVIEWER))
    decision: Mapped[str]
    review_id: Mapped[str | None] = mapped_column(_owned("review.id"))
    final_text: Mapped[str] = mapped_column(default="")
    rationale: Mapped[str]
    at: Mapped[datetime]


class Reviewer(Base):
    """A person who signs in. `login` is what they type, case-folded. A licence counts once it is verified."""

    __tablename__ = "reviewer"
    id: Mapped[str] = mapped_column(primary_key=True)
    login: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    role: Mapped[str]
    administrator: Mapped[bool] = mapped_column(default=False)
    password_hash: Mapped[str]
    licence_body: Mapped[str] = mapped_column(default="")
    licence_number: Mapped[str] = mapped_column(default="")
    licence_verified_at: Mapped[datetime | None]
    licence_verified_by: Mapped[str | None]
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]
    synthetic: Mapped[bool] = mapped_column(default=False)


class SignIn(Base):
    __tablename__ = "sign_in"
    token_digest: Mapped[str] = mapped_column(primary_key=True)
    reviewer_id: Mapped[str] = mapped_column(_owned(_REVIEWER))
    expires_at: Mapped[datetime]


class Invitation(Base):
    """A one-time link under `/sign-in`. The first administrator's is printed at the first start."""

    __tablename__ = "invitation"
    token_digest: Mapped[str] = mapped_column(primary_key=True)
    role: Mapped[str]
    administrator: Mapped[bool]
    created_by: Mapped[str | None]
    expires_at: Mapped[datetime]


class SignInAttempt(Base):
    """Failed sign-ins, for throttling; digests of the login and of the address."""

    __tablename__ = "sign_in_attempt"
    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(index=True)
    at: Mapped[datetime]


class Adapter(Base):
    """A LoRA adapter offered by a run. Its folder holds the weights; `digest` is the SHA-256 of those."""

    __tablename__ = "adapter"
    name: Mapped[str] = mapped_column(primary_key=True)
    path: Mapped[str]
    digest: Mapped[str]
    base_model: Mapped[str]
    run: Mapped[str]
    status: Mapped[str]
    created_at: Mapped[datetime]
    gate: Mapped[dict[str, Any]] = mapped_column(default=dict)
    synthetic: Mapped[bool] = mapped_column(default=False)


class AdapterPair(Base):
    """Which reviewed responses an adapter was trained on: names the adapters that saw a withdrawn one."""

    __tablename__ = "adapter_pair"
    adapter: Mapped[str] = mapped_column(_owned("adapter.name"), primary_key=True)
    response_id: Mapped[str] = mapped_column(primary_key=True, index=True)


class Approval(Base):
    """One person's yes to a promotion. Two different people, one a clinician, promote."""

    __tablename__ = "approval"
    adapter: Mapped[str] = mapped_column(_owned("adapter.name"), primary_key=True)
    reviewer_id: Mapped[str] = mapped_column(ForeignKey(_REVIEWER), primary_key=True)
    at: Mapped[datetime]


class Promotion(Base):
    """What is served since when; the newest row holds. `adapter` None is the model as the settings name it."""

    __tablename__ = "promotion"
    id: Mapped[int] = mapped_column(primary_key=True)
    adapter: Mapped[str | None] = mapped_column(ForeignKey("adapter.name"))
    kind: Mapped[str]  # promotion or rollback
    by: Mapped[str]
    at: Mapped[datetime]


class Audit(Base):
    """The trail: who did what to what, chained by hashes, with no text. See `data/audit.py`."""

    __tablename__ = "audit"
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[str]
    actor: Mapped[str]
    action: Mapped[str]
    subject: Mapped[str]
    details: Mapped[dict[str, Any]]
    previous: Mapped[str]
    hash: Mapped[str]
