"""A real tiny Llama, exports and corpora written by rule and marked synthetic."""

import hashlib
import random
from pathlib import Path

import pytest

from data.corpora.splits import question_hash
from data.corpora.store import write_corpus
from data.exports import Pair, write_export
from data.records import Example, Message
from data.settings import load_settings
from finetune.config import Recipe
from finetune.mixture import Inputs
from finetune.runs import create_run

FEELINGS = ["tired", "lonely", "worried", "restless", "sad", "tense", "numb", "overwhelmed"]
PLACES = ["at work", "at home", "before exams", "on Sundays", "in the evening", "after calls", "in the morning"]
PEOPLE = ["my sister", "my manager", "a friend", "my neighbour", "my father", "nobody", "my team"]


def talks(count: int, seed: int = 0) -> list[tuple[str, str]]:
    rng = random.Random(seed)
    said = []
    for number in range(count):
        feeling, place, person = rng.choice(FEELINGS), rng.choice(PLACES), rng.choice(PEOPLE)
        question = f"I feel {feeling} {place} and {person} does not see it, number {number}."
        reply = f"Feeling {feeling} {place} sounds heavy. What happens when you tell {person} about it?"
        said.append((question, reply))
    return said


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two layers of random weights, a byte-level BPE and Llama 3's chat template with generation marks."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from finetune.starter.tokenizer import build_tokenizer

    tokenizer = build_tokenizer([text for pair in talks(200) for text in pair], 400)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=64, intermediate_size=128, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=512, tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("base")
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def settings(tmp_path: Path, base: Path):
    return load_settings(_env_file=None, var_dir=tmp_path / "var", model_id=str(base), contact="test@example.org")


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "corpus"
    examples = [
        Example((Message("user", q), Message("assistant", a)), "amod", row, question_hash(q))
        for row, (q, a) in enumerate(talks(120))
    ]
    write_corpus(folder, examples, {"created": "2026-11-24", "sources": []})
    return folder


def pair(number: int, question: str, reply: str, **changes) -> Pair:
    values = {
        "messages": (Message("user", question), Message("assistant", reply)),
        "response_id": f"response-{number}",
        "group": hashlib.sha256(f"session-{number}".encode()).hexdigest()[:16],
        "decision": "approved",
        "shown": "",
        "level": "R0",
        "rubric_version": "1",
        "reviews": 2,
        "solo": False,
        "flagged": False,
        "synthetic": True,
        "model": "tiny",
        "adapter": "",
        "decided_at": "2026-11-24T12:00:00+00:00",
    }
    return Pair(**{**values, **changes})


@pytest.fixture
def export(tmp_path: Path) -> Path:
    folder = tmp_path / "export"
    pairs = [pair(n, q, a) for n, (q, a) in enumerate(talks(40, seed=1))]
    write_export(folder, pairs, {"created_at": "2026-11-24", "by": "test", "excluded": {}, "rubric_versions": {}})
    return folder


RECIPE = Recipe(
    learning_rate=3e-3, batch_size=8, epochs=2, max_steps=12, lora_rank=4, lora_alpha=8, lora_dropout=0.1,
    max_length=256, precision="fp32", checkpoint_steps=4, log_steps=2, validation_share=0.2, corpus_rows=60,
)  # fmt: skip


@pytest.fixture
def make_run(settings, export, corpus, now):
    def make(name: str = "first", recipe: Recipe = RECIPE, inputs: Inputs | None = None):
        return create_run(settings, recipe, inputs or Inputs((export,), (corpus,)), now, name)

    return make
