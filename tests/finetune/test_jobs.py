"""Runs and the processes that work on them: really started, stopped and killed."""

import os
import signal
import time

import pytest

from data.errors import Conflict, Invalid, NotFound
from finetune.jobs import start_run, stop_run, working
from finetune.runs import create_run, get_run, list_runs, read_history, read_log, read_state


def _until(condition, seconds=240):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    assert condition()


def test_a_started_run_goes_on_by_itself_and_can_be_stopped_and_resumed(make_run, settings):
    run = make_run(max_steps=400, epochs=99)
    start_run(settings, run)
    with pytest.raises(Conflict, match="still at work"):
        start_run(settings, run)
    _until(lambda: len(read_history(run)) >= 5)
    assert read_state(run).state == "running"
    assert [found.name for found, _ in list_runs(settings)] == ["first"]
    stop_run(run, patience=120)
    assert read_state(run).state == "stopped", read_log(run)
    reached = max(row["step"] for row in read_history(run))
    assert (run.checkpoints / f"checkpoint-{reached}" / "complete").is_file()
    with pytest.raises(Conflict, match="Nothing is running"):
        stop_run(run)
    start_run(settings, run)
    _until(lambda: max(row["step"] for row in read_history(run)) > reached)
    stop_run(run, patience=120)
    assert "--resume first" in read_state(run).message


def test_a_killed_child_is_shown_as_failed(make_run, settings):
    run = make_run()
    pid = start_run(settings, run)
    assert read_state(run).state == "queued"
    os.kill(pid, signal.SIGKILL)
    _until(lambda: read_state(run).state == "failed", 20)
    assert "ended without a word" in read_state(run).message


def test_a_child_that_fails_leaves_its_words(make_run, settings, export):
    run = make_run()
    (export / "pairs.jsonl").write_text("")
    start_run(settings, run)
    _until(lambda: read_state(run).state == "failed")
    assert "was changed after the export" in read_state(run).message
    assert "was changed after the export" in read_log(run)
    assert "Traceback" not in read_log(run)


def test_a_bug_is_noted_without_anybodys_text(make_run):
    run = make_run()
    with pytest.raises(RuntimeError), working(run, "train"):
        raise RuntimeError("what a visitor wrote")
    assert (read_state(run).state, read_state(run).message) == ("failed", "RuntimeError.")


@pytest.mark.parametrize("name", ["../up", "Big", "", "a" * 65, "a/b", ".hidden"])
def test_names_that_are_no_names_reach_no_folder(settings, make_run, name):
    with pytest.raises(NotFound):
        get_run(settings, name)
    if name:
        with pytest.raises(Invalid, match="no name for a run"):
            make_run(name)


def test_a_run_is_never_overwritten(make_run, settings, now):
    run = make_run()
    with pytest.raises(Conflict, match="take another name"):
        create_run(settings, run.recipe(), run.inputs(), now, run.name)


def test_a_line_in_the_writing_is_left_for_later(make_run):
    run = make_run()
    (run.folder / "history.jsonl").write_text('{"step": 1, "loss": 2.0}\n{"step": 2, "lo')
    assert read_history(run) == [{"step": 1, "loss": 2.0}]
    assert read_history(run, after=1) == []
