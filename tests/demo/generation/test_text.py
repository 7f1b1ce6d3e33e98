import pytest

from demo.generation.text import BROKEN, TextStream
from tests.demo.generation.tiny import make_tokenizer

TEXT = "Schlaf gut 😔🌙, жизнь. 眠れない… \u202eabc\u202c  two  spaces\n\nend é"


@pytest.fixture(scope="module")
def tokenizer():
    return make_tokenizer()


def test_pieces_add_up_and_no_piece_is_broken(tokenizer):
    stream = TextStream(tokenizer)
    ids = tokenizer(TEXT, add_special_tokens=False)["input_ids"]
    pieces = [stream.push(i) for i in ids]
    assert "".join(pieces) + stream.end() == TEXT
    assert not any(BROKEN in p for p in pieces)
    assert "" in pieces  # some characters took several tokens


def test_a_character_that_is_never_finished_is_dropped(tokenizer):
    stream = TextStream(tokenizer)
    ids = tokenizer("ok 🌙", add_special_tokens=False)["input_ids"]
    shown = "".join(stream.push(i) for i in ids[:-1])
    assert shown + stream.end() == "ok "


def test_control_tokens_are_not_shown(tokenizer):
    stream = TextStream(tokenizer)
    ids = [*tokenizer("a", add_special_tokens=False)["input_ids"], tokenizer.bos_token_id]
    assert "".join(stream.push(i) for i in ids) + stream.end() == "a"
