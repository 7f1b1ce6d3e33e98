import hashlib

import pytest

from data.corpora.duplicates import normalise, pair_key
from data.corpora.splits import question_hash, split_of


@pytest.mark.parametrize(
    "spelling",
    [
        "I can’t sleep. What now?",
        "I can't  sleep.\r\nWhat now?",
        "<p>I can&#39;t sleep.</p> What NOW",
        "I can't sleep.What now?",
    ],
)
def test_spellings_of_one_question_have_one_hash(spelling):
    assert normalise(spelling) == "i can t sleep what now"
    assert question_hash(spelling) == hashlib.sha256(b"i can t sleep what now").hexdigest()


def test_a_heart_does_not_swallow_the_rest():
    assert normalise("I <3 you and > me") == "i 3 you and me"


def test_pairs_are_not_confused_by_where_they_part():
    assert pair_key("a b", "c") != pair_key("a", "b c")


def test_first_digit_decides():
    splits = [split_of(f"{digit:x}{'0' * 63}") for digit in range(16)]
    assert splits == ["test"] * 4 + ["validation"] + ["train"] * 11


def test_every_split_gets_its_share():
    splits = [split_of(question_hash(f"question number {n}")) for n in range(2000)]
    assert 400 < splits.count("test") < 600
    assert 70 < splits.count("validation") < 190
