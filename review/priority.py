"""The order of the queue, and which cases ask for care before they are opened.

Highest risk first, within a level what somebody flagged, then the oldest. The index `ix_queue_claim` holds exactly
these blocks, so a claim reads one short block instead of sorting the queue.
"""

from collections.abc import Iterator

from data.records import Level

WARN_FROM = Level.R3

LEVELS = {
    Level.R0: "No risk seen",
    Level.R1: "Thoughts, or veiled words",
    Level.R2: "Method, or an attempt long ago",
    Level.R3: "Intent, plan, or a recent attempt",
    Level.R4: "Immediate danger",
}


def blocks() -> Iterator[tuple[Level, bool]]:
    """The queue's blocks (level, flagged), the most pressing first."""
    for level in sorted(Level, reverse=True):
        yield level, True
        yield level, False


def needs_warning(level: int) -> bool:
    """Whether a clinician is told what is coming before it is shown."""
    return level >= WARN_FROM
