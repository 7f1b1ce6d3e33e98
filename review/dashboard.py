"""The numbers of the dashboard: what waits, what was decided, what was raised, how long it takes."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import median

from sqlalchemy.orm import Session as Transaction

from data import reviews
from data.records import Decision, QueueState
from review.priority import LEVELS
from review.rubric import Rubric

DAYS = 14


@dataclass(frozen=True)
class Waiting:
    """What waits at one level of risk. `oldest` is None where nothing does."""

    level: int
    reviews: int
    adjudications: int
    oldest: timedelta | None


@dataclass(frozen=True)
class Spread:
    """How one scale was used, in the order of the scale, and the mean where it has five points.

    `counts` holds (label, how often, whether it is a score: "I am not sure" is none).
    """

    name: str
    counts: tuple[tuple[str, int, bool], ...]
    mean: float | None


@dataclass(frozen=True)
class Board:
    waiting: tuple[Waiting, ...]
    days: tuple[tuple[date, dict[str, int]], ...]  # decisions of each of the last days
    flags: tuple[tuple[str, str, int], ...]  # source, words, how many
    ratings: tuple[Spread, ...]
    reviews: int
    reviewers: int
    mine: int
    median_seconds: int | None
    my_median_seconds: int | None


def build_board(tx: Transaction, rubric: Rubric, person_id: str, now: datetime) -> Board:
    """Of the last `DAYS` days, except for what waits and the flags, which are of all time."""
    since = (now - timedelta(days=DAYS - 1)).replace(hour=0, minute=0, second=0, microsecond=0)
    times = reviews.list_seconds_since(tx, since)
    mine = [seconds for who, seconds in times if who == person_id]
    return Board(
        waiting=_waiting(tx, now), days=_days(tx, since, now),
        flags=tuple((s, rubric.labels.get(c, c), n) for s, c, n in reviews.count_flags(tx)),
        ratings=_ratings(tx, rubric, since),
        reviews=len(times), reviewers=len({who for who, _ in times}), mine=len(mine),
        median_seconds=round(median(s for _, s in times)) if times else None,
        my_median_seconds=round(median(mine)) if mine else None,
    )  # fmt: skip


def _waiting(tx: Transaction, now: datetime) -> tuple[Waiting, ...]:
    found = {(state, level): (n, oldest) for state, level, n, oldest in reviews.count_by_level(tx)}
    rows = []
    for level in sorted(LEVELS, reverse=True):
        review, dispute = (found.get((s, level)) for s in (QueueState.WAITING, QueueState.ADJUDICATION))
        oldest = min((got[1] for got in (review, dispute) if got), default=None)
        rows.append(Waiting(level, review[0] if review else 0, dispute[0] if dispute else 0,
                            now - oldest if oldest else None))  # fmt: skip
    return tuple(rows)


def _days(tx: Transaction, since: datetime, now: datetime) -> tuple[tuple[date, dict[str, int]], ...]:
    counted = Counter((at.date(), str(decision)) for decision, at in reviews.count_decisions_since(tx, since))
    days = [since.date() + timedelta(days=n) for n in range((now.date() - since.date()).days + 1)]
    return tuple((day, {str(d): counted[day, str(d)] for d in Decision}) for day in days)


def _ratings(tx: Transaction, rubric: Rubric, since: datetime) -> tuple[Spread, ...]:
    counted = {(name, value): n for name, value, n in reviews.count_ratings_since(tx, since)}
    spreads = []
    for dimension in (*rubric.dimensions, *rubric.overlay):
        counts = tuple(
            (o.label, counted.get((dimension.id, o.value), 0), o.value is not None) for o in dimension.options
        )
        scored = [
            (o.value, counted.get((dimension.id, o.value), 0))
            for o in dimension.options
            if o.value is not None
        ]
        total = sum(n for _, n in scored)
        mean = sum(v * n for v, n in scored) / total if total and dimension.five_point else None
        spreads.append(Spread(dimension.name, counts, mean))
    return tuple(spreads)
