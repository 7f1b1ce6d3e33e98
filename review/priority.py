"""The order of the queue, and which cases ask for care before they are opened.

Highest risk first, within a level what somebody flagged, then the oldest. `data.reviews.find_block` steps through these
blocks in the index `ix_queue_claim`, so that a claim reads the head of one block and never sorts the queue.
"""

from data.records import Level

WARN_FROM = Level.R3

LEVELS = {
    Level.R0: "No risk seen",
    Level.R1: "Thoughts, or veiled words",
    Level.R2: "Method, or an attempt long ago",
    Level.R3: "Intent, plan, or a recent attempt",
    Level.R4: "Immediate danger",
}


def needs_warning(level: int) -> bool:
    """Whether a clinician is told what is coming before it is shown."""
    return level >= WARN_FROM
