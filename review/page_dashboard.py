"""The dashboard: what waits, what was decided, how the scales are used. Drawn as HTML, so it prints and zooms."""

from datetime import UTC, datetime, timedelta
from html import escape

import gradio as gr

from demo.theme import worded
from review.dashboard import DAYS, Board, Spread, Waiting
from review.page_queue import ASIDE
from review.priority import LEVELS
from review.service import Desk


def build_dashboard(desk: Desk) -> None:
    """Fill the Blocks that is being built."""
    board = gr.HTML(elem_id="dashboard", html_template="${value}", apply_default_css=False)

    def on_load(request: gr.Request) -> str:
        return board_html(desk.dashboard(request.username or "", datetime.now(UTC)))

    gr.on(None, worded(on_load), None, board, **ASIDE)


def board_html(board: Board) -> str:
    return (
        f'<div class="cs-board">{_cards(board)}<section><h2>Waiting</h2>{_waiting(board)}</section>'
        f"<section><h2>Decisions, last {DAYS} days</h2>{_days(board)}</section>"
        f"<section><h2>Ratings, last {DAYS} days</h2>{_ratings(board)}</section>"
        f"<section><h2>Flags</h2>{_flags(board)}</section></div>"
    )


def _cards(board: Board) -> str:
    decided = sum(sum(counts.values()) for _, counts in board.days)
    cards = [
        (str(sum(w.reviews for w in board.waiting)), "wait for reviews"),
        (str(sum(w.adjudications for w in board.waiting)), "wait for a ruling"),
        (str(decided), f"decided in {DAYS} days"),
        (str(board.reviews), f"reviews by {board.reviewers} clinician{'' if board.reviewers == 1 else 's'}"),
        (_minutes(board.median_seconds), f"median review; yours {_minutes(board.my_median_seconds)}"),
    ]
    return '<ul class="cs-cards">' + "".join(f"<li><b>{n}</b>{w}</li>" for n, w in cards) + "</ul>"


def _waiting(board: Board) -> str:
    most = max((w.reviews + w.adjudications for w in board.waiting), default=0) or 1
    rows = "".join(_waiting_row(w, most) for w in board.waiting)
    return (
        '<table class="cs-table cs-waiting"><thead><tr><th>Risk</th><th></th><th class="cs-num">Reviews</th>'
        f'<th class="cs-num">Rulings</th><th class="cs-num">Oldest</th></tr></thead><tbody>{rows}</tbody></table>'
    )


def _waiting_row(row: Waiting, most: int) -> str:
    share = 100 * (row.reviews + row.adjudications) / most
    return (
        f'<tr><th scope=row><span class="cs-level cs-r{row.level}">R{row.level}</span> '
        f"{escape(LEVELS[row.level])}</th>"  # type: ignore[index]
        f'<td class="cs-bars"><i style="width:{share:.1f}%"></i></td><td class="cs-num">{row.reviews}</td>'
        f'<td class="cs-num">{row.adjudications}</td><td class="cs-num">{_age(row.oldest)}</td></tr>'
    )


def _days(board: Board) -> str:
    most = max((sum(counts.values()) for _, counts in board.days), default=0) or 1
    columns = "".join(
        f'<li title="{day:%d %B}: {", ".join(f"{n} {d}" for d, n in counts.items())}">'
        + "".join(f'<i class="cs-{d}" style="height:{100 * n / most:.1f}%"></i>' for d, n in counts.items())
        + f"<small>{day:%d}</small></li>"
        for day, counts in board.days
    )
    totals = {d: sum(counts[d] for _, counts in board.days) for d in board.days[0][1]}
    legend = "".join(f'<span><i class="cs-{d}"></i>{d} {n}</span>' for d, n in totals.items())
    return f'<ol class="cs-columns-chart">{columns}</ol><p class="cs-legend">{legend}</p>'


def _ratings(board: Board) -> str:
    used = [s for s in board.ratings if any(n for _, n, _ in s.counts)]
    if not used:
        return "<p>No review yet.</p>"
    return (
        '<table class="cs-table cs-spreads"><tbody>' + "".join(_spread(s) for s in used) + "</tbody></table>"
    )


def _spread(spread: Spread) -> str:
    total = sum(n for _, n, _ in spread.counts)
    parts = "".join(
        f'<i class="cs-s{i if score else 9}" style="width:{100 * n / total:.1f}%" title="{escape(label)}: {n}">'
        f"{escape(label) if n / total > 0.3 else n if n / total > 0.06 else ''}</i>"
        for i, (label, n, score) in enumerate(spread.counts)
        if n
    )
    mean = "" if spread.mean is None else f"{spread.mean:.2f}"
    return (
        f'<tr><th scope=row>{escape(spread.name)}</th><td class="cs-bars cs-stack">{parts}</td>'
        f'<td class="cs-num" title="mean">{mean}</td><td class="cs-num"><small>n {total}</small></td></tr>'
    )


def _flags(board: Board) -> str:
    if not board.flags:
        return "<p>No flag yet.</p>"
    most = board.flags[0][2]
    rows = "".join(
        f'<tr><th scope=row>{escape(words)}<small>by a {escape(source)}</small></th><td class="cs-bars">'
        f'<i style="width:{100 * n / most:.1f}%"></i></td><td class="cs-num">{n}</td></tr>'
        for source, words, n in board.flags
    )
    return f'<table class="cs-table"><tbody>{rows}</tbody></table>'


def _age(age: timedelta | None) -> str:
    if age is None:
        return "–"
    minutes = max(0, int(age.total_seconds() // 60))
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 2880 else f"{minutes // 1440} days"


def _minutes(seconds: int | None) -> str:
    return "–" if seconds is None else f"{seconds // 60}:{seconds % 60:02d}"
