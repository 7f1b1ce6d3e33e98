"""Measure a finished starter and write `docs/starter.md`."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from finetune.starter.corpus import Dialogue, generate, read_dialogues, replies
from finetune.starter.marking import tally
from finetune.starter.prompts import FRESH, read_test_questions

REMARKS = Path(__file__).parent / "remarks.md"  # what a reader of the samples found; written by hand
CONTACT = re.compile(r"https?://|www\.|\b\S+@\S+\.\w+|\d[\d ()-]{5,}\d|\b\d{3,}\b")
SHOWN = 20  # of each kind
SAMPLED = 200


@dataclass(frozen=True)
class Figures:
    """Losses are nats per reply token; shares are of the sampled replies to held-out openings."""

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


def write_report(work: Path, weights: Path, page: Path, seed: int, corpus: Path | None = None) -> Figures:
    """`corpus` is a prepared corpus, for real people's test questions; without it that part is left out."""
    import torch

    from finetune.starter.train import read_state

    torch.manual_seed(seed)
    model, tokenizer = load(weights)
    test, trained = read_dialogues(work / "test.jsonl"), read_dialogues(work / "train.jsonl")
    openings = list(dict.fromkeys(d[0].content for d in test))[:SAMPLED]
    figures, texts = measure(model, tokenizer, openings, test, trained, seed)
    groups = [
        (
            "Replies to held-out templates",
            [*zip(openings, texts, strict=True)][:: max(1, len(texts) // SHOWN)][:SHOWN],
        ),
        (
            "Replies to messages written freshly, in another voice",
            list(answers_to(model, tokenizer, {p: p for p in FRESH}).items()),
        ),
    ]
    if corpus is not None:
        asked = dict(list(read_test_questions(corpus).items())[:SHOWN])
        groups.append(
            ("Replies to opening questions of real people", list(answers_to(model, tokenizer, asked).items()))
        )
    page.parent.mkdir(parents=True, exist_ok=True)
    parameters = sum(p.numel() for p in model.parameters())
    page.write_text(_page(figures, read_state(work), parameters, groups), encoding="utf-8")
    return figures


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
        loss_seen=reply_loss(model, tokenizer, generate(seed + 1000, 200)),
        loss_unseen=reply_loss(model, tokenizer, test[:200]),
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


def reply_loss(model: Any, tokenizer: Any, dialogues: Sequence[Dialogue]) -> float:
    """Mean negative log-likelihood of the tokens of replies, their end tokens included."""
    import torch

    total, count = 0.0, 0
    for dialogue in dialogues:
        row = tokenizer.apply_chat_template(
            [asdict(m) for m in dialogue], return_assistant_tokens_mask=True, return_dict=True
        )
        ids, mask = torch.tensor([row["input_ids"]]), torch.tensor(row["assistant_masks"]).bool()
        with torch.inference_mode():
            scores = model(input_ids=ids, use_cache=False).logits[0, :-1].float().log_softmax(-1)
        chosen = scores.gather(1, ids[0, 1:, None])[:, 0][mask[1:]]
        total, count = total - float(chosen.sum()), count + len(chosen)
    return total / count


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


def _page(
    figures: Figures, state: dict, parameters: int, groups: Sequence[tuple[str, Sequence[tuple[str, str]]]]
) -> str:
    shown = "".join(
        f"## {title}\n\n" + "".join(f"> {prompt}\n\n{reply}\n\n" for prompt, reply in samples)
        for title, samples in groups
    )
    seen, unseen = figures.loss_seen, figures.loss_unseen
    return (
        f"""# The starter model

A demonstration model. Its corpus and its replies have been reviewed by no clinician; it is not for real use. Written by
`python -m finetune starter report`, remarks by hand. Real people's questions stand as the first twelve digits of their hash.

| | |
|---|---|
| parameters | {parameters:,} |
| training steps, tokens seen | {state["step"]:,}, {state["tokens"]:,} |
| training speed | {state["tokens"] / state["seconds"]:.0f} tokens/s |
| loss on replies, templates seen (new dialogues) | {seen:.3f} (perplexity {math.exp(seen):.2f}) |
| loss on replies, templates held out | {unseen:.3f} (perplexity {math.exp(unseen):.2f}) |
| replies sampled, to held-out openings | {figures.replies} |
| ended by itself | {figures.ended:.0%} |
| mean length | {figures.mean_words:.0f} words |
| with a question | {figures.question:.0%} |
| distinct-1, distinct-2, distinct-3 | {figures.distinct_1:.3f}, {figures.distinct_2:.3f}, {figures.distinct_3:.3f} |
| verbatim training replies | {figures.verbatim:.0%} |
| four words twice in a reply | {figures.repeated:.0%} |
| phone numbers, addresses or URLs | {figures.contacts} |

{tally()}{REMARKS.read_text(encoding="utf-8")}
{shown}""".rstrip()
        + "\n"
    )
