"""From conversations to token ids and labels: the chat template decides both, and only replies are learnt.

What a visitor said, headers and the system prompt carry no loss; a reply and the token that ends it do. Of an export
only the last reply does: the ones before it were shown, but nobody countersigned them here.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from data.errors import Invalid
from data.records import Example, Message
from finetune.mixture import is_export

if TYPE_CHECKING:
    from datasets import Dataset

IGNORED = -100


@dataclass(frozen=True)
class Row:
    """`labels` has the length of `ids`; -100 is not learnt. `group` is what a bootstrap resamples."""

    ids: list[int]
    labels: list[int]
    group: str
    source: str

    @property
    def learnt(self) -> int:
        return sum(label != IGNORED for label in self.labels)


def training_template(tokenizer: Any) -> str | None:
    """A template that marks the replies, where the tokenizer's own does not; None where it does."""
    from trl.chat_template_utils import get_training_chat_template, has_generation_markers

    if has_generation_markers(tokenizer.chat_template):
        return None
    try:
        return get_training_chat_template(tokenizer)
    except ValueError:
        raise Invalid(
            "The model's chat template does not mark its replies, and TRL knows no training form of it. Add "
            "{% generation %} and {% endgeneration %} around the reply in its chat_template."
        ) from None


def encode(tokenizer: Any, examples: Sequence[Example], max_length: int) -> list[Row]:
    """Rows of at most `max_length` tokens, without those that have nothing left to learn.

    A longer conversation loses its oldest turns, and, where the last pair alone is too long, the reply's end.
    """
    template = training_template(tokenizer)
    rows = (_row(tokenizer, template, example, max_length) for example in examples)
    return [row for row in rows if row.learnt]


def to_dataset(rows: Iterable[Row]) -> "Dataset":
    """What TRL takes as prepared: it packs and batches, and leaves ids and labels alone."""
    from datasets import Dataset

    return Dataset.from_list([{"input_ids": row.ids, "labels": row.labels} for row in rows])


def _row(tokenizer: Any, template: str | None, example: Example, max_length: int) -> Row:
    messages = example.messages
    ids, learnt = _render(tokenizer, template, messages)
    while len(ids) > max_length and (shorter := _without_oldest(messages)) != messages:
        messages = shorter
        ids, learnt = _render(tokenizer, template, messages)
    if is_export(example):
        learnt = _last_run(learnt)
    labels = [token if on else IGNORED for token, on in zip(ids, learnt, strict=True)]
    return Row(ids[:max_length], labels[:max_length], example.group, example.source)


def _render(tokenizer: Any, template: str | None, messages: Sequence[Message]) -> tuple[list[int], list[int]]:
    found = tokenizer.apply_chat_template(
        [{"role": m.role, "content": m.content} for m in messages],
        chat_template=template,
        tokenize=True,
        return_dict=True,
        return_assistant_tokens_mask=True,
    )
    return list(found["input_ids"]), list(found["assistant_masks"])


def _without_oldest(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """Without the oldest turn and its reply; the system prompt and the last pair stay."""
    head = messages[:1] if messages[0].role == "system" else ()
    rest = messages[len(head) :]
    later = [n for n, m in enumerate(rest) if m.role == "user"][1:]
    return (*head, *rest[later[0] :]) if later else messages


def _last_run(mask: Sequence[int]) -> list[int]:
    end = len(mask)
    while end and not mask[end - 1]:
        end -= 1
    start = end
    while start and mask[start - 1]:
        start -= 1
    return [int(start <= n < end) for n in range(len(mask))]
