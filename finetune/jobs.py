"""Jobs on a run: started as processes of their own, claimed, followed and stopped.

A page starts `python -m finetune train --resume NAME` and forgets it: the run's folder tells the rest.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path

from data.errors import AppError, Conflict
from data.settings import Settings
from finetune.runs import ACTIVE, Job, Run, State, born, read_spawned, read_state

ROOT = Path(__file__).parent.parent


def start_run(settings: Settings, run: Run, job: Job = "train") -> int:
    """Start `python -m finetune <job>` on the run as a process of its own, and return its number.

    It outlives this one. Raises Conflict while another job works on the run.
    """
    _free(run)
    before = State(**run.read("state"))
    run.write(
        "state", asdict(State(job=job, step=before.step, steps=before.steps, started_at=before.started_at))
    )
    (run.folder / "spawned.json").unlink(missing_ok=True)
    words = ["train", "--resume", run.name] if job == "train" else [job, run.name]
    with (run.folder / "console.txt").open("w") as console:
        child = subprocess.Popen(
            [sys.executable, "-m", "finetune", *words],
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=subprocess.STDOUT,
            env=_environment(settings),
            start_new_session=True,
        )
    run.write("spawned", {"pid": child.pid, "born": born(child.pid)})
    return child.pid


def stop_run(run: Run, patience: float = 0.0) -> None:
    """Ask the run's process to save a checkpoint and end; wait for it at most `patience` seconds."""
    state = read_state(run)
    if state.state not in ACTIVE:
        raise Conflict(f"Nothing is running on {run.name}.")
    pid = state.pid or run.read("spawned")["pid"]
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    until = time.monotonic() + patience
    while time.monotonic() < until and read_state(run).state in ACTIVE:
        time.sleep(0.1)


@contextmanager
def working(run: Run, job: Job) -> Iterator[None]:
    """Claim the run for this process while `job` is done, and note how it ended."""
    _free(run, but=os.getpid())
    before = State(**run.read("state"))
    mine = replace(before, job=job, state="running", message="", pid=os.getpid(), born=born(os.getpid()))
    run.write("state", asdict(mine))
    try:
        yield
    except BaseException as error:
        stopped = isinstance(error, (KeyboardInterrupt, Stopped))
        said = (
            str(error)
            if isinstance(error, AppError)
            else "Stopped."
            if stopped
            else f"{type(error).__name__}."
        )
        with suppress(OSError):  # the disk may be what failed
            _end(run, "stopped" if stopped else "failed", said)
            run.say(said)
        raise
    _end(run, "finished", "")


class Stopped(AppError):
    """Asked to end, after a checkpoint was saved."""


def note_progress(run: Run, step: int, steps: int) -> None:
    run.write("state", {**run.read("state"), "step": step, "steps": steps})


def _end(run: Run, state: str, message: str) -> None:
    run.write("state", {**run.read("state"), "state": state, "message": message, "pid": 0, "born": 0.0})


def _free(run: Run, but: int = 0) -> None:
    state = read_state(run)
    mine = but and (state.pid == but or read_spawned(run).get("pid") == but)
    idle = state.state == "queued" and not state.pid and not read_spawned(run)
    if state.state in ACTIVE and not mine and not idle:
        raise Conflict(f"{state.job} is still at work on {run.name}: wait for it or stop it.")


def _environment(settings: Settings) -> dict[str, str]:
    """This process's own, with what the settings say where they were not read from it."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    own = {"VAR_DIR": str(settings.var_dir.resolve()), "DATABASE_URL": settings.database_url}
    model = {
        "MODEL_ID": settings.model_id,
        "MODEL_REVISION": settings.model_revision,
        "CONTACT": settings.contact,
    }
    return {**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", **own, **model}
