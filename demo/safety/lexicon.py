"""The readable rules of data/resources/lexicon, compiled once into an object that finds them in a message.

Each YAML file holds one category. A pattern is a line of words, in which

    a|b          either word                      (a b|c)    either phrase
    {name}       any phrase of a named set        x?         x may be missing
    word*        any word that begins so          ..  ..6    up to three (six) words of the sentence, none a negation
    <  >         the sentence begins, ends        ...6       the same, whatever the words

A rule has patterns, a level and an action, and may say: `negation: ignore` (a "not" before it changes nothing),
`frame: ignore` (counts within a story, an essay, a song too), `past:` the level and action when its sentence speaks of
long ago, `soon:` the level when it speaks of today, `after:` a category that the conversation must already have met.
`benign` phrases, of a rule or of a file, silence what they overlap.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import yaml

from data.records import Action, Category, Level
from demo.safety.words import NEGATORS, Vocabulary, Words, plain, read_words

FOLDER = Path(__file__).parents[2] / "data" / "resources" / "lexicon"
_GAP = re.compile(r"\.\.(\.?)(\d*)")
_COMMON = frozenset(
    ("have", "that", "this", "with", "want", "like", "feel", "been", "will", "going", "would", "they", "them")
)
_MOST_HITS = 20  # of one rule in one message
_WINDOW = 40  # words either side in which a benign phrase is looked for
_NOT_SAID = "|".join(sorted(NEGATORS))


@dataclass(frozen=True)
class Pattern:
    regex: re.Pattern[str]
    anchors: frozenset[str]  # one of these words must be there,
    stems: tuple[str, ...]  # or a word that begins with one of these


@dataclass(frozen=True)
class Rule:
    id: str
    patterns: tuple[Pattern, ...]
    category: Category | None = None
    level: Level = Level.R0
    action: Action = Action.NONE
    benign: tuple[Pattern, ...] = ()
    negation: bool = True
    frame: bool = True
    past: tuple[Level, Action] | None = None
    soon: Level | None = None
    after: Category | None = None


@dataclass(frozen=True)
class Hit:
    """A rule that stands in words `first` to `last` (one past) of a message, with what it says there."""

    rule: Rule
    first: int
    last: int
    level: Level
    action: Action


@dataclass(frozen=True)
class Lexicon:
    """Rules in the order of their files, and the shared words that change what a rule says."""

    rules: tuple[Rule, ...]
    vocabulary: Vocabulary
    fillers: frozenset[str]
    frames: tuple[Pattern, ...]
    unframes: tuple[Pattern, ...]
    long_ago: tuple[Pattern, ...]
    still: tuple[Pattern, ...]
    soon: tuple[Pattern, ...]

    def read(self, text: str) -> Words:
        return read_words(text, self.vocabulary)

    def find(self, words: Words, met: Iterable[Category] = ()) -> list[Hit]:
        """Every rule that holds in a message; `met` are the categories that the conversation met before it."""
        present = frozenset(words.words)
        hits: list[Hit] = []
        for rule in self.rules:
            if rule.after is None or rule.after in met:
                found = (
                    self._judge(rule, words, present, *span) for span in _spans(rule.patterns, words, present)
                )
                hits.extend(islice((hit for hit in found if hit), _MOST_HITS))
        return hits

    def _judge(self, rule: Rule, words: Words, present: frozenset[str], first: int, last: int) -> Hit | None:
        if rule.negation and self._negated(words, first):
            return None
        around = (first - _WINDOW, last + _WINDOW)  # keeps the cost linear in the message
        if any(a < last and b > first for a, b in _spans(rule.benign, words, present, around)):
            return None
        sentence = words.sentence_of(first)
        if rule.frame and self._framed(words, present, sentence, first):
            return None
        level, action = rule.level, rule.action
        if rule.past and self._within(self.long_ago, words, present, sentence):
            still = self._within(self.still, words, present, sentence)
            level, action = (level, action) if still else rule.past
        elif rule.soon and self._within(self.soon, words, present, (max(0, first - 12), last + 12)):
            level = max(level, rule.soon)
        return Hit(rule, first, last, level, action)

    def _negated(self, words: Words, first: int) -> bool:
        """Whether a negation governs what begins at `first`: only words that carry it on may stand between."""
        at = first
        while at > 0 and at not in words.pauses:
            at -= 1
            if words.words[at] in NEGATORS:
                return True
            if words.words[at] not in self.fillers:
                return False
        return False

    def _framed(self, words: Words, present: frozenset[str], sentence: tuple[int, int], first: int) -> bool:
        for _, end in _spans(self.frames, words, present, sentence):
            if end > first or not self._within(self.unframes, words, present, (end - 1, first + 2)):
                return True
        return False

    def _within(
        self, patterns: tuple[Pattern, ...], words: Words, present: frozenset[str], part: tuple[int, int]
    ) -> bool:
        return any(True for _ in _spans(patterns, words, present, part))


@cache
def load_lexicon(name: str = "risk", folder: Path = FOLDER) -> Lexicon:
    """Read `words.yaml` and the rules of the folder `name` beside it. A mistake in a file is a ValueError naming it."""
    shared = yaml.safe_load((folder / "words.yaml").read_text(encoding="utf-8"))
    rules: list[Rule] = []
    known: set[str] = set(shared["near"])
    grammar = _Grammar(shared["sets"], known)
    for path in sorted((folder / name).glob("*.yaml")):
        try:
            rules.extend(_read_rules(yaml.safe_load(path.read_text(encoding="utf-8")), shared["sets"], known))
        except (KeyError, TypeError, ValueError, re.error) as error:
            raise ValueError(f"{path.name}: {error}") from error
    groups = {
        key: grammar.compile_all(shared[key]) for key in ("frames", "unframes", "long_ago", "still", "soon")
    }
    return Lexicon(
        tuple(rules),
        Vocabulary(frozenset(known), _expansions(shared["expand"]), _shortened(shared["near"])),
        frozenset(shared["fillers"].split()),
        **groups,
    )


def _read_rules(file: Mapping[str, Any], sets: Mapping[str, list[str]], known: set[str]) -> Iterator[Rule]:
    grammar = _Grammar({**sets, **file.get("sets", {})}, known)
    category = Category(file["category"]) if "category" in file else None
    common = grammar.compile_all(file.get("benign", []))
    for raw in file["rules"]:
        past = raw.get("past")
        yield Rule(
            id=raw["id"],
            patterns=grammar.compile_all(raw["patterns"]),
            category=category,
            level=Level[raw.get("level", "R0")],
            action=Action(raw.get("action", "none")),
            benign=common + grammar.compile_all(raw.get("benign", [])),
            negation=raw.get("negation") != "ignore",
            frame=raw.get("frame") != "ignore",
            past=(Level[past.split()[0]], Action(past.split()[1])) if past else None,
            soon=Level[raw["soon"]] if "soon" in raw else None,
            after=Category(raw["after"]) if "after" in raw else None,
        )


class _Grammar:
    """Turns pattern lines into regular expressions over `Words.text`, noting every word it meets in `known`."""

    def __init__(self, sets: Mapping[str, list[str]], known: set[str]) -> None:
        self.sets = sets
        self.known = known
        self.parsed: dict[str, tuple[str, frozenset[str]]] = {}

    def compile_all(self, lines: Iterable[str]) -> tuple[Pattern, ...]:
        return tuple(self.compile(line) for line in lines)

    def compile(self, line: str) -> Pattern:
        source, anchors = self._sequence(line)
        if not anchors:
            raise ValueError(f"the pattern {line!r} has no word that must be there")
        stems = tuple(anchor[:-1] for anchor in anchors if anchor.endswith("*"))
        return Pattern(re.compile(source + "(?= )"), anchors, stems)

    def _sequence(self, line: str) -> tuple[str, frozenset[str]]:
        """The expression, and the most telling set of words of which one must be present."""
        source, choices = "", []
        for part in _cut(line, " "):
            expression, anchors = self._part(part)
            source += expression
            if anchors:
                choices.append(anchors)
        return source, min(choices, key=_commonness, default=frozenset())

    def _part(self, part: str) -> tuple[str, frozenset[str]]:
        if gap := _GAP.fullmatch(part):
            barred = "" if gap[1] else rf"(?!(?:{_NOT_SAID}) )"
            return rf"(?: {barred}[^ .?]+){{0,{gap[2] or 3}}}?", frozenset()
        if part == "<":
            return r"(?:^|(?<= [.?]))", frozenset()
        if part == ">":
            return r"(?= [.?] | $)", frozenset()
        if part == "?":
            return r" \?", frozenset()
        if part.endswith("?"):
            return self._part(part[:-1])[0] + "?", frozenset()
        if part.startswith("{"):
            if part not in self.parsed:
                self.parsed[part] = self._either(self.sets[part.strip("{}")])
            return self.parsed[part]
        inside = part[1:-1] if part.startswith("(") and part.endswith(")") else part
        phrases = _cut(inside, "|")
        if phrases == [part] and re.search("[(){}?<>.]", part):
            raise ValueError(f"cannot read {part!r}")
        return self._either(phrases)

    def _either(self, phrases: Iterable[str]) -> tuple[str, frozenset[str]]:
        both = [
            self._sequence(p) if re.search("[ {(?.|<>]", p.strip()) else self._word(p.strip())
            for p in phrases
        ]
        certain = all(anchors for _, anchors in both)
        anchors = frozenset().union(*(a for _, a in both)) if certain else frozenset()
        return f"(?:{'|'.join(source for source, _ in both)})", anchors

    def _word(self, word: str) -> tuple[str, frozenset[str]]:
        stem = plain(word.rstrip("*"))
        self.known.add(stem)
        if word.endswith("*"):
            return " " + re.escape(stem) + "[^ ]*", frozenset([stem + "*"])
        return " " + re.escape(stem), frozenset([stem])


def _cut(text: str, separator: str) -> list[str]:
    """Split outside parentheses; a parenthesis that is not closed is a ValueError."""
    parts, depth, start = [], 0, 0
    for at, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if character == separator and depth == 0:
            parts.append(text[start:at])
            start = at + 1
    if depth:
        raise ValueError(f"unbalanced parentheses in {text!r}")
    return [part for part in (*parts, text[start:]) if part.strip()]


def _commonness(anchors: frozenset[str]) -> tuple[int, int]:
    return sum(len(anchor) < 4 or anchor in _COMMON for anchor in anchors), len(anchors)


def _spans(
    patterns: Iterable[Pattern], words: Words, present: frozenset[str], part: tuple[int, int] | None = None
) -> Iterator[tuple[int, int]]:
    """First word and one past the last of each place where a pattern holds, within a part of the message."""
    begin, stop = 0, len(words.text)
    if part and words.words:
        first, last = max(0, part[0]), min(part[1], len(words.words))
        begin = words.offsets[first] if first < len(words.words) else stop
        stop = words.offsets[last] + 1 if last < len(words.words) else stop
    for pattern in patterns:
        if pattern.anchors.isdisjoint(present) and not (
            pattern.stems and any(word.startswith(pattern.stems) for word in present)
        ):
            continue
        for match in pattern.regex.finditer(words.text, begin, stop):
            if match.end() > match.start():
                yield words.index_at(match.start()), words.index_at(match.end() - 1) + 1


def _expansions(expand: Mapping[str, str]) -> dict[str, str]:
    return {plain(short): full for full, shorts in expand.items() for short in shorts.split()}


def _shortened(near: Iterable[str]) -> dict[str, str]:
    return {word[:i] + word[i + 1 :]: word for word in near for i in range(len(word))} | {w: w for w in near}
