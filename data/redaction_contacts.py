"""Contacts and numbers of cards and files: identifiers with a form of their own.

Each function gives `(start, end, type)` for a text. What has the form but identifies nobody, a helpline or a count to
ten, is left.
"""

import ipaddress
import json
import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

Found = tuple[int, int, str]

_OTHER_LINES = ("18002738255", "741741", "18006624357")
"""Published in the United States and often quoted, though the resource card does not name them."""


@cache
def _public() -> tuple[frozenset[str], frozenset[str]]:
    """Digits and hosts of the published helplines: everybody's numbers and pages identify nobody."""
    raw = json.loads((Path(__file__).parent / "resources" / "helplines.json").read_text(encoding="utf-8"))
    entries = [raw["fallback"], *(line for region in raw["regions"].values() for line in region["lines"])]
    lines = {re.sub(r"\D", "", entry["reach"]) for entry in entries} | set(_OTHER_LINES)
    national = {line[1:] for line in lines if len(line) == 11 and line.startswith("1")}
    hosts = {urlsplit(entry["source"]).netloc.removeprefix("www.") for entry in entries}
    return frozenset(lines | national), frozenset(hosts)


def _is_public_site(written: str) -> bool:
    try:
        host = urlsplit(written if "://" in written else f"//{written}").netloc
    except ValueError:  # "http://[": no address, and masked as what it looks like
        return False
    return host.lower().removeprefix("www.") in _public()[1]


_TLD = r"(?:com|org|net|edu|gov|info|io|dev|xyz|gg|ca|de|co\.uk|org\.uk|ac\.uk|com\.au)"
_EMAIL = re.compile(
    rf"[\w.+%'-]{{1,64}}(?:@|\s?[(\[]at[)\]]\s?)(?:[\w-]{{1,63}}\.){{1,4}}[a-z]{{2,24}}\b"
    rf"|[\w.+%'-]{{1,64}}\s?@\s?(?:[\w-]{{1,63}}\.){{1,4}}{_TLD}\b",
    re.I,
)
_EMAIL_SPOKEN = re.compile(r"\b[\w.+-]{1,64} at [\w-]{2,63} dot (?:com|org|net|edu|co\.uk|uk|ca)\b", re.I)
_URL = re.compile(
    r"\b(?:https?://|www\.)[^\s<>\"']+"
    rf"|(?<![@\w.-])(?:[a-z0-9][a-z0-9-]{{0,62}}\.){{1,4}}(?:{_TLD}\b(?:/[^\s<>\"']*)?|[a-z]{{2,6}}/[^\s<>\"']+)",
    re.I,
)
_HANDLE = re.compile(r"(?<![\w@./])@[A-Za-z_][\w.]{2,40}|(?<![\w/])/?\bu/[\w-]{3,30}|\b[\w.]{2,32}#\d{4}\b")
_HANDLE_CUE = re.compile(
    r"\b(?:insta|instagram|ig|snap|snapchat|discord|twitter|tiktok|telegram|reddit|facebook|fb|kik|skype|venmo|username"
    r"|user name|gamertag|psn|xbox)\b(?:\s+(?:name|handle|user|username|account|id))?"
    r"(?:\s*[:=@]\s*@?(?P<named>[\w.-]*\w)|\s*(?:is|-)?\s*@?(?P<id>(?=[a-z]*[\d_]|[a-z]+\.[a-z])\w[\w.-]*\w))",
    re.I,
)
_NOT_HANDLES = frozenset(
    {"home", "work", "school", "night", "least", "all", "once", "everyone", "here", "the"}
)
_PHONE = re.compile(
    r"(?<![\w/.$£€-])(?:"
    r"\+\d{1,3}[\s.-]?(?:\(?\d{1,4}\)?[\s.-]?){1,5}\d{2,4}"
    r"|(?:1[\s.-]?)?(?:\(\d{3}\)\s?|\d{3}[\s.-]?)\d{3}[\s.-]?\d{4}"
    r"|\(?0\d{2,4}\)?[\s-]?\d{3,4}[\s-]?\d{3,4}|0\d{4}[\s-]?\d{5,6}|0\d[\s-]\d{4}[\s-]\d{4}"
    r"|\d{3}[.-]\d{4}"
    r")(?![\w/-]|[.,]\d)"
)
_PHONE_CUE = re.compile(
    r"\b(?:phone|cell|mobile|number|num|call|text|txt|whatsapp|ring|reach)\b[^\d\n]{0,30}(?P<id>\d[\d\s().-]{5,16}\d)(?!\d)",
    re.I,
)
_DIGIT_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_SPOKEN_DIGIT = rf"(?:{'|'.join(_DIGIT_WORDS)}|oh)"
_SPOKEN_PHONE = re.compile(rf"\b{_SPOKEN_DIGIT}(?:[\s,-]+{_SPOKEN_DIGIT}){{6,14}}\b", re.I)
_IPV4 = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w]|\.\d)")
_MAC = re.compile(r"(?<![\w:])(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}(?![\w:])", re.I)
_IPV6 = re.compile(r"(?<![\w:])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?![\w:])", re.I)


def find_contacts(text: str) -> Iterator[Found]:
    for pattern in (_EMAIL, _EMAIL_SPOKEN):
        yield from ((*m.span(), "EMAIL") for m in pattern.finditer(text))
    for match in _URL.finditer(text):
        written = match[0].rstrip(".,;:!?)]}'\"")
        if not _is_public_site(written):
            yield match.start(), match.start() + len(written), "URL"
    for match in _HANDLE.finditer(text):
        if match[0][1:].lower() not in _NOT_HANDLES:
            yield match.start(), match.start() + len(match[0].rstrip(".")), "HANDLE"
    yield from ((*m.span(m.lastgroup or 0), "HANDLE") for m in _HANDLE_CUE.finditer(text))
    yield from _find_phones(text)
    yield from _find_ips(text)


def _find_phones(text: str) -> Iterator[Found]:
    for match in _PHONE.finditer(text):
        if _is_phone(match[0]):
            yield *match.span(), "PHONE"
    for match in _PHONE_CUE.finditer(text):
        if _is_phone(match["id"]):
            yield *match.span("id"), "PHONE"
    for match in _SPOKEN_PHONE.finditer(text):
        digits = [_DIGIT_WORDS.index(w) if w != "oh" else 0 for w in re.findall(r"[a-z]+", match[0].lower())]
        steps = {after - before for before, after in pairwise(digits)}
        if steps not in ({1}, {-1}):  # counting up or down, as in a breathing exercise
            yield *match.span(), "PHONE"


def _is_phone(written: str) -> bool:
    digits = re.sub(r"\D", "", written)
    return 7 <= len(digits) <= 15 and digits not in _public()[0] and not _YEARS.fullmatch(written.strip())


_YEARS = re.compile(r"(?:19|20)\d\d\s?-\s?(?:19|20)\d\d")


def _find_ips(text: str) -> Iterator[Found]:
    yield from ((*match.span(), "ID") for match in _MAC.finditer(text))
    for pattern in (_IPV4, _IPV6):
        for match in pattern.finditer(text):
            try:
                ipaddress.ip_address(match[0])
            except ValueError:
                continue
            if match[0] != "::":
                yield *match.span(), "IP"


_CARD = re.compile(r"(?<![\w-])\d(?:[ -]?\d){12,18}(?![\w-])")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b", re.I)
_SSN = re.compile(r"(?<![\w-])\d{3}[- ]\d{2}[- ]\d{4}(?![\w-])")
_NINO = re.compile(r"\b[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]\b")
_NUMBER_OF = (
    r"mrn|medical record|passport|policy|nhs|medicare|medicaid|ssn|social security|vin|ein|routing|sort code|plate"
    r"|national insurance|licen[cs]e plate|driver['’]?s licen[cs]e"
)
_NUMBER_OF_ANY = (
    r"patient|chart|member|licen[cs]e|case|account|acct|student|employee|insurance|badge|claim|tax|serial"
)
_ID_CUE = re.compile(
    rf"\b(?:(?:{_NUMBER_OF})\b(?:\s+(?:number|num|no\.?|id|card|account))*"
    rf"|(?:{_NUMBER_OF_ANY})\s+(?:number|num|no\.?|id|#)|id\s+number)\s*(?:is|:|=|#)?\s*#?"
    r"(?P<id>(?=[A-Z-]*\d)[A-Z0-9](?:[A-Z0-9-]|[ ](?=[A-Z-]*\d)){2,23}[A-Z0-9])\b",
    re.I,
)


def find_ids(text: str) -> Iterator[Found]:
    for match in _CARD.finditer(text):
        if _luhn(re.sub(r"\D", "", match[0])):
            yield *match.span(), "CARD"
    for match in _IBAN.finditer(text):
        if _mod_97(match[0].replace(" ", "").upper()):
            yield *match.span(), "IBAN"
    for pattern in (_SSN, _NINO):
        yield from ((*m.span(), "ID") for m in pattern.finditer(text))
    for match in _ID_CUE.finditer(text):
        digits, letters = (sum(map(kind, match["id"])) for kind in (str.isdigit, str.isalpha))
        if digits >= 4 or (digits >= 2 and letters >= 2):
            yield *match.span("id"), "ID"


def _luhn(digits: str) -> bool:
    doubled = (int(d) * (1 + i % 2) for i, d in enumerate(reversed(digits)))
    return sum(n - 9 if n > 9 else n for n in doubled) % 10 == 0


def _mod_97(iban: str) -> bool:
    return 15 <= len(iban) <= 34 and int("".join(str(int(ch, 36)) for ch in iban[4:] + iban[:4])) % 97 == 1
