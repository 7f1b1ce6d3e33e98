"""Which rows are trained on: the one owner of the rule, so that no run can train on what another tests on.

A split follows the question, never the row: all answers to a question fall on the same side, whichever set they came
from and whichever sets are prepared together. The first hexadecimal digit of the question's hash decides:

    0 1 2 3   test         the frozen public test split, a quarter; never trained on
    4         validation   a sixteenth
    5 … f     train
"""

import hashlib
from typing import Literal

from data.corpora.duplicates import normalise

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
TEST_DIGITS = "0123"
VALIDATION_DIGITS = "4"


def question_hash(text: str) -> str:
    """SHA-256, in hexadecimal, of the normalised question; `Example.group` of every public row."""
    return hashlib.sha256(normalise(text).encode()).hexdigest()


def split_of(group: str) -> Split:
    """The split of a `question_hash`."""
    if group[0] in TEST_DIGITS:
        return "test"
    return "validation" if group[0] in VALIDATION_DIGITS else "train"
