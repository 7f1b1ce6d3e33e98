"""What the safety classifiers are to learn from is whole, and shares nothing with the sets that measure them."""

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[3]
LEARNT = ROOT / "data" / "resources"
SET = Path(__file__).parent / "set"
SHARED_WORDS = 8


def _load(path):
    return yaml.load(path.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def _runs(text):
    words = re.findall(r"[a-z']+", text.lower())
    return {tuple(words[i : i + SHARED_WORDS]) for i in range(len(words) - SHARED_WORDS + 1)}


def _texts(folder):
    return [
        t for path in sorted((LEARNT / folder).glob("*.yaml")) for part in _load(path).values() for t in part
    ]


def _tested(*names):
    return [row["text"] for name in names for row in _load(SET / f"{name}.yaml")]


def test_every_category_has_messages_of_each_action_and_benign_twins():
    for path in (LEARNT / "messages").glob("*.yaml"):
        found = _load(path)
        assert set(found) <= {"crisis", "concern", "none"}
        assert len(found["none"]) > 300
        assert path.stem == "plain" or len(found["concern"]) > 200


def test_every_reason_of_the_guard_has_both_kinds():
    for path in (LEARNT / "replies").glob("*.yaml"):
        found = _load(path)
        assert set(found) <= {"cut", "allowed"}
        assert min(map(len, found.values())) > 70


def test_none_stands_twice_and_none_is_of_a_test_set():
    for folder, tested in (("messages", _tested("young", "adult", "older")), ("replies", _tested("guard"))):
        learnt = _texts(folder)
        assert len(learnt) == len(set(learnt)) > 3000
        measured = {run for text in tested for run in _runs(text)}
        assert [t for t in learnt if _runs(t) & measured] == []
