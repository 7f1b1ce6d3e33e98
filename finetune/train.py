"""The recipe of a LoRA fine-tune, readable top to bottom: TRL's SFTTrainer on replies only, resumable, recorded live.

    read and filter the data -> encode -> base with a fresh LoRA -> train -> adapter folder with tokenizer and card

Every cycle starts from the base on the full approved set, never from the last adapter. Checkpoints count once they are
complete; a run resumed from one gives the losses that it would have given uninterrupted.
"""

import json
import math
import shutil
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.errors import AppError, Conflict, Invalid, Unavailable
from data.settings import Settings
from finetune import hardware
from finetune.card import write_card
from finetune.config import Recipe
from finetune.encode import Row, encode, to_dataset
from finetune.jobs import Stopped, note_progress, working
from finetune.mixture import read_mixture, recall_mixture
from finetune.models import base_identity, check_model, load_base, load_tokenizer, portable, weights_digest
from finetune.runs import Run, read_history, write_whole

if TYPE_CHECKING:
    from peft import LoraConfig
    from trl import SFTConfig

COMPLETE = "complete"
EVALUATION_BATCH = 4


def train(run: Run, settings: Settings, stop: threading.Event | None = None) -> None:
    """Train the run, or go on from its last complete checkpoint, until its adapter is there.

    Raises AppError for whatever a person can mend, with the last complete checkpoint intact; `Stopped` after `stop`.
    """
    with working(run, "train"), _said(run):
        if run.adapter.is_dir():
            raise Conflict(f"The run {run.name} is finished; start a new one.")
        recipe = run.recipe()
        rows, held_out = _read_rows(run, recipe)
        _fit(run, recipe, rows, held_out, stop or threading.Event())
        write_card(run, settings.contact)
        run.say(f"Finished. Next: python -m finetune evaluate {run.name}")


def _read_rows(run: Run, recipe: Recipe) -> tuple[list[Row], list[Row]]:
    check_model(recipe.model)
    tokenizer = load_tokenizer(recipe.model, recipe.revision)
    known = run.read("data") if (run.folder / "data.json").is_file() else None
    mixture = recall_mixture(run.inputs(), known) if known else read_mixture(run.inputs(), recipe)
    rows = encode(tokenizer, mixture.train, recipe.max_length)
    held_out = encode(tokenizer, mixture.validation, recipe.max_length)
    if not rows or not held_out:
        raise Invalid(f"No reply fits into {recipe.max_length} tokens: raise max_length.")
    record = mixture.to_json() | {
        "base": base_identity(recipe.model, recipe.revision),
        "tokens": sum(len(row.ids) for row in rows),
        "learnt_tokens": sum(row.learnt for row in rows),
    }
    if known and known["base"] != record["base"]:
        raise Conflict(f"{recipe.model} is not the base that {run.name} began with: start a new run.")
    run.write("data", record)
    dropped = ", ".join(f"{reason} {n}" for reason, n in record["dropped"].items()) or "nothing"
    run.say(f"{len(rows)} conversations to learn from, {len(held_out)} held out; dropped: {dropped}")
    return rows, held_out


def _fit(run: Run, recipe: Recipe, rows: list[Row], held_out: list[Row], stop: threading.Event) -> None:
    from trl import SFTTrainer

    precision = hardware.choose_precision(recipe.precision)
    model = load_base(recipe.model, recipe.revision, precision)
    model.config.use_cache = False
    tokenizer = load_tokenizer(recipe.model, recipe.revision)
    parameters = sum(p.numel() for p in model.parameters())
    arguments = _arguments(run, recipe, rows, precision, parameters)
    environment = hardware.describe() | {"precision": precision, "parameters": parameters}
    run.write("environment", environment)
    start = _last_checkpoint(run)
    trainer = SFTTrainer(
        model=model,
        args=arguments,
        train_dataset=to_dataset(rows),
        eval_dataset=to_dataset(held_out),
        processing_class=tokenizer,
        peft_config=_lora(recipe),
        callbacks=[_recorder(run, recipe, start, stop)],
    )
    _quiet(trainer)
    run.say(f"{recipe.model} in {precision}: {parameters / 1e6:.1f} million parameters"
            + (f", from {start.name}" if start else ""))  # fmt: skip
    trainer.train(resume_from_checkpoint=str(start) if start else None)
    if stop.is_set():
        raise Stopped(f"Stopped at a checkpoint. Go on with: python -m finetune train --resume {run.name}")
    _save_adapter(run, recipe, trainer.model, tokenizer)


def _lora(recipe: Recipe) -> "LoraConfig":
    from peft import LoraConfig

    names = recipe.lora_targets
    return LoraConfig(
        task_type="CAUSAL_LM",
        r=recipe.lora_rank,
        lora_alpha=recipe.lora_alpha,
        lora_dropout=recipe.lora_dropout,
        target_modules=names if names == "all-linear" else [n.strip() for n in names.split(",")],
    )


def _arguments(run: Run, recipe: Recipe, rows: list[Row], precision: str, parameters: int) -> "SFTConfig":
    from trl import SFTConfig

    batch, accumulate = _batches(recipe, rows)
    return SFTConfig(
        output_dir=str(run.checkpoints),
        learning_rate=recipe.learning_rate,
        num_train_epochs=recipe.epochs,
        max_steps=recipe.max_steps or -1,
        per_device_train_batch_size=batch,
        gradient_accumulation_steps=accumulate,
        per_device_eval_batch_size=EVALUATION_BATCH,
        lr_scheduler_type=recipe.schedule,
        warmup_steps=recipe.warmup_share,
        weight_decay=recipe.weight_decay,
        max_grad_norm=recipe.clip,
        optim="adamw_torch",
        max_length=recipe.max_length,
        packing=recipe.packing,
        packing_strategy="bfd",
        eval_packing=False,
        # Both default to on in TRL, whatever the machine.
        bf16=precision == "bf16",
        fp16=precision == "fp16",
        gradient_checkpointing=hardware.choose_checkpointing(recipe.gradient_checkpointing, parameters),
        use_cpu=not hardware.has_gpu(),
        dataloader_pin_memory=hardware.has_gpu(),
        seed=recipe.seed,
        data_seed=recipe.seed,
        logging_steps=1,
        logging_nan_inf_filter=False,  # a loss that is no number must show
        eval_strategy="epoch",
        save_strategy="steps",
        save_steps=recipe.checkpoint_steps,
        save_total_limit=2,
        report_to="none",
        disable_tqdm=True,
    )


def _batches(recipe: Recipe, rows: list[Row]) -> tuple[int, int]:
    """(rows a forward pass, passes a step) so that a step sees about `batch_size` conversations.

    Packed rows are taken one at a time: attention over a pack is quadratic in what is batched.
    """
    if recipe.packing:
        packs = max(1, math.ceil(sum(len(row.ids) for row in rows) / recipe.max_length))
        return 1, max(1, round(recipe.batch_size * packs / len(rows)))
    small = max(n for n in range(1, 9) if recipe.batch_size % n == 0)
    return small, recipe.batch_size // small


def _save_adapter(run: Run, recipe: Recipe, model: Any, tokenizer: Any) -> None:
    """The folder appears whole or not at all."""
    beside = run.folder / "adapter.partial"
    shutil.rmtree(beside, ignore_errors=True)
    model.peft_config["default"].base_model_name_or_path = portable(recipe.model)
    model.peft_config["default"].revision = recipe.revision or None
    model.save_pretrained(beside)
    tokenizer.save_pretrained(beside)
    digest = weights_digest(beside)
    rows = read_history(run)
    last = rows[-1] if rows else {}
    run.write("result", {"adapter": digest, "steps": last.get("step"), "seconds": last.get("seconds"),
                         "tokens": last.get("tokens")})  # fmt: skip
    beside.rename(run.adapter)


def _last_checkpoint(run: Run) -> Path | None:
    """The newest complete checkpoint; what a killed process left half-written is removed."""
    found = []
    for path in run.checkpoints.glob("checkpoint-*"):
        if (path / COMPLETE).is_file():
            found.append(path)
        else:
            shutil.rmtree(path, ignore_errors=True)
    return max(found, key=lambda path: int(path.name.partition("-")[2]), default=None)


def _quiet(trainer: Any) -> None:
    """The run records for itself; no second card is written into each checkpoint."""
    from transformers import PrinterCallback

    trainer.remove_callback(PrinterCallback)
    trainer.create_model_card = lambda *args, **kwargs: None


def _recorder(run: Run, recipe: Recipe, start: Path | None, stop: threading.Event) -> Any:
    from transformers import TrainerCallback

    class Recorder(TrainerCallback):
        """History, log, bar and state as the steps go by; ends the training on a bad loss or on request."""

        def __init__(self) -> None:
            begun = int(start.name.partition("-")[2]) if start else 0
            kept = [row for row in read_history(run) if row["step"] <= begun]
            write_whole(run.folder / "history.jsonl", "".join(json.dumps(row) + "\n" for row in kept))
            self.before = kept[-1]["seconds"] if kept else 0.0
            self.noted = 0.0
            self.bar: Any = None

        def on_train_begin(self, args, state, control, **kwargs):  # type: ignore[no-untyped-def]
            from tqdm import tqdm

            self.began = time.perf_counter()
            hidden = not sys.stderr.isatty()
            self.bar = tqdm(total=state.max_steps, initial=state.global_step, desc=run.name, disable=hidden)

        def on_step_end(self, args, state, control, **kwargs):  # type: ignore[no-untyped-def]
            self.bar.update()
            if stop.is_set():
                control.should_save = control.should_training_stop = True

        def on_log(self, args, state, control, logs=None, **kwargs):  # type: ignore[no-untyped-def]
            row = self._row(state, logs or {})
            if "loss" not in row and "eval_loss" not in row:
                return
            if not math.isfinite(row.get("loss", row.get("eval_loss"))):
                raise Invalid(
                    f"The loss is no number any more at step {row['step']}: lower learning_rate, or look at "
                    "the data and the base model. The last complete checkpoint is untouched."
                )
            with (run.folder / "history.jsonl").open("a") as history:
                history.write(json.dumps(row) + "\n")
            self._tell(state, row)

        def _row(self, state, logs):  # type: ignore[no-untyped-def]
            names = {"loss": "loss", "eval_loss": "eval_loss", "learning_rate": "learning_rate",
                     "grad_norm": "grad_norm", "num_tokens": "tokens"}  # fmt: skip
            found = {new: float(logs[old]) for old, new in names.items() if old in logs}
            seconds = round(self.before + time.perf_counter() - self.began, 2)
            return {
                "step": state.global_step,
                "epoch": round(state.epoch or 0, 4),
                **found,
                "seconds": seconds,
            }

        def _tell(self, state, row):  # type: ignore[no-untyped-def]
            if "eval_loss" in row:
                run.say(f"step {row['step']}: held-out loss {row['eval_loss']:.4f}")
            elif row["step"] % recipe.log_steps == 0 or row["step"] == 1:
                speed = row.get("tokens", 0) / max(row["seconds"], 0.01)
                run.say(
                    f"step {row['step']} of {state.max_steps}: loss {row['loss']:.4f}, {speed:.0f} tokens/s"
                )
            self.bar.set_postfix(loss=f"{row.get('loss', 0):.3f}", refresh=False)
            if time.perf_counter() - self.noted > 0.5 or row["step"] == state.max_steps:
                note_progress(run, state.global_step, state.max_steps)
                self.noted = time.perf_counter()

        def on_save(self, args, state, control, **kwargs):  # type: ignore[no-untyped-def]
            folder = run.checkpoints / f"checkpoint-{state.global_step}"
            write_whole(folder / COMPLETE, "")

        def on_train_end(self, args, state, control, **kwargs):  # type: ignore[no-untyped-def]
            self.bar.close()

    return Recorder()


class _said:
    """What torch and the disk raise, in words that say what to do."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        import torch

        if error is None or isinstance(error, AppError):
            return
        text = str(error)
        if isinstance(error, torch.OutOfMemoryError | MemoryError) or "not enough memory" in text:
            raise Invalid(
                "Out of memory: lower max_length, or take a smaller model or a bigger GPU."
            ) from error
        unwritten = "PytorchStreamWriter" in text or type(error).__name__ == "SafetensorError"
        if isinstance(error, OSError) or unwritten:
            reason = getattr(error, "strerror", None) or "the disk is full or cannot be written"
            raise Unavailable(
                f"{self.run.folder} cannot be written: {reason}. The last complete checkpoint is intact; go on with "
                f"--resume {self.run.name}."
            ) from error
