"""Measure a finished starter and write `docs/starter.md`."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from finetune.starter.corpus import read_dialogues
from finetune.starter.marking import tally
from finetune.starter.measures import SAMPLED, Figures, answers_to, load, measure, memorised
from finetune.starter.prompts import FRESH, read_test_questions
from finetune.starter.trials import table

REMARKS = Path(__file__).parent / "remarks.md"  # what a reader of the samples found; written by hand
SHOWN = 20  # of each kind


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
    memory = ""
    if corpus is not None:
        memory = _memory(model, tokenizer, corpus)
        asked = dict(list(read_test_questions(corpus).items())[:SHOWN])
        groups.append(
            ("Replies to opening questions of real people", list(answers_to(model, tokenizer, asked).items()))
        )
    page.parent.mkdir(parents=True, exist_ok=True)
    parameters = sum(p.numel() for p in model.parameters())
    page.write_text(_page(figures, read_state(work), parameters, memory, groups), encoding="utf-8")
    return figures


def _memory(model: Any, tokenizer: Any, corpus: Path) -> str:
    """Rows of the table: whether real questions that were read come out again."""
    from finetune.starter.questions import read_questions

    read = sorted(read_questions(corpus).values())[:SAMPLED]
    replied, continued = memorised(model, tokenizer, read)
    return (
        f"| replies that recite a real question (8 words in a row), to {len(read)} that were read | {replied} |\n"
        f"| halves of them, continued as they were | {continued} |\n"
    )


def _page(
    figures: Figures,
    state: dict,
    parameters: int,
    memory: str,
    groups: Sequence[tuple[str, Sequence[tuple[str, str]]]],
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
| read: of ten openings, the right one makes a reply likeliest | {figures.read:.0%} |
{memory}
{table()}{tally()}{REMARKS.read_text(encoding="utf-8")}
{shown}""".rstrip()
        + "\n"
    )
