"""Write a trained starter as a folder that transformers loads, with its card."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from finetune.starter.tokenizer import heard_ids

WEIGHTS = Path(__file__).parent / "weights"
LIMIT_MIB = 32

CARD = """---
license: mit
language: en
library_name: transformers
pipeline_tag: text-generation
tags: [demonstration, llama, chat]
---
# Countersign starter

A demonstration model of {millions:.1f} million parameters, trained from random weights on dialogues composed from
fragments that were written for this project. It lets the whole circle (chat, review, fine-tune, serve) be tried
without a download. **It is not for real use**: it knows very little, it is no therapist and no person, it cannot
recognise a crisis (rules outside the model do that), and no clinician has reviewed its corpus or its answers.
What its replies are worth stands in `docs/starter.md`.

- Shape: `LlamaForCausalLM`, {layers} layers of width {width}, byte-level BPE of {vocabulary}, context {context},
  Llama 3's chat template and special tokens. No code or weight of Llama 3 is in it.
- Training: {steps} steps, {tokens:.1f} million tokens, no system prompt; serve it without one. English only.
- {read}
- Made by `python -m finetune starter build`; figures and sample replies are in `docs/starter.md`.
"""


READ = """Opening questions of real people, from the public data sets that README names, were read and never predicted: the
  replies to them were composed from our fragments. Without them it answers people less well ("Trials" in the report)."""
UNREAD = "No words of real people were read."


def save_weights(model: Any, tokenizer: Any, folder: Path, state: Mapping[str, Any], asked: bool) -> None:
    """bf16 weights, tokenizer with its template, sampling defaults and card; `asked`: real questions were read."""
    import copy

    import torch
    from transformers import GenerationConfig

    folder.mkdir(parents=True, exist_ok=True)
    names = set(heard_ids(tokenizer))
    shipped: Any = copy.deepcopy(model).to("cpu", torch.bfloat16)
    shipped.generation_config = GenerationConfig(
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        do_sample=True,
        temperature=0.6,
        top_p=0.9,
        repetition_penalty=1.05,
        max_new_tokens=200,
        # A reply begins with what was heard, which is never shown.
        begin_suppress_tokens=[i for i in range(len(tokenizer)) if i not in names] if names else None,
    )
    # Tells the chat to ask without a system prompt, wherever the folder lies.
    shipped.config.countersign_starter = True
    shipped.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    config = shipped.config
    card = CARD.format(
        millions=sum(p.numel() for p in shipped.parameters()) / 1e6,
        layers=config.num_hidden_layers,
        width=config.hidden_size,
        vocabulary=config.vocab_size,
        context=config.max_position_embeddings,
        steps=state["step"],
        tokens=state["tokens"] / 1e6,
        read=READ if asked else UNREAD,
    )
    (folder / "README.md").write_text(card, encoding="utf-8")
