"""Identifiers found and masked, once, when a text is stored: desk and export read the masked text.

`RECOGNISERS` is the place to add to: a recogniser is any function from a text to the spans that it is sure of. Where
spans of several overlap, the whole stretch is masked under the type of the longest. Direct identifiers come first;
what says how someone feels must stay readable, so a rule that would mask ordinary words needs a cue beside them.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from data.redaction_contacts import find_contacts, find_ids
from data.redaction_dates import find_ages, find_dates
from data.redaction_names import find_names
from data.redaction_places import find_addresses, find_organisations, find_places


@dataclass(frozen=True)
class Span:
    """Where an identifier stands: offsets are code points into the text as it was written, `end` exclusive."""

    start: int
    end: int
    type: str


@dataclass(frozen=True)
class Redacted:
    """The masked text, and the spans into the original that were replaced by `[TYPE]`."""

    text: str
    spans: tuple[Span, ...]


Found = tuple[int, int, str]
Recogniser = Callable[[str], Iterable[Found]]

RECOGNISERS: tuple[Recogniser, ...] = (
    find_contacts,
    find_ids,
    find_dates,
    find_ages,
    find_addresses,
    find_names,
    find_organisations,
    find_places,
)


def redact(text: str, recognisers: Sequence[Recogniser] = RECOGNISERS) -> Redacted:
    """`text` with each identifier replaced by its type in brackets. A masked text comes back as it is."""
    spans = find_spans(text, recognisers)
    parts, at = [], 0
    for span in spans:
        parts += [text[at : span.start], f"[{span.type}]"]
        at = span.end
    return Redacted("".join(parts) + text[at:], spans)


def find_spans(text: str, recognisers: Sequence[Recogniser] = RECOGNISERS) -> tuple[Span, ...]:
    """The spans of all recognisers in order, none overlapping."""
    found = sorted(item for recogniser in recognisers for item in recogniser(text) if item[0] < item[1])
    merged: list[Span] = []
    longest = 0
    for start, end, kind in found:
        if merged and start < merged[-1].end:
            last = merged[-1]
            kept = kind if end - start > longest else last.type
            merged[-1] = Span(last.start, max(last.end, end), kept)
        else:
            merged.append(Span(start, end, kind))
            longest = 0
        longest = max(longest, end - start)
    return tuple(merged)
