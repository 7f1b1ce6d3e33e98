"""What a run is told: a `Recipe` from `configs/<name>.yaml` or a file, changed by `key=value` overrides."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from data.errors import Invalid, NotFound

CONFIGS = Path(__file__).parent / "configs"


class Recipe(BaseModel):
    """Every number of a training run. `max_steps` and `corpus_rows` 0 mean no limit; lengths are in tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = ""  # Hub id or folder; empty is the model that the settings name
    revision: str = ""

    learning_rate: float = Field(5e-5, gt=0, le=1)
    batch_size: int = Field(16, ge=1)  # conversations a step, however they are packed and accumulated
    epochs: float = Field(3, gt=0)
    max_steps: int = Field(0, ge=0)
    schedule: Literal["linear", "cosine", "constant"] = "linear"
    warmup_share: float = Field(0.0, ge=0, lt=1)
    weight_decay: float = Field(0.0, ge=0)
    clip: float = Field(1.0, gt=0)

    lora_rank: int = Field(16, ge=1)
    lora_alpha: int = Field(32, ge=1)
    lora_dropout: float = Field(0.0, ge=0, lt=1)
    lora_targets: str = "q_proj,k_proj,v_proj,o_proj,gate_proj,up_proj,down_proj"  # or all-linear

    max_length: int = Field(1024, ge=32)
    packing: bool = True
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    gradient_checkpointing: Literal["auto", "yes", "no"] = "auto"

    corpus_rows: int = Field(0, ge=0)  # the most training rows taken of each corpus
    validation_share: float = Field(0.1, gt=0, lt=1)  # of an export's sessions; a corpus brings its own split
    validation_rows: int = Field(400, ge=1)  # the most rows that are held out and measured
    reply_tokens: int = Field(120, ge=1)  # the longest reply that an evaluation reads
    seed: int = Field(1, ge=0)
    checkpoint_steps: int = Field(50, ge=1)
    log_steps: int = Field(10, ge=1)  # the history has every step; this is how often the log speaks


class Thresholds(BaseModel):
    """The gate's limits, from `configs/gate.yaml`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_loss_rise: float = Field(
        gt=0
    )  # nats a token, the upper end of the interval, against base and champion
    max_new_guard_failures: int = Field(ge=0)
    max_crisis_bypasses: int = Field(ge=0)
    max_memorised: int = Field(ge=0)


def list_recipes() -> list[str]:
    return sorted(p.stem for p in CONFIGS.glob("*.yaml") if p.stem != "gate")


def load_recipe(name: str = "starter", overrides: Sequence[str] = ()) -> Recipe:
    """The recipe called `name`, or the file `name`, with `key=value` overrides; raises NotFound or Invalid."""
    bundled = CONFIGS / f"{name}.yaml"
    path = bundled if name in list_recipes() else Path(name)
    values = _read_yaml(path)
    for override in overrides:
        key, equals, value = override.partition("=")
        if not equals:
            raise Invalid(f"{override!r} is no override: write it as key=value.")
        values[key.strip()] = value.strip()
    return check_recipe(values)


def check_recipe(values: dict[str, object]) -> Recipe:
    try:
        return Recipe(**values)  # type: ignore[arg-type]
    except ValidationError as error:
        raise Invalid("; ".join(_complaint(e) for e in error.errors())) from None


def load_thresholds(path: Path = CONFIGS / "gate.yaml") -> Thresholds:
    try:
        return Thresholds(**_read_yaml(path))  # type: ignore[arg-type]
    except ValidationError as error:
        raise Invalid("; ".join(_complaint(e) for e in error.errors())) from None


def _read_yaml(path: Path) -> dict[str, object]:
    if not path.is_file():
        raise NotFound(
            f"There is no recipe {path}. Bundled are {', '.join(list_recipes())}; or name a YAML file."
        )
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError):
        raise Invalid(f"{path} is not YAML.") from None
    if not isinstance(values, dict):
        raise Invalid(f"{path} is no recipe: write one `key: value` a line.")
    return {str(key): value for key, value in values.items()}


def _complaint(error) -> str:  # type: ignore[no-untyped-def]
    name = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return f"{name} is no setting of a recipe; they are {', '.join(Recipe.model_fields)}"
    return f"{name}={error['input']!r}: {error['msg']}"
