"""The starter's figures on models of known behaviour, made from the real classes."""

import pytest

from finetune.starter.corpus import generate, texts
from finetune.starter.measures import CONTACT, converse, distinct, memorised, reading, recited, repeats
from finetune.starter.prompts import read_conversations
from finetune.starter.rows import Recipe
from finetune.starter.tokenizer import build_tokenizer
from finetune.starter.train import new_model

SMALL = Recipe(layers=1, width=32, heads=2, feed_forward=64, heard_layer=1)


@pytest.fixture(scope="module")
def untrained():
    tokenizer = build_tokenizer(texts(generate(1, 200)), 600)
    model = new_model(SMALL, tokenizer).eval()
    model.generation_config.max_new_tokens = 12
    return model, tokenizer


def test_a_model_that_knows_nothing_reads_by_chance(untrained):
    model, tokenizer = untrained
    assert reading(model, tokenizer, generate(3, 60, "test"), 1) < 0.4


def test_conversations_alternate_and_hold_every_message(untrained):
    said = ["I can't sleep", "since May", "thanks"]
    model, tokenizer = untrained
    talk = converse(model, tokenizer, said)
    assert [m.role for m in talk] == ["user", "assistant"] * 3
    assert [m.content for m in talk[::2]] == said


def test_what_was_learnt_by_heart_shows_and_what_was_not_does_not(untrained):
    """A model trained on one synthetic question until it knows it goes on from its first half."""
    import torch

    model, tokenizer = untrained
    text = "my old kettle sings a sad song every morning and nobody in this tall house hears it but me"
    assert memorised(model, tokenizer, [text]) == (0, 0)
    taught = new_model(SMALL, tokenizer)
    ids = tokenizer.apply_chat_template(
        [{"role": "user", "content": text}], return_tensors="pt", return_dict=True
    )["input_ids"]
    optimizer = torch.optim.AdamW(taught.parameters(), lr=1e-2)
    for _ in range(80):
        taught(input_ids=ids, labels=ids).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    taught.eval().generation_config.max_new_tokens = 12
    assert memorised(taught, tokenizer, [text])[1] == 1


def test_counts():
    assert (
        recited(
            ["so one two three four five six seven eight nine"], ["one two three four five six seven eight"]
        )
        == 1
    )
    assert recited(["one two three"], ["one two three"]) == 0
    assert repeats("it is as it is and it is as it is")
    assert not repeats("each word stands here once only")
    assert distinct(["a b a b"], 1) == 0.5
    assert CONTACT.search("call 555 0100 99")


def test_fifty_visitors_say_four_things():
    talks = read_conversations()
    assert [len(talk) for talk in talks] == [4] * 50
    assert len({talk[0] for talk in talks}) == 50
    trained = set(texts(generate(1, 5000)))
    assert not {message for talk in talks for message in talk[:1]} & trained
