"""Prepared corpora on disk: JSON Lines in chat-messages form, one file a split, under a manifest of SHA-256 sums.

A folder is replaced as a whole or not at all. Data files carry their own hash in their name, so new ones never touch
the old ones, and what counts is the manifest, which is renamed into place last. `datasets.load_dataset(folder)` reads
the splits with no code.

    manifest.json               {"schema_version", "created", "sha256", "files", "splits", "sources", ...}
    train-1a2b3c4d5e6f.jsonl    {"messages": [{"role", "content"}], "source", "row", "group", "topics", "meta"}
"""

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from data.corpora.splits import SPLITS, Split, split_of
from data.errors import Invalid, NotFound, Unavailable
from data.records import Example, Message

SCHEMA_VERSION = 1
MANIFEST = "manifest.json"
_DATA_FILE = re.compile(r"(?:train|validation|test)-[0-9a-f]{12}\.jsonl(?:\.partial)?")


def write_corpus(folder: Path, examples: Iterable[Example], counts: Mapping[str, Any]) -> dict[str, Any]:
    """Writes `examples`, each into the split of its group, and returns the manifest, which takes `counts` in.

    `counts` is what the manifest should say of where the rows came from ("created", "sources"). Raises Unavailable
    where the folder cannot be written; what was there before is then still there.
    """
    by_split: dict[Split, list[bytes]] = {split: [] for split in SPLITS}
    for example in examples:
        by_split[split_of(example.group)].append(_line(example))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        files = dict(_write_data(folder, split, lines) for split, lines in by_split.items())
        manifest = {"schema_version": SCHEMA_VERSION, **counts, "sha256": corpus_hash(files), "files": files}
        manifest["splits"] = {split: len(lines) for split, lines in by_split.items()}
        text = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
        _write_whole(folder / MANIFEST, text.encode())
        _drop_others(folder, files)
    except OSError as error:
        raise Unavailable(f"{folder} cannot be written: {error.strerror or error}.") from error
    return manifest


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest, its shape checked but not yet the files' hashes."""
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_bytes())
        version, files = manifest["schema_version"], manifest["files"]
        if version == SCHEMA_VERSION and {entry["split"] for entry in files.values()} <= set(SPLITS):
            return manifest
    except FileNotFoundError as error:
        raise NotFound(f"{folder} holds no prepared corpus. Make one: python -m data prepare.") from error
    except OSError as error:
        raise Unavailable(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Invalid(f"{path} is not a corpus manifest. Prepare the corpus again.") from error
    raise Invalid(
        f"{path} is of another version than this program's ({SCHEMA_VERSION}). Prepare the corpus again."
    )


def read_corpus(folder: Path, splits: Sequence[Split] = ("train", "validation")) -> list[Example]:
    """The examples of `splits`, after each file's SHA-256 was found to be the manifest's.

    The frozen public test split comes only to who names it. Raises NotFound, Unavailable or, for a changed or broken
    file, Invalid.
    """
    files = read_manifest(folder)["files"]
    examples = []
    for split in splits:
        for name, entry in files.items():
            if entry["split"] == split:
                examples += _read_data(folder / name, entry["sha256"])
    return examples


def corpus_hash(files: Mapping[str, Mapping[str, Any]]) -> str:
    """One SHA-256 for the whole corpus: of its files' names and hashes in order of name."""
    lines = "".join(f"{files[name]['sha256']}  {name}\n" for name in sorted(files))
    return hashlib.sha256(lines.encode()).hexdigest()


def to_json(example: Example) -> dict[str, Any]:
    return {**asdict(example), "topics": list(example.topics)}


def from_json(row: Mapping[str, Any]) -> Example:
    messages = tuple(Message(m["role"], m["content"]) for m in row["messages"])
    return Example(messages, row["source"], row["row"], row["group"], tuple(row["topics"]), dict(row["meta"]))


def _line(example: Example) -> bytes:
    return json.dumps(to_json(example), ensure_ascii=False).encode() + b"\n"


def _write_data(folder: Path, split: Split, lines: Sequence[bytes]) -> tuple[str, dict[str, Any]]:
    content = b"".join(lines)
    digest = hashlib.sha256(content).hexdigest()
    name = f"{split}-{digest[:12]}.jsonl"
    _write_whole(folder / name, content)
    return name, {"split": split, "rows": len(lines), "bytes": len(content), "sha256": digest}


def _write_whole(path: Path, content: bytes) -> None:
    """On the disk under another name first: a full disk or a killed process leaves the old file as it was."""
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _drop_others(folder: Path, files: Mapping[str, Any]) -> None:
    for path in folder.iterdir():
        if _DATA_FILE.fullmatch(path.name) and path.name not in files:
            path.unlink()


def _read_data(path: Path, sha256: str) -> list[Example]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise Unavailable(f"{path} cannot be read: {error.strerror}. Prepare the corpus again.") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise Invalid(f"{path} is not what its manifest says: it was changed after it was written.")
    # By b"\n" alone: a text may hold other characters that end a line.
    return [from_json(json.loads(line)) for line in content.split(b"\n") if line]
