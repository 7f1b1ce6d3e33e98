"""Real questions: sorted by hand, answered by the grammar, read and never predicted."""

import json

import pytest

from data.corpora.splits import question_hash, split_of
from data.corpora.store import write_corpus
from data.errors import Invalid
from data.records import Example, Message
from finetune.starter.corpus import FOLDER
from finetune.starter.fragments import load_by_name, slots_in
from finetune.starter.prompts import FRESH, read_test_questions
from finetune.starter.questions import LABELS, compose, read_labels


def _asked(split: str) -> str:
    """A question, written here, that falls on this side."""
    return next(
        text
        for n in range(200)
        if split_of(question_hash(text := f"Synthetic: the bus scares me, day {n}")) == split
    )


@pytest.fixture
def corpus(tmp_path):
    """One question on each side of the split, in a prepared corpus."""
    examples = [
        Example((Message("user", asked), Message("assistant", "Synthetic.")), "amod", n, question_hash(asked))
        for n, asked in enumerate(map(_asked, ("train", "validation", "test")))
    ]
    write_corpus(tmp_path / "corpus", examples, {})
    return tmp_path / "corpus"


@pytest.fixture
def labels(tmp_path):
    path = tmp_path / "labels.json"
    every = {
        question_hash(_asked(split))[:12]: [["panic", 0], ["anxiety", 1]]
        for split in ("train", "validation", "test")
    }
    path.write_text(json.dumps(every))
    return path


def test_every_sorted_question_names_scenes_that_are_there():
    labels = read_labels(load_by_name(FOLDER))
    assert len(labels) >= 500
    assert all(1 <= len(scenes) <= 2 for scenes in labels.values())


def test_a_scene_that_moved_is_refused(tmp_path):
    (tmp_path / "labels.json").write_text('{"0": [["panic", 99]]}')
    with pytest.raises(Invalid, match="scene 99 of panic"):
        read_labels(load_by_name(FOLDER), tmp_path / "labels.json")


def test_nothing_of_the_questions_stands_in_the_labels():
    for name, scenes in json.loads(LABELS.read_text()).items():
        assert len(name) == 12
        assert int(name, 16) >= 0
        assert all(len(scene) == 2 for scene in scenes)


def test_only_the_train_split_is_composed_and_its_scenes_answer(corpus, labels):
    dialogues = compose(corpus, 1, labels)
    assert {d[0].content for d in dialogues} == {_asked("train")}
    assert len(dialogues) > 12
    topics = load_by_name(FOLDER)
    heard = [
        h for t, n in (("panic", 0), ("anxiety", 1)) for h in topics[t].scenes[n].heard if not slots_in(h)
    ]
    assert all(d[1].content.startswith(tuple(heard)) for d in dialogues)
    assert compose(corpus, 1, labels) == dialogues


def test_a_question_is_read_and_never_predicted(corpus, labels):
    from finetune.starter.corpus import generate, texts
    from finetune.starter.rows import Recipe, encode
    from finetune.starter.tokenizer import build_tokenizer

    tokenizer, recipe = build_tokenizer(texts(generate(1, 200)), 600), Recipe()
    row = encode(tokenizer, compose(corpus, 1, labels)[:1], recipe, replies_only=True)[0]
    replied = str(tokenizer.decode([i for i, w in zip(row.ids, row.weights, strict=True) if w]))
    assert _asked("train") in tokenizer.decode(row.ids)
    assert "Synthetic" not in replied
    assert replied.endswith("<|eot_id|>")
    own = encode(tokenizer, generate(1, 1), recipe)[0]
    assert {recipe.said_weight, 1.0, recipe.first_weight} == set(own.weights)


def test_test_questions_go_by_their_hash(corpus):
    asked = _asked("test")
    assert read_test_questions(corpus) == {question_hash(asked)[:12]: asked}
    assert len(set(FRESH)) == 20
