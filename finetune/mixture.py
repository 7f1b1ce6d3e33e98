"""What is trained on: exports and prepared corpora, read with their hashes, filtered by the guard, split by group.

The frozen public test split is never read for training, and a visitor's conversation that repeats one of its questions
is dropped. What was dropped is counted with its reason.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from data.corpora.duplicates import pair_key
from data.corpora.splits import question_hash, split_of
from data.errors import Conflict, Invalid
from data.records import Example, Message
from finetune.config import Recipe


@dataclass(frozen=True)
class Inputs:
    """Folders of exports and of prepared corpora."""

    exports: tuple[Path, ...] = ()
    corpora: tuple[Path, ...] = ()

    def to_json(self) -> dict[str, list[str]]:
        return {"exports": [str(p) for p in self.exports], "corpora": [str(p) for p in self.corpora]}

    def folders(self) -> list[tuple[str, Path]]:
        return [*(("corpus", p) for p in self.corpora), *(("export", p) for p in self.exports)]

    @staticmethod
    def from_json(value: dict[str, list[str]]) -> "Inputs":
        return Inputs(tuple(map(Path, value["exports"])), tuple(map(Path, value["corpora"])))


@dataclass
class Mixture:
    train: list[Example] = field(default_factory=list)
    validation: list[Example] = field(default_factory=list)
    sources: list[dict[str, Any]] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)

    def to_json(self) -> dict[str, Any]:
        """The run's record of its data: counts, hashes and ids, and no text."""
        return {
            "sources": self.sources,
            "train": len(self.train),
            "validation": len(self.validation),
            "by_source": dict(sorted(Counter(e.source for e in self.train).items())),
            "dropped": dict(sorted(self.dropped.items())),
            "sha256": self.digest(),
            "rows": {
                "train": [(e.source, e.row) for e in self.train],
                "validation": [(e.source, e.row) for e in self.validation],
            },
            "response_ids": self.response_ids(),
            "synthetic": any(source["synthetic"] for source in self.sources),
        }

    def digest(self) -> str:
        """SHA-256 over what is learnt and what is held out, in order."""
        found = hashlib.sha256()
        for split in (self.train, self.validation):
            for example in split:
                found.update(repr((example.source, example.row, example.group, example.messages)).encode())
            found.update(b"\n")
        return found.hexdigest()

    def response_ids(self) -> list[str]:
        """The reviewed responses that the run learns from or is measured on: a withdrawal asks for both."""
        both = [*self.train, *self.validation]
        return sorted({e.meta["response_id"] for e in both if "response_id" in e.meta})


def is_export(example: Example) -> bool:
    return example.source.startswith("export:")


def learnt_places(example: Example) -> list[int]:
    """Places of the messages that are learnt: of an export the last reply, which alone was countersigned; of a corpus
    all replies. Empty ones do not count."""
    places = [n for n, m in enumerate(example.messages) if m.role == "assistant" and m.content.strip()]
    return places[-1:] if is_export(example) else places


def read_mixture(inputs: Inputs, recipe: Recipe) -> Mixture:
    """Raises NotFound or Invalid where an input is missing or changed, and Invalid when nothing usable is left."""
    if not inputs.exports and not inputs.corpora:
        raise Invalid("Nothing to train on: give --export DIR or --corpus DIR.")
    mixture = Mixture()
    read = [_read(kind, folder) for kind, folder in inputs.folders()]
    frozen = {group for one in read for group in one.frozen}
    for one in read:
        mixture.sources.append(one.source)
        examples = _unfrozen(mixture, sorted(one.examples, key=_rank), frozen)
        if one.source["kind"] == "corpus":
            _share(mixture, examples, recipe)
        else:
            _split(mixture, examples, recipe)
    _order(mixture, recipe)
    _part(mixture)
    if not mixture.train or not mixture.validation:
        reasons = ", ".join(f"{reason} {n}" for reason, n in mixture.dropped.items()) or "they are empty"
        raise Invalid(
            f"Too little to train on: {len(mixture.train)} rows to learn and {len(mixture.validation)} to hold out "
            f"({reasons}). At least two conversations with different questions are needed."
        )
    return mixture


def recall_mixture(inputs: Inputs, record: dict[str, Any]) -> Mixture:
    """The very rows of a run's `data.json`, whatever the guard's rules have become since.

    Raises Conflict when an input is not what it was, and what reading raises.
    """
    read = [_read(kind, folder) for kind, folder in inputs.folders()]
    mixture = Mixture(sources=[one.source for one in read], dropped=Counter(record["dropped"]))
    rows = {(e.source, e.row): e for one in read for e in one.examples}
    try:
        mixture.train = [rows[source, row] for source, row in record["rows"]["train"]]
        mixture.validation = [rows[source, row] for source, row in record["rows"]["validation"]]
    except KeyError:
        raise Conflict("The data are not those that the run began with: start a new run.") from None
    if mixture.digest() != record["sha256"]:
        raise Conflict("The data are not those that the run began with: start a new run.")
    return mixture


@dataclass(frozen=True)
class _Read:
    """One input, its hashes verified. `frozen` are the groups of its test split."""

    examples: list[Example]
    source: dict[str, Any]
    frozen: set[str]


def _read(kind: str, folder: Path) -> _Read:
    return _read_corpus(folder) if kind == "corpus" else _read_export(folder)


def _read_corpus(folder: Path) -> _Read:
    from data.corpora.store import read_corpus, read_manifest

    examples = read_corpus(folder)
    source = {"kind": "corpus", "id": "", "folder": folder.name, "sha256": read_manifest(folder)["sha256"]}
    frozen = {e.group for e in read_corpus(folder, ("test",))}
    return _Read(examples, source | {"rows": len(examples), "synthetic": False}, frozen)


def _read_export(folder: Path) -> _Read:
    from data.exports import read_export

    examples, manifest = read_export(folder)
    sums = "".join(f"{manifest['files'][name]['sha256']}  {name}\n" for name in sorted(manifest["files"]))
    source = {"kind": "export", "id": manifest["id"], "folder": folder.name, "sha256": _hash(sums)}
    synthetic = bool(manifest.get("counts", {}).get("synthetic"))
    return _Read(examples, source | {"rows": len(examples), "synthetic": synthetic}, set())


def _guarded(mixture: Mixture, examples: Iterable[Example], most: int = 0) -> list[Example]:
    """The first `most` examples (0: all) whose replies the guard would show; no more of them are looked at."""
    kept: list[Example] = []
    for example in examples:
        if most and len(kept) == most:
            break
        said = learnt_places(example)
        against = next((r for place in said for r in _against(example, place)), None)
        reason = f"guard: {against}" if against else "" if said else "no reply"
        if reason:
            mixture.dropped[reason] += 1
        else:
            kept.append(example)
    return kept


def _against(example: Example, place: int) -> tuple[str, ...]:
    return guard_reasons(example.messages[place].content, example.messages[:place])


def guard_reasons(reply: str, conversation: Sequence[Message] = ()) -> tuple[str, ...]:
    """The guard's reasons against a reply, read as the chat reads it: each sentence with all before it."""
    from demo.safety.guard import check
    from demo.safety.sentences import split_sentences

    before = ""
    for sentence in split_sentences(reply):
        verdict = check(sentence, before, conversation)
        if not verdict.allow:
            return verdict.reasons
        before += sentence
    return ()


def _unfrozen(mixture: Mixture, examples: Sequence[Example], frozen: set[str]) -> list[Example]:
    kept = []
    for example in examples:
        asked = {question_hash(m.content) for m in example.messages if m.role == "user"}
        if asked & frozen:
            mixture.dropped["question of the frozen test split"] += 1
        else:
            kept.append(example)
    return kept


def _share(mixture: Mixture, examples: Sequence[Example], recipe: Recipe) -> None:
    """A corpus brings its split with it; of its training rows at most `corpus_rows` are taken, by hash."""
    by_split = {
        split: [e for e in examples if split_of(e.group) == split] for split in ("train", "validation")
    }
    mixture.train += _guarded(mixture, by_split["train"], recipe.corpus_rows)
    mixture.validation += _guarded(mixture, by_split["validation"], recipe.validation_rows)


def _split(mixture: Mixture, examples: Sequence[Example], recipe: Recipe) -> None:
    for example in _guarded(mixture, examples):
        held_out = int(_hash(example.group)[:8], 16) / 2**32 < recipe.validation_share
        (mixture.validation if held_out else mixture.train).append(example)


def _order(mixture: Mixture, recipe: Recipe) -> None:
    """The same rows in the same order whatever the order of the inputs; enough of them held out, not too many."""
    mixture.train.sort(key=_rank)
    mixture.validation.sort(key=_rank)
    groups = list(dict.fromkeys(e.group for e in mixture.train))
    if not mixture.validation and len(groups) > 1:  # a small export: one conversation is still held out
        mixture.validation = [e for e in mixture.train if e.group == groups[0]]
        mixture.train = [e for e in mixture.train if e.group != groups[0]]
    mixture.validation = mixture.validation[: recipe.validation_rows]


def _part(mixture: Mixture) -> None:
    """What is held out is not learnt elsewhere: the same question and reply in another conversation is dropped."""
    held_out = {_pair(e) for e in mixture.validation}
    kept = [e for e in mixture.train if _pair(e) not in held_out]
    if len(kept) < len(mixture.train):
        mixture.dropped["repeats a held-out pair"] += len(mixture.train) - len(kept)
    mixture.train = kept


def _pair(example: Example) -> str:
    asked = [m.content for m in example.messages if m.role == "user"] or [""]
    return pair_key(asked[-1], example.messages[learnt_places(example)[-1]].content)


def _rank(example: Example) -> str:
    return _hash(f"{example.group}\0{example.source}\0{example.row}")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
