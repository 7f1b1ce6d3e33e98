"""Exports: a frozen folder of reviewed pairs that names every byte of itself.

    pairs.jsonl, pairs.parquet              chat messages; the last message is the countersigned reply
    preferences.jsonl, preferences.parquet  prompt, chosen (the correction), rejected (what was shown)
    manifest.json                           SHA-256, rows and bytes of each file, counts, exclusions with reasons
    README.md                               lets `datasets.load_dataset(folder, "pairs")` find the tables

`write_export` streams, so memory does not grow with the rows; `read_export` refuses a folder that was changed.
"""

import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from data.errors import Conflict, Invalid, NotFound
from data.records import Example, Message

SCHEMA_VERSION = 1
TABLES = ("pairs", "preferences")
BATCH = 2000

_README = """---
license: other
configs:
- config_name: pairs
  default: true
  data_files: pairs.parquet
- config_name: preferences
  data_files: preferences.parquet
---
Replies reviewed in Countersign by licensed clinicians, with consent, identifiers masked. `manifest.json` says what is
in it, what was left out and why. Do not edit: a changed file is refused.
"""


@dataclass(frozen=True)
class Pair:
    """One countersigned reply. `messages` end with it; `shown` is what the model had said, when it was corrected."""

    messages: tuple[Message, ...]
    response_id: str
    group: str  # digest of the session: what a split may never part
    decision: str
    shown: str
    level: str
    rubric_version: str
    reviews: int
    solo: bool  # decided by one review
    flagged: bool
    synthetic: bool
    model: str
    adapter: str
    decided_at: str


def write_export(folder: Path, pairs: Iterable[Pair], facts: dict[str, Any]) -> dict[str, Any]:
    """Write `pairs` into the new folder and return its manifest, `facts` included.

    The folder appears whole or not at all. Raises `Conflict` when it exists already.
    """
    if folder.exists():
        raise Conflict(f"{folder} exists already; an export is never overwritten. Name a new folder.")
    building = folder.with_name(f".{folder.name}.{uuid4().hex[:8]}")
    building.mkdir(parents=True)
    try:
        counts = _write_tables(building, pairs)
        (building / "README.md").write_text(_README)
        named = sorted(p.name for p in building.iterdir())
        files = {name: _described(building / name) for name in named}
        identity = hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()[:12]
        manifest = {
            "schema_version": SCHEMA_VERSION,
            "id": identity,
            **facts,
            "counts": counts,
            "files": files,
        }
        (building / "manifest.json").write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")
        building.rename(folder)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise
    return manifest


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest, after every file was found as it says. Raises `NotFound` or `Invalid`, naming what is wrong."""
    path = folder / "manifest.json"
    if not path.is_file():
        raise NotFound(f"{folder} is no export: it has no manifest.json.")
    try:
        manifest = json.loads(path.read_text())
        files = manifest["files"].items()
        version = manifest["schema_version"]
    except (ValueError, KeyError, AttributeError, TypeError):
        raise Invalid(f"{path} cannot be read as an export's manifest.") from None
    if version != SCHEMA_VERSION:
        raise Invalid(f"{folder} has schema version {version}; this release reads {SCHEMA_VERSION}.")
    for name, described in files:
        if not (folder / name).is_file():
            raise Invalid(f"{folder} is incomplete: {name} is missing. Export again.")
        if _described(folder / name)["sha256"] != described.get("sha256"):
            raise Invalid(f"{folder / name} was changed after the export. Export again.")
    return dict(manifest)


def read_export(folder: Path) -> tuple[list[Example], dict[str, Any]]:
    """The pairs as `Example`s and the verified manifest. Only the last message of each was countersigned."""
    manifest = read_manifest(folder)
    source = f"export:{manifest['id']}"
    with (folder / "pairs.jsonl").open() as lines:
        return [_example(line, source, row) for row, line in enumerate(lines)], manifest


def _example(line: str, source: str, row: int) -> Example:
    try:
        pair = json.loads(line)
        messages = tuple(Message(m["role"], m["content"]) for m in pair["messages"])
        meta = {"response_id": pair["response_id"], "decision": pair["decision"]}
        return Example(messages, source, row, pair["group"], meta=meta)
    except (ValueError, KeyError, TypeError):
        raise Invalid(f"Row {row + 1} of pairs.jsonl is not a pair. Export again.") from None


def _write_tables(folder: Path, pairs: Iterable[Pair]) -> dict[str, int]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    message = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
    rows = {"pairs": _pair_schema(pa, message)}
    texts = [(name, pa.string()) for name in ("response_id", "group")]
    rows["preferences"] = pa.schema([(n, message) for n in ("prompt", "chosen", "rejected")] + texts)
    counts = {
        "pairs": 0,
        "preferences": 0,
        "approved": 0,
        "corrected": 0,
        "solo": 0,
        "flagged": 0,
        "synthetic": 0,
    }
    lines = {table: (folder / f"{table}.jsonl").open("w") for table in TABLES}
    parquet = {t: pq.ParquetWriter(folder / f"{t}.parquet", rows[t], compression="zstd") for t in TABLES}
    try:
        for batch in _batches(pairs):
            made = {
                "pairs": [_pair_row(p) for p in batch],
                "preferences": [_preference(p) for p in batch if p.shown],
            }
            for table in TABLES:
                lines[table].writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in made[table])
                parquet[table].write_table(pa.Table.from_pylist(made[table], rows[table]))
                counts[table] += len(made[table])
            for key in ("solo", "flagged", "synthetic"):
                counts[key] += sum(bool(getattr(p, key)) for p in batch)
            for key in ("approved", "corrected"):
                counts[key] += sum(p.decision == key for p in batch)
    finally:
        for opened in (*lines.values(), *parquet.values()):
            opened.close()
    return counts


def _pair_schema(pa: Any, message: Any) -> Any:
    kinds = {str: pa.string(), int: pa.int32(), bool: pa.bool_()}
    fields = {n: kinds[k] for n, k in Pair.__annotations__.items() if n not in ("messages", "shown")}
    return pa.schema([("messages", message), *fields.items()])


def _pair_row(pair: Pair) -> dict[str, Any]:
    row = asdict(pair)
    del row["shown"]
    return {**row, "messages": list(row["messages"])}


def _preference(pair: Pair) -> dict[str, Any]:
    *prompt, chosen = (asdict(m) for m in pair.messages)
    rejected = {"role": "assistant", "content": pair.shown}
    return {
        "prompt": prompt,
        "chosen": [chosen],
        "rejected": [rejected],
        "response_id": pair.response_id,
        "group": pair.group,
    }


def _batches(pairs: Iterable[Pair]) -> Iterator[list[Pair]]:
    batch: list[Pair] = []
    for pair in pairs:
        batch.append(pair)
        if len(batch) == BATCH:
            yield batch
            batch = []
    yield batch


def _described(path: Path) -> dict[str, Any]:
    with path.open("rb") as opened:
        return {"sha256": hashlib.file_digest(opened, "sha256").hexdigest(), "bytes": path.stat().st_size}
