"""Dates, in digits and in words, and ages. "24/7", a score of 8/10 and "I'm 5 minutes away" are neither."""

import re
from collections.abc import Iterator

Found = tuple[int, int, str]

_MONTH = (
    r"(?:january|february|march|april|may|june|july|august|september|october|november|december"
    r"|jan|feb|mar|apr|jun|jul|aug|sept|sep|oct|nov|dec)\b\.?"
)
_ORDINAL_WORD = (
    r"(?:(?:twenty|thirty)[- ](?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth)|twentieth|thirtieth"
    r"|first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|eleventh|twelfth|thirteenth|fourteenth|fifteenth"
    r"|sixteenth|seventeenth|eighteenth|nineteenth)"
)
_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
_YEAR = r"(?:(?:19|20)\d\d|'\d\d)"
_DATES = tuple(
    re.compile(pattern, re.I)
    for pattern in (
        rf"(?<![\d/.-]){_DAY}([/.-])(?:0?[1-9]|[12]\d|3[01])\1(?:(?:19|20)?\d\d)(?![\d/]|[.-]\d)",
        r"(?<![\d/.-])(?:19|20)\d\d([/.-])(?:0?[1-9]|1[0-2])\1(?:0?[1-9]|[12]\d|3[01])(?![\d/])",
        rf"\b{_MONTH}\s+(?:the\s+)?(?:{_DAY}(?:st|nd|rd|th)|{_ORDINAL_WORD})\b(?:,?\s+{_YEAR})?",
        rf"\b(?!may\b|mar\b){_MONTH}\s+{_DAY}\b(?!\s?(?:%|times|people|percent|years?|months?|weeks?|days?|hours?))(?:,?\s+{_YEAR})?",
        rf"\b{_MONTH}\s+{_DAY},?\s+{_YEAR}",
        rf"\b(?:{_DAY}(?:st|nd|rd|th)?|(?:the\s+)?{_ORDINAL_WORD})(?:\s+of)?\s+(?!may\s+(?!{_YEAR}))(?!mar\b){_MONTH}(?:,?\s+{_YEAR})?",
        rf"\b{_MONTH},?(?:\s+of)?\s+(?:19|20)\d\d\b",
    )
)
_DATE_CASED = re.compile(rf"\bMay\s+{_DAY}\b|\b{_DAY}(?:st|nd|rd|th)?(?:\s+of)?\s+May\b")
_DATE_CUE = re.compile(
    r"\b(?:on|since|until|till|by|born|bday|b-day|birthday(?:'s|\s+is)?|dob|date of birth|from|anniversary(?:\s+is)?|due)"
    r"(?:\s+(?:on|is|was|the))?\s*:?\s+(?P<id>(?!24/7|50/50|\d0/10\b)(?:0?[1-9]|[12]\d|3[01])/(?:0?[1-9]|[12]\d|3[01]))(?![\d/])",
    re.I,
)
_BORN_CUE = re.compile(
    r"\b(?:born(?:\s+in)?|birth\s?year(?:\s+is)?|class\s+of|dob|date of birth|d\.o\.b\.?)(?:\s+is)?\s*:?\s+"
    r"(?P<id>(?:19|20)\d\d|'\d\d|\d{6,8})\b",
    re.I,
)


def find_dates(text: str) -> Iterator[Found]:
    for pattern in (*_DATES, _DATE_CASED):
        for match in pattern.finditer(text):
            yield match.start(), match.start() + len(match[0].rstrip(".")), "DATE"
    for pattern in (_DATE_CUE, _BORN_CUE):
        yield from ((*m.span("id"), "DATE") for m in pattern.finditer(text))


_UNITS = r"one|two|three|four|five|six|seven|eight|nine"
_TEENS = r"ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen"
_TENS = r"twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety"
_GROWN_WORDS = rf"(?:{_TEENS}|(?:{_TENS})(?:[- ](?:{_UNITS}))?)"
_AGE_NUMBER = rf"(?:1[01]\d|[1-9]\d?|{_GROWN_WORDS}|{_UNITS})"
_OLD = r"(?:years?|yrs?)[- ]?(?:olds?\b|of age)|y/o|yo\b|y\.o\."
# A number after "I'm" is no age when what it counts comes next.
_COUNTED = (
    r"(?!\d|[.,:/]\d|/|\s?(?:%|°|-|–|percent|minutes?|mins?|hours?|hrs?|days?|weeks?|wks?|months?|mos?\b|feet|foot|ft\b|lbs?\b"
    r"|pounds?|kgs?\b|kilos?|stone|miles?|km\b|steps?|times|points?|out\b|am\b|pm\b|a\.m|p\.m|th\b|st\b|nd\b|rd\b|k\b|grand"
    r"|dollars?|bucks|credits?|cm\b|inch|in\s+the\s+hole|people|kids|of\b|seconds?|classes|pages|sessions?|mg\b|beers?|drinks?|o'?clock"
    r"|(?:years?|yrs?)(?![- ]?(?:old|of age))))"
)
_AGES = tuple(
    re.compile(pattern, re.I)
    for pattern in (
        rf"\b(?P<id>{_AGE_NUMBER})(?=[- ]?(?:{_OLD}))",
        rf"\b(?:i['’]?m|i am)\s+(?:(?:only|just|almost|nearly|about|like|now|already|a)\s+)?"
        rf"(?P<id>[1-9]\d|{_GROWN_WORDS})\b{_COUNTED}",
        rf"\b(?:she|he|we|they|we['’]re|they['’]re|she['’]s|he['’]s)\s+(?:(?:is|are|both|only|just)\s+){{0,2}}"
        rf"(?P<id>[1-9]\d|{_GROWN_WORDS})\b{_COUNTED}",
        rf"\b(?:aged?|age:|age is|age of)\s+(?P<id>{_AGE_NUMBER})\b{_COUNTED}",
        rf"\b(?:turn(?:ed|ing|s)?|turn)\s+(?P<id>[1-9]\d|{_GROWN_WORDS})\b{_COUNTED}",
        r"\b(?:is|was|she's|he's|who's|she’s|he’s)\s+(?P<id>(?:89|9\d|1[01]\d))\b" + _COUNTED,
        r"(?<![\w$£€.:/-])(?P<id>1[3-9]|[2-9]\d)(?=\s?/?(?:[mf]\b(?!\d)|\s(?:male|female|nonbinary|nb)\b))",
        r"(?<![\w'’])[mf](?P<id>1[3-9]|[2-9]\d)(?![\w.%])",
    )
)


def find_ages(text: str) -> Iterator[Found]:
    """The number alone: "[AGE] years old" still reads."""
    for pattern in _AGES:
        yield from ((*m.span("id"), "AGE") for m in pattern.finditer(text))
