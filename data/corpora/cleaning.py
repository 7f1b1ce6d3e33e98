"""Text of the public sets made fit to learn from: markup out, mojibake mended, spaces and quotes in one spelling.

Every repair has a name, so that `prepare` can count how many rows needed it and a reader can find out why a text
changed. Whether a cleaned row is worth keeping is `drop_reason`, whose names go into the same report.
"""

import html
import re
from collections.abc import Callable
from dataclasses import dataclass

MIN_ANSWER_WORDS = 10
"""Shorter answers ("Certainly.", a stray "0") teach a model to brush people off."""

# Known names only: a "<3" or a "<name>" that somebody typed is not markup.
_BLOCKS = "p|div|li|ul|ol|h[1-6]|tr|table|tbody|thead|blockquote|section|article|pre|hr|br"
_INLINES = (
    "a|abbr|b|big|body|center|code|del|em|font|head|html|i|iframe|img|ins|link|mark|meta|q|s|small|span|strike"
    "|strong|sub|sup|svg|td|th|title|tt|u|video|xml|(?:[owvm]|st1):\\w+"
)
_COMMENT = re.compile(
    r"<!--.*?(?:-->|<!\[endif\](?:-->)?|\Z)|<!\[(?:if|endif)[^<>]*>|<!doctype[^<>]*>", re.I | re.S
)
_HIDDEN = re.compile(
    r"<(style|script|xml|head)\b[^<>]*>(?:(?!<\1\b).)*?</\1\s*>|/\*\s*Style Definitions\s*\*/[^}]*\}",
    re.I | re.S,
)
_IMAGE = re.compile(r"<img\b[^<>]*>|data:image/[\w.+-]+;base64,[A-Za-z0-9+/=]*", re.I)
_ITEM = re.compile(r"<li\b[^<>]*>", re.I)
_BLOCK = re.compile(rf"</?(?:{_BLOCKS})\b[^<>]*>", re.I)
_INLINE = re.compile(rf"</?(?:{_INLINES})(?=[\s/>])[^<>]*>", re.I)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,30});", re.I)
_SPACES = re.compile(r"[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
# A zero-width joiner stays where it holds an emoji together.
_INVISIBLE = re.compile(
    r"[\u00ad\u200b\u200c\u200e\u200f\u202a-\u202e\u2060-\u2064\ufeff]|\u200d(?![\u2190-\U0001faff])"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_QUOTES = str.maketrans({"‘": "'", "’": "'", "‚": "'", "‛": "'", "“": '"', "”": '"', "„": '"', "‟": '"'})
# "out with.Seriously" and "sleep.I am": HTML was stripped without putting a space where a paragraph ended.
# Not inside a web address ("www.Site.org", "Site.Org").
_JOINED = re.compile(
    r"(?<![wW]{3})(?<=[a-z0-9)\"'áéíóúñ])([.!?…]{1,3}[\"')]*)"
    r"(?=[A-Z¿¡][a-záéíóúñ']|[IA]\b|\"[A-Z])(?!(?:Com|Org|Net|Edu|Gov)\b)"
)


@dataclass(frozen=True)
class Cleaned:
    """A text after cleaning and the names of the repairs that changed it."""

    text: str
    changes: frozenset[str]


def clean_text(text: str) -> Cleaned:
    """`text` without markup, in one spelling; a text that is already clean comes back as it is, with no changes."""
    changes = set()
    for name, repair in _REPAIRS:
        repaired = repair(text)
        if repaired != text:
            changes.add(name)
        text = repaired
    return Cleaned(_tidy(text), frozenset(changes))


def drop_reason(question: str, answer: str) -> str | None:
    """Why this cleaned pair is not kept, or None. Duplicates are found elsewhere, since they need the other rows."""
    if not question.strip():
        return "empty_question"
    if not answer.strip():
        return "empty_answer"
    if len(answer.split()) < MIN_ANSWER_WORDS:
        return "answer_too_short"
    if not (_has_latin(question) and _has_latin(answer)):
        return "not_english"
    return None


def _has_latin(text: str) -> bool:
    return re.search(r"[A-Za-z]", text) is not None


def _drop_word_markup(text: str) -> str:
    return _HIDDEN.sub("\n", _COMMENT.sub("\n", text)) if "<" in text or "/*" in text else text


def _drop_images(text: str) -> str:
    return _IMAGE.sub(" ", text)


def _drop_tags(text: str) -> str:
    if "<" not in text:
        return text
    return _INLINE.sub("", _BLOCK.sub("\n", _ITEM.sub("\n- ", text)))


def _unescape(text: str) -> str:
    """Entities as characters; twice, because exports escape what was already escaped; then the tags they hid."""
    for _ in range(2):
        if not _ENTITY.search(text):
            return text
        text = _drop_tags(_drop_images(_drop_word_markup(html.unescape(text))))
    return text


def _mend_mojibake(text: str) -> str:
    import ftfy

    if text.isascii():
        return text
    # Only the decoding repair: the other things that ftfy can do have names of their own here.
    return "".join(ftfy.fix_encoding(line) for line in text.splitlines(keepends=True))


def _plain_characters(text: str) -> str:
    return _CONTROL.sub("", _INVISIBLE.sub("", text))


def _line_ends(text: str) -> str:
    return re.sub(r"\r\n?|[\x85\u2028\u2029]", "\n", text)


def _tidy(text: str) -> str:
    text = re.sub(r"[ \t]+", " ", text)
    text = re.sub(r" ?\n ?", "\n", text)
    return re.sub(r"\n{3,}", "\n\n", text).strip()


# In this order: hidden blocks hold tags, mojibake can end in a no-break space, entities can hide tags and quotes.
_REPAIRS: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("word_markup", _drop_word_markup),
    ("base64_image", _drop_images),
    ("html", _drop_tags),
    ("entities", _unescape),
    ("mojibake", _mend_mojibake),
    ("line_ends", _line_ends),
    ("no_break_spaces", lambda text: _SPACES.sub(" ", text)),
    ("invisible_characters", _plain_characters),
    ("curly_quotes", lambda text: text.translate(_QUOTES)),
    ("joined_sentences", lambda text: _JOINED.sub(r"\1 ", text)),
)
