"""Models and adapters on disk or on the Hub: where they lie, what they are called, and which revision they are.

What is wrong with a name is said in one line (`Invalid`, or `Unavailable` where the Hub is out of reach). A message
that may reach a visitor names a folder by its own name, never by its path.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from data.errors import Invalid, Unavailable
from data.settings import STARTER

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
MODEL_FILES = ["*.json", "*.jinja", "*.model", "*.safetensors", "*.txt"]
ADAPTER_FILES = ["adapter_config.json", "adapter_model.safetensors", "adapter_model.bin"]
WEIGHTS = ("*.safetensors", "*.bin")
STARTER_NAME = "countersign-starter"
DIGEST_LENGTH = 12


@dataclass(frozen=True)
class Found:
    """A folder ready to be loaded. `revision` is the Hub's commit, or "" for a folder of one's own."""

    name: str
    folder: Path
    revision: str = ""


def is_hub_id(name: str) -> bool:
    return not Path(name).exists() and HUB_ID.fullmatch(name) is not None


def own_name(name: str) -> str:
    """What the log calls a model or adapter: its Hub id, or its folder's own name."""
    if is_hub_id(name):
        return name
    folder = Path(name).resolve()
    return STARTER_NAME if folder == STARTER.resolve() else folder.name


def find_model(name: str, revision: str = "") -> Found:
    """The folder of a model, downloaded first where `name` is a Hub id."""
    if is_hub_id(name):
        return _download(name, revision, MODEL_FILES, "model")
    check_model(name)
    return Found(own_name(name), Path(name).resolve())


def find_adapter(name: str) -> Found:
    if is_hub_id(name):
        return _download(name, "", ADAPTER_FILES, "adapter")
    check_adapter(name)
    return Found(own_name(name), Path(name).resolve())


def check_model(name: str) -> None:
    """Cheap checks of a folder before anything is loaded; a Hub id passes. Raises `Invalid`."""
    if is_hub_id(name):
        return
    folder, called = Path(name), own_name(name)
    if not folder.is_dir():
        if folder.resolve() == STARTER.resolve():
            raise Invalid(
                "The bundled starter model is missing: `python -m finetune starter build` makes it, or set MODEL_ID."
            )
        raise Invalid(f"There is no model folder {called}: set MODEL_ID to a Hub id or to a folder.")
    if (folder / "adapter_config.json").exists() and not (folder / "config.json").exists():
        raise Invalid(f"{called} is an adapter, not a model: name it in ADAPTER and its base in MODEL_ID.")
    if not isinstance(read_json(folder / "config.json").get("model_type"), str):
        raise Invalid(f"{called} is not a model folder: it has no readable config.json.")
    if not weight_files(folder):
        raise Invalid(f"{called} holds no weights (no .safetensors file).")
    if not _has_template(folder):
        raise Invalid(f"{called} is not a chat model: its tokenizer has no chat template.")


def check_adapter(name: str) -> None:
    if is_hub_id(name):
        return
    folder, called = Path(name), own_name(name)
    if not folder.is_dir():
        raise Invalid(f"There is no adapter folder {called}.")
    if not read_json(folder / "adapter_config.json").get("peft_type"):
        raise Invalid(f"{called} is not a PEFT adapter: it has no readable adapter_config.json.")
    if not any((folder / f).is_file() for f in ADAPTER_FILES[1:]):
        raise Invalid(f"The adapter {called} holds no weights.")


def is_starter(name: str) -> bool:
    """Whether a folder is the bundled starter or one merged from it: those are asked without a system prompt."""
    folder = Path(name)
    if not folder.is_dir():
        return False
    marked = bool(read_json(folder / "config.json").get("countersign_starter"))
    return marked or folder.resolve() == STARTER.resolve()


def revision_of(name: str, asked: str = "") -> str:
    """The Hub's commit where it is known, else the digest of the folder's weights; "" for what is not on disk.

    The digest reads all weights once per process: 16 GB take some 10 seconds.
    """
    if is_hub_id(name):
        return _cached_commit(name, asked)
    folder = Path(name).resolve()
    return digest(folder) if folder.is_dir() else ""


def weight_files(folder: Path) -> list[Path]:
    return next((found for p in WEIGHTS if (found := sorted(folder.glob(p)))), [])


def fingerprint(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Changes when a file is replaced, without reading it."""
    files = [*weight_files(folder), folder / "adapter_config.json"]
    found = [(f, f.stat()) for f in files if f.is_file()]
    return tuple((str(f), s.st_size, s.st_mtime_ns) for f, s in found)


def digest(folder: Path) -> str:
    """First 12 hex digits of a SHA-256 over the weight files in order of name."""
    return _digest(tuple(f for f in fingerprint(folder) if not f[0].endswith(".json")))


@lru_cache(maxsize=256)
def _digest(files: tuple[tuple[str, int, int], ...]) -> str:
    total = hashlib.sha256()
    for path, _, _ in files:
        with Path(path).open("rb") as stream:
            while piece := stream.read(1 << 22):
                total.update(piece)
    return total.hexdigest()[:DIGEST_LENGTH] if files else ""


def read_json(path: Path) -> dict[str, Any]:
    """An object from a file; {} where there is none that can be read."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _has_template(folder: Path) -> bool:
    if (folder / "chat_template.jinja").is_file() or (folder / "chat_template.json").is_file():
        return True
    return bool(read_json(folder / "tokenizer_config.json").get("chat_template"))


def _download(name: str, revision: str, files: list[str], kind: str) -> Found:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, HFValidationError, RepositoryNotFoundError

    try:
        folder = Path(
            snapshot_download(
                name, revision=revision or None, allow_patterns=files, ignore_patterns=["original/*"]
            )
        )
    except GatedRepoError:
        raise Invalid(
            f"The Hub's {kind} {name} is gated: accept its licence there and set HF_TOKEN."
        ) from None
    except (RepositoryNotFoundError, HFValidationError):
        raise Invalid(f"There is no {kind} {name}, neither as a folder here nor on the Hub.") from None
    except Exception as error:  # whatever the network does
        raise Unavailable(
            f"The {kind} {name} is no folder here and the Hub does not give it ({type(error).__name__})."
        ) from error
    if kind == "model":
        check_model(str(folder))
    else:
        check_adapter(str(folder))
    return Found(name, folder, folder.name)


def _cached_commit(name: str, revision: str) -> str:
    from huggingface_hub import try_to_load_from_cache

    for file in ("config.json", "adapter_config.json"):
        path = try_to_load_from_cache(name, file, revision=revision or None)
        if isinstance(path, str):
            return Path(path).parent.name
    return ""
