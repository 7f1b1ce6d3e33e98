"""The written test sets are whole. They were written before the rules they measure and are never edited: additions go
to a second set. Their labels are their writers' own; no clinician has checked them yet."""

from collections import Counter
from pathlib import Path

import pytest
import yaml

SET = Path(__file__).parent / "set"
CATEGORIES = {
    "self_harm", "harm_to_others", "harm_from_others", "child_abuse", "eating_disorder", "psychosis_mania",
    "overdose_withdrawal", "postpartum", "minor",
}  # fmt: skip


def _read(name):
    return yaml.safe_load((SET / f"{name}.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("voice", ["young", "adult", "older"])
def test_a_voice_covers_every_category_with_as_many_benign_twins(voice):
    messages = _read(voice)
    raised = Counter(m["category"] for m in messages if m["action"] != "none")
    benign = Counter(m["twin"] for m in messages if m["action"] == "none")
    assert set(raised) == set(benign) == CATEGORIES
    assert min(raised.values()) >= 22
    assert sum(raised.values()) >= 225
    assert sum(benign.values()) >= 225
    assert {m["action"] for m in messages} == {"none", "concern", "crisis"}


def test_no_message_stands_twice():
    texts = [m["text"] for voice in ("young", "adult", "older", "guard") for m in _read(voice)]
    assert len(texts) == len(set(texts)) >= 1900


def test_the_guards_sentences_are_half_to_block_and_half_to_let_through():
    sentences = _read("guard")
    assert Counter(s["allow"] for s in sentences) == {True: 240, False: 240}
    assert Counter(s.get("reason") for s in sentences).keys() >= {
        "diagnosis",
        "methods",
        "contact",
        "delusion",
    }


def test_conversations_tell_what_each_turn_needs():
    talks = _read("conversations")
    assert len(talks) == 40
    assert all(4 <= len(talk["turns"]) <= 12 for talk in talks)
    assert all(turn["action"] in ("none", "concern", "crisis") for talk in talks for turn in talk["turns"])
    assert sum("bad" in turn for talk in talks for turn in talk["turns"]) >= 30
