"""When two texts count as the same: the normal form of `data/corpora`, and exact duplicates by it.

The normal form is the one in which the public sets were counted when their overlap was measured: HTML unescaped,
tags dropped, NFKC, case-folded, everything but a-z and 0-9 to one space.
"""

import hashlib
import html
import re
import unicodedata

_TAG = re.compile(r"</?[a-zA-Z!][^<>]*>")
_OTHER = re.compile(r"[^a-z0-9]+")


def normalise(text: str) -> str:
    plain = _TAG.sub("", html.unescape(text))
    return _OTHER.sub(" ", unicodedata.normalize("NFKC", plain).casefold()).strip()


def pair_key(question: str, answer: str) -> str:
    """SHA-256 of the normalised pair; the two halves are kept apart by a character that the normal form lacks."""
    return hashlib.sha256(f"{normalise(question)}\n{normalise(answer)}".encode()).hexdigest()
