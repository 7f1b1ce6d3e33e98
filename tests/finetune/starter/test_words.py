"""What words are about, on the grammar's own dialogues."""

from dataclasses import replace

import pytest

from finetune.starter.corpus import generate, texts
from finetune.starter.rows import Recipe, acknowledgements, encode
from finetune.starter.tokenizer import SPECIAL, build_tokenizer
from finetune.starter.train import _Learner
from finetune.starter.words import SIZE, learn_words, words_heard

SMALL = Recipe(width=32, words_epochs=12, words_rate=1e-2)


@pytest.fixture(scope="module")
def prepared():
    dialogues = generate(1, 600)
    tokenizer, heard = build_tokenizer(texts(dialogues), 600), acknowledgements(dialogues)
    return dialogues, tokenizer, heard, encode(tokenizer, dialogues, SMALL, heard)


def test_each_reply_has_the_words_said_just_before_it(prepared):
    dialogues, tokenizer, heard, rows = prepared
    replies = [(d[n - 1].content, d[n].heard) for d in dialogues for n in range(1, len(d), 2)]
    found = words_heard(rows)
    assert [heard[number] for _, number in found] == [name for _, name in replies]
    for (said, _), (text, _) in zip(found, replies, strict=True):
        assert text in str(tokenizer.decode(said))
        assert min(said) >= len(SPECIAL)


def test_words_of_one_subject_come_to_lie_together(prepared):
    """Openings of a topic are nearer to each other, by the mean of their words, than to those of another."""
    import torch

    _, tokenizer, heard, rows = prepared
    table, reader = learn_words(SMALL, len(tokenizer), len(heard), rows)
    assert reader["weight"].shape == (len(heard), 32)
    assert table.shape == (len(tokenizer), 32)
    assert table.pow(2).mean(1).sqrt().sub(SIZE).abs().max() < 1e-4
    assert torch.equal(table, learn_words(SMALL, len(tokenizer), len(heard), rows).table)
    bags = words_heard(rows)
    means = torch.nn.functional.normalize(torch.stack([table[said].mean(0) for said, _ in bags]), dim=1)
    alike = means @ means.T
    numbers = torch.tensor([number for _, number in bags])
    same = (numbers[:, None] == numbers) & ~torch.eye(len(bags), dtype=torch.bool)
    assert alike[same].mean() > alike[~same].mean() + 0.2


def test_the_model_begins_as_that_reader(prepared):
    """Before its first step it tells what was heard better than one that begins at random."""
    _, tokenizer, heard, rows = prepared
    words = learn_words(SMALL, len(tokenizer), len(heard), rows)
    shape = replace(SMALL, layers=2, heads=2, feed_forward=64, heard_layer=1, learning_rate=0.0, blanked=0.0)
    missed = []
    for begun in (False, True):
        learner = _Learner(shape, tokenizer, len(heard), "cpu")
        if begun:
            learner.start_with(words)
        missed.append(learner.step(rows[:100], 0)[1])
    assert missed[1] < missed[0] - 0.5
