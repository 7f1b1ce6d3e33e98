import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from data.errors import Conflict, Invalid, NotFound
from finetune.jobs import Stopped
from finetune.models import attach, load_base, load_tokenizer
from finetune.runs import read_history, read_log, read_state
from finetune.train import train

ROOT = Path(__file__).parent.parent.parent


def _losses(run):
    return {row["step"]: row["loss"] for row in read_history(run) if "loss" in row}


def _environment(settings):
    return {**os.environ, "VAR_DIR": str(settings.var_dir), "MODEL_ID": settings.model_id}


def _command(settings, *words, **changes):
    return subprocess.run(
        [sys.executable, "-m", "finetune", *words],
        cwd=ROOT, env=_environment(settings), capture_output=True, text=True, timeout=300, **changes,
    )  # fmt: skip


def test_a_run_lowers_the_loss_and_keeps_its_records(make_run, settings):
    run = make_run()
    train(run, settings)
    losses = _losses(run)
    assert list(losses) == list(range(1, 13))
    assert losses[12] < losses[1] - 0.1
    last = read_history(run)[-1]
    assert last["eval_loss"] < losses[1]
    assert {"learning_rate", "grad_norm", "tokens", "seconds"} <= set(read_history(run)[0])
    data, machine = run.read("data"), run.read("environment")
    assert {one["kind"] for one in data["sources"]} == {"corpus", "export"}
    assert data["synthetic"] is True
    assert len(data["response_ids"]) == 40
    assert machine["precision"] == "fp32"
    assert machine["versions"]["trl"]
    assert read_state(run).state == "finished"
    assert "held-out loss" in read_log(run)
    assert "heavy" not in (run.folder / "data.json").read_text()


def test_the_adapter_folder_loads_with_peft_and_with_pipeline(make_run, settings):
    from transformers import pipeline

    run = make_run()
    train(run, settings)
    assert load_tokenizer(str(run.adapter)).chat_template
    attach(load_base(settings.model), run.adapter, "one")
    talk = pipeline("text-generation", model=str(run.adapter))
    said = talk([{"role": "user", "content": "I feel tired."}], max_new_tokens=4)
    assert said[0]["generated_text"][-1]["role"] == "assistant"
    with pytest.raises(Conflict, match="is finished"):
        train(run, settings)


def test_without_packing_a_step_sees_the_same_number_of_conversations(make_run, settings):
    run = make_run(packing=False, max_steps=3, batch_size=12)
    train(run, settings)
    assert len(_losses(run)) == 3


def test_a_killed_run_goes_on_with_the_losses_of_an_uninterrupted_one(make_run, settings):
    whole, killed = make_run("whole", max_steps=40, epochs=9), make_run("killed", max_steps=40, epochs=9)
    train(whole, settings)
    words = [sys.executable, "-m", "finetune", "train", "--resume", "killed"]
    child = subprocess.Popen(words, cwd=ROOT, env=_environment(settings), stdout=subprocess.DEVNULL)
    until = time.monotonic() + 240
    while time.monotonic() < until and len(_losses(killed)) < 10:
        time.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    child.wait()
    reached = len(_losses(killed))
    assert 10 <= reached < 40
    assert read_state(killed).state == "failed"
    assert "--resume killed" in read_state(killed).message
    (killed.checkpoints / "checkpoint-999").mkdir()  # half-written when it was killed
    done = _command(settings, "train", "--resume", "killed")
    assert done.returncode == 0, done.stderr
    assert list(_losses(killed)) == list(range(1, 41))
    assert _losses(killed) == pytest.approx(_losses(whole), abs=1e-5)
    assert f"from checkpoint-{reached // 4 * 4}" in read_log(killed)


def test_a_stop_saves_a_checkpoint_from_which_it_goes_on(make_run, settings):
    run, asked = make_run(max_steps=30, epochs=9), threading.Event()
    asked.set()
    with pytest.raises(Stopped, match="--resume first"):
        train(run, settings, asked)
    assert read_state(run).state == "stopped"
    assert (run.checkpoints / "checkpoint-1" / "complete").is_file()
    train(run, settings)
    assert list(_losses(run)) == list(range(1, 31))


def test_a_loss_that_is_no_number_ends_the_run_with_words(make_run, settings, base, tmp_path):
    import shutil

    from safetensors.torch import load_file, save_file

    broken = tmp_path / "broken"
    shutil.copytree(base, broken)
    weights = load_file(broken / "model.safetensors")
    weights["model.norm.weight"][0] = float("nan")
    save_file(weights, broken / "model.safetensors", metadata={"format": "pt"})
    run = make_run(model=str(broken))
    with pytest.raises(Invalid, match="no number any more at step 1"):
        train(run, settings)
    assert read_state(run).state == "failed"
    assert not run.adapter.exists()


def test_a_full_disk_is_said_and_the_last_checkpoint_stays_good(make_run, settings):
    run, asked = make_run(max_steps=20, epochs=9), threading.Event()
    asked.set()
    with pytest.raises(Stopped):
        train(run, settings, asked)
    good = (run.checkpoints / "checkpoint-1" / "adapter_model.safetensors").read_bytes()

    def no_room() -> None:  # no file may grow beyond 20 kB: what a full disk does, for this process alone
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    done = _command(settings, "train", "--resume", "first", preexec_fn=no_room)
    assert done.returncode == 2, done.stderr
    assert "cannot be written" in done.stderr
    assert "Traceback" not in done.stderr
    assert (run.checkpoints / "checkpoint-1" / "adapter_model.safetensors").read_bytes() == good
    train(run, settings)
    assert list(_losses(run)) == list(range(1, 21))


def test_inputs_that_changed_since_the_run_began_are_refused(make_run, settings, export):
    run, asked = make_run(max_steps=20), threading.Event()
    asked.set()
    with pytest.raises(Stopped):
        train(run, settings, asked)
    (export / "pairs.jsonl").write_text((export / "pairs.jsonl").read_text().replace("heavy", "light"))
    with pytest.raises(Invalid, match="was changed after the export"):
        train(run, settings)


def test_a_missing_model_folder_gives_one_line_and_exit_2(settings, export):
    for words in (["--model", "/nowhere/model"], ["--model", str(export)]):
        done = _command(settings, "train", "--export", str(export), *words)
        assert done.returncode == 2
        assert done.stderr.startswith("error: ")
        assert "Traceback" not in done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert not list(settings.var_dir.glob("runs/*"))


def test_a_damaged_model_is_said(make_run, settings, base, tmp_path):
    import shutil

    broken = tmp_path / "broken"
    shutil.copytree(base, broken)
    (broken / "config.json").write_text(json.dumps({"model_type": "llama"})[:-3])
    with pytest.raises((Invalid, NotFound), match="broken"):
        train(make_run(model=str(broken)), settings)
