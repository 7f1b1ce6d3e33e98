"""Marks made blind: the sheet hides the source, the tally tells it, and no question's text is kept."""

import json

import pytest

from finetune.starter.marking import QUALITIES, take_marks, tally, write_sheet

QUESTIONS = {f"{n:012x}": f"synthetic question {n}" for n in range(20)}
ANSWERS = {
    "starter": {q: f"a fitting reply to {t}" for q, t in QUESTIONS.items()},
    "baseline": dict.fromkeys(QUESTIONS, "a reply of the baseline"),
}


@pytest.fixture
def sheet(tmp_path):
    assert write_sheet(tmp_path, QUESTIONS, ANSWERS, 1) == 60
    return tmp_path


def _marked(folder, judge):
    rows = [json.loads(line) for line in (folder / "sheet.jsonl").read_text().splitlines()]
    lines = [json.dumps(row | dict.fromkeys(QUALITIES, 1) | {"on_topic": judge(row)}) for row in rows]
    (folder / "sheet.jsonl").write_text("\n".join(lines))


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
    assert take_marks(sheet, "a synthetic marker", tmp_path / "marks.json") == 60
    assert "synthetic question" not in (tmp_path / "marks.json").read_text()
    told = tally(tmp_path / "marks.json")
    assert "Marked by a synthetic marker" in told
    assert "| starter | 20 | 100% | 100% | 100% | 100% |" in told
    assert "| baseline | 20 | 100% | 0% | 100% | 100% |" in told
    assert "starter against another question, on topic: +100% [+100%, +100%]" in told
    assert "starter against baseline, fluent: +0% [+0%, +0%]" in told


def test_half_a_tally_is_none(sheet, tmp_path):
    with pytest.raises(TypeError):
        take_marks(sheet, "a synthetic marker", tmp_path / "marks.json")
    assert tally(tmp_path / "marks.json") == ""
