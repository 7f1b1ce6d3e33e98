"""Bases and adapters: loaded with one clear message where they cannot be, and named by what is in their files."""

import hashlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.errors import Invalid, NotFound, Unavailable

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

WEIGHTS = "adapter_model.safetensors"
HEAD_BYTES = 1 << 20


def is_folder(model: str) -> bool:
    """A path, as opposed to a Hub id such as `org/name`."""
    return Path(model).exists() or model.startswith(("/", ".", "~")) or model.count("/") != 1


def check_model(model: str) -> None:
    """Raises NotFound when `model` is a folder that is missing or holds no model."""
    if not is_folder(model):
        return
    if not Path(model).is_dir():
        raise NotFound(f"There is no model folder {model}.")
    if not (Path(model) / "config.json").is_file():
        raise NotFound(f"{model} is no model folder: it has no config.json.")


def load_tokenizer(model: str, revision: str = "") -> "PreTrainedTokenizerBase":
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(model, revision=revision or None)
    except (OSError, ValueError) as error:
        raise _unreadable(model, error) from error
    if tokenizer.chat_template is None:
        raise Invalid(f"{model} has no chat template: take a chat (instruct) model.")
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def load_base(model: str, revision: str = "", precision: str = "fp32") -> "PreTrainedModel":
    """The model alone, on the GPU where there is one. A CPU keeps fp32 weights; autocast does the rest."""
    import torch
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    from finetune.hardware import has_gpu

    check_model(model)
    if not sys.stderr.isatty():
        logging.disable_progress_bar()
    half = torch.bfloat16 if precision == "bf16" else torch.float16
    kind = half if has_gpu() and precision != "fp32" else torch.float32
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            model, revision=revision or None, dtype=kind, attn_implementation="sdpa"
        )
    except (OSError, ValueError) as error:
        raise _unreadable(model, error) from error
    return loaded.to("cuda") if has_gpu() else loaded


def attach(model: Any, folder: Path, name: str) -> "PeftModel":
    """`model`, a base or a PeftModel, with the adapter of `folder` loaded under `name`.

    Raises NotFound or Invalid: an adapter for another base is known by the shapes of its weights.
    """
    from peft import PeftModel, get_peft_model_state_dict
    from safetensors import safe_open

    if not (folder / "adapter_config.json").is_file():
        raise NotFound(f"{folder} is no adapter folder: it has no adapter_config.json.")
    said = f"The adapter in {folder} is damaged or made for another base model."
    try:
        if isinstance(model, PeftModel):
            model.load_adapter(str(folder), adapter_name=name)
        else:
            model = PeftModel.from_pretrained(model, str(folder), adapter_name=name)
        with safe_open(str(folder / WEIGHTS), "pt") as weights:
            kept = set(weights.keys())
    except Exception as error:  # PEFT, safetensors and torch each raise their own; all mean "does not fit"
        raise Invalid(said) from error
    if kept != set(
        get_peft_model_state_dict(model, adapter_name=name)
    ):  # PEFT leaves layers out with a warning
        raise Invalid(said)
    return model


def weights_digest(folder: Path) -> str:
    """SHA-256 of an adapter's weights; raises NotFound without them."""
    path = folder / WEIGHTS
    if not path.is_file():
        raise NotFound(f"{folder} holds no adapter weights ({WEIGHTS}).")
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def base_identity(model: str, revision: str = "") -> str:
    """What tells one base from another: a Hub id with its revision, or a digest over a folder's config and weights.

    Of each weight file only the size and the first MiB, where its index lies, are read.
    """
    if not is_folder(model):
        return f"{model}@{revision}" if revision else model
    check_model(model)
    folder, found = Path(model), hashlib.sha256()
    config = json.loads((folder / "config.json").read_text())
    found.update(json.dumps({k: v for k, v in config.items() if k[0] != "_"}, sort_keys=True).encode())
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as stream:
            found.update(f"{path.name} {path.stat().st_size}".encode() + stream.read(HEAD_BYTES))
    return f"sha256:{found.hexdigest()}"


def portable(model: str) -> str:
    """How an adapter names its base: a Hub id as it is, a folder from here where it lies below."""
    if not is_folder(model):
        return model
    full = Path(model).resolve()
    return str(full.relative_to(Path.cwd())) if full.is_relative_to(Path.cwd()) else str(full)


def _unreadable(model: str, error: Exception) -> Exception:
    if is_folder(model):
        return Invalid(
            f"The model in {model} cannot be read: its files are damaged or not of a causal model."
        )
    return Unavailable(
        f"{model} cannot be read from the Hub ({type(error).__name__}): check the name, HF_TOKEN and the network."
    )
