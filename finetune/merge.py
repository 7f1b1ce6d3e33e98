"""An adapter folded into its base, as a model folder of safetensors that needs no PEFT."""

import shutil
from pathlib import Path
from typing import Any

from data.errors import Conflict, Unavailable
from finetune.models import attach, load_base, load_tokenizer
from finetune.runs import Run


def merge(run: Run, out: Path) -> None:
    """Write the merged model of a finished run to the new folder `out`, which appears whole or not at all."""
    if out.exists():
        raise Conflict(f"{out} exists already: name a new folder.")
    recipe = run.recipe()
    model: Any = attach(load_base(recipe.model, recipe.revision), run.adapter, "default")
    beside = out.with_name(f".{out.name}.partial")
    try:
        model.merge_and_unload().save_pretrained(beside)
        load_tokenizer(str(run.adapter)).save_pretrained(beside)
        beside.rename(out)
    except OSError as error:
        shutil.rmtree(beside, ignore_errors=True)
        raise Unavailable(f"{out} cannot be written: {error.strerror}.") from error
