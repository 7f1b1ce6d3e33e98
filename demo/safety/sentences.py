"""Cut text into sentences without losing a character, whole or while it is still being generated.

`"".join(split_sentences(text)) == text`: a sentence keeps the white space that follows it. The splitter gives the same
sentences whatever the chunks, because it lets a sentence go only once what follows can no longer change its end.
"""

import re

_END = re.compile(
    r"(?P<mark>[.!?…]+[\"'”’)\]*_]*|[。！？।]+[」』”’]*)(?P<space>\s+)(?=\S)|(?P<lines>[ \t]*\n\s*)(?=\S)"
)
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\[\"'“‘])(?:mr|mrs|ms|mx|dr|prof|sr|jr|st|vs|e\.g|i\.e|etc|approx|no|dept|est|fig|inc|ltd|co|u\.s|u\.k|"
    r"a\.m|p\.m|ph\.d|m\.d|[a-z])\.$",
    re.IGNORECASE,
)
_ALWAYS_GOES_ON = re.compile(
    r"(?:^|[\s(\[\"'“‘])(?:mr|mrs|ms|mx|dr|prof|st|vs|e\.g|i\.e|approx|fig|dept)\.$", re.IGNORECASE
)
_NUMBERED = re.compile(r"(?:^|\n)[ \t]*\d{1,3}\.$")


def split_sentences(text: str) -> list[str]:
    """The sentences of a whole text, in order, which joined give the text back."""
    splitter = SentenceSplitter()
    return [*splitter.feed(text), *splitter.flush()]


class SentenceSplitter:
    """Give it text as it comes; it gives back each sentence when the first character after it has come."""

    def __init__(self) -> None:
        self._pending = ""

    def feed(self, chunk: str) -> list[str]:
        """Sentences that this chunk has finished, with the white space after them."""
        self._pending += chunk
        sentences, start = [], 0
        for match in _END.finditer(self._pending):
            if match["mark"] and self._goes_on(start, match.start("space"), match.end()):
                continue
            sentences.append(self._pending[start : match.end()])
            start = match.end()
        self._pending = self._pending[start:]
        return sentences

    def flush(self) -> list[str]:
        """What is left when nothing more comes."""
        rest, self._pending = self._pending, ""
        return [rest] if rest else []

    def _goes_on(self, start: int, end: int, following: int) -> bool:
        """Whether the mark before `end` belongs to an abbreviation, a list number or a trailing off."""
        before, after = self._pending[start:end], self._pending[following]
        if _ALWAYS_GOES_ON.search(before) or _NUMBERED.search(before):
            return True
        lower = after.islower()
        return lower and (before.endswith(("...", "…")) or _ABBREVIATION.search(before) is not None)
