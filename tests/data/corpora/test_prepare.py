"""Sets together: counts that add up, duplicates across sets, splits that never share a question."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from data.corpora.prepare import Corpus, add_table, prepare
from data.corpora.report import counts_table
from data.corpora.sources import SOURCES, Table
from data.corpora.splits import SPLITS, split_of
from data.corpora.store import MANIFEST, read_corpus
from data.errors import Invalid

NOW = datetime(2026, 1, 2, tzinfo=UTC)
AMOD, MPINGALE, HELIOS = SOURCES
SHARED = Path(__file__).resolve().parents[4] / "shared" / "datasets"
ANSWER = "It helps to name the feeling first, and then to tell one person about it."

AMOD_ROWS = [
    {"Context": "I can’t sleep.\r\n What now?", "Response": ANSWER},
    {"Context": "I can't sleep.What now?", "Response": ANSWER.replace(" ", "\u00a0 ")},
    {"Context": "I can't sleep. What now?", "Response": "A second answer to it. " + ANSWER},
    {"Context": "I can't sleep. What now?", "Response": "Certainly."},
    {"Context": "", "Response": ANSWER},
    {"Context": "Is it so?", "Response": None},
    {"Context": "Is it so?", "Response": 7},
]
MPINGALE_ROWS = [
    {"questionText": "I can't sleep. What now?", "answerText": f"<p>{ANSWER}</p>", "topic": "Sleep"},
    {
        "questionText": None,
        "questionTitle": "A title?",
        "answerText": ANSWER,
        "therapistInfo": "Zyx Wvut, LCSW",
    },
]
HELIOS_ROWS = [{"text": f"<HUMAN>: What is grief?\n<ASSISTANT>: {ANSWER}"}, {"text": "no form"}]


def corpus_of(*tables):
    corpus = Corpus()
    for source, rows in tables:
        add_table(corpus, Table(source, rows, len(rows), "folder"))
    return corpus


def write_sets(root):
    for source, rows in ((AMOD, AMOD_ROWS[:6]), (MPINGALE, MPINGALE_ROWS), (HELIOS, HELIOS_ROWS)):
        (root / source.folder).mkdir(parents=True)
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (root / source.folder / "rows.jsonl").write_text(text)


def test_counts_add_up_and_each_drop_has_its_reason():
    amod, mpingale, helios = corpus_of(
        (AMOD, AMOD_ROWS), (MPINGALE, MPINGALE_ROWS), (HELIOS, HELIOS_ROWS)
    ).counts
    for counts in (amod, mpingale, helios):
        assert counts.read == counts.kept + sum(counts.dropped.values())
    reasons = {"duplicate_in_set", "answer_too_short", "empty_question", "empty_answer", "not_text"}
    assert amod.dropped == dict.fromkeys(reasons, 1)
    assert mpingale.dropped == {"duplicate_across_sets": 1}
    assert helios.dropped == {"unknown_form": 1}
    assert (amod.kept, mpingale.kept, helios.kept) == (2, 1, 1)


def test_a_kept_row_takes_topics_from_its_duplicate_and_nothing_of_therapists():
    corpus = corpus_of((AMOD, AMOD_ROWS), (MPINGALE, MPINGALE_ROWS))
    first, second, titled = corpus.examples.values()
    assert (first.source, first.row, first.topics, first.meta) == (
        "amod",
        0,
        ("sleep",),
        {"also_in": "mpingale"},
    )
    assert (second.topics, second.meta) == ((), {"also_in": ""})
    assert [m.content for m in titled.messages] == ["A title?", ANSWER]
    assert first.group == second.group != titled.group
    assert "Wvut" not in repr(corpus.examples)


def test_a_set_without_a_usable_row_is_refused():
    with pytest.raises(Invalid, match=r"amod: none of its 1 rows can be used \(empty answer 1\)"):
        corpus_of((AMOD, AMOD_ROWS[5:6]))
    with pytest.raises(Invalid, match="no rows"):
        corpus_of((HELIOS, []))


def test_prepare_is_the_same_in_any_order_and_keeps_the_old_on_failure(tmp_path):
    write_sets(tmp_path / "sets")
    out = tmp_path / "out"
    first = prepare(["amod", "mpingale", "heliosbrahma"], out, NOW, tmp_path / "sets")
    again = prepare(["heliosbrahma", "mpingale", "amod"], tmp_path / "again", NOW, tmp_path / "sets")
    assert first == again
    assert len({source["rows_sha256"] for source in first["sources"]}) == 3
    assert first["created"] == "2026-01-02T00:00:00+00:00"
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    (tmp_path / "sets" / HELIOS.folder / "rows.jsonl").write_text('{"words": "no such column"}\n')
    with pytest.raises(Invalid, match="column text is missing"):
        prepare(["amod", "heliosbrahma"], out, NOW, tmp_path / "sets")
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_table_shows_reasons_and_sums(tmp_path):
    write_sets(tmp_path / "sets")
    table = counts_table(
        prepare(["amod", "mpingale", "heliosbrahma"], tmp_path / "out", NOW, tmp_path / "sets")
    )
    rows = [line.split() for line in table.splitlines()]
    assert rows[0] == ["amod", "mpingale", "heliosbrahma", "all"]
    assert ["rows", "read", "6", "2", "2", "10"] in rows
    assert ["dropped:", "duplicate", "across", "sets", "0", "1", "0", "1"] in rows


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    if not all((SHARED / source.folder).is_dir() for source in SOURCES):
        pytest.skip("the copies of the public sets are not beside this checkout (../shared/datasets)")
    out = tmp_path_factory.mktemp("corpus")
    return out, prepare([source.name for source in SOURCES], out, NOW, SHARED)


def test_shared_rows_read_are_the_rows_in_the_files(shared):
    import pyarrow.parquet as pq

    amod, mpingale, helios = shared[1]["sources"]
    lines = (SHARED / AMOD.folder / "combined_dataset.json").read_bytes().splitlines()
    assert amod["rows_read"] == len(lines)
    for counts, source in ((mpingale, MPINGALE), (helios, HELIOS)):
        (file,) = (SHARED / source.folder / "data").glob("*.parquet")
        assert counts["rows_read"] == pq.read_metadata(file).num_rows
    for counts in (amod, mpingale, helios):
        assert counts["rows_read"] == counts["kept"] + sum(counts["dropped"].values())
        assert all(len(digest) == 64 for digest in counts["files"].values())


def test_shared_overlap_and_quirks_are_found(shared):
    """What the sets' READMEs tell of these copies: all of mpingale is in amod; every one of heliosbrahma parses."""
    amod, mpingale, helios = shared[1]["sources"]
    assert mpingale["kept"] == 0
    assert mpingale["dropped"]["duplicate_across_sets"] > 0
    assert amod["dropped"]["duplicate_in_set"] >= 664
    assert helios["kept"] == helios["rows_read"]
    assert amod["changed"]["base64_image"] == 2
    assert helios["changed"]["invisible_characters"] == 2


def test_shared_test_split_is_disjoint_and_rows_are_clean(shared):
    out, manifest = shared
    parts = {split: read_corpus(out, (split,)) for split in SPLITS}
    assert {split: len(part) for split, part in parts.items()} == manifest["splits"]
    groups = {split: {e.group for e in part} for split, part in parts.items()}
    assert all(split_of(group) == split for split in SPLITS for group in groups[split])
    assert not groups["test"] & (groups["train"] | groups["validation"])
    assert sum(bool(e.topics) for part in parts.values() for e in part) > 1000
    for e in (e for part in parts.values() for e in part):
        for message in e.messages:
            assert not set(message.content) & set("\u00a0\u200b\ufeff\r"), (e.source, e.row)
            assert "base64," not in message.content, (e.source, e.row)
    assert "therapist" not in (out / MANIFEST).read_text()
