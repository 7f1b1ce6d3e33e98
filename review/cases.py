"""A case: everything a clinician sees of one response before judging it, and nothing that could sway them.

Texts are the masked ones. Model, adapter, scores and other reviews are not in it, so no page can leak them.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session as Transaction

from data import reviews
from data.records import FlagSource
from data.schema import Lease, QueueEntry, Response, Turn

_MASK = re.compile(r"\[[A-Z][A-Z_]*\]")


@dataclass(frozen=True)
class Mark:
    """Words that a rule matched: code points into the masked text of a line."""

    start: int
    end: int
    label: str


@dataclass(frozen=True)
class Line:
    """One message. `focus` is the reply to judge; `after` marks what was written later."""

    role: str  # visitor or reply
    text: str
    at: datetime
    marks: tuple[Mark, ...] = ()
    focus: bool = False
    after: bool = False


@dataclass(frozen=True)
class Case:
    response_id: str
    token: str
    slot: int
    expires_at: datetime
    level: int
    categories: tuple[str, ...]
    reported: bool  # by the visitor
    template: str  # ids of the signed texts in the reply, if any
    end_reason: str
    lines: tuple[Line, ...]
    reply: str
    synthetic: bool
    draft: dict[str, Any] = field(default_factory=dict)
    draft_version: int = 0


def build_case(tx: Transaction, entry: QueueEntry, lease: Lease, reviewer_id: str) -> Case:
    response = reviews.get_response(tx, entry.response_id)
    turns = reviews.list_conversation(tx, response.session_id)
    draft = reviews.get_draft(tx, entry.response_id, reviewer_id)
    flags = reviews.list_flags(tx, entry.response_id)
    seen = [t for t in turns if t.id == response.turn_id or not _is_after(t, response, turns)]
    return Case(
        response_id=entry.response_id, token=lease.token, slot=lease.slot, expires_at=lease.expires_at,
        level=entry.level, categories=tuple(dict.fromkeys(str(c) for t in seen for c in t.categories)),
        reported=any(f.source == FlagSource.VISITOR for f in flags), template=response.template,
        end_reason=response.end_reason or "", lines=tuple(build_lines(turns, response)), reply=response.masked,
        synthetic=reviews.get_session(tx, response.session_id).synthetic,
        draft=draft.body if draft else {}, draft_version=draft.version if draft else 0,
    )  # fmt: skip


def _is_after(turn: Turn, response: Response, turns: Sequence[Turn]) -> bool:
    return turn.position > next(t.position for t in turns if t.id == response.turn_id)


def build_lines(turns: Sequence[Turn], focus: Response) -> list[Line]:
    """The conversation; of a turn that was tried again, the last reply, and of the turn in focus, the one in focus."""
    lines: list[Line] = []
    earlier: list[Any] = []
    for turn in turns:
        after = _is_after(turn, focus, turns)
        marks = _marks(turn, [e for e in turn.evidence if e not in earlier or e.get("message", -1) < 0])
        earlier = list(turn.evidence)
        lines.append(Line("visitor", turn.masked, turn.at, marks, after=after))
        shown = focus if turn.id == focus.turn_id else (turn.responses[-1] if turn.responses else None)
        if shown is not None and (shown.masked or shown is focus):
            lines.append(Line("reply", shown.masked, shown.opened_at, focus=shown is focus, after=after))
    return lines


def _marks(turn: Turn, evidence: Sequence[Any]) -> tuple[Mark, ...]:
    """The turn's own evidence, moved from the written to the masked text; what was masked away is left out."""
    found = []
    for item in evidence:
        start, end = (_moved(turn.text, turn.masked, int(item[k])) for k in ("start", "end"))
        if start is not None and end is not None and start < end:
            found.append(Mark(start, end, str(item.get("category") or "risk")))
    return tuple(_apart(sorted(found, key=lambda m: (m.start, -m.end))))


def _apart(marks: Sequence[Mark]) -> list[Mark]:
    """Overlapping marks as one, so that they can be painted one after the other."""
    apart: list[Mark] = []
    for mark in marks:
        if apart and mark.start < apart[-1].end:
            last = apart[-1]
            label = last.label if mark.label in last.label.split(", ") else f"{last.label}, {mark.label}"
            apart[-1] = Mark(last.start, max(last.end, mark.end), label)
        else:
            apart.append(mark)
    return apart


def _moved(text: str, masked: str, offset: int) -> int | None:
    """Where a position in the written text lies in the masked one; None inside what was masked."""
    if text == masked:
        return offset if offset <= len(text) else None
    at, moved = 0, 0
    pieces = _MASK.split(masked)
    masks = _MASK.findall(masked)
    for number, piece in enumerate(pieces):
        at = text.find(piece, at)
        if at < 0:
            return None
        if at <= offset <= at + len(piece):
            return moved + offset - at
        at += len(piece)
        moved += len(piece) + (len(masks[number]) if number < len(masks) else 0)
    return None
