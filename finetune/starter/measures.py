"""What a starter model can do, measured: losses, sampled replies, whether it reads, whether it recites."""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from data.records import Example, Message
from finetune.encode import encode
from finetune.measure import Loss, mean_loss, reply_losses
from finetune.starter.corpus import Dialogue, generate, replies
from finetune.starter.tokenizer import CONTEXT

CONTACT = re.compile(r"https?://|www\.|\b\S+@\S+\.\w+|\d[\d ()-]{5,}\d|\b\d{3,}\b")
SAMPLED = 200
RIVALS = 9
RECITED = 8  # words in a row of what was read; fewer are met by chance


@dataclass(frozen=True)
class Figures:
    """Losses are nats per reply token; shares are of the sampled replies to held-out openings; `read` is `reading`'s."""

    loss_seen: float
    loss_unseen: float
    replies: int
    ended: float
    mean_words: float
    distinct_1: float
    distinct_2: float
    distinct_3: float
    verbatim: float
    question: float
    repeated: float
    contacts: int
    read: float


def load(weights: Path) -> tuple[Any, Any]:
    import torch
    from transformers import AutoModelForCausalLM

    from finetune.starter.tokenizer import load_tokenizer

    return AutoModelForCausalLM.from_pretrained(weights, dtype=torch.float32).eval(), load_tokenizer(weights)


def measure(
    model: Any,
    tokenizer: Any,
    openings: Sequence[str],
    test: Sequence[Dialogue],
    trained: Sequence[Dialogue],
    seed: int,
) -> tuple[Figures, list[str]]:
    answers = [answer(model, tokenizer, [{"role": "user", "content": o}]) for o in openings]
    texts, known = [text for text, _ in answers], set(replies(trained))
    count = len(texts)
    return Figures(
        **losses(model, tokenizer, test, seed),
        replies=count,
        ended=sum(ended for _, ended in answers) / count,
        mean_words=sum(len(t.split()) for t in texts) / count,
        distinct_1=distinct(texts, 1),
        distinct_2=distinct(texts, 2),
        distinct_3=distinct(texts, 3),
        verbatim=sum(t in known for t in texts) / count,
        question=sum("?" in t for t in texts) / count,
        repeated=sum(repeats(t) for t in texts) / count,
        contacts=sum(bool(CONTACT.search(t)) for t in texts),
    ), texts


def answers_to(model: Any, tokenizer: Any, prompts: Mapping[str, str]) -> dict[str, str]:
    return {
        name: answer(model, tokenizer, [{"role": "user", "content": said}])[0]
        for name, said in prompts.items()
    }


def converse(model: Any, tokenizer: Any, said: Sequence[str]) -> list[Message]:
    """The visitor's messages, each with the reply to all before it."""
    talk: list[Message] = []
    for message in said:
        talk.append(Message("user", message))
        talk.append(Message("assistant", answer(model, tokenizer, [asdict(m) for m in talk])[0]))
    return talk


def answer(model: Any, tokenizer: Any, messages: Sequence[dict[str, str]]) -> tuple[str, bool]:
    """A reply sampled with the folder's own defaults, and whether it ended by itself."""
    import torch

    prompt = tokenizer.apply_chat_template(
        list(messages), add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    with torch.inference_mode():
        ids = model.generate(**prompt)[0, prompt["input_ids"].shape[1] :]
    text = tokenizer.decode(ids, skip_special_tokens=True).strip()
    return text, int(ids[-1]) == tokenizer.eos_token_id


def _reply_losses(model: Any, tokenizer: Any, dialogues: Sequence[Dialogue]) -> list[Loss]:
    """Of every reply of each dialogue, its end tokens included."""
    examples = [Example(tuple(d), "starter", n, str(n)) for n, d in enumerate(dialogues)]
    return reply_losses(model, encode(tokenizer, examples, CONTEXT), tokenizer.pad_token_id)


def distinct(texts: Sequence[str], size: int) -> float:
    """Different word n-grams over all word n-grams."""
    words = [text.lower().split() for text in texts]
    grams = [tuple(w[i : i + size]) for w in words for i in range(len(w) - size + 1)]
    return len(set(grams)) / max(1, len(grams))


def repeats(text: str) -> bool:
    """Whether four words come twice in the same order within one reply."""
    words = text.lower().split()
    grams = [tuple(words[i : i + 4]) for i in range(len(words) - 3)]
    return len(set(grams)) < len(grams)


def trial_figures(
    model: Any, tokenizer: Any, test: Sequence[Dialogue], state: Mapping[str, Any], seed: int
) -> dict[str, float]:
    return {
        "parameters": sum(p.numel() for p in model.parameters()),
        "tokens": state["tokens"],
        "tokens_per_second": state["tokens"] / state["seconds"],
        **losses(model, tokenizer, test, seed),
    }


def losses(model: Any, tokenizer: Any, test: Sequence[Dialogue], seed: int) -> dict[str, float]:
    """The figures that need no sampling: nats per reply token, and `reading`."""
    return {
        "loss_seen": mean_loss(_reply_losses(model, tokenizer, generate(seed + 1000, SAMPLED))),
        "loss_unseen": mean_loss(_reply_losses(model, tokenizer, test[:SAMPLED])),
        "read": reading(model, tokenizer, test, seed),
    }


def reading(model: Any, tokenizer: Any, test: Sequence[Dialogue], seed: int) -> float:
    """How often, of ten openings, the one that a reply was composed for is the one after which it is likeliest.

    The other nine belong to other scenes. One in ten is chance. Losses cannot tell this: most of a reply follows from its
    own first words.
    """
    rng = random.Random(seed)
    firsts = [dialogue[:2] for dialogue in {d[0].content: d for d in test}.values()][:SAMPLED]
    right = 0
    for said, reply in firsts:
        others = [other for other, answered in firsts if not _same_scene(answered, reply)]
        rivals = [said, *rng.sample(others, min(RIVALS, len(others)))]
        nats = [one.nats for one in _reply_losses(model, tokenizer, [(r, reply) for r in rivals])]
        right += nats.index(min(nats)) == 0
    return right / len(firsts)


def _same_scene(one: Message, other: Message) -> bool:
    return getattr(one, "heard", one) == getattr(other, "heard", other)


def memorised(model: Any, tokenizer: Any, read: Sequence[str]) -> tuple[int, int]:
    """Of texts that were read in training and never predicted: how many of the replies to them, and of their own second
    halves as the model would go on from the first, recite any of them."""
    answers = answers_to(model, tokenizer, {text: text for text in read})
    halves = [text.split() for text in read]
    continued = [_continued(model, tokenizer, " ".join(words[: len(words) // 2])) for words in halves]
    rests = [" ".join(words[len(words) // 2 :]) for words in halves]
    return recited(list(answers.values()), read), sum(
        recited([went_on], [rest]) for went_on, rest in zip(continued, rests, strict=True)
    )


def _continued(model: Any, tokenizer: Any, said: str) -> str:
    """What a visitor's unfinished message would go on with, greedily, where memory shows first."""
    import torch

    opened = tokenizer.apply_chat_template([{"role": "user", "content": said}], return_dict=True)[
        "input_ids"
    ][:-1]
    prompt = torch.tensor([opened])
    with torch.inference_mode():
        ids = model.generate(
            input_ids=prompt, attention_mask=torch.ones_like(prompt), do_sample=False, max_new_tokens=60
        )
    return str(tokenizer.decode(ids[0, len(opened) :], skip_special_tokens=True))


def recited(texts: Sequence[str], read: Sequence[str]) -> int:
    """How many of `texts` have eight words in a row that stand in one of `read`."""
    known = {run for text in read for run in _runs(text)}
    return sum(not known.isdisjoint(_runs(text)) for text in texts)


def _runs(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"[a-z']+", text.lower())
    return {tuple(words[i : i + RECITED]) for i in range(len(words) - RECITED + 1)}
