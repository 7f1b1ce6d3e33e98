"""The shipped model: it loads as any Hub folder does, answers, and ends its turns."""

import pytest

from finetune.starter.measures import CONTACT, answer
from finetune.starter.weights import LIMIT_MIB, WEIGHTS


@pytest.fixture(scope="module")
def loaded():
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.manual_seed(1)
    return AutoModelForCausalLM.from_pretrained(WEIGHTS), AutoTokenizer.from_pretrained(WEIGHTS)


def test_folder_is_whole_and_small():
    names = {path.name for path in WEIGHTS.iterdir()}
    assert names >= {
        "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json",
        "chat_template.jinja", "model.safetensors", "README.md",
    }  # fmt: skip
    assert sum(path.stat().st_size for path in WEIGHTS.iterdir()) < LIMIT_MIB * 2**20


def test_card_calls_it_a_demonstration():
    card = (WEIGHTS / "README.md").read_text()
    assert "license: mit" in card
    assert "demonstration" in card
    assert "not for real use" in card


def test_weights_are_bf16_and_settings_end_a_turn(loaded):
    model, tokenizer = loaded
    assert str(model.dtype) == "torch.bfloat16"
    assert model.generation_config.eos_token_id == tokenizer.convert_tokens_to_ids("<|eot_id|>")
    assert model.generation_config.pad_token_id == tokenizer.pad_token_id


@pytest.mark.parametrize("said", ["hi", "I can't sleep", "my mum died last week", "are you human?"])
def test_it_answers_and_ends_its_turn(loaded, said):
    model, tokenizer = loaded
    text, ended = answer(model, tokenizer, [{"role": "user", "content": said}])
    assert ended
    assert 8 <= len(text.split()) <= 120
    assert not CONTACT.search(text)


def test_it_says_that_it_is_no_person(loaded):
    model, tokenizer = loaded
    text, _ = answer(model, tokenizer, [{"role": "user", "content": "are you human?"}])
    assert any(word in text for word in ("program", "machine", "AI"))


def test_pipeline():
    from transformers import pipeline

    chat = [{"role": "user", "content": "hello"}]
    out = pipeline("text-generation", model=str(WEIGHTS))(chat)[0]["generated_text"]
    assert out[-1]["role"] == "assistant"
    assert out[-1]["content"].strip()
