"""The three sets as the Hub has them, in files written here: good rows, nulls, other types, what is missing or broken."""

import json
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data.corpora.sources import SOURCES, find_sources, locate, open_table
from data.errors import Invalid, NotFound

AMOD, MPINGALE, HELIOS = SOURCES


def folder_of(root, source, lines=None, columns=None):
    folder = root / source.folder
    (folder / "data").mkdir(parents=True)
    if lines is not None:
        text = "".join(line if isinstance(line, str) else json.dumps(line) + "\n" for line in lines)
        (folder / "combined_dataset.json").write_text(text)
    if columns is not None:
        pq.write_table(pa.table(columns), folder / "data" / "train-00000-of-00001.parquet")
    return folder


def pairs(source, folder):
    table = open_table(source, folder)
    read = [source.read(row) for row in table.rows]
    assert len(read) == table.count
    return read


def test_names_ids_order_and_repeats():
    assert find_sources(["heliosbrahma", "Amod/mental_health_counseling_conversations", "AMOD"]) == [
        AMOD,
        HELIOS,
    ]
    with pytest.raises(Invalid, match="amod, mpingale, heliosbrahma"):
        find_sources(["amod", "no-such-set"])


def test_amod_rows_and_nulls(tmp_path):
    rows = [
        {"Context": "Why?", "Response": "Because."},
        {"Context": "Why?", "Response": None},
        {"Context": None},
    ]
    first, second, third = pairs(AMOD, folder_of(tmp_path, AMOD, rows))
    assert (first.question, first.answer, first.problem) == ("Why?", "Because.", None)
    assert (second.question, second.answer, second.problem) == ("Why?", "", None)
    assert (third.question, third.answer) == ("", "")


def test_amod_values_that_are_no_text(tmp_path):
    rows = [{"Context": "Why?", "Response": 5}, {"Context": "Why?", "Response": 6}]
    assert [pair.problem for pair in pairs(AMOD, folder_of(tmp_path, AMOD, rows))] == ["not_text", "not_text"]


def test_mpingale_title_topic_and_nulls(tmp_path):
    columns = {
        "questionID": [1, 2, 3, 4],
        "questionTitle": ["A title", "Only a title", None, "T"],
        "questionText": ["A text", None, None, "Q"],
        "topic": ["Grief", "anxiety, self-esteem", None, ""],
        "therapistInfo": ["Some Name, LCSW", None, "x", "y"],
        "therapistURL": ["https://example.org/some-name", None, "x", "y"],
        "answerText": ["An answer", "Another", "Third", None],
        "text": [None, None, None, None],
    }
    folder = folder_of(tmp_path, MPINGALE, columns=columns)
    read = pairs(MPINGALE, folder)
    assert [p.question for p in read] == ["A text", "Only a title", "", "Q"]
    assert [p.answer for p in read] == ["An answer", "Another", "Third", ""]
    assert [p.topics for p in read] == [("grief",), ("anxiety", "self-esteem"), (), ()]
    columns_read = {column for row in open_table(MPINGALE, folder).rows for column in row}
    assert columns_read == {"questionTitle", "questionText", "topic", "answerText"}


def test_heliosbrahma_form(tmp_path):
    texts = [
        "<HUMAN>: What is it?\n<ASSISTANT>: It is this.\nAnd that.",
        "What is it? It is this.",
        "<HUMAN>: One\n<ASSISTANT>: two\n<HUMAN>: three\n<ASSISTANT>: four",
        None,
    ]
    read = pairs(HELIOS, folder_of(tmp_path, HELIOS, columns={"text": texts}))
    assert (read[0].question.strip(), read[0].answer.strip()) == ("What is it?", "It is this.\nAnd that.")
    assert [p.problem for p in read] == [None, "unknown_form", "unknown_form", None]
    assert read[3].question == ""


def test_files_are_hashed_and_a_changed_file_is_read_anew(tmp_path):
    folder = folder_of(tmp_path, AMOD, [{"Context": "a", "Response": "b"}])
    before = open_table(AMOD, folder)
    (folder / "combined_dataset.json").write_text(json.dumps({"Context": "c", "Response": "d"}) + "\n")
    after = open_table(AMOD, folder)
    assert list(before.files) == list(after.files) == ["combined_dataset.json"]
    assert before.files != after.files
    assert list(after.rows) == [{"Context": "c", "Response": "d"}]


def test_without_a_folder_a_set_is_loaded_by_its_id(tmp_path, monkeypatch):
    """`load_dataset` takes a folder where it takes a Hub id: the id here is one, as no test may need the Hub."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    folder = folder_of(tmp_path, AMOD, [{"Context": "a", "Response": "b", "Other": "c"}])
    table = open_table(replace(AMOD, hub_id=str(folder)))
    assert (table.origin, table.count, list(table.rows)) == ("hub", 1, [{"Context": "a", "Response": "b"}])


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([{"Context": "only"}], "column Response is missing"),
        ([{"a": "only"}], "columns Context, Response are missing"),
        (['{"Context": "a", "Resp'], "broken or not in the Hub's format"),
        (["\x00\x01 not JSON"], "broken or not in the Hub's format"),
        ([""], "empty"),
    ],
)
def test_broken_files_give_one_line(tmp_path, lines, words):
    with pytest.raises(Invalid) as caught:
        open_table(AMOD, folder_of(tmp_path, AMOD, lines))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_locating_a_set(tmp_path):
    folder = folder_of(tmp_path, AMOD, [{"Context": "a", "Response": "b"}])
    assert locate(AMOD, tmp_path, alone=False) == folder
    assert locate(AMOD, folder, alone=True) == folder
    for root in (tmp_path, tmp_path / "none"):
        with pytest.raises(NotFound):
            locate(HELIOS, root, alone=False)
    with pytest.raises(NotFound, match="Amod__mental_health_counseling_conversations"):
        locate(AMOD, folder, alone=False)
