import json
import subprocess
import sys

import pytest

from data.corpora.splits import question_hash, split_of
from data.corpora.store import MANIFEST, corpus_hash, read_corpus, read_manifest, write_corpus
from data.errors import Invalid, NotFound, Unavailable
from data.records import Example, Message


def example(number, topics=(), text="Answer"):
    question = f"Question {number}\u2028with 'quotes' and \U0001f499"
    messages = (Message("user", question), Message("assistant", f"{text} {number}"))
    return Example(messages, "amod", number, question_hash(question), topics, {"also_in": ""})


EXAMPLES = [example(n, ("grief",) if n % 3 == 0 else ()) for n in range(60)]
COUNTS = {"created": "2026-01-02T03:04:05+00:00", "sources": []}


def test_what_is_written_is_read_and_the_test_split_only_by_name(tmp_path):
    manifest = write_corpus(tmp_path, EXAMPLES, COUNTS)
    assert manifest == read_manifest(tmp_path)
    assert sum(manifest["splits"].values()) == 60
    learnt, frozen = read_corpus(tmp_path), read_corpus(tmp_path, ("test",))
    assert {split_of(e.group) for e in learnt} == {"train", "validation"}
    assert {split_of(e.group) for e in frozen} == {"test"}
    assert sorted(learnt + frozen, key=lambda e: e.row) == EXAMPLES


def test_same_rows_same_hash_and_nothing_stale_is_left(tmp_path):
    first = write_corpus(tmp_path, EXAMPLES, COUNTS)
    again = write_corpus(tmp_path, EXAMPLES, {**COUNTS, "created": "later"})
    assert again["sha256"] == first["sha256"] == corpus_hash(first["files"])
    other = write_corpus(tmp_path, EXAMPLES[:30], COUNTS)
    assert other["sha256"] != first["sha256"]
    assert {path.name for path in tmp_path.iterdir()} == {MANIFEST, *other["files"]}


def test_other_files_in_the_folder_stay(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    write_corpus(tmp_path, EXAMPLES, COUNTS)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_changed_or_missing_file_is_refused(tmp_path):
    manifest = write_corpus(tmp_path, EXAMPLES, COUNTS)
    name = next(name for name, entry in manifest["files"].items() if entry["split"] == "train")
    with (tmp_path / name).open("ab") as stream:
        stream.write(b"\n")
    with pytest.raises(Invalid, match="changed"):
        read_corpus(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(Unavailable, match=name):
        read_corpus(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{", "{}", '{"schema_version": 1, "files": {"a": 3}}', "\x00"])
def test_a_broken_manifest_is_one_line(tmp_path, text):
    (tmp_path / MANIFEST).write_text(text)
    with pytest.raises(Invalid, match="not a corpus manifest"):
        read_corpus(tmp_path)


def test_other_version_and_no_corpus(tmp_path):
    with pytest.raises(NotFound, match="python -m data prepare"):
        read_corpus(tmp_path)
    (tmp_path / MANIFEST).write_text(json.dumps({"schema_version": 99, "files": {}}))
    with pytest.raises(Invalid, match="another version"):
        read_corpus(tmp_path)


FAILING_WRITE = """
import resource, signal, sys
from pathlib import Path
from data.corpora.splits import question_hash
from data.corpora.store import write_corpus
from data.errors import Unavailable
from data.records import Example, Message

def example(n):
    messages = (Message("user", str(n)), Message("assistant", "long " * 100))
    return Example(messages, "amod", n, question_hash(str(n)), (), {})

resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
try:
    write_corpus(Path(sys.argv[1]), [example(n) for n in range(200)], {})
except Unavailable as error:
    sys.exit(str(error))
"""


def test_a_failed_write_leaves_the_old_corpus(tmp_path):
    """A process whose files may grow to 40 kB writes the train file only in part."""
    write_corpus(tmp_path, EXAMPLES, COUNTS)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    command = [sys.executable, "-c", FAILING_WRITE, str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "cannot be written: File too large" in ended.stderr
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="cannot be written"):
        write_corpus(tmp_path / "file" / "corpus", EXAMPLES, COUNTS)


def test_load_dataset_reads_the_folder_with_no_code(tmp_path):
    import datasets

    manifest = write_corpus(tmp_path / "corpus", EXAMPLES, COUNTS)
    loaded = datasets.load_dataset(str(tmp_path / "corpus"), cache_dir=str(tmp_path / "cache"))
    assert {split: rows.num_rows for split, rows in loaded.items()} == manifest["splits"]
    assert loaded["train"][0]["messages"][0]["role"] == "user"
    assert {topic for row in loaded["train"] for topic in row["topics"]} == {"grief"}
