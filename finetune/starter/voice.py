"""How people write, and how a reply says back what they wrote."""

import random
import re

_TURN = {
    "i": "you", "me": "you", "my": "your", "mine": "yours", "myself": "yourself", "i'm": "you're",
    "i've": "you've", "i'd": "you'd", "i'll": "you'll", "am": "are", "our": "your", "us": "you", "we": "you",
}  # fmt: skip
_SLIPS = {
    "because": "cuz", "don't": "dont", "can't": "cant", "I'm": "im", "really": "rly", "going to": "gonna",
    "want to": "wanna", "about": "abt", "people": "ppl", "you": "u", "your": "ur", "definitely": "definately",
    "friend": "freind", "their": "thier", "weird": "wierd", "tomorrow": "tommorow", "until": "untill",
}  # fmt: skip


def turned_round(phrase: str) -> str:
    """`that my boss hates me` -> `that your boss hates you`."""
    text = re.sub(r"\b[Ii] was\b", "you were", phrase)
    return re.sub(r"[A-Za-z']+", lambda m: _TURN.get(m[0].lower(), m[0]), text)


def sentence_case(text: str) -> str:
    """A capital letter at the start and after each full stop or question mark."""
    return re.sub(r"(^|[.?!] )([a-z])", lambda m: m[1] + m[2].upper(), text)


def as_written(text: str, style: str, rng: random.Random) -> str:
    """The visitor's text in one of the styles: `plain`, `lower`, `bare` (no punctuation), `slips`, `loud`."""
    text = sentence_case(text)
    if style == "lower":
        return text.lower().rstrip(".") or text
    if style == "bare":
        return re.sub(r"[',.!?]", "", text.lower()) or text
    if style == "slips":
        for right, wrong in _SLIPS.items():
            if rng.random() < 0.5:
                text = re.sub(rf"\b{right}\b", wrong, text)
        return text.lower() if rng.random() < 0.5 else text
    if style == "ellipsis":
        return text.replace(". ", "... ").rstrip(".") + "..."
    return text
