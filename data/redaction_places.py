"""Addresses, organisations and places. An address has a form; the other two are known by the words before them."""

import re
from collections.abc import Iterator

from data.redaction_words import COUNTRIES, EMPLOYERS, NOT_ORGANISATIONS, NOT_PLACES, PLACES, PLACES_OF_TWO

Found = tuple[int, int, str]

_STREET_PLAIN = r"(?:street|avenue|ave|road|rd|boulevard|blvd|highway|hwy|parkway|pkwy)"
_STREET_CASED = (
    r"(?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Place|Pl|Way|Circle|Cir|Square|Sq"
    r"|Terrace|Ter|Close|Trail|Trl|Crescent|Gardens|Grove|Row|Mews|Highway|Hwy|Parkway|Pkwy)"
)
_DIRECTION = r"(?:(?:[NSEW]|NE|NW|SE|SW|[Nn]orth|[Ss]outh|[Ee]ast|[Ww]est)\.?\s+)?"
_UNIT = r"(?:,?\s+(?:apt|apartment|unit|suite|ste|flat|room|rm|#)\.?\s*#?\d*[a-z]?\b)?"
_STATE = (
    r"(?:A[LKZR]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|PA|RI|S[CD]|T[NX]|UT|V[AT]"
    r"|W[AIVY])"
)
_DISTANCE = r"(?:miles?|blocks?|minutes?|mins?|hours?|years?|days?|times|houses|more|of|different)"
_LINKING = r"(?:the|a|down|this|my|on|to|of|and)"
_ADDRESSES = (
    re.compile(
        rf"\b\d{{1,6}}[A-Za-z]?\s+{_DIRECTION}(?:(?:[A-Z][\w'’.-]*|\d+(?:st|nd|rd|th))\s+){{1,4}}"
        rf"{_STREET_CASED}\b\.?(?:\s+[NS][EW]\b)?(?i:{_UNIT})(?:,\s+[A-Z][a-z]+(?:\s[A-Z][a-z]+)?\b)?"
    ),
    re.compile(
        rf"\b\d{{1,6}}\s+{_DIRECTION}(?!{_DISTANCE}\b)(?:(?!{_LINKING}\b)[\w'’.-]+\s+){{1,2}}{_STREET_PLAIN}\b\.?{_UNIT}",
        re.I,
    ),
    re.compile(
        r"\b(?:on|at|off|down|near|along)\s+(?P<id>(?:[A-Z][\w'’-]+\s+){1,3}"
        r"(?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Court|Ct|Terrace)\b\.?)"
    ),
    re.compile(r"\bP\.?\s?O\.?\s+box\s+\d+", re.I),
    re.compile(
        r"\b(?:apartment|apt\.?|flat|unit|dorm room|room)\s*#?\s*(?:\d{1,5}[a-z]?|[a-z]\d{1,4})\b(?!\s?%)",
        re.I,
    ),
    re.compile(
        r"\b(?:zip|zip\s?code|post\s?code|postal\s?code)(?:\s+is|:)?\s+"
        r"(?P<id>\d{5}(?:-\d{4})?|(?=[a-z]*\d)[a-z0-9]{2,4}\s?\d[a-z0-9]{2})\b",
        re.I,
    ),
    re.compile(
        r"\b(?:live[sd]?|living|stay(?:s|ed|ing)?|house|home|i['’]?m|am)\s+(?:on|at|off)\s+"
        rf"(?P<id>(?:(?!{_LINKING}\b)[\w'’]+\s+){{1,2}}(?:{_STREET_PLAIN}|st|lane|ln|drive|dr|court|ct|terrace))\b",
        re.I,
    ),
    re.compile(rf"(?:\b[A-Z][\w.]{{0,40}}(?:\s[A-Z]\w+){{0,2}},\s*)?\b{_STATE},?\s+\d{{5}}(?:-\d{{4}})?\b"),
    re.compile(r"(?<![\w-])\d{5}-\d{4}(?![\w-])"),
    re.compile(r"\b(?:[A-Z]{1,2}\d[A-Z\d]?\s\d[A-Z]{2}|[ABCEGHJ-NPRSTVXY]\d[A-Z]\s\d[A-Z]\d)\b"),
)


def find_addresses(text: str) -> Iterator[Found]:
    for pattern in _ADDRESSES:
        for match in pattern.finditer(text):
            yield *match.span("id" if "id" in pattern.groupindex else 0), "ADDRESS"


_KIND = (
    r"(?:University|College|High School|Middle School|Elementary(?: School)?|High|Academy|School|Hospital|Clinic"
    r"|Medical Center|Church|Temple|Mosque|Synagogue|Inc|LLC|Ltd|Corp|Corporation|Company|Bank|Institute|Foundation)"
)
_CASED = r"[A-Z][\w&'’.-]{0,40}\w"
_OPENING = r"(?:The|My|Our|His|Her|Their|This|That|In|At|A|An|When|After|Before|And|But|So|If|Is|I|Go|Private|Public)"
_ORGANISATION = re.compile(
    rf"\b(?!{_OPENING}\s)(?:St\.\s+)?{_CASED}(?:\s+(?:of\s+|and\s+|&\s+)?{_CASED}){{0,3}}\s+{_KIND}\b\.?"
    rf"|\bUniversity\s+of\s+{_CASED}(?:\s+{_CASED})?"
)
_WHEN = r"(?:nights|days|mornings|evenings|weekends|part[- ]time|full[- ]time)"
_WORK = (
    rf"(?:work(?:s|ed|ing)?(?:\s+{_WHEN})?|job|intern(?:s|ed|ing|ship)?|shift|hired|employed|nurse|teacher"
    r"|teach(?:es|ing)?|manager|cashier|barista|engineer|driver|fired|laid\s+off)"
)
_STUDY = r"(?:study(?:ing)?|studied|student|enrolled|go(?:es)?)"
# The cue in any case, the name as it is written.
_ORGANISATION_CUE = re.compile(
    rf"\b(?i:(?:{_WORK}|{_STUDY})\s+(?:at|for|by|from|to)|quit(?:ting)?|attend(?:s|ed|ing)?)\s+(?:the\s+)?"
    rf"(?P<id>{_CASED}(?:\s+(?:of\s+|and\s+|&\s+|the\s+)?{_CASED}){{0,3}})"
)
_EMPLOYER_CUE = re.compile(
    rf"\b{_WORK}\s+(?:at|for|by|from)\s+(?:the\s+)?(?P<id>[a-z]+(?:['’]s)?)(?=\W|$)", re.I
)


def find_organisations(text: str) -> Iterator[Found]:
    yield from ((*match.span(), "ORGANISATION") for match in _ORGANISATION.finditer(text))
    for match in _ORGANISATION_CUE.finditer(text):
        if _first_word(match["id"]) not in NOT_ORGANISATIONS and match["id"].lower() not in PLACES:
            yield *match.span("id"), "ORGANISATION"
    for match in _EMPLOYER_CUE.finditer(text):
        if match["id"].lower().replace("’", "'") in EMPLOYERS:
            yield *match.span("id"), "ORGANISATION"


def _first_word(name: str) -> str:
    return re.split(r"[\s,]|['’]s?\b", name, maxsplit=1)[0].lower()


_LIVE = (
    r"(?:live[sd]?|living|based|born|raised|grew\s+up|grow(?:ing)?\s+up|stay(?:s|ed|ing)?|reside[sd]?|am|are|i['’]?m"
    r"|moved|moving|move|relocat(?:ed|ing)|back|here|stuck|down|over|up|school|hospital|apartment|house|home)"
)
_TOWARDS = r"(?:in|near|to|from|around|outside(?:\s+of)?|at)"
_PLACE_CUE = (
    rf"\b(?:{_LIVE}\s+{_TOWARDS}|(?:come|comes|came|am|is|are|originally|i['’]?m)\s+from|hometown\s+is"
    r"|(?:city|town|suburb)\s+of)\s+(?:(?:downtown|rural|north|south|east|west|central)\s+)?"
)
_KNOWN = rf"(?:{PLACES_OF_TWO}|{'|'.join(sorted(PLACES))})"
_KNOWN_PLACE = re.compile(rf"{_KNOWN}\b", re.I)
_PLACE_NAMED = re.compile(
    rf"\b(?i:in|near|from|around)\s+(?P<id>(?i:{_KNOWN}\b)|[A-Z]\w+(?:\s[A-Z]\w+){{0,2}},\s*(?:(?i:{_KNOWN}\b)|{_STATE}\b"
    rf"|(?i:{'|'.join(sorted(COUNTRIES))})\b))"
)
_PLACE = re.compile(
    rf"(?i:{_PLACE_CUE})(?P<id>"
    r"[A-Z][\w'’.-]{0,40}\w(?:\s+[A-Z][\w'’-]*\w){0,2}(?:,\s*(?:[A-Z]{2}\b|[A-Z][a-z]+(?:\s+[A-Z][a-z]+)?))?"
    rf"|(?i:\b{_KNOWN}\b(?:,\s*(?:{_KNOWN}|[a-z]{{2}})\b)?))"
)


def find_places(text: str) -> Iterator[Found]:
    for match in _PLACE.finditer(text):
        if _first_word(match["id"]) not in NOT_PLACES or _KNOWN_PLACE.match(match["id"]):
            yield *match.span("id"), "PLACE"
    yield from ((*match.span("id"), "PLACE") for match in _PLACE_NAMED.finditer(text))
