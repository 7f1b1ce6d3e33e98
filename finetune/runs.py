"""Run folders: one execution's recipe, data record, live history, log and state.

    var/runs/<name>/recipe.yaml, inputs.json     what was asked for, resolved
                   /data.json, environment.json  what was learnt from (hashes, counts, ids), on what
                   /history.jsonl, log.txt       one line a step, appended live; what happened
                   /state.json                   job, state, process, step, message
                   /checkpoints/                 resumable state
                   /adapter/, README.md          the finished adapter and its card
                   /evaluation.json, gate.json

A job (train, evaluate, gate) claims the run for its process, see `jobs.py`; one whose process died without a word is
shown as failed.
"""

import json
import os
import re
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import yaml

from data.errors import Conflict, Invalid, NotFound, Unavailable
from data.settings import Settings
from finetune.config import Recipe, check_recipe
from finetune.mixture import Inputs

Job = Literal["train", "evaluate", "gate"]
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
ACTIVE = ("queued", "running")


@dataclass(frozen=True)
class State:
    """`state` is queued, running, finished, stopped or failed; `born` tells a process from a later one of its number."""

    job: str = "train"
    state: str = "queued"
    message: str = ""
    step: int = 0
    steps: int = 0
    started_at: str = ""
    pid: int = 0
    born: float = 0.0


@dataclass(frozen=True)
class Run:
    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def adapter(self) -> Path:
        return self.folder / "adapter"

    @property
    def checkpoints(self) -> Path:
        return self.folder / "checkpoints"

    def recipe(self) -> Recipe:
        return check_recipe(yaml.safe_load((self.folder / "recipe.yaml").read_text()))

    def inputs(self) -> Inputs:
        return Inputs.from_json(self.read("inputs"))

    def read(self, record: str) -> dict[str, Any]:
        """A JSON record such as `data` or `evaluation`; raises NotFound before it is written."""
        path = self.folder / f"{record}.json"
        try:
            return dict(json.loads(path.read_text()))
        except FileNotFoundError:
            raise NotFound(f"The run {self.name} has no {path.name} yet.") from None
        except ValueError:
            raise Invalid(f"{path} is damaged.") from None

    def write(self, record: str, content: dict[str, Any]) -> None:
        write_whole(self.folder / f"{record}.json", json.dumps(content, indent=2, ensure_ascii=False) + "\n")

    def say(self, line: str) -> None:
        with (self.folder / "log.txt").open("a", encoding="utf-8") as log:
            log.write(line + "\n")


def create_run(settings: Settings, recipe: Recipe, inputs: Inputs, now: datetime, name: str = "") -> Run:
    """A queued run. Its recipe names the model and holds every number. Raises Invalid, Conflict or Unavailable."""
    if not inputs.folders():
        raise Invalid("Nothing to train on: give --export DIR or --corpus DIR.")
    name = name or f"run-{now:%Y%m%d-%H%M%S}"
    if not NAME.fullmatch(name):
        raise Invalid(
            f"{name!r} is no name for a run: use small letters, digits, dots and dashes, at most 64."
        )
    resolved = recipe.model_copy(
        update={
            "model": recipe.model or settings.model,
            "revision": recipe.revision or settings.model_revision,
        }
    )
    run = Run(settings.var_dir.resolve() / "runs" / name)
    absolute = Inputs(tuple(p.resolve() for p in inputs.exports), tuple(p.resolve() for p in inputs.corpora))
    try:
        run.folder.mkdir(parents=True)
        write_whole(run.folder / "recipe.yaml", yaml.safe_dump(resolved.model_dump(), sort_keys=False))
        run.write("inputs", absolute.to_json())
        run.write("state", asdict(State(started_at=now.isoformat())))
    except FileExistsError:
        raise Conflict(
            f"There is a run called {name}: take another name, or go on with --resume {name}."
        ) from None
    except OSError as error:
        raise Unavailable(f"{run.folder} cannot be written: {error.strerror}.") from error
    return run


def get_run(settings: Settings, name: str) -> Run:
    run = Run(settings.var_dir.resolve() / "runs" / name)
    if not NAME.fullmatch(name) or not (run.folder / "recipe.yaml").is_file():
        raise NotFound(f"There is no run called {name}.")
    return run


def list_runs(settings: Settings) -> list[tuple[Run, State]]:
    """Newest first."""
    folders = (settings.var_dir.resolve() / "runs").glob("*/recipe.yaml")
    found = [(run, read_state(run)) for run in (Run(path.parent) for path in folders)]
    return sorted(found, key=lambda pair: (pair[1].started_at, pair[0].name), reverse=True)


def read_state(run: Run) -> State:
    """The state as it truly is: an active one whose process is gone is failed."""
    state = State(**run.read("state"))
    if state.state not in ACTIVE or is_alive(state.pid, state.born) or _spawned_alive(run, state):
        return state
    again = (
        f"Go on with: python -m finetune train --resume {run.name}"
        if state.job == "train"
        else "Run it again."
    )
    return replace(state, state="failed", message=f"The process ended without a word. {again}")


def read_history(run: Run, after: int = 0) -> list[dict[str, Any]]:
    """Rows with a step above `after`. The last line may still be in the writing, and is then left for later."""
    path = run.folder / "history.jsonl"
    if not path.is_file():
        return []
    rows = [json.loads(line) for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]
    return [row for row in rows if row["step"] > after]


def read_log(run: Run, lines: int = 200) -> str:
    """The newest lines; of a job that broke, what its process said last."""
    texts = []
    for name in ("log.txt", "console.txt"):
        path = run.folder / name
        if path.is_file() and (name == "log.txt" or read_state(run).state == "failed"):
            texts += path.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(texts[-lines:])


def write_whole(path: Path, text: str) -> None:
    """The old file or the new one, never a half: written beside and moved into place."""
    beside = path.with_name(path.name + ".partial")
    with beside.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    beside.replace(path)


def read_spawned(run: Run) -> dict[str, Any]:
    with suppress(NotFound):
        return run.read("spawned")
    return {}


def _spawned_alive(run: Run, state: State) -> bool:
    """A queued run's child lives, or has not been noted yet."""
    child = read_spawned(run)
    if state.state == "queued":
        return not child or is_alive(child["pid"], child["born"])
    return False


def is_alive(pid: int, born: float) -> bool:
    import psutil

    try:
        process = psutil.Process(pid) if pid else None
        return bool(
            process
            and abs(process.create_time() - born) < 1
            and process.status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
        )
    except psutil.Error:
        return False


def born(pid: int) -> float:
    import psutil

    try:
        return float(psutil.Process(pid).create_time())
    except psutil.Error:
        return 0.0
