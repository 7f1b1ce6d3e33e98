"""A real tiny Llama, exports and corpora written by rule, and one run that was really trained and evaluated."""

import shutil
from pathlib import Path

import pytest

from data.corpora.splits import question_hash
from data.corpora.store import write_corpus
from data.exports import write_export
from data.records import Example, Message
from data.settings import Settings, load_settings
from finetune.config import Recipe
from finetune.mixture import Inputs
from finetune.runs import Run, create_run, get_run
from tests.conftest import NOW
from tests.finetune.samples import FACTS, RECIPE, pair, talks


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """As the commands leave it on two cores; a tiny model gains nothing from more, and sums keep their order."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two layers of random weights, a byte-level BPE and Llama 3's chat template with generation marks."""
    return build_base(tmp_path_factory.mktemp("base"))


def build_base(folder: Path, layers: int = 2, seed: int = 0) -> Path:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from finetune.starter.tokenizer import build_tokenizer

    tokenizer = build_tokenizer([text for pair in talks(200) for text in pair], 400)
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=64, intermediate_size=128, num_hidden_layers=layers,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=512, tie_word_embeddings=False,
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def settings_in(folder: Path, base: Path) -> Settings:
    return load_settings(
        _env_file=None, var_dir=folder / "var", model_id=str(base), contact="test@example.org"
    )


def write_sample_corpus(folder: Path) -> Path:
    examples = [
        Example((Message("user", q), Message("assistant", a)), "amod", row, question_hash(q))
        for row, (q, a) in enumerate(talks(120))
    ]
    write_corpus(folder, examples, {"created": "2026-11-24", "sources": []})
    return folder


def write_sample_export(folder: Path) -> Path:
    write_export(folder, [pair(n, q, a) for n, (q, a) in enumerate(talks(40, seed=1))], FACTS)
    return folder


@pytest.fixture
def settings(tmp_path: Path, base: Path) -> Settings:
    return settings_in(tmp_path, base)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    return write_sample_corpus(tmp_path / "corpus")


@pytest.fixture
def export(tmp_path: Path) -> Path:
    return write_sample_export(tmp_path / "export")


@pytest.fixture
def make_run(settings, export, corpus, now):
    def make(name: str = "first", inputs: Inputs | None = None, **changes) -> Run:
        recipe = Recipe(**{**RECIPE.model_dump(), **changes})
        return create_run(settings, recipe, inputs or Inputs((export,), (corpus,)), now, name)

    return make


@pytest.fixture(scope="session")
def evaluated_once(tmp_path_factory: pytest.TempPathFactory, base: Path) -> Path:
    from finetune.evaluate import evaluate
    from finetune.train import train

    folder = tmp_path_factory.mktemp("evaluated")
    inputs = Inputs((write_sample_export(folder / "export"),), (write_sample_corpus(folder / "corpus"),))
    settings = settings_in(folder, base)
    run = create_run(settings, RECIPE, inputs, NOW, "candidate")
    train(run, settings)
    evaluate(run)
    return run.folder


@pytest.fixture
def evaluated(evaluated_once: Path, settings: Settings) -> Run:
    """A copy of the trained and evaluated run, in this test's own `var`."""
    shutil.copytree(evaluated_once, settings.var_dir.resolve() / "runs" / "candidate")
    return get_run(settings, "candidate")
