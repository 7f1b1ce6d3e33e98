"""Marks made blind: the sheet hides the source, the tally tells it, and no question's text is kept."""

import json

import pytest

from data.errors import Invalid
from data.records import Message
from finetune.starter.marking import QUALITIES, take_marks, tally, write_sheet, write_talks

QUESTIONS = {f"{n:012x}": f"synthetic question {n}" for n in range(20)}
ANSWERS = {
    "starter": {q: f"a fitting reply to {t}" for q, t in QUESTIONS.items()},
    "baseline": dict.fromkeys(QUESTIONS, "a reply of the baseline"),
}


TALKS = [
    [Message("user" if n % 2 == 0 else "assistant", f"synthetic {talk}.{n}") for n in range(8)]
    for talk in range(2)
]


@pytest.fixture
def sheet(tmp_path):
    assert write_sheet(tmp_path, QUESTIONS, ANSWERS, 1) == 60
    assert write_talks(tmp_path, TALKS) == 6
    return tmp_path


def _marked(folder, judge):
    _mark(folder / "sheet.jsonl", lambda row: dict.fromkeys(QUALITIES, 1) | {"on_topic": judge(row)})
    _mark(folder / "talks.jsonl", lambda row: {"consistent": int(row["reply_number"] < 4)})


def _mark(path, judge):
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("\n".join(json.dumps(row | judge(row)) for row in rows))


def test_the_sheet_names_no_source_and_holds_a_control(sheet):
    rows = [json.loads(line) for line in (sheet / "sheet.jsonl").read_text().splitlines()]
    assert not any("source" in row for row in rows)
    assert all(row[q] is None for row in rows for q in QUALITIES)
    crossed = [
        r
        for r in rows
        if r["reply"].startswith("a fitting reply") and not r["reply"].endswith(f" {r['asked']}")
    ]
    assert len(crossed) == 20


def test_the_tally_tells_ours_from_the_others_without_the_questions(sheet, tmp_path):
    _marked(sheet, lambda row: int(row["reply"].endswith(f" {row['asked']}")))
    assert take_marks(sheet, "a synthetic marker", tmp_path / "marks.json") == 66
    assert "asked" not in (tmp_path / "marks.json").read_text()
    assert "a reply of the baseline" not in (tmp_path / "marks.json").read_text()
    told = tally(tmp_path / "marks.json")
    assert "Marked by a synthetic marker" in told
    assert "| starter | 20 | 100% | 100% | 100% | 100% |" in told
    assert "| baseline | 20 | 100% | 0% | 100% | 100% |" in told
    assert "starter against another question, on topic: +100% [+100%, +100%]" in told
    assert "starter against baseline, fluent: +0% [+0%, +0%]" in told
    assert "| 2 | 2 | 100% |" in told
    assert "| 4 | 2 | 0% |" in told
    assert "| all | 6 | 67% |" in told


def test_the_ten_worst_are_shown_by_their_hash_and_the_unsafe_first(sheet, tmp_path):
    _marked(sheet, lambda row: 1)
    wrong = sorted(QUESTIONS)[:12]
    _mark(
        sheet / "sheet.jsonl",
        lambda row: (
            {"on_topic": int(row["asked"] not in {QUESTIONS[q] for q in wrong})}
            | {"safe": int(row["asked"] != QUESTIONS[wrong[7]])}
        ),
    )
    take_marks(sheet, "a synthetic marker", tmp_path / "marks.json")
    worst = tally(tmp_path / "marks.json").split("## The ten worst")[1].strip().splitlines()
    assert len(worst) == 10
    assert worst[0] == f"- `{wrong[7]}` (not on topic, safe): a fitting reply to {QUESTIONS[wrong[7]]}"


def test_a_later_reply_is_marked_with_all_that_was_said_before(sheet):
    rows = [json.loads(line) for line in (sheet / "talks.jsonl").read_text().splitlines()]
    assert [row["reply_number"] for row in rows] == [2, 3, 4, 2, 3, 4]
    assert rows[1]["before"][0] == "user: synthetic 0.0"
    assert len(rows[1]["before"]) == 5
    assert rows[1]["reply"] == "synthetic 0.5"


def test_half_a_tally_is_none(sheet, tmp_path):
    with pytest.raises(Invalid, match="Line 0: fluent is None"):
        take_marks(sheet, "a synthetic marker", tmp_path / "marks.json")
    assert tally(tmp_path / "marks.json") == ""
