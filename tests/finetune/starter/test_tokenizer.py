"""The tokenizer: any text survives it, and the template marks the replies and nothing else."""

from dataclasses import asdict

import pytest

from finetune.starter.corpus import generate, texts
from finetune.starter.tokenizer import SPECIAL, build_tokenizer, load_tokenizer

CHAT = [
    {"role": "user", "content": "I can't sleep"},
    {"role": "assistant", "content": "Nights can be long. What keeps you awake?"},
    {"role": "user", "content": "work"},
    {"role": "assistant", "content": "So work follows you. What about it?"},
]


@pytest.fixture(scope="module")
def tokenizer():
    return build_tokenizer(texts(generate(1, 1500)), 1500)


@pytest.mark.parametrize(
    "text",
    [
        "I can't sleep.",
        "  two  spaces\n\nand lines\t",
        "שלום 🙂 мне плохо",
        "1234567",
        "\x00\x07",
        "naïve – “so”",
    ],
)
def test_round_trip(tokenizer, text):
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert tokenizer.decode(ids, clean_up_tokenization_spaces=False) == text


def test_special_tokens_are_single_and_text_never_makes_them(tokenizer):
    for token in SPECIAL:
        assert len(tokenizer(token, add_special_tokens=False)["input_ids"]) == 1
    assert tokenizer.eos_token == "<|eot_id|>"
    assert tokenizer.pad_token_id not in (tokenizer.eos_token_id, tokenizer.bos_token_id)


def test_template_is_llama_3s(tokenizer):
    text = tokenizer.apply_chat_template(CHAT[:1], tokenize=False, add_generation_prompt=True)
    assert text == (
        "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nI can't sleep<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n"
    )
    assert not tokenizer.apply_chat_template(CHAT[:1], tokenize=False).endswith("\n\n")


def test_mask_covers_exactly_the_replies(tokenizer):
    row = tokenizer.apply_chat_template(CHAT, return_dict=True, return_assistant_tokens_mask=True)
    ids = [i for i, m in zip(row["input_ids"], row["assistant_masks"], strict=True) if m]
    assert tokenizer.decode(ids) == CHAT[1]["content"] + "<|eot_id|>" + CHAT[3]["content"] + "<|eot_id|>"


def test_same_texts_same_tokenizer_and_loading(tokenizer, tmp_path):
    again = build_tokenizer(texts(generate(1, 1500)), 1500)
    assert again.get_vocab() == tokenizer.get_vocab()
    tokenizer.save_pretrained(tmp_path)
    chat = [asdict(m) for m in generate(2, 1)[0]]
    loaded = load_tokenizer(tmp_path)
    assert loaded.apply_chat_template(chat, return_dict=False) == tokenizer.apply_chat_template(
        chat, return_dict=False
    )
