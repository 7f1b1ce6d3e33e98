"""The recipe of the starter model, readable top to bottom: random weights, whole dialogues, Muon beside AdamW.

Every token has a weight in the loss. The visitors' words count a little: the model starts from random weights, and they
are half of the language it ever sees. The first words of a reply count most: they say what the reply is about, and the
rest follows from them, so that without it most of the loss is spent on what any reply would do.

For the same reason reading is taught by itself. The embeddings begin with what words are about (`words.py`); a second
head, thrown away after training, must tell half-way up the layers, where a reply begins, which acknowledgement it was
composed from; and some of the visitors' words are blanked, so that no single one is relied on. Real people's questions
are read and never predicted. Later fine-tunes of it, like those of any chat model, train on replies alone.
"""

import json
import math
import os
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finetune.starter.rows import NONE, Recipe, Row, batches
from finetune.starter.tokenizer import CONTEXT, SPECIAL, heard_ids
from finetune.starter.words import Words, learn_words

if TYPE_CHECKING:
    import torch


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
    # On a CPU plain matrix products are faster, over dialogues this short, than torch's fused attention (tokens/s 4,881
    # against 4,021).
    config._attn_implementation = "sdpa" if torch.cuda.is_available() else "eager"
    return LlamaForCausalLM(config)


def learning_rate(step: int, recipe: Recipe) -> float:
    """Linear warm-up, flat, then a half cosine to a twentieth over the last two fifths.

    Flat in the middle, so that a run may be made longer or shorter at a checkpoint by giving another `steps`.
    """
    if step < recipe.warmup_steps:
        return recipe.learning_rate * (step + 1) / recipe.warmup_steps
    falling = max(0.0, (step - 0.6 * recipe.steps) / (0.4 * recipe.steps))
    return recipe.learning_rate * (0.05 + 0.475 * (1 + math.cos(math.pi * min(1.0, falling))))


def train(recipe: Recipe, tokenizer: Any, rows: Sequence[Row], folder: Path, compiled: bool = False) -> Any:
    """Train, or go on from `folder/checkpoint.pt`.

    `history.jsonl` has a line for each step: its number, loss, tokens and seconds so far, the second head's loss.

    `compiled` is a fifth faster after a minute; torch then needs a C++ compiler.
    """
    import torch
    from tqdm import tqdm

    keep_freed_memory()
    folder.mkdir(parents=True, exist_ok=True)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    heard = 1 + max((0, *(n for row in rows for n in row.heard)))
    learner = _Learner(recipe, tokenizer, heard, device)
    state = learner.resume(folder)
    if state["step"] == 0 and recipe.words_epochs and heard > 1:
        learner.start_with(learn_words(recipe, len(tokenizer), heard, rows))
    if compiled:
        learner.forward = torch.compile(learner.model, dynamic=True)
    saved = time.monotonic()
    stream = batches([len(row.ids) for row in rows], recipe)
    for _ in range(state["step"]):
        next(stream)
    bar = tqdm(total=recipe.steps, initial=state["step"], desc="starter", mininterval=2)
    while state["step"] < recipe.steps:
        began = time.monotonic()
        chosen = [rows[i] for i in next(stream)]
        loss, missed = learner.step(chosen, state["step"])
        state["step"] += 1
        state["tokens"] += sum(len(row.ids) for row in chosen)
        state["seconds"] += time.monotonic() - began
        state["history"].append(
            (state["step"], round(loss, 6), state["tokens"], round(state["seconds"], 2), round(missed, 4))
        )
        bar.set_postfix(
            loss=f"{loss:.3f}",
            heard=f"{missed:.2f}",
            tokens_s=f"{state['tokens'] / state['seconds']:.0f}",
            refresh=False,
        )
        bar.update()
        due = time.monotonic() - saved > recipe.checkpoint_minutes * 60
        if due or (recipe.checkpoint_steps and state["step"] % recipe.checkpoint_steps == 0):
            learner.save(folder, state)
            saved = time.monotonic()
    bar.close()
    learner.save(folder, state)
    return learner.model


class _Learner:
    """The model, the head that is thrown away, and what changes them."""

    def __init__(self, recipe: Recipe, tokenizer: Any, heard: int, device: str) -> None:
        import torch

        self.recipe, self.pad, self.device = recipe, tokenizer.pad_token_id, device
        self.model = new_model(recipe, tokenizer).to(device).train()
        self.names = heard_ids(tokenizer)[:heard]
        # What a state stands for, in the space of the words' means, and the reader of those means.
        bridge = torch.nn.Linear(recipe.width, recipe.width, bias=False)
        torch.nn.init.eye_(bridge.weight)
        self.head = torch.nn.Sequential(bridge, torch.nn.Linear(recipe.width, heard)).to(device)
        self.forward: Any = self.model
        matrices = [p for n, p in self.model.named_parameters() if p.dim() == 2 and "embed" not in n]
        ours, table = {id(p) for p in matrices}, self.model.get_input_embeddings().weight
        others = [p for p in (*self.model.parameters(), *self.head.parameters()) if id(p) not in ours]
        # Muon's steps, scaled to the size of AdamW's, for the matrices between; AdamW for embeddings, norms and head.
        self.optimizers: list[torch.optim.Optimizer] = [
            torch.optim.Muon(matrices, weight_decay=recipe.weight_decay, adjust_lr_fn="match_rms_adamw"),
            torch.optim.AdamW(
                [
                    {"params": [table], "weight_decay": recipe.weight_decay, "share": recipe.table_share},
                    {
                        "params": [p for p in others if p.dim() > 1 and p is not table],
                        "weight_decay": recipe.weight_decay,
                    },
                    {"params": [p for p in others if p.dim() == 1], "weight_decay": 0.0},
                ],
                betas=(0.9, 0.95),
                fused=True,
            ),
        ]

    def start_with(self, words: Words) -> None:
        """Begin as that reader: the first layer's attention as the mean of all that was said so far."""
        import torch

        table = self.model.get_input_embeddings().weight.data
        table.copy_(words.table)
        if self.names:  # what is named is what the reader would say: embeddings are tied
            names = words.reader["weight"][: len(self.names)]
            size = words.table.pow(2).mean().sqrt() / names.pow(2).mean(1, keepdim=True).sqrt()
            table[self.names] = size * names
        self.head[1].load_state_dict(words.reader)
        attention = self.model.model.layers[0].self_attn
        torch.nn.init.zeros_(
            attention.q_proj.weight
        )  # alike for every word; the keys stay random, so that it can learn
        torch.nn.init.eye_(attention.v_proj.weight)
        attention.o_proj.weight.data.copy_(self.recipe.mean_share * torch.eye(self.recipe.width))

    def step(self, rows: Sequence[Row], number: int) -> tuple[float, float]:
        """One update, and its losses. Padding stands on the right, so that causal attention needs no mask."""
        import torch

        ids = _padded([row.ids for row in rows], self.pad).to(self.device)
        weights = _padded([row.weights for row in rows], 0.0).to(self.device)[:, 1:].flatten()
        heard = _padded([row.heard for row in rows], NONE).to(self.device)[:, :-1]
        with torch.autocast(self.device, torch.bfloat16, enabled=has_fast_bf16()):
            out = self.forward(
                input_ids=self._blank(ids, rows, number)[:, :-1], use_cache=False, output_hidden_states=True
            )
        losses = torch.nn.functional.cross_entropy(
            out.logits.float().flatten(0, 1), ids[:, 1:].flatten(), reduction="none"
        )
        loss = (losses * weights).sum() / weights.sum()
        known = heard != NONE
        state = out.hidden_states[self.recipe.heard_layer][known].float()
        told = self.head(state / (state.pow(2).mean(1, keepdim=True) + 1e-8).sqrt())
        missed = torch.nn.functional.cross_entropy(told, heard[known]) if known.any() else told.sum()
        (loss + self.recipe.heard_weight * missed).backward()
        torch.nn.utils.clip_grad_norm_([*self.model.parameters(), *self.head.parameters()], self.recipe.clip)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(number, self.recipe) * group.get("share", 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        return loss.item(), missed.item()

    def _blank(self, ids: "torch.Tensor", rows: Sequence[Row], number: int) -> "torch.Tensor":
        """Some of the visitors' words replaced by padding; the template's own tokens stay. By seed and step alone."""
        import torch

        rng = torch.Generator().manual_seed(self.recipe.seed * 1_000_003 + number)
        said = _padded([[weight < 1.0 for weight in row.weights] for row in rows], False)
        share = 2 * self.recipe.blanked * torch.rand(len(rows), 1, generator=rng)
        chosen = said & (torch.rand(said.shape, generator=rng) < share)
        return ids.masked_fill(chosen.to(self.device) & (ids >= len(SPECIAL)), self.pad)

    def save(self, folder: Path, state: dict[str, Any]) -> None:
        """Written beside and moved into place, so that a kill leaves the old checkpoint or the new one."""
        import torch

        beside = folder / "checkpoint.part"
        content = {
            "model": self.model.state_dict(),
            "head": self.head.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "recipe": asdict(self.recipe),
            "state": state,
        }
        torch.save(content, beside)
        os.replace(beside, folder / "checkpoint.pt")
        lines = [json.dumps(row) for row in state["history"]]
        (folder / "history.jsonl").write_text("\n".join(lines) + "\n")

    def resume(self, folder: Path) -> dict[str, Any]:
        """The state to start from. A checkpoint of another recipe (`steps` apart) is left alone and refused."""
        import torch

        from data.errors import Conflict

        path = folder / "checkpoint.pt"
        if not path.exists():
            return {"step": 0, "tokens": 0, "seconds": 0.0, "history": []}
        stored = torch.load(path, map_location="cpu", weights_only=True)
        if stored["recipe"] | {"steps": self.recipe.steps} != asdict(self.recipe):
            raise Conflict(f"{path} was made by another recipe: give another --work folder or remove it")
        self.model.load_state_dict(stored["model"])
        self.head.load_state_dict(stored["head"])
        for optimizer, kept in zip(self.optimizers, stored["optimizers"], strict=True):
            optimizer.load_state_dict(kept)
        return stored["state"]


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


def _padded(rows: Sequence[Sequence[float]], pad: float) -> "torch.Tensor":
    import torch

    width = max(len(row) for row in rows)
    return torch.tensor([list(row) + [pad] * (width - len(row)) for row in rows])
