"""The words that cross rooms: enums and frozen dataclasses, with no behaviour beyond their own shape."""

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Literal


class Level(IntEnum):
    """Risk of a conversation, after C-SSRS triage; stored as its number so that the queue can order by it."""

    R0 = 0
    R1 = 1
    R2 = 2
    R3 = 3
    R4 = 4


class Category(StrEnum):
    SELF_HARM = "self-harm"
    HARM_TO_OTHERS = "harm-to-others"
    HARM_FROM_OTHERS = "harm-from-others"
    CHILD_ABUSE = "child-abuse"
    EATING_DISORDER = "eating-disorder"
    PSYCHOSIS_MANIA = "psychosis-mania"
    OVERDOSE_WITHDRAWAL = "overdose-withdrawal"
    POSTPARTUM = "postpartum"
    MINOR = "minor"


class Action(StrEnum):
    """What the chat does about one turn."""

    NONE = "none"
    CONCERN = "concern"
    CRISIS = "crisis"


class EndReason(StrEnum):
    """Why a response ended. A response with none is still open."""

    FINISHED = "finished"
    STOPPED = "stopped"
    CUT = "cut"  # by the guard
    TEMPLATE = "template"
    ERROR = "error"
    INTERRUPTED = "interrupted"  # left open by a process that died


class Verdict(StrEnum):
    """What one clinician says of a response."""

    APPROVE = "approve"
    CORRECT = "correct"
    REJECT = "reject"


class Decision(StrEnum):
    """What all reviews together say of a response."""

    APPROVED = "approved"
    CORRECTED = "corrected"
    REJECTED = "rejected"


class QueueState(StrEnum):
    WAITING = "waiting"  # for reviews
    ADJUDICATION = "adjudication"  # for a third clinician
    DECIDED = "decided"


class Severity(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class FlagSource(StrEnum):
    REVIEWER = "reviewer"
    VISITOR = "visitor"


class Role(StrEnum):
    """A clinician judges; an engineer trains and offers adapters. Administration is a separate right."""

    CLINICIAN = "clinician"
    ENGINEER = "engineer"


class AdapterStatus(StrEnum):
    CANDIDATE = "candidate"  # trained, not yet gated
    PASSED = "passed"  # the gate's automatic part
    FAILED = "failed"
    CHAMPION = "champion"
    RETIRED = "retired"


@dataclass(frozen=True)
class Message:
    """One chat message in the form that every chat template and API takes."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True)
class Evidence:
    """Where a rule matched: offsets are code points into the message numbered `message` (0 is the oldest)."""

    start: int
    end: int
    rule: str
    category: Category | None = None
    message: int = -1


@dataclass(frozen=True)
class Assessment:
    level: Level = Level.R0
    categories: tuple[Category, ...] = ()
    action: Action = Action.NONE
    evidence: tuple[Evidence, ...] = ()
    rules: tuple[str, ...] = ()


@dataclass(frozen=True)
class GuardVerdict:
    """Whether a reply, or its newest sentence, may be shown, and the reason codes if not."""

    allow: bool
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Example:
    """One conversation to learn from, whichever set it came from.

    `source` is the set's short name (`amod`, `mpingale`, `heliosbrahma`, `export:<id>`), `row` its row there, `group`
    what may never be parted by a split (the hash of the normalised question, or the session).
    """

    messages: tuple[Message, ...]
    source: str
    row: int
    group: str
    topics: tuple[str, ...] = ()
    meta: dict[str, str] = field(default_factory=dict)
