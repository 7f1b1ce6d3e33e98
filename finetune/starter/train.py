"""The recipe of the starter model, readable top to bottom: random weights, whole dialogues, one pass, AdamW.

Every token has a weight in the loss. The visitors' words count a little: the model starts from random weights, and they
are half of the language it ever sees. The first words of a reply count most: they say what the reply is about, and the
rest follows from them, so that without it most of the loss is spent on what any reply would do. Real people's
questions are read and never predicted. Later fine-tunes of it, like those of any chat model, train on replies alone.
"""

import json
import math
import os
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from finetune.starter.corpus import Dialogue
from finetune.starter.tokenizer import CONTEXT

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Recipe:
    """`batch_tokens` counts padding. One step is one batch; data are read again in a new order if steps need it."""

    layers: int = 8
    width: int = 256
    heads: int = 4
    feed_forward: int = 640
    steps: int = 13000
    # A million tokens in batches of 1,024 gave a loss of 3.27; in batches of 4,096, at twice the rate, of 3.74.
    batch_tokens: int = 1024
    learning_rate: float = 1e-3
    warmup_steps: int = 300
    weight_decay: float = 0.1
    clip: float = 1.0
    said_weight: float = 0.3  # of visitors' tokens in the loss; a reply's token is 1
    first_weight: float = 3.0  # of the first tokens of a reply
    first_tokens: int = 16
    seed: int = 1
    checkpoint_minutes: float = 5.0
    checkpoint_steps: int = 0  # besides the minutes; 0 is never


def new_model(recipe: Recipe, tokenizer: Any) -> Any:
    """Random weights from the recipe's seed; embeddings tied."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(recipe.seed)
    config: Any = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=recipe.width,
        intermediate_size=recipe.feed_forward,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.heads,
        num_key_value_heads=recipe.heads,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return LlamaForCausalLM(config)


class Row(NamedTuple):
    """Token ids of a dialogue, and what each counts in the loss."""

    ids: list[int]
    weights: list[float]


def encode(
    tokenizer: Any, dialogues: Sequence[Dialogue], recipe: Recipe, replies_only: bool = False
) -> list[Row]:
    said = 0.0 if replies_only else recipe.said_weight
    rows = []
    for dialogue in dialogues:
        chat = [asdict(message) for message in dialogue]
        row = tokenizer.apply_chat_template(chat, return_assistant_tokens_mask=True, return_dict=True)
        weights, place = [], 0
        for replied in row["assistant_masks"]:
            place = place + 1 if replied else 0
            weights.append(
                said if not replied else recipe.first_weight if place <= recipe.first_tokens else 1.0
            )
        rows.append(Row(row["input_ids"][:CONTEXT], weights[:CONTEXT]))
    return rows


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


def learning_rate(step: int, recipe: Recipe) -> float:
    """Linear warm-up, flat, then a half cosine to a twentieth over the last two fifths.

    Flat in the middle, so that a run may be made longer or shorter at a checkpoint by giving another `steps`.
    """
    if step < recipe.warmup_steps:
        return recipe.learning_rate * (step + 1) / recipe.warmup_steps
    falling = max(0.0, (step - 0.6 * recipe.steps) / (0.4 * recipe.steps))
    return recipe.learning_rate * (0.05 + 0.475 * (1 + math.cos(math.pi * min(1.0, falling))))


def train(recipe: Recipe, tokenizer: Any, rows: Sequence[Row], folder: Path) -> Any:
    """Train, or go on from `folder/checkpoint.pt`. History (step, loss, tokens, seconds) goes to `history.jsonl`."""
    import torch
    from tqdm import tqdm

    keep_freed_memory()
    folder.mkdir(parents=True, exist_ok=True)
    model = new_model(recipe, tokenizer)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model.to(device).train()
    optimizer = torch.optim.AdamW(
        _groups(model, recipe), lr=recipe.learning_rate, betas=(0.9, 0.95), fused=True
    )
    state = _resume(folder, recipe, model, optimizer)
    saved = time.monotonic()
    stream = batches([len(row.ids) for row in rows], recipe)
    for _ in range(state["step"]):
        next(stream)
    bar = tqdm(total=recipe.steps, initial=state["step"], desc="starter", mininterval=2)
    while state["step"] < recipe.steps:
        began = time.monotonic()
        chosen = [rows[i] for i in next(stream)]
        ids = _padded([row.ids for row in chosen], tokenizer.pad_token_id).to(device)
        weights = _padded([row.weights for row in chosen], 0.0).to(device)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(state["step"], recipe)
        loss = _step(model, optimizer, ids, weights, recipe.clip)
        tokens = sum(len(row.ids) for row in chosen)
        state["step"] += 1
        state["tokens"] += tokens
        state["seconds"] += time.monotonic() - began
        state["history"].append((state["step"], round(loss, 6), state["tokens"], round(state["seconds"], 2)))
        bar.set_postfix(
            loss=f"{loss:.3f}", tokens_s=f"{state['tokens'] / state['seconds']:.0f}", refresh=False
        )
        bar.update()
        due = time.monotonic() - saved > recipe.checkpoint_minutes * 60
        if due or (recipe.checkpoint_steps and state["step"] % recipe.checkpoint_steps == 0):
            _save(folder, recipe, model, optimizer, state)
            saved = time.monotonic()
    bar.close()
    _save(folder, recipe, model, optimizer, state)
    return model


def _step(
    model: Any, optimizer: "torch.optim.Optimizer", ids: "torch.Tensor", weights: "torch.Tensor", clip: float
) -> float:
    """One update. Padding stands on the right, so that causal attention needs no mask."""
    import torch

    with torch.autocast(ids.device.type, torch.bfloat16, enabled=has_fast_bf16()):
        logits = model(input_ids=ids[:, :-1], use_cache=False).logits
    losses = torch.nn.functional.cross_entropy(
        logits.float().flatten(0, 1), ids[:, 1:].flatten(), reduction="none"
    )
    counted = weights[:, 1:].flatten()
    loss = (losses * counted).sum() / counted.sum()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return loss.item()


def keep_freed_memory() -> None:
    """Ask glibc to keep what is freed: at every step the same large blocks are asked for again, and having the kernel
    clear them anew costs more than small layers do (of its page faults, a tenth is left)."""
    import ctypes

    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        trim, mmap = -1, -3  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of malloc.h
        for setting in (trim, mmap):
            libc.mallopt(setting, 2**31 - 1)


def has_fast_bf16() -> bool:
    """On a GPU, or on a CPU with the avx512_bf16 instructions; elsewhere bf16 is slower than fp32."""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported()
    info = Path("/proc/cpuinfo")
    return info.exists() and "avx512_bf16" in info.read_text()


def read_state(folder: Path) -> dict[str, Any]:
    """Step, tokens, seconds and history of the last checkpoint."""
    import torch

    return torch.load(folder / "checkpoint.pt", map_location="cpu", weights_only=True)["state"]


def load_checkpoint(folder: Path, tokenizer: Any) -> tuple[Any, dict[str, Any]]:
    import torch

    stored = torch.load(folder / "checkpoint.pt", map_location="cpu", weights_only=True)
    model = new_model(Recipe(**stored["recipe"]), tokenizer)
    model.load_state_dict(stored["model"])
    return model, stored["state"]


def _groups(model: Any, recipe: Recipe) -> list[dict[str, Any]]:
    """Weight decay on matrices only."""
    parameters = list(model.parameters())
    return [
        {"params": [p for p in parameters if p.dim() > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in parameters if p.dim() == 1], "weight_decay": 0.0},
    ]


def _padded(rows: Sequence[Sequence[float]], pad: float) -> "torch.Tensor":
    import torch

    width = max(len(row) for row in rows)
    return torch.tensor([list(row) + [pad] * (width - len(row)) for row in rows])


def _save(
    folder: Path, recipe: Recipe, model: Any, optimizer: "torch.optim.Optimizer", state: dict[str, Any]
) -> None:
    """Written beside and moved into place, so that a kill leaves the old checkpoint or the new one."""
    import torch

    beside = folder / "checkpoint.part"
    content = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "state": state}
    torch.save(content | {"recipe": asdict(recipe)}, beside)
    os.replace(beside, folder / "checkpoint.pt")
    lines = [json.dumps(row) for row in state["history"]]
    (folder / "history.jsonl").write_text("\n".join(lines) + "\n")


def _resume(folder: Path, recipe: Recipe, model: Any, optimizer: "torch.optim.Optimizer") -> dict[str, Any]:
    """The state to start from. A checkpoint of another recipe (`steps` apart) is left alone and refused."""
    import torch

    from data.errors import Conflict

    path = folder / "checkpoint.pt"
    if not path.exists():
        return {"step": 0, "tokens": 0, "seconds": 0.0, "history": []}
    stored = torch.load(path, map_location="cpu", weights_only=True)
    if stored["recipe"] | {"steps": recipe.steps} != asdict(recipe):
        raise Conflict(f"{path} was made by another recipe: give another --work folder or remove it")
    model.load_state_dict(stored["model"])
    optimizer.load_state_dict(stored["optimizer"])
    return stored["state"]
