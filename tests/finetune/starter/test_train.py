"""The recipe on a very small model: it learns, it survives a kill, and its folder loads."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from data.errors import Conflict
from finetune.starter.corpus import generate, texts
from finetune.starter.tokenizer import build_tokenizer
from finetune.starter.train import Recipe, batches, encode, learning_rate, train

ROOT = Path(__file__).parents[3]
SMALL = {"layers": 2, "width": 32, "feed_forward": 80}


@pytest.fixture(autouse=True)
def one_thread():
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)  # threads that wait for each other on a busy machine cost more than they give
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def prepared():
    dialogues = generate(1, 400)
    tokenizer = build_tokenizer(texts(dialogues), 600)
    return tokenizer, encode(tokenizer, dialogues, Recipe())


def test_batches_hold_every_row_once_a_pass(prepared):
    _, rows = prepared
    recipe, seen = Recipe(batch_tokens=1024), []
    lengths = [len(row.ids) for row in rows]
    for batch in batches(lengths, recipe):
        assert len(batch) == 1 or len(batch) * max(lengths[i] for i in batch) <= 1024
        seen += batch
        if len(seen) >= len(rows):
            break
    assert sorted(seen) == list(range(len(rows)))


def test_learning_rate_rises_stays_and_falls():
    recipe = Recipe(steps=1000, warmup_steps=10)
    rates = [learning_rate(step, recipe) for step in range(1000)]
    assert rates[0] < rates[9] == rates[500] == recipe.learning_rate
    assert rates[999] < 0.06 * recipe.learning_rate


def test_loss_falls_and_another_recipe_is_refused(prepared, tmp_path):
    tokenizer, rows = prepared
    train(
        Recipe(**SMALL, heads=2, steps=30, batch_tokens=4096, learning_rate=3e-3, warmup_steps=3),
        tokenizer,
        rows,
        tmp_path,
    )
    history = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    assert history[-1][1] < history[0][1] - 0.5
    with pytest.raises(Conflict, match="another recipe"):
        train(Recipe(**SMALL, heads=2, steps=30, seed=2), tokenizer, rows, tmp_path)


def command(*arguments, **options):
    line = [sys.executable, "-m", "finetune", "starter", *map(str, arguments)]
    return subprocess.Popen(
        line, cwd=ROOT, stdout=subprocess.DEVNULL, env=os.environ | {"OMP_NUM_THREADS": "1"}, **options
    )


def starter(*arguments):
    assert command(*arguments).wait() == 0


def test_resume_after_a_kill_ends_as_if_nothing_had_happened(tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    starter("corpus", "--work", whole, "--count", 300)
    starter("tokenizer", "--work", whole)
    shutil.copytree(whole, killed)
    shape = ["--layers", 2, "--width", 32, "--steps", 40, "--threads", 1, "--checkpoint-steps", 3]
    starter("train", "--work", whole, "--out", tmp_path / "a", *shape)
    process = command("train", "--work", killed, "--out", tmp_path / "b", *shape)
    while not (killed / "checkpoint.pt").exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (tmp_path / "b" / "model.safetensors").exists()
    starter("train", "--work", killed, "--out", tmp_path / "b", *shape)

    def losses(work):
        return [json.loads(line)[:3] for line in (work / "history.jsonl").read_text().splitlines()]

    assert len(losses(killed)) == 40
    assert losses(killed) == losses(whole)
    ours, theirs = [(tmp_path / name / "model.safetensors").read_bytes() for name in "ab"]
    assert ours == theirs
