"""A message as the rules read it: plain lower-case words, each knowing where it stood in what was written.

Disguises are undone here once, so that no rule needs to know of them: accents, curly quotes, contractions, chat
shortenings, stretched letters (diiie), symbols for letters (k1ll, s*icide), letters set apart (k i l l), look-alike
letters, and near misspellings of the few words that matter most.
"""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

NEGATORS = frozenset(
    (
        "not",
        "never",
        "no",
        "without",
        "nor",
        "neither",
        "none",
        "nobody",
        "nothing",
    )  # English, then es, pt, de, fr
    + ("sin", "nunca", "jamas", "nao", "nicht", "kein", "keine", "ohne", "jamais", "sans")
)
END = "."  # ends a sentence, as does QUESTION
QUESTION = "?"

_LONGEST = 80  # words
_INVISIBLE = dict.fromkeys([*range(0x200B, 0x2010), *range(0x202A, 0x202F), 0x2060, 0xFEFF, 0xAD])
_HIDDEN = "\u200b-\u200f\u202a-\u202e\u2060\ufeff\u00ad"
_LOOKALIKE = str.maketrans("авеікмнорстухѕј", "abeikmhopctyxsj")
_TOKEN = re.compile(
    rf"(?P<apart>(?<![^\W_])[^\W\d_](?:[ .\-_*]{{1,3}}[^\W\d_]){{2,59}}(?![^\W_]|['’]))"
    rf"|(?P<word>[^\W_@$](?:[^\W_@$]|[{_HIDDEN}\u0900-\u0963]|['’`´](?=\w)|[*@$!|](?=[^\W_]))*|[@$*](?:[^\W_]|[*@$!|](?=\w))+)"
    r"|(?P<end>(?<!\.)\.(?!\.)|[!?]+|\n\s*\n|[。！？।])|(?P<pause>\.\.+|…|[,;:()\"“”\n—–])"
)
_LEET = (str.maketrans("013457@$!|", "oieastasil"), str.maketrans("013457@$!|", "oleastasll"))
_SUFFIX = {"m": "am", "re": "are", "ve": "have", "ll": "will", "d": "would"}
_IS = frozenset(["he", "she", "it", "that", "there", "what", "who", "how", "here", "where"])


@dataclass(frozen=True)
class Vocabulary:
    """What the normaliser knows: every word that a rule uses, what to write out, and words to recognise misspelt."""

    known: frozenset[str]
    expand: Mapping[str, str]
    near: Mapping[str, str]  # a misspelling with one letter left out -> the word

    def correct(self, word: str) -> str:
        """One letter missing, added, changed or swapped, for words of the `near` list alone."""
        if len(word) < 6 or word in self.known or not word.isascii():
            return word
        for i in range(-1, len(word)):
            shorter = word if i < 0 else word[:i] + word[i + 1 :]
            if shorter in self.near and abs(len(self.near[shorter]) - len(word)) <= 1:
                return self.near[shorter]
        return word


@dataclass(frozen=True)
class Words:
    """`words[i]` was written between `starts[i]` and `ends[i]`; `pauses` are the indices that follow a comma or such."""

    words: tuple[str, ...]
    starts: tuple[int, ...]
    ends: tuple[int, ...]
    pauses: frozenset[int]

    @cached_property
    def text(self) -> str:
        """Every word after one space, and one space at the end."""
        return " " + " ".join(self.words) + " " if self.words else ""

    @cached_property
    def offsets(self) -> list[int]:
        """Where each word's leading space stands in `text`."""
        offsets, at = [], 0
        for word in self.words:
            offsets.append(at)
            at += len(word) + 1
        return offsets

    def index_at(self, position: int) -> int:
        """The word whose leading space or letters hold this position of `text`."""
        return bisect_right(self.offsets, position) - 1

    def sentence_of(self, index: int) -> tuple[int, int]:
        """First word and one past the last word of the sentence around word `index`, at most 80 words either way."""
        first = last = index
        while first > max(0, index - _LONGEST) and self.words[first - 1] not in (END, QUESTION):
            first -= 1
        while last < min(len(self.words), index + _LONGEST) and self.words[last] not in (END, QUESTION):
            last += 1
        return first, last


def plain(text: str) -> str:
    """Lower case without accents, compatibility forms or invisible characters."""
    if text.isascii():
        return text.lower()
    text = text.translate(_INVISIBLE)
    parts = unicodedata.normalize("NFKD", text.lower())
    text = "".join(c for c in parts if not unicodedata.combining(c) or "\u0900" <= c <= "\u097f")
    return text.translate(_LOOKALIKE) if re.search("[a-z]", text) else text


def read_words(text: str, vocabulary: Vocabulary) -> Words:
    """Cut `text` into the words that rules match on. Linear in its length."""
    words: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    pauses: set[int] = set()
    for kind, raw, start, end in _tokens(text):
        if kind == "pause":
            pauses.add(len(words))
            continue
        for word in _spell(kind, raw, vocabulary):
            words.append(word)
            starts.append(start)
            ends.append(end)
    return Words(tuple(words), tuple(starts), tuple(ends), frozenset(pauses))


def _tokens(text: str) -> Iterator[tuple[str, str, int, int]]:
    for match in _TOKEN.finditer(text):
        yield match.lastgroup or "", match.group(), match.start(), match.end()


def _spell(kind: str, raw: str, vocabulary: Vocabulary) -> Sequence[str]:
    if kind == "end":
        return [QUESTION] if "?" in raw or "？" in raw else [END]
    if kind == "apart":
        return _join_apart(re.sub(r"[\W_]+", "", plain(raw)), vocabulary) or plain(raw).split()
    word = re.sub("[’`´]", "'", plain(raw))
    if "'" in word:
        return _contraction(word, vocabulary)
    return _known(word, vocabulary).split()


def _contraction(word: str, vocabulary: Vocabulary) -> list[str]:
    bare = word.replace("'", "")
    if bare in vocabulary.expand and bare not in ("ill", "id", "well", "were", "shell", "wed", "hell"):
        return vocabulary.expand[bare].split()
    head, _, tail = word.rpartition("'")
    head = head.replace("'", "")
    if tail == "t" and head.endswith("n"):
        return [head[:-1], "not"]
    if tail in _SUFFIX and head:
        return [head, _SUFFIX[tail]]
    if tail == "s":
        return [head, "is"] if head in _IS else [head]
    return [part for part in word.split("'") if part]


def _known(word: str, vocabulary: Vocabulary) -> str:
    """The word itself, or what it stands for when only a disguise keeps it from being a known word."""
    if word in vocabulary.expand:
        return vocabulary.expand[word]
    if word in vocabulary.known or word.isdigit():
        return word
    for candidate in _undisguised(word, vocabulary):
        if candidate in vocabulary.expand:
            return vocabulary.expand[candidate]
        if candidate in vocabulary.known:
            return candidate
    return vocabulary.correct(word)


def _undisguised(word: str, vocabulary: Vocabulary) -> Iterator[str]:
    if not word.isalpha() and "*" not in word and re.search("[a-z]", word):
        for table in _LEET:
            yield word.translate(table)
    if "*" in word and len(word) >= 3:
        masked = re.compile(re.escape(word).replace(r"\*", "[a-z]") + "$")
        yield from (k for k in sorted(vocabulary.known) if k[0] == word[0] and masked.match(k))
    if re.search(r"(.)\1\1", word):
        yield re.sub(r"(.)\1\1+", r"\1\1", word)
        yield re.sub(r"(.)\1\1+", r"\1", word)
        yield re.sub(r"(.)\1+", r"\1", word)


def _join_apart(letters: str, vocabulary: Vocabulary) -> list[str]:
    """Cut letters that were set apart into the fewest known words; nothing when they do not fit."""
    best: list[list[str] | None] = [[]] + [None] * len(letters)
    for end in range(1, len(letters) + 1):
        for start in range(max(0, end - 14), end):
            before, word = best[start], letters[start:end]
            if before is None or not (word in vocabulary.known or word in vocabulary.expand):
                continue
            found = best[end]
            if found is None or len(before) + 1 < len(found):
                best[end] = [*before, *vocabulary.expand.get(word, word).split()]
    words = best[-1] or []
    return words if any(len(word) > 2 for word in words) else []
