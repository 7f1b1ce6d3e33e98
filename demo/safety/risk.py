"""What a conversation means for safety: its level so far, its categories, and what to do about the last turn.

Rules alone decide, so that a clinician can read why. Nothing here is shown to the visitor and nothing is a diagnosis.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from data.records import Action, Assessment, Category, Evidence, Level, Message
from demo.safety.lexicon import Hit, Lexicon, load_lexicon
from demo.safety.words import Words

RULES_VERSION = "rules-1"

_WEIGHT = {Action.NONE: 0, Action.CONCERN: 1, Action.CRISIS: 2}


@dataclass(frozen=True)
class _Turn:
    """What one visitor's message adds."""

    level: Level
    action: Action
    evidence: tuple[Evidence, ...]


def assess(messages: Sequence[Message]) -> Assessment:
    """Judge the conversation up to its last visitor message.

    `level` and `categories` are those of the whole conversation and only grow; `action` is for the last visitor
    message alone. Evidence offsets are code points into the `content` of the message they name. Without a visitor's
    message the assessment is empty.
    """
    lexicon = load_lexicon()
    level, action = Level.R0, Action.NONE
    evidence: list[Evidence] = []
    asked = ""
    for index, message in enumerate(messages):
        if message.role == "assistant":
            asked = message.content
        if message.role != "user":
            continue
        turn = _assess_turn(
            lexicon, message.content, index, asked, {e.category for e in evidence if e.category}
        )
        level, action = max(level, turn.level), turn.action
        evidence.extend(turn.evidence)
        asked = ""
    present = {e.category for e in evidence}
    categories = tuple(category for category in Category if category in present)
    return Assessment(
        level, categories, action, tuple(evidence), tuple(dict.fromkeys(e.rule for e in evidence))
    )


def _assess_turn(lexicon: Lexicon, text: str, index: int, asked: str, met: set[Category]) -> _Turn:
    words = lexicon.read(text)
    hits = lexicon.find(words, met)
    evidence = [_evidence(hit, words, index) for hit in _widest(hits)]
    level = max((hit.level for hit in hits), default=Level.R0)
    action = max((hit.action for hit in hits), default=Action.NONE, key=_WEIGHT.__getitem__)
    if answer := _answered_yes(text, asked):
        evidence.append(Evidence(words.starts[0], words.ends[-1], answer, Category.SELF_HARM, index))
        level, action = max(level, Level.R3 if answer == "SH-yes-plan" else Level.R1), Action.CRISIS
    return _Turn(level, action, tuple(evidence))


def _answered_yes(text: str, asked: str) -> str:
    """The rule that holds when a yes answers a direct question about suicide or a plan, else an empty string."""
    if not asked:
        return ""
    questions = load_lexicon("questions")
    if not any(
        hit.rule.id == "visitor-yes" and hit.first == 0 for hit in questions.find(questions.read(text))
    ):
        return ""
    about = {hit.rule.id for hit in questions.find(questions.read(asked))}
    return next((rule for rule in ("SH-yes", "SH-yes-plan") if rule in about), "")


def _widest(hits: Iterable[Hit]) -> list[Hit]:
    """One hit for each rule and place: those that lie within another of the same rule are dropped."""
    kept: list[Hit] = []
    for hit in sorted(hits, key=lambda h: (h.first, -h.last)):
        if not any(k.rule is hit.rule and k.first <= hit.first and hit.last <= k.last for k in kept):
            kept.append(hit)
    return kept


def _evidence(hit: Hit, words: Words, message: int) -> Evidence:
    return Evidence(
        words.starts[hit.first], words.ends[hit.last - 1], hit.rule.id, hit.rule.category, message
    )
