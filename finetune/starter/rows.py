"""The recipe's numbers, and dialogues as token ids with what each token counts."""

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from finetune.starter.corpus import Dialogue, Reply
from finetune.starter.tokenizer import BEGIN, CONTEXT, END_OF_TURN, heard_ids


@dataclass(frozen=True)
class Recipe:
    """`batch_tokens` counts padding. One step is one batch; data are read again in a new order if steps need it."""

    layers: int = 8
    width: int = 256
    heads: int = 4
    feed_forward: int = 640
    steps: int = 6000
    batch_tokens: int = 4096
    learning_rate: float = 3e-3
    table_share: float = 1.0  # of the learning rate, for the embeddings
    warmup_steps: int = 100
    weight_decay: float = 0.1
    clip: float = 1.0
    said_weight: float = 0.3  # of visitors' tokens in the loss; a reply's token is 1
    first_weight: float = 3.0  # of the first tokens of a reply
    first_tokens: int = 16
    named: float = 0.7  # share of replies before which the model says to itself what it heard
    named_weight: float = 8.0  # of that token in the loss
    heard_weight: float = 0.5  # of the second head's loss
    heard_layer: int = 5  # the layer that it reads, counted from 1
    blanked: float = 0.1  # share of a visitor's tokens replaced, twice that at the most
    words_epochs: int = 3  # over what words are about, before the model; 0 begins with random embeddings
    words_rate: float = 3e-3
    words_blanked: float = 0.3
    mean_share: float = 0.5  # of the mean of the words' embeddings, added by the first layer as it begins
    seed: int = 1
    checkpoint_minutes: float = 5.0
    checkpoint_steps: int = 0  # besides the minutes; 0 is never


class Row(NamedTuple):
    """Token ids of a dialogue, what each counts in the loss, and at the token before a reply what was heard (or NONE)."""

    ids: list[int]
    weights: list[float]
    heard: list[int]


NONE = -100  # what torch's cross-entropy ignores


def acknowledgements(dialogues: Iterable[Dialogue]) -> list[str]:
    """What the second head tells apart, in order of their first letters."""
    return sorted({m.heard for d in dialogues for m in d if isinstance(m, Reply)})


def encode(
    tokenizer: Any,
    dialogues: Sequence[Dialogue],
    recipe: Recipe,
    heard: Sequence[str] = (),
    replies_only: bool = False,
) -> list[Row]:
    """As the chat template writes them, but all messages at once, which takes less than half of the time."""
    said, numbers = 0.0 if replies_only else recipe.said_weight, {name: i for i, name in enumerate(heard)}
    ends = tokenizer.convert_tokens_to_ids([BEGIN, END_OF_TURN])
    names, rng = heard_ids(tokenizer), random.Random(recipe.seed)
    heads = {role: _head(tokenizer, role) for role in {m.role for d in dialogues for m in d}}
    texts = [message.content.strip() for dialogue in dialogues for message in dialogue]
    encoded = iter(tokenizer(texts, add_special_tokens=False)["input_ids"] if texts else ())
    rows = []
    for dialogue in dialogues:
        row = Row([ends[0]], [said], [NONE])
        for message in dialogue:
            head, ids = heads[message.role], [*next(encoded), ends[1]]
            number, naming, counted = NONE, [], [said] * len(ids)
            if message.role == "assistant":
                number = numbers.get(getattr(message, "heard", ""), NONE)
                if rng.random() < recipe.named and number != NONE:
                    naming = names[number : number + 1]
                first = min(recipe.first_tokens, len(ids))
                counted = [recipe.first_weight] * first + [1.0] * (len(ids) - first)
            row.ids.extend(head + naming + ids)
            row.weights.extend([said] * len(head) + [recipe.named_weight] * len(naming) + counted)
            row.heard.extend([NONE] * (len(head) - 1) + [number] + [NONE] * (len(naming) + len(ids)))
        rows.append(Row(row.ids[:CONTEXT], row.weights[:CONTEXT], row.heard[:CONTEXT]))
    return rows


def _head(tokenizer: Any, role: str) -> list[int]:
    return tokenizer.encode(f"<|start_header_id|>{role}<|end_header_id|>\n\n", add_special_tokens=False)


def batches(lengths: Sequence[int], recipe: Recipe) -> Iterator[list[int]]:
    """Row numbers, without end: rows of like length together, padded size at most `batch_tokens`, order by seed."""
    rng = random.Random(recipe.seed)
    while True:
        order = list(range(len(lengths)))
        rng.shuffle(order)
        pool: list[list[int]] = []
        for start in range(0, len(order), 2048):
            near = sorted(order[start : start + 2048], key=lambda i: lengths[i])
            group = _cut(near, lengths, recipe.batch_tokens)
            rng.shuffle(group)
            pool += group
        yield from pool


def _cut(order: Sequence[int], lengths: Sequence[int], limit: int) -> list[list[int]]:
    groups: list[list[int]] = [[]]
    for number in order:  # ascending length, so the newest row is the widest
        if groups[-1] and (len(groups[-1]) + 1) * lengths[number] > limit:
            groups.append([])
        groups[-1].append(number)
    return groups
