"""Sentences lose no character and do not depend on how the text came."""

from hypothesis import given
from hypothesis import strategies as st

from demo.safety.sentences import SentenceSplitter, split_sentences

PIECES = st.sampled_from(
    [
        "Hi",
        "Dr.",
        "e.g.",
        " ",
        "  ",
        ".",
        "...",
        "…",
        "?",
        "!",
        "\n",
        "\n\n",
        '"',
        "”",
        "3.5",
        "1.",
        "a",
        "U.S.",
        ")",
        "ok",
        "你好。",
    ]
)
TEXTS = st.one_of(st.text(max_size=80), st.lists(PIECES, max_size=30).map("".join))


@given(TEXTS)
def test_joined_sentences_are_the_text(text: str) -> None:
    assert "".join(split_sentences(text)) == text


@given(TEXTS, st.lists(st.integers(1, 6), min_size=1, max_size=10))
def test_chunks_give_the_same_sentences_as_the_whole(text: str, sizes: list[int]) -> None:
    splitter, got, at = SentenceSplitter(), [], 0
    while at < len(text):
        size = sizes[at % len(sizes)]
        got += splitter.feed(text[at : at + size])
        at += size
    got += splitter.flush()
    assert got == split_sentences(text)
    assert splitter.flush() == []


def test_abbreviations_decimals_quotes_ellipses_and_lines() -> None:
    text = (
        'Dr. Smith walked 3.5 miles, e.g. at 5 p.m. on Monday. "Are you well?" She waited... and then left. '
        "Really?! Yes.\n\n1. Breathe in.\n2. Breathe out.\n- rest"
    )
    assert split_sentences(text) == [
        "Dr. Smith walked 3.5 miles, e.g. at 5 p.m. on Monday. ",
        '"Are you well?" ',
        "She waited... and then left. ",
        "Really?! ",
        "Yes.\n\n",
        "1. Breathe in.\n",
        "2. Breathe out.\n",
        "- rest",
    ]


def test_a_sentence_is_given_as_soon_as_the_next_begins() -> None:
    splitter = SentenceSplitter()
    assert splitter.feed("I hear you.") == []
    assert splitter.feed(" ") == []
    assert splitter.feed("Go") == ["I hear you. "]
    assert splitter.flush() == ["Go"]
