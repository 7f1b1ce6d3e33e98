"""Names of people, which have no form of their own: found by what stands before them, or by being common.

Chat is written without capitals as often as with them. After a strong cue ("my name is") any word is a name; after a
weak one ("I'm", "my friend") it must be capitalised or a common name; without a cue only common names count.
"""

import re
from collections.abc import Iterator

from data.redaction_words import (
    GIVEN_NAMES,
    NAMES_THAT_ARE_WORDS,
    NOT_NAMES,
    SURNAMES,
    SURNAMES_THAT_ARE_WORDS,
)

Found = tuple[int, int, str]

_WORD = r"[^\W\d_]+(?:['’-][^\W\d_]+)*"
_POSSESSIVE = re.compile(r"['’]s?$")
_RELATION = (
    r"(?:boyfriend|girlfriend|bf|gf|bff|husband|hubby|wife|fianc[ée]e?|partner|spouse|mother|mom|mum|mama|father|dad"
    r"|papa|stepmom|stepdad|stepmother|stepfather|brother|sister|bro|sis|stepbrother|stepsister|son|daughter|stepson"
    r"|stepdaughter|baby|kid|child|twin|cousin|aunt|auntie|uncle|niece|nephew|grandma|grandpa|grandmother|grandfather"
    r"|nana|friends?|bestie|mate|roommate|flatmate|housemate|neighbou?r|co-?worker|colleague|boss|manager|supervisor"
    r"|teacher|professor|counsell?or|therapist|psychiatrist|psychologist|doctor|gp|nurse|social worker|case worker"
    r"|pastor|priest|coach|ex|crush|landlord|dog|cat|puppy|pet|abuser|rapist|bully|sponsor)"
)
_STRONG = re.compile(
    rf"\b(?:name['’]?s|name\s+(?:is|was)|names\s+are|name:|known as|goes by|go by|signed,|sincerely,|regards,"
    rf"|yours(?:\s+truly)?,|surname\s+is)\s+(?:is\s+)?(?P<id>{_WORD})",
    re.I,
)
_WEAK = re.compile(
    rf"\b(?:call(?:s|ed|ing)?\s+(?:me|him|her|them)|named|called|i['’]?m|i\s+am|this\s+is|hi|hello|hey|dear|thanks"
    rf"|thank\s+you|(?:my|his|her|our|their|your)\s+(?:[a-z]+\s+){{0,2}}?{_RELATION}(?:[-\s]in[-\s]law)?"
    rf"(?:['’]s\s+name\s+is|,|\s+is|\s+named|\s+called)?),?\s+(?P<id>{_WORD})",
    re.I,
)
_SIGNATURE = re.compile(rf"[ \t]*[-–—~]*[ \t]*(?P<id>{_WORD})\Z")
_TITLE = re.compile(
    r"\b(?:dr|doctor|mr|mrs|ms|miss|mx|prof|professor|nurse|pastor|father|rev|reverend|sister|brother|coach|officer"
    r"|rabbi|imam|aunt|auntie|uncle|aunty|tia|tio|grandma|grandpa|judge|principal|sgt|sergeant|captain|lt|detective"
    rf"|sir|lady)\b\.?\s+(?P<id>{_WORD})",
    re.I,
)
# "I'm Nigerian", "my mom is Depressed": endings of words that say what someone is, not who.
_DESCRIBES = re.compile(r"(?:ian|ish|ese|ic|ist|ani|ed|ing|ful|less|ous|ive|ly|ers|ies)$")
_NEXT = re.compile(rf"(?:\s+(?:[A-Z]\.\s+)?)(?P<id>{_WORD})")
_PLACE_BEFORE = re.compile(r"\b(?:san|santa|saint|st\.?|fort|lake|port|mount)\s$", re.I)
_PLACE_AFTER = re.compile(r"\s(?:street|ave)", re.I)
_ANY_WORD = re.compile(rf"(?<![\w@#./'’-]){_WORD}")


def find_names(text: str) -> Iterator[Found]:
    for match in _STRONG.finditer(text):
        if _bare(match["id"]) not in NOT_NAMES:
            yield _full_name(text, *match.span("id"))
    for match in (*_WEAK.finditer(text), *_signature(text)):
        if _is_name(match["id"]):
            yield _full_name(text, *match.span("id"))
    for match in _TITLE.finditer(text):
        if _is_titled(match):
            yield _full_name(text, *match.span("id"))
    for match in _ANY_WORD.finditer(text):
        if _bare(match[0]) in GIVEN_NAMES and not _is_plain(text, match):
            yield _full_name(text, *match.span())


def _signature(text: str) -> list[re.Match[str]]:
    """A word alone on the last of several lines."""
    end = len(text.rstrip())
    line = text.rfind("\n", 0, end)
    match = _SIGNATURE.match(text, line + 1, end) if line >= 0 else None
    return [match] if match else []


def _bare(word: str) -> str:
    return _POSSESSIVE.sub("", word.replace("’", "'").lower())


def _is_cased(word: str) -> bool:
    """Written as a name is, "Jake"; not "I", and not a word in capitals, which is shouting or an abbreviation."""
    return len(word) > 1 and word[0].isupper() and not word.isupper()


def _is_name(word: str) -> bool:
    bare = _bare(word)
    if bare in NOT_NAMES or bare in GIVEN_NAMES:
        return bare not in NOT_NAMES
    return _is_cased(word) and not _DESCRIBES.search(bare)


def _is_titled(match: re.Match[str]) -> bool:
    word, bare = match["id"], _bare(match["id"])
    if bare in NOT_NAMES:
        return False
    return _is_cased(word) or bare in GIVEN_NAMES or bare in SURNAMES


def _is_plain(text: str, match: re.Match[str]) -> bool:
    """A common name that is part of something else: a place ("San Jose"), a street, a company, a saying."""
    if _bare(match[0]) in NAMES_THAT_ARE_WORDS and not _is_cased(match[0]):
        return True
    before = text[max(0, match.start() - 12) : match.start()]
    return bool(_PLACE_BEFORE.search(before) or _PLACE_AFTER.match(text, match.end()))


def _full_name(text: str, start: int, end: int) -> Found:
    """The span with up to two surnames that follow, without a possessive ending."""
    for _ in range(2):
        bare = _without_possessive(text, start, end)
        match = _NEXT.match(text, end)
        if bare < end or not match or not _continues(match["id"]):
            return start, bare, "NAME"
        end = match.end("id")
    return start, _without_possessive(text, start, end), "NAME"


def _without_possessive(text: str, start: int, end: int) -> int:
    return start + len(_POSSESSIVE.sub("", text[start:end]))


def _continues(word: str) -> bool:
    bare = _bare(word)
    return bare not in NOT_NAMES and (
        _is_cased(word) or (bare in SURNAMES and bare not in SURNAMES_THAT_ARE_WORDS)
    )
