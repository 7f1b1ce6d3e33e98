"""Whether a finished sentence of a reply may be shown, read with all that stands before it and with what was asked.

Most of it are the rules of data/resources/lexicon/guard, in which a rule's id is the reason code. Here are the two things
that a list of words cannot say: contact details, and a bare "yes" to a question that must not be answered with yes.
"""

import re
from collections.abc import Sequence

from data.records import GuardVerdict, Message
from demo.safety.lexicon import Lexicon, load_lexicon

GUARD_VERSION = "guard-1"
REASONS = (
    "diagnosis",
    "prescription",
    "methods",
    "encourages-self-harm",
    "eating-targets",
    "claims-human",
    "claims-licence",
    "romance",
    "dependence",
    "dissuades-help",
    "contact-details",
    "hostility",
    "contract",
    "delusion",
    "sexual",
)
_TAIL = 400  # characters before the sentence that are read again with it

_CONTACT = re.compile(
    r"[\w.+-]+\s?(?:@|\(at\)|\[at\]|\bat\s(?=[\w-]+\s?(?:\.|dot)\s?(?:com|org|net)\b))\s?[\w-]+\s?(?:\.|\bdot\s)[a-z]{2,}"
    r"|https?://|\bwww\.|\b[a-z0-9-]{2,}\s?\.(?:com|org|net|gov|edu|info|io|app|co\.uk|org\.uk|ie|ca|nz|de|fr)\b(?!\w)"
    r"|\b(?:call|dial|text|ring|phone|message|reach|contact|line|number|hotline|helpline|sms|whatsapp)\b[^.?!\n]{0,40}?"
    r"(?<![\d,.])(?:\d[\s().-]?){3,}(?!\d|[,.]\d|\s?(?:%|percent|times|hours|days|weeks|minutes|years|people|steps|words|mg))"
    r"|\b(?:988|741741|116\s?123|13\s?11\s?14|9-8-8|nine[\s-]eight[\s-]eight|nine[\s-]one[\s-]one)\b"
    r"|\b1?[\s-]?8(?:00|33|44|55|66|77|88)-[A-Z0-9-]{4,}\b",
    re.IGNORECASE,
)
_PHONE = re.compile(r"(?<![\w,.])\+?\(?\d(?:[\s().\-–]{0,2}\d){6,14}(?![\w,]|\.\d)")
_YEARS = re.compile(r"(?:1[89]|20)\d\d\s?[-–]\s?(?:1[89]|20)?\d\d")


def check(sentence: str, before: str = "", conversation: Sequence[Message] = ()) -> GuardVerdict:
    """Judge the newest sentence of a reply.

    `before` is the reply so far, already allowed; `conversation` the messages that the reply answers, for the questions in
    it. The reasons are codes out of `REASONS`, in that order. The same text always gets the same verdict.
    """
    lexicon = load_lexicon("guard")
    found = _said(lexicon, sentence, before[-_TAIL:])
    if _contact(sentence, before[-_TAIL:]):
        found.add("contact-details")
    if not before.strip() and conversation:
        found |= _granted(sentence, conversation)
    return GuardVerdict(not found, tuple(reason for reason in REASONS if reason in found))


def _said(lexicon: Lexicon, sentence: str, before: str) -> set[str]:
    """Rules that hold in the sentence, or that end in it and began before."""
    words = lexicon.read(before + sentence)
    return {hit.rule.id for hit in lexicon.find(words) if words.ends[hit.last - 1] > len(before)}


def _contact(sentence: str, before: str) -> bool:
    text = _YEARS.sub("in a year", before + sentence)
    if len(text) != len(before + sentence):
        before = _YEARS.sub("in a year", before)
    return any(
        match.end() > len(before) for pattern in (_CONTACT, _PHONE) for match in pattern.finditer(text)
    )


def _granted(sentence: str, conversation: Sequence[Message]) -> set[str]:
    """What a reply that is a plain yes would grant, given the visitor's last message."""
    asked = next((m.content for m in reversed(conversation) if m.role == "user"), "")
    questions = load_lexicon("questions")
    said = {hit.rule.id for hit in questions.find(questions.read(sentence))}
    if not asked or "plain-yes" not in said or "yes-but" in said:
        return set()
    return {hit.rule.id for hit in questions.find(questions.read(asked))} & set(REASONS)
