"""A tiny random model and adapters for it: real files, made once per test run."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from demo.generation.local import LocalBackend
from tests.demo.generation.tiny import make_adapter, make_model


@pytest.fixture(scope="session")
def tiny_model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def tiny_adapters(tmp_path_factory: pytest.TempPathFactory, tiny_model_dir: Path) -> list[Path]:
    parent = tmp_path_factory.mktemp("adapters")
    return [make_adapter(parent / f"adapter-{i}", tiny_model_dir, seed=i) for i in range(6)]


@pytest.fixture(scope="session")
def foreign_adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter for a wider model."""
    other = make_model(tmp_path_factory.mktemp("models") / "wider", width=48)
    return make_adapter(tmp_path_factory.mktemp("adapters") / "foreign", other, seed=1)


@pytest.fixture
def old_adapter(tmp_path: Path, tiny_adapters: list[Path]) -> Path:
    """The first adapter with its configuration in the form in which PEFT 0.13.2 wrote it."""
    folder = tmp_path / "peft-0.13.2"
    folder.mkdir()
    weights = "adapter_model.safetensors"
    (folder / weights).write_bytes((tiny_adapters[0] / weights).read_bytes())
    config: dict[str, Any] = {
        "alpha_pattern": {},
        "auto_mapping": None,
        "base_model_name_or_path": "meta-llama/Meta-Llama-3-8B-Instruct",
        "bias": "none",
        "fan_in_fan_out": False,
        "inference_mode": True,
        "init_lora_weights": True,
        "layer_replication": None,
        "layers_pattern": None,
        "layers_to_transform": None,
        "loftq_config": {},
        "lora_alpha": 8,
        "lora_dropout": 0.0,
        "megatron_config": None,
        "megatron_core": "megatron.core",
        "modules_to_save": None,
        "peft_type": "LORA",
        "r": 4,
        "rank_pattern": {},
        "revision": None,
        "target_modules": ["v_proj", "q_proj", "up_proj"],
        "task_type": "CAUSAL_LM",
        "use_dora": False,
        "use_rslora": False,
    }
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=2))
    return folder


Use = Callable[[LocalBackend], Coroutine[Any, Any, Any]]


@pytest.fixture
def using(tiny_model_dir: Path) -> Callable[..., Any]:
    """`using(work, **limits)` runs the coroutine function `work` on a fresh backend, which is closed after it."""

    def run(work: Use, model: Path = tiny_model_dir, **limits: Any) -> Any:
        async def whole() -> Any:
            backend = LocalBackend(str(model), **limits)
            try:
                return await work(backend)
            finally:
                await backend.close()

        return asyncio.run(whole())

    return run
