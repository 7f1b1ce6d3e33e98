"""Measure a finished starter on held-out templates and write `docs/starter.md`."""

import math
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from finetune.starter.corpus import Dialogue, generate, read_dialogues, replies

REMARKS = Path(__file__).parent / "remarks.md"  # what a reader of the samples found; written by hand
CONTACT = re.compile(r"https?://|www\.|\b\S+@\S+\.\w+|\d[\d ()-]{5,}\d|\b\d{3,}\b")
# Written freshly, in words that no template has.
FRESH = (
    "ugh, Mondays. My supervisor humiliated me during the stand-up again",
    "My granny's funeral was on Friday and the house smells of her still",
    "can't breathe properly when the tube is packed, heart going mad",
    "We argue about dishes, in-laws, everything, my wife barely looks at me",
    "Moved to Leeds for uni and honestly I eat dinner alone every night",
    "What's the deal with cognitive behavioural therapy, does it actually work",
    "Is it fine to skip my antidepressants on weekends?",
    "hey robot, do you ever get sad",
    "I keep feeling like I'm not inside my own skin, like I'm a film",
    "My little one is four and bites, nursery phoned again",
    "I'm 58, made redundant after 30 years, and feel like scrap",
    "Write a haiku about turtles",
)
HELD_OUT_SAMPLES = 8


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
    verbatim: float
    question: float
    contacts: int


def write_report(work: Path, weights: Path, page: Path, seed: int) -> Figures:
    import torch
    from transformers import AutoModelForCausalLM

    from finetune.starter.tokenizer import load_tokenizer
    from finetune.starter.train import read_state

    torch.manual_seed(seed)
    tokenizer = load_tokenizer(weights)
    model: Any = AutoModelForCausalLM.from_pretrained(weights, dtype=torch.float32).eval()
    test, trained = read_dialogues(work / "test.jsonl"), read_dialogues(work / "train.jsonl")
    openings = list(dict.fromkeys(d[0].content for d in test))[:60]
    answers = [answer(model, tokenizer, [{"role": "user", "content": o}]) for o in openings]
    texts = [text for text, _ in answers]
    figures = Figures(
        loss_seen=reply_loss(model, tokenizer, generate(seed + 1000, 200)),
        loss_unseen=reply_loss(model, tokenizer, test[:200]),
        replies=len(texts),
        ended=sum(ended for _, ended in answers) / len(answers),
        mean_words=sum(len(t.split()) for t in texts) / len(texts),
        distinct_1=distinct(texts, 1),
        distinct_2=distinct(texts, 2),
        verbatim=len([t for t in texts if t in set(replies(trained))]) / len(texts),
        question=sum("?" in t for t in texts) / len(texts),
        contacts=sum(bool(CONTACT.search(t)) for t in texts),
    )
    samples = [*zip(openings, texts, strict=True)][:: max(1, len(texts) // HELD_OUT_SAMPLES)][
        :HELD_OUT_SAMPLES
    ]
    fresh = [(p, answer(model, tokenizer, [{"role": "user", "content": p}])[0]) for p in FRESH]
    page.parent.mkdir(parents=True, exist_ok=True)
    state = read_state(work)
    parameters = sum(p.numel() for p in model.parameters())
    page.write_text(_page(figures, state, parameters, samples, fresh), encoding="utf-8")
    return figures


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


def _page(
    figures: Figures,
    state: dict,
    parameters: int,
    samples: Sequence[tuple[str, str]],
    fresh: Sequence[tuple[str, str]],
) -> str:
    said = ["".join(f"> {p}\n\n{r}\n\n" for p, r in group) for group in (samples, fresh)]
    return (
        f"""# The starter model

An interim demonstration model. Its corpus and its replies have been reviewed by no clinician; it is not for real
use. Written by `python -m finetune starter report`, remarks by hand.

| | |
|---|---|
| parameters | {parameters:,} |
| training steps, tokens seen | {state["step"]:,}, {state["tokens"]:,} |
| training speed | {state["tokens"] / state["seconds"]:.0f} tokens/s on a shared machine |
| loss on replies, templates seen (new dialogues) | {figures.loss_seen:.3f} (perplexity {math.exp(figures.loss_seen):.2f}) |
| loss on replies, templates held out | {figures.loss_unseen:.3f} (perplexity {math.exp(figures.loss_unseen):.2f}) |
| replies sampled, to held-out openings | {figures.replies} |
| ended by itself | {figures.ended:.0%} |
| mean length | {figures.mean_words:.0f} words |
| with a question | {figures.question:.0%} |
| distinct-1, distinct-2 | {figures.distinct_1:.3f}, {figures.distinct_2:.3f} |
| verbatim training replies | {figures.verbatim:.0%} |
| phone numbers, addresses or URLs | {figures.contacts} |

{REMARKS.read_text(encoding="utf-8")}
## Replies to held-out templates

{said[0]}## Replies to messages written freshly, in another voice

{said[1]}""".rstrip()
        + "\n"
    )
