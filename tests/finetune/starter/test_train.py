"""The recipe on a very small model: it learns, it survives a kill, and its folder loads."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from data.errors import Conflict, Invalid
from finetune.starter.corpus import Reply, generate, texts
from finetune.starter.rows import NONE, Recipe, acknowledgements, batches, encode
from finetune.starter.tokenizer import SPECIAL, build_tokenizer, heard_token
from finetune.starter.train import learning_rate, train
from finetune.starter.trials import changed

ROOT = Path(__file__).parents[3]
SMALL = {"layers": 2, "width": 32, "feed_forward": 80, "heads": 2, "heard_layer": 1}


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
    return tokenizer, encode(tokenizer, dialogues, Recipe(), acknowledgements(dialogues))


def test_what_was_heard_stands_just_before_each_reply():
    dialogues = generate(2, 50)
    tokenizer, heard = build_tokenizer(texts(dialogues), 600), acknowledgements(dialogues)
    for dialogue, row in zip(dialogues, encode(tokenizer, dialogues, Recipe(), heard), strict=True):
        places = [n for n, number in enumerate(row.heard) if number != NONE]
        assert [heard[row.heard[n]] for n in places] == [m.heard for m in dialogue if isinstance(m, Reply)]
        for place, reply in zip(places, dialogue[1::2], strict=True):
            assert str(tokenizer.decode(row.ids[place + 1 :])).startswith(reply.content)
            assert row.weights[place] < 1.0 < row.weights[place + 1]


def test_before_most_replies_the_model_names_what_it_heard():
    dialogues = generate(2, 200)
    heard = acknowledgements(dialogues)
    tokenizer, recipe = build_tokenizer(texts(dialogues), 600, len(heard)), Recipe()
    named = []
    for dialogue, row in zip(dialogues, encode(tokenizer, dialogues, recipe, heard), strict=True):
        places = [n for n, number in enumerate(row.heard) if number != NONE]
        for place, reply in zip(places, dialogue[1::2], strict=True):
            name = tokenizer.convert_ids_to_tokens(row.ids[place + 1])
            named.append(name == heard_token(row.heard[place]))
            assert row.weights[place + 1] == (recipe.named_weight if named[-1] else recipe.first_weight)
            rest = str(tokenizer.decode(row.ids[place + 1 :], skip_special_tokens=True))
            assert rest.startswith(reply.content)
    assert len(named) > 300
    assert 0.6 < sum(named) / len(named) < 0.8


def test_rows_are_what_the_chat_template_writes():
    dialogues = generate(4, 300)
    tokenizer = build_tokenizer(texts(dialogues), 600)
    for dialogue, row in zip(dialogues, encode(tokenizer, dialogues, Recipe()), strict=True):
        chat = [{"role": m.role, "content": m.content} for m in dialogue]
        told: Any = tokenizer.apply_chat_template(chat, return_assistant_tokens_mask=True, return_dict=True)
        assert row.ids == told["input_ids"]
        assert [int(weight >= 1.0) for weight in row.weights] == told["assistant_masks"]


def test_only_visitors_words_are_blanked_and_the_seed_says_which(prepared):
    from finetune.starter.train import _Learner, _padded

    tokenizer, rows = prepared
    learner = _Learner(Recipe(**SMALL, blanked=0.3), tokenizer, 1, "cpu")
    ids = _padded([row.ids for row in rows[:20]], learner.pad)
    blanked = learner._blank(ids, rows[:20], 5)
    changed = blanked != ids
    assert 0 < changed.sum() < 0.6 * changed.numel()
    assert (blanked[changed] == learner.pad).all()
    for row, places in zip(rows, changed, strict=False):
        assert all(row.weights[n] < 1.0 and row.ids[n] >= len(SPECIAL) for n in places.nonzero()[:, 0])
    assert (learner._blank(ids, rows[:20], 5) == blanked).all()
    assert (learner._blank(ids, rows[:20], 6) != blanked).any()


def test_the_second_head_learns_what_was_heard(prepared, tmp_path):
    """On forty dialogues read over and over, it comes to know each of their acknowledgements."""
    tokenizer, rows = prepared
    few = rows[:40]
    train(
        Recipe(**SMALL, steps=60, batch_tokens=4096, learning_rate=1e-2, warmup_steps=3),
        tokenizer,
        few,
        tmp_path,
    )
    history = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    assert history[-1][4] < 0.8 * history[0][4]


def test_dialogues_without_acknowledgements_train_too(prepared, tmp_path):
    """As those of the public corpora, of which the baseline is made."""
    tokenizer, rows = prepared
    plain = [row._replace(heard=[NONE] * len(row.ids)) for row in rows[:40]]
    train(Recipe(**SMALL, steps=2, batch_tokens=4096), tokenizer, plain, tmp_path)
    history = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    assert [row[4] for row in history] == [0.0, 0.0]


def test_a_recipe_is_changed_by_its_own_keys_only():
    assert changed(Recipe(), ["layers=6", "learning_rate=1e-3"]) == Recipe(layers=6, learning_rate=1e-3)
    for wrong, says in (("depth=6", "depth"), ("layers=six", "number"), ("layers", "number")):
        with pytest.raises(Invalid, match=says):
            changed(Recipe(), [wrong])


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
        Recipe(**SMALL, steps=30, batch_tokens=4096, learning_rate=3e-3, warmup_steps=3),
        tokenizer,
        rows,
        tmp_path,
    )
    history = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    assert history[-1][1] < history[0][1] - 0.5
    with pytest.raises(Conflict, match="another recipe"):
        train(Recipe(**SMALL, steps=30, seed=2), tokenizer, rows, tmp_path)


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
    shape: list[str | int] = [part for key, value in SMALL.items() for part in ("--set", f"{key}={value}")]
    shape += ["--set", "batch_tokens=1024", "--steps", 40, "--threads", 1, "--checkpoint-steps", 3]
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
