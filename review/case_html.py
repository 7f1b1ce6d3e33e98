"""A case and its form as HTML. Everything that a person wrote passes through `escape`; the script only reads it."""

import json
from collections.abc import Iterable
from html import escape

from data.records import Severity
from review.cases import Case, Line
from review.priority import LEVELS, needs_warning
from review.rubric import Dimension, Item, Rubric

KEYS = (
    ("1 – 5", "rate the scale in focus; 0 is “not sure” or “not relevant”"),
    ("j  k", "next and previous scale"),
    ("a  c  r", "approve, correct, reject"),
    ("f", "flag the marked words of the reply, or the whole reply"),
    ("h", "high-harm list"),
    ("m", "note"),
    ("v", "the reply: mark words with Shift and the arrows"),
    ("n", "submit and go on to the next case; Ctrl+Enter does it from a text field"),
    ("s", "skip this case for now"),
    ("Esc", "leave a text field, close this"),
    ("?", "this list"),
)


def case_html(case: Case, rubric: Rubric) -> str:
    return (
        f"{case_open(case)}{bar_html(case)}{warning_html(case)}"
        f'<div class="cs-columns"><div class="cs-left">{talk_html(case)}</div>'
        f'<form class="cs-form" novalidate aria-label="Your review">{_form(case, rubric)}</form></div>'
        f"{keys_dialog(KEYS)}</section>"
    )


def case_open(case: Case, kind: str = "review") -> str:
    """The element that carries what the script needs; a fresh token makes every claim a new value."""
    data = {
        "response": case.response_id, "token": case.token, "expires": case.expires_at.isoformat(),
        "version": str(case.draft_version), "draft": json.dumps(case.draft), "level": str(case.level),
        "reported": "1" if case.reported else "",
    }  # fmt: skip
    attributes = " ".join(f'data-{name}="{escape(value)}"' for name, value in data.items())
    return f'<section class="cs-case cs-{kind}" {attributes}>'


def bar_html(case: Case) -> str:
    return (
        f'<header class="cs-bar">{risk_html(case)}'
        '<span class="cs-spring"></span><span class="cs-saved" role="status" aria-live="polite"></span>'
        '<span class="cs-timer" title="How long the case stays yours; working on it keeps it"></span>'
        '<button type="button" class="cs-quiet" data-act="keys" aria-label="Keys">?</button></header>'
        '<div class="cs-notice" role="alert" hidden></div>'
    )


def risk_html(case: Case) -> str:
    chips = [f'<span class="cs-level cs-r{case.level}">R{case.level}</span>'
             f'<span class="cs-words">{escape(LEVELS[case.level])}</span>']  # type: ignore[index]  # fmt: skip
    chips += [f'<span class="cs-chip">{escape(c)}</span>' for c in case.categories]
    if case.reported:
        chips.append('<span class="cs-chip cs-hot">reported by the visitor</span>')
    if case.end_reason in ("stopped", "cut", "interrupted", "error"):
        chips.append(f'<span class="cs-chip">reply {escape(case.end_reason)}</span>')
    if case.template:
        chips.append(
            '<span class="cs-chip" title="Text from templates.yaml, not from the model">template in the reply</span>'
        )
    if case.synthetic:
        chips.append('<span class="cs-chip">synthetic</span>')
    return "".join(chips)


def warning_html(case: Case) -> str:
    if not needs_warning(case.level):
        return ""
    about = escape(", ".join(case.categories) or "risk")
    return (
        '<div class="cs-warning" tabindex="-1"><h2>Take a breath before you open this one</h2>'
        f"<p>Risk R{case.level}: {escape(LEVELS[case.level])}. It is about {about}.</p>"  # type: ignore[index]
        '<p><button type="button" class="cs-go" data-act="open">Open the case <kbd>Enter</kbd></button> '
        '<button type="button" class="cs-plain" data-act="skip">Skip it <kbd>s</kbd></button></p></div>'
    )


def talk_html(case: Case) -> str:
    """The conversation; what came after the reply in focus is folded away."""
    upto = "".join(_line(line) for line in case.lines if not line.after)
    after = [line for line in case.lines if line.after]
    folded = ""
    if after:
        words = "1 later message" if len(after) == 1 else f"{len(after)} later messages"
        folded = f"<details><summary>{words}</summary>{''.join(_line(line) for line in after)}</details>"
    return f'<div class="cs-talk" role="log" aria-label="Conversation">{upto}{folded}</div>'


def _line(line: Line) -> str:
    when = line.at.strftime("%H:%M")
    if line.focus:
        return (
            f'<article class="cs-line cs-focus"><h3>Reply to review <time>{when}</time></h3>'
            '<div class="cs-reply" role="textbox" aria-readonly="true" aria-multiline="true" tabindex="0" '
            f'contenteditable="true" spellcheck="false" aria-label="The reply to review">{escape(line.text)}</div>'
            '<p class="cs-hint">Mark words, then <button type="button" class="cs-link" data-act="flag">flag '
            "<kbd>f</kbd></button></p></article>"
        )
    who, kind = ("Visitor", "cs-visitor") if line.role == "visitor" else ("Reply", "cs-answer")
    return (
        f'<article class="cs-line {kind}"><h3>{who} <time>{when}</time></h3><p>{_marked(line)}</p></article>'
    )


def _marked(line: Line) -> str:
    parts, at = [], 0
    for mark in line.marks:
        inside = escape(line.text[mark.start : mark.end])
        parts += [escape(line.text[at : mark.start]), f'<mark title="{escape(mark.label)}">{inside}</mark>']
        at = mark.end
    return "".join(parts) + escape(line.text[at:])


def _form(case: Case, rubric: Rubric) -> str:
    overlay = rubric.overlay if case.level >= rubric.overlay_from else ()
    return (
        "".join(_scale(d) for d in rubric.dimensions)
        + ('<h2 class="cs-part">Safety</h2>' + "".join(_scale(d) for d in overlay) if overlay else "")
        + _harms(rubric.harms(case.level))
        + _flags(rubric.flags)
        + _chips("reasons", "Reasons", "at least one, unless you approve", rubric.reasons)
        + '<div class="cs-correction" hidden><label for="cs-correction">Corrected reply</label>'
        '<textarea id="cs-correction" name="correction" rows="7" spellcheck="true"></textarea>'
        '<div class="cs-counts"></div><div class="cs-diff" aria-label="What changes"></div></div>'
        '<div class="cs-note"><label for="cs-note">Note <small>for the adjudicator, optional</small> <kbd>m</kbd></label>'
        '<textarea id="cs-note" name="note" rows="2"></textarea></div>' + _verdict()
    )


def _scale(dimension: Dimension) -> str:
    name = escape(dimension.id)
    options = "".join(
        f'<label class="{"cs-blocks" if o.blocks else ""}"><input type="radio" name="{name}" value="{o.key}" '
        f'data-blocks="{int(o.blocks)}"><span><b>{number}</b> {escape(o.label)}'
        f"{f'<small>{escape(o.hint)}</small>' if o.hint else ''}</span></label>"
        for number, o in enumerate(dimension.options, 1)
    )
    return (
        f'<fieldset class="cs-scale" data-name="{name}"><legend>{escape(dimension.name)} '
        f'<small>{escape(dimension.question)}</small></legend><div class="cs-options" '
        f'style="--n:{len(dimension.options)}">{options}</div></fieldset>'
    )


def _harms(items: Iterable[Item]) -> str:
    boxes = _boxes("high_harm", items)
    if not boxes:
        return ""
    return (
        '<fieldset class="cs-harms"><legend>High potential for harm <kbd>h</kbd> '
        f"<small>one is enough to block approval</small></legend>{boxes}</fieldset>"
    )


def _chips(name: str, title: str, hint: str, items: Iterable[Item]) -> str:
    return (
        f'<fieldset class="cs-chips"><legend>{title} <small>{hint}</small></legend>'
        f"<div>{_boxes(name, items)}</div></fieldset>"
    )


def _boxes(name: str, items: Iterable[Item]) -> str:
    return "".join(
        f'<label><input type="checkbox" name="{name}" value="{escape(i.id)}"><span>{escape(i.label)}</span></label>'
        for i in items
    )


def _flags(kinds: Iterable[Item]) -> str:
    options = "".join(f'<option value="{escape(k.id)}">{escape(k.label)}</option>' for k in kinds)
    severities = "".join(
        f'<label><input type="radio" name="severity" value="{s}"{" checked" if s is Severity.MEDIUM else ""}>'
        f"<span>{s}</span></label>"
        for s in Severity
    )
    return (
        '<fieldset class="cs-flags"><legend>Flags <small>a safety concern; it stands, whatever others say</small>'
        '</legend><ul></ul><button type="button" class="cs-plain" data-act="flag">Flag <kbd>f</kbd></button>'
        '<div class="cs-flagging" hidden><p class="cs-quote"></p><label>About <select name="category">'
        f'{options}</select></label><div class="cs-severity" role="radiogroup" aria-label="Severity">{severities}</div>'
        '<button type="button" class="cs-plain" data-act="add-flag">Add flag</button> '
        '<button type="button" class="cs-link" data-act="drop-flag">Cancel</button></div></fieldset>'
    )


def _verdict() -> str:
    verdicts = "".join(
        f'<label class="cs-{verdict}"><input type="radio" name="verdict" value="{verdict}">'
        f"<span>{verdict.title()} <kbd>{verdict[0]}</kbd></span></label>"
        for verdict in ("approve", "correct", "reject")
    )
    return (
        '<div class="cs-verdict"><p class="cs-why" role="alert"></p>'
        f'<div class="cs-verdicts" role="radiogroup" aria-label="Verdict">{verdicts}</div>'
        '<div class="cs-send"><button type="submit" class="cs-go">Submit and next <kbd>n</kbd></button>'
        '<button type="button" class="cs-plain" data-act="skip">Skip <kbd>s</kbd></button></div></div>'
    )


def keys_dialog(keys: Iterable[tuple[str, str]]) -> str:
    rows = "".join(f"<tr><th><kbd>{escape(k)}</kbd></th><td>{escape(words)}</td></tr>" for k, words in keys)
    return (
        '<dialog class="cs-keys" aria-label="Keys"><h2>Keys</h2><table>' + rows + "</table>"
        '<p><button type="button" class="cs-plain" data-act="close-keys">Close <kbd>Esc</kbd></button></p></dialog>'
    )
