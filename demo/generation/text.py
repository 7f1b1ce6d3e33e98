"""Tokens to text as they come, never showing half a character."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

BROKEN = "\N{REPLACEMENT CHARACTER}"


class TextStream:
    """Decodes one reply. A character's bytes may be spread over tokens: text that ends in a broken one is held back.

    Each token is decoded together with the piece before it, because tokenizers treat the start of a text differently.
    """

    def __init__(self, tokenizer: "PreTrainedTokenizerBase") -> None:
        self._tokenizer = tokenizer
        self._ids: list[int] = []
        self._start = self._shown = 0

    def push(self, token: int) -> str:
        """The text that `token` completes, often one word, "" while a character is unfinished."""
        self._ids.append(token)
        fresh = self._fresh()
        if not fresh or fresh.endswith(BROKEN):
            return ""
        self._start, self._shown = self._shown, len(self._ids)
        return fresh

    def end(self) -> str:
        """What was held back, without the character that was never finished."""
        return self._fresh().rstrip(BROKEN)

    def _fresh(self) -> str:
        before = self._decode(self._ids[self._start : self._shown])
        return self._decode(self._ids[self._start :])[len(before) :]

    def _decode(self, ids: list[int]) -> str:
        text = self._tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return text if isinstance(text, str) else "".join(text)
