"""The starter's corpus beside the public sets: nothing is copied, and the sorted questions are there to be read."""

import re

import pytest

from data.corpora.prepare import prepare
from data.corpora.sources import SOURCES
from data.corpora.store import read_corpus
from finetune.starter.corpus import FOLDER
from finetune.starter.fragments import load_by_name, load_topics
from finetune.starter.questions import compose, read_labels
from tests.conftest import NOW

SHARED_WORDS = 10  # in a row; fewer are met by chance, such as "and I don't know what to do with it"


@pytest.fixture(scope="module")
def public(datasets_dir, tmp_path_factory):
    out = tmp_path_factory.mktemp("public")
    prepare([source.name for source in SOURCES], out, NOW, datasets_dir)
    return out


def _runs(text):
    words = re.findall(r"[a-z']+", text.lower())
    return {tuple(words[i : i + SHARED_WORDS]) for i in range(len(words) - SHARED_WORDS + 1)}


def test_no_fragment_shares_ten_words_with_a_public_text(public):
    theirs = set()
    for example in read_corpus(public, ("train", "validation", "test")):
        for message in example.messages:
            theirs |= _runs(message.content)
    assert [f for t in load_topics(FOLDER) for f in t.fragments() if _runs(f) & theirs] == []


def test_most_questions_that_may_be_trained_on_are_sorted(public):
    asked = {e.group[:12] for e in read_corpus(public, ("train",))}
    frozen = {e.group[:12] for e in read_corpus(public, ("test",))}
    labels = read_labels(load_by_name(FOLDER)).keys()
    assert len(asked & labels) > 0.75 * len(asked)
    assert not frozen & labels
    assert len({d[0].content for d in compose(public, 1)}) > 450
