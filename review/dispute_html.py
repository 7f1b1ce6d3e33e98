"""A dispute as HTML: the conversation, both reviews side by side, and the form of the ruling."""

from html import escape

from data.records import Verdict
from data.schema import Flag
from review.adjudication import Dispute, Side
from review.case_html import bar_html, case_open, keys_dialog, talk_html, warning_html
from review.rubric import Dimension, Rubric

KEYS = (
    ("a  c  r", "approve, correct, reject"),
    ("m", "the reason for your ruling"),
    ("n", "submit and go on; Ctrl+Enter does it from a text field"),
    ("s", "skip this case for now"),
    ("Esc", "leave a text field, close this"),
    ("?", "this list"),
)


def dispute_html(dispute: Dispute, rubric: Rubric) -> str:
    return (
        f"{case_open(dispute.case, 'dispute')}{bar_html(dispute.case)}{warning_html(dispute.case)}"
        f'<div class="cs-columns"><div class="cs-left">{talk_html(dispute.case)}</div><div class="cs-right">'
        f"{_compared(dispute, rubric)}{_sides(dispute, rubric)}"
        f'<form class="cs-form" novalidate aria-label="Your ruling">{_ruling(dispute)}</form></div></div>'
        f"{keys_dialog(KEYS)}</section>"
    )


def _compared(dispute: Dispute, rubric: Rubric) -> str:
    head = "".join(f"<th scope=col>Review {s.letter}</th>" for s in dispute.sides)
    rows = "".join(_row(d, dispute) for d in rubric.asked(dispute.case.level))
    verdicts = "".join(
        f'<td><b class="cs-said-{s.verdict}">{s.verdict.title()}</b></td>' for s in dispute.sides
    )
    return (
        f'<table class="cs-compared"><thead><tr><th></th>{head}</tr></thead><tbody>'
        f"<tr><th scope=row>Verdict</th>{verdicts}</tr>{rows}</tbody></table>"
    )


def _row(dimension: Dimension, dispute: Dispute) -> str:
    cells = []
    for side in dispute.sides:
        option = dimension.option(side.ratings[dimension.id]) if dimension.id in side.ratings else None
        number = (
            "" if option is None or option.value is None or not dimension.five_point else f"{option.value} "
        )
        blocks = ' class="cs-bad"' if option and option.blocks else ""
        cells.append(f"<td{blocks}>{number}{escape(option.label if option else '–')}</td>")
    gap = ' class="cs-gap" title="2 or more apart"' if dimension.id in dispute.gaps else ""
    return f"<tr{gap}><th scope=row>{escape(dimension.name)}</th>{''.join(cells)}</tr>"


def _sides(dispute: Dispute, rubric: Rubric) -> str:
    visitor = "".join(_flag(f, rubric) for f in dispute.visitor_flags)
    reported = f'<section class="cs-side"><h3>Visitor</h3><ul>{visitor}</ul></section>' if visitor else ""
    return f'<div class="cs-sides">{"".join(_side(s, rubric) for s in dispute.sides)}{reported}</div>'


def _side(side: Side, rubric: Rubric) -> str:
    reasons = "".join(f'<span class="cs-chip">{escape(rubric.labels.get(r, r))}</span>' for r in side.reasons)
    flags = "".join(_flag(f, rubric) for f in side.flags)
    correction = (
        f'<h4>Correction</h4><div class="cs-diff" data-text="{escape(side.correction)}"></div>'
        if side.correction
        else ""
    )
    note = f'<h4>Note</h4><p class="cs-said">{escape(side.note)}</p>' if side.note else ""
    nothing = "" if reasons or flags or correction or note else "<p>Nothing beyond the ratings.</p>"
    return (
        f'<section class="cs-side"><h3>Review {side.letter}: {side.verdict}</h3><div>{reasons}</div>'
        f"<ul>{flags}</ul>{correction}{note}{nothing}</section>"
    )


def _flag(flag: Flag, rubric: Rubric) -> str:
    quote = f": “{escape(flag.quote)}”" if flag.quote else ""
    return f"<li>⚑ {escape(rubric.labels.get(flag.category, flag.category))}, {escape(flag.severity)}{quote}</li>"


def _ruling(dispute: Dispute) -> str:
    taken = "".join(
        f'<label><input type="radio" name="review_id" value="{escape(s.review_id)}"><span>Correction {s.letter}</span>'
        "</label>"
        for s in dispute.sides
        if s.correction and s.verdict is Verdict.CORRECT
    )
    texts = (
        '<fieldset class="cs-chips cs-texts" hidden><legend>Which text is exported</legend><div>'
        f'{taken}<label><input type="radio" name="review_id" value=""{"" if taken else " checked"}>'
        "<span>My own</span></label></div></fieldset>"
        '<div class="cs-correction" hidden><label for="cs-final">Corrected reply</label>'
        '<textarea id="cs-final" name="final_text" rows="7"></textarea><div class="cs-counts"></div>'
        '<div class="cs-diff" aria-label="What changes"></div></div>'
    )
    why = "" if dispute.approvable else "A safety concern stands: correct or reject."
    verdicts = "".join(
        f'<label class="cs-{verb}"><input type="radio" name="decision" value="{decision}"'
        f"{' disabled' if decision == 'approved' and not dispute.approvable else ''}>"
        f"<span>{verb.title()} <kbd>{verb[0]}</kbd></span></label>"
        for verb, decision in (("approve", "approved"), ("correct", "corrected"), ("reject", "rejected"))
    )
    return (
        f'{texts}<div class="cs-note"><label for="cs-rationale">Reason for the ruling <kbd>m</kbd></label>'
        '<textarea id="cs-rationale" name="rationale" rows="3"></textarea></div>'
        f'<div class="cs-verdict"><p class="cs-why" role="alert" data-always="{escape(why)}">{escape(why)}</p>'
        f'<div class="cs-verdicts" role="radiogroup" aria-label="Ruling">{verdicts}</div>'
        '<div class="cs-send"><button type="submit" class="cs-go">Submit and next <kbd>n</kbd></button>'
        '<button type="button" class="cs-plain" data-act="skip">Skip <kbd>s</kbd></button></div></div>'
    )
