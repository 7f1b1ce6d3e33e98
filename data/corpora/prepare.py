"""From public sets to one corpus: read, clean, drop with a counted reason, deduplicate across sets, write.

Sets are taken in the order of `SOURCES`, so that the same sets make the same files in whatever order they are named.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from data.corpora.cleaning import clean_text, drop_reason
from data.corpora.duplicates import pair_key
from data.corpora.sources import Pair, Source, Table, find_sources, locate, open_table
from data.corpora.splits import SPLITS, question_hash, split_of
from data.corpora.store import write_corpus
from data.errors import Invalid
from data.records import Example, Message

Progress = Callable[[Iterable[Any], str, int], Iterable[Any]]
"""Wraps the rows of a set, given its name and their number, to show how far it is."""


@dataclass
class Counts:
    """What became of the rows of one set: read = kept + the sum of dropped."""

    source: Source
    read: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    changed: Counter[str] = field(default_factory=Counter)
    splits: Counter[str] = field(default_factory=Counter)
    origin: str = ""
    files: dict[str, str] = field(default_factory=dict)
    rows_sha256: str = ""  # of the columns read, whatever file format they came in

    @property
    def kept(self) -> int:
        return sum(self.splits.values())

    @property
    def usable(self) -> int:
        """Rows that were kept or are in the corpus already."""
        return self.kept + sum(n for reason, n in self.dropped.items() if reason.startswith("duplicate"))

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.source.name,
            "hub_id": self.source.hub_id,
            "licence": self.source.licence,
            "origin": self.origin,
            "files": self.files,
            "rows_sha256": self.rows_sha256,
            "rows_read": self.read,
            "kept": self.kept,
            "dropped": dict(sorted(self.dropped.items())),
            "changed": dict(sorted(self.changed.items())),
            "splits": {split: self.splits[split] for split in SPLITS},
        }


@dataclass
class Corpus:
    """Examples by pair, in the order in which they were met, and the counts of each set."""

    examples: dict[str, Example] = field(default_factory=dict)
    counts: list[Counts] = field(default_factory=list)


def prepare(
    names: Sequence[str],
    out: Path,
    now: datetime,
    root: Path | None = None,
    progress: Progress = lambda rows, name, count: rows,
) -> dict[str, Any]:
    """Writes the corpus of the named sets to `out` and returns its manifest.

    Every set is opened before the first is written, and the sets come from the folder `root`, or from the Hub without
    one. Raises AppError, having left `out` as it was.
    """
    sources = find_sources(names)
    folders = [locate(source, root, alone=len(sources) == 1) if root else None for source in sources]
    corpus = Corpus()
    for source, folder in zip(sources, folders, strict=True):
        add_table(corpus, open_table(source, folder), progress)
    counts = {"created": now.isoformat(), "sources": [count.to_json() for count in corpus.counts]}
    return write_corpus(out, corpus.examples.values(), counts)


def add_table(corpus: Corpus, table: Table, progress: Progress = lambda rows, name, count: rows) -> None:
    counts = Counts(table.source, origin=table.origin, files=table.files)
    corpus.counts.append(counts)
    digest = hashlib.sha256()
    for number, row in enumerate(progress(table.rows, table.source.name, table.count)):
        counts.read += 1
        digest.update(json.dumps(row, sort_keys=True, default=str).encode() + b"\n")
        reason = _add_pair(corpus, counts, number, table.source.read(row))
        if reason:
            counts.dropped[reason] += 1
    counts.rows_sha256 = digest.hexdigest()
    if not counts.usable:
        reasons = (
            ", ".join(f"{reason.replace('_', ' ')} {n}" for reason, n in counts.dropped.items()) or "no rows"
        )
        raise Invalid(f"{counts.source.name}: none of its {counts.read} rows can be used ({reasons}).")


def _add_pair(corpus: Corpus, counts: Counts, row: int, pair: Pair) -> str | None:
    """Keeps the pair, or says why not."""
    if pair.problem:
        return pair.problem
    question, answer = clean_text(pair.question), clean_text(pair.answer)
    counts.changed.update(question.changes | answer.changes)
    reason = drop_reason(question.text, answer.text)
    if reason:
        return reason
    key = pair_key(question.text, answer.text)
    name = counts.source.name
    if first := corpus.examples.get(key):
        corpus.examples[key] = _joined(first, name, pair.topics)
        return "duplicate_in_set" if first.source == name else "duplicate_across_sets"
    group = question_hash(question.text)
    messages = (Message("user", question.text), Message("assistant", answer.text))
    corpus.examples[key] = Example(messages, name, row, group, pair.topics, {"also_in": ""})
    counts.splits[split_of(group)] += 1
    return None


def _joined(first: Example, name: str, topics: tuple[str, ...]) -> Example:
    """The kept row learns from its duplicate what it lacked: its topics, and that another set has it too."""
    also_in = first.meta["also_in"].split() if first.meta["also_in"] else []
    if name != first.source and name not in also_in:
        also_in.append(name)
    both = tuple(dict.fromkeys(first.topics + topics))
    return replace(first, topics=both, meta={**first.meta, "also_in": " ".join(also_in)})
