"""The measurements of an evaluation: loss on replies, greedy replies, words recited, and intervals of differences."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from data.records import Message
from finetune.encode import IGNORED, Row

BATCH_TOKENS = 4096
BATCH_TALKS = 12
RESAMPLES = 2000


@dataclass(frozen=True)
class Loss:
    """Summed negative log-likelihood, in nats, of one row's learnt tokens."""

    nats: float
    tokens: int


@dataclass(frozen=True)
class Interval:
    """A difference of mean losses in nats a token, with its 95% bootstrap interval."""

    mean: float
    low: float
    high: float


def reply_losses(model: Any, rows: Sequence[Row], pad: int) -> list[Loss]:
    """One `Loss` a row, in order. Rows of like length are read together; padding is never counted."""
    import torch

    order = sorted(range(len(rows)), key=lambda n: len(rows[n].ids))
    losses: dict[int, Loss] = {}
    model.eval()
    with torch.inference_mode():
        for batch in _batches(order, rows):
            ids = _padded([rows[n].ids for n in batch], pad, model.device)
            labels = _padded([rows[n].labels for n in batch], IGNORED, model.device)[:, 1:]
            seen = _padded([[1] * len(rows[n].ids) for n in batch], 0, model.device)
            logits = model(input_ids=ids, attention_mask=seen, use_cache=False).logits[:, :-1]
            each = torch.nn.functional.cross_entropy(
                logits.float().transpose(1, 2), labels, ignore_index=IGNORED, reduction="none"
            )
            for n, nats, tokens in zip(batch, each.sum(1), (labels != IGNORED).sum(1), strict=True):
                losses[n] = Loss(float(nats), int(tokens))
    return [losses[n] for n in range(len(rows))]


def mean_loss(losses: Sequence[Loss]) -> float:
    return sum(one.nats for one in losses) / max(1, sum(one.tokens for one in losses))


def paired_difference(
    first: Sequence[Loss], second: Sequence[Loss], groups: Sequence[str], seed: int
) -> Interval:
    """First minus second on the same rows. Whole groups are resampled, since rows of one conversation are alike."""
    import numpy as np

    names = sorted(set(groups))
    place = {name: n for n, name in enumerate(names)}
    sums = np.zeros((len(names), 2))
    for one, other, group in zip(first, second, groups, strict=True):
        sums[place[group]] += (one.nats - other.nats, one.tokens)
    picks = np.random.default_rng(seed).integers(len(names), size=(RESAMPLES, len(names)))
    drawn = sums[picks].sum(axis=1)
    means = drawn[:, 0] / np.maximum(1, drawn[:, 1])
    low, high = np.quantile(means, [0.025, 0.975])
    total = sums.sum(axis=0)
    return Interval(float(total[0] / max(1, total[1])), float(low), float(high))


def greedy_replies(model: Any, tokenizer: Any, talks: Sequence[Sequence[Message]], most: int) -> list[str]:
    """What the model says to each of `talks` when it always takes the likeliest token, at most `most` tokens."""
    order = sorted(range(len(talks)), key=lambda n: sum(len(m.content) for m in talks[n]))
    said: dict[int, str] = {}
    for start in range(0, len(order), BATCH_TALKS):
        batch = order[start : start + BATCH_TALKS]
        said.update(zip(batch, _reply(model, tokenizer, [talks[n] for n in batch], most), strict=True))
    return [said[n] for n in range(len(talks))]


def _reply(model: Any, tokenizer: Any, talks: Sequence[Sequence[Message]], most: int) -> list[str]:
    import torch

    given = tokenizer.apply_chat_template(
        [[asdict(message) for message in talk] for talk in talks],
        add_generation_prompt=True, return_dict=True, return_tensors="pt", padding=True,
        tokenizer_kwargs={"padding_side": "left"},
    )  # fmt: skip
    given = {name: given[name].to(model.device) for name in ("input_ids", "attention_mask")}
    stops = sorted({tokenizer.eos_token_id, tokenizer.convert_tokens_to_ids("<|eot_id|>")} - {None})
    with torch.inference_mode():
        made = model.generate(
            **given, max_new_tokens=most, do_sample=False, temperature=None, top_p=None, repetition_penalty=1.0,
            eos_token_id=stops, pad_token_id=tokenizer.pad_token_id,
        )  # fmt: skip
    fresh = made[:, given["input_ids"].shape[1] :]
    return [text.strip() for text in tokenizer.batch_decode(fresh, skip_special_tokens=True)]


def longest_shared_run(text: str, other: str) -> int:
    """The most words in a row that both texts have, letter case aside."""
    from difflib import SequenceMatcher

    first, second = text.casefold().split(), other.casefold().split()
    return SequenceMatcher(None, first, second, autojunk=False).find_longest_match().size


def _batches(order: Sequence[int], rows: Sequence[Row]) -> list[list[int]]:
    batches: list[list[int]] = [[]]
    for n in order:  # ascending length, so the newest is the widest
        if batches[-1] and (len(batches[-1]) + 1) * len(rows[n].ids) > BATCH_TOKENS:
            batches.append([])
        batches[-1].append(n)
    return [batch for batch in batches if batch]


def _padded(rows: Sequence[Sequence[int]], filler: int, device: Any) -> Any:
    import torch

    width = max(len(row) for row in rows)
    return torch.tensor([[*row, *[filler] * (width - len(row))] for row in rows], device=device)
